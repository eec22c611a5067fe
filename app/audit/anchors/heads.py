"""The heads: a Merkle tree with one leaf for each case, its last row, so that a row which is missing at the end shows.

The accounts' own logs have a tree of their own, which is made anew each time: its leaves stand in the order of the ids.

The cases stand in the order in which they were first anchored. A new row changes one leaf and the nodes above it, whose
number is the logarithm of the number of cases: so all nodes are kept, in a file that can be made anew at any time. The
tree has the shape of RFC 6962, section 2.1, so that its paths are verified as those of the rows are.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from app.audit.anchors.checkpoint import Checkpoint, Leaf, canonical
from app.domain.merkle import Tree, leaf_hash, node_hash

SCHEMA = """
CREATE TABLE IF NOT EXISTS cases
    (id BLOB PRIMARY KEY, place INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nodes
    (level INTEGER, place INTEGER, hash BLOB NOT NULL, PRIMARY KEY (level, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (id BLOB PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reached (number INTEGER NOT NULL, position INTEGER NOT NULL, action_id TEXT NOT NULL);
"""

_MOVE_ACCOUNT = """
INSERT INTO accounts VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash WHERE excluded.seq > seq
"""


class HeadsPosition(NamedTuple):
    """The number of the anchor that the heads are as of, and the place of its last case's row in the whole log."""

    number: int
    position: int
    action_id: UUID


class LogEnd(NamedTuple):
    """The last row of an account's own log."""

    seq: int
    hash: str


class ProvenHead(NamedTuple):
    """The last row of a case, or of an account's own log, its place in the tree, and its audit path."""

    seq: int
    hash: str
    place: int
    path: Sequence[bytes]


class Heads:
    """The tree of heads, in a file, or in a temporary one that SQLite keeps in memory while it is small.

    Its methods take time, and are for a thread. It is one's own between `begin` and `commit` or `roll_back`.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                path.touch(mode=0o600, exist_ok=False)
        self._database = sqlite3.connect(path or "", isolation_level=None, check_same_thread=False, timeout=0)
        self._changed: set[int] = set()

    def begin(self) -> bool:
        """Begin a transaction; return False where somebody else is in one."""
        try:
            self._database.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise
        for statement in SCHEMA.split(";"):
            self._database.execute(statement)
        return True

    def commit(self, reached: HeadsPosition) -> None:
        """Keep what was changed, as of the anchor that was *reached*."""
        self.root()
        self._database.execute("DELETE FROM reached")
        self._database.execute(
            "INSERT INTO reached VALUES (?, ?, ?)", (reached.number, reached.position, str(reached.action_id))
        )
        self._database.execute("COMMIT")

    def roll_back(self) -> None:
        """Forget what was changed since `begin`, if anything."""
        self._changed.clear()
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def close(self) -> None:
        self._database.close()

    def clear(self) -> None:
        """Go back to no cases and no accounts."""
        self._changed.clear()
        for table in ("cases", "nodes", "accounts", "reached"):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608  # our own words

    @property
    def reached(self) -> HeadsPosition | None:
        found = self._database.execute("SELECT number, position, action_id FROM reached").fetchone()
        return found and HeadsPosition(found[0], found[1], UUID(found[2]))

    @property
    def count(self) -> int:
        (last,) = self._database.execute("SELECT max(place) FROM nodes WHERE level = 0").fetchone()
        return 0 if last is None else int(last) + 1

    def apply(self, leaves: Iterable[Leaf]) -> None:
        """Make each of these rows the head of its log, where it is later than the one that is known."""
        count = self.count
        for leaf in leaves:
            if leaf.case_id is None:
                self._database.execute(_MOVE_ACCOUNT, (leaf.account_id.bytes, leaf.seq, bytes.fromhex(leaf.hash)))
                continue
            known = self._database.execute(
                "SELECT place, seq FROM cases WHERE id = ?", (leaf.case_id.bytes,)
            ).fetchone()
            place, seq = known or (count, 0)
            if leaf.seq <= seq:
                continue
            count = max(count, place + 1)
            head = leaf.case_id.bytes, place, leaf.seq, bytes.fromhex(leaf.hash)
            self._database.execute("INSERT OR REPLACE INTO cases VALUES (?, ?, ?, ?)", head)
            self._put(0, place, head_hash(leaf))
            self._changed.add(place)

    def root(self) -> bytes:
        """Return the tree's hash; of no cases, the hash of nothing."""
        changed, width, level = self._changed, self.count, 0
        if not width:
            return hashlib.sha256().digest()
        while width > 1:
            changed = {place >> 1 for place in changed}
            for place in changed:
                left, right = self._node(level, 2 * place), 2 * place + 1
                # The last one of an odd number goes up as it is.
                self._put(level + 1, place, node_hash(left, self._node(level, right)) if right < width else left)
            width, level = (width + 1) // 2, level + 1
        self._changed = set()
        return self._node(level, 0)

    def head_of(self, case_id: UUID) -> ProvenHead | None:
        """Return a case's head with its path to the root; None where there is no such case."""
        self.root()
        found = self._database.execute("SELECT seq, hash, place FROM cases WHERE id = ?", (case_id.bytes,)).fetchone()
        if found is None:
            return None
        path, place, width, level = [], found[2], self.count, 0
        while width > 1:
            if place ^ 1 < width:
                path.append(self._node(level, place ^ 1))
            place, width, level = place >> 1, (width + 1) // 2, level + 1
        return ProvenHead(found[0], found[1].hex(), found[2], path)

    @property
    def account_count(self) -> int:
        """How many accounts' own logs there are."""
        (count,) = self._database.execute("SELECT count(*) FROM accounts").fetchone()
        return int(count)

    def account_tree(self, account_id: UUID | None = None) -> Tree:
        """Return the tree of the accounts' last rows, which follows the path of one of them."""
        tree = Tree()
        for id, seq, hashed in self._database.execute("SELECT id, seq, hash FROM accounts ORDER BY id"):
            leaf = Leaf(UUID(bytes=id), None, seq, hashed.hex())
            tree.add(head_hash(leaf), track=leaf.account_id == account_id)
        return tree

    def account_ends(self, account_ids: Iterable[UUID]) -> dict[UUID, LogEnd]:
        """Return the last row of each of these accounts' own logs, as far as there is one."""
        find, found = "SELECT seq, hash FROM accounts WHERE id = ?", dict[UUID, LogEnd]()
        for id in account_ids:
            known = self._database.execute(find, (id.bytes,)).fetchone()
            if known is not None:
                found[id] = LogEnd(known[0], known[1].hex())
        return found

    def account_head_of(self, account_id: UUID) -> ProvenHead | None:
        """Return the last row of an account's own log with its path to the root; None where it has none."""
        end = self.account_ends([account_id]).get(account_id)
        if end is None:
            return None
        ((place, path),) = self.account_tree(account_id).paths().items()
        return ProvenHead(end.seq, end.hash, place, path)

    def _node(self, level: int, place: int) -> bytes:
        found: tuple[bytes] = self._database.execute(
            "SELECT hash FROM nodes WHERE level = ? AND place = ?", (level, place)
        ).fetchone()
        return found[0]

    def _put(self, level: int, place: int, hashed: bytes) -> None:
        self._database.execute("INSERT OR REPLACE INTO nodes VALUES (?, ?, ?)", (level, place, hashed))


@contextmanager
def temporary_heads() -> Iterator[Heads]:
    """Yield heads without cases, which are gone afterwards."""
    heads = Heads()
    try:
        heads.begin()
        yield heads
    finally:
        heads.close()


def head_hash(leaf: Leaf) -> bytes:
    """Return the leaf of a log whose last row is *leaf*; its first word keeps it apart from the row's own."""
    return leaf_hash(canonical(["head", *leaf.plain()]))


def heads_fault(heads: Heads, checkpoint: Checkpoint) -> str | None:
    """Return what is wrong with what a checkpoint says of the heads, None where nothing is, or it says nothing."""
    tree = heads.account_tree()
    if (checkpoint.account_count or 0, checkpoint.account_root or Tree().root.hex()) != (tree.size, tree.root.hex()):
        return "its leaves do not give its root of the accounts' last rows"
    if checkpoint.head_root is None:
        return None
    if (checkpoint.head_count, checkpoint.head_root) == (heads.count, heads.root().hex()):
        return None
    return "its leaves do not give its root of the cases' last rows"
