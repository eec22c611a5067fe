"""What an anchor is: a signed checkpoint of all log rows under one Merkle root, and the leaves that it adds.

Each row of each case's log, and of each account's own, is a leaf: account, case or null, seq, hash, which lets a
verifier name the first row that was rewritten. A second tree has one leaf for each case, its last row, so that a row
which is missing at the end shows too, and a third one has the same for each account: see `heads`. An anchor holds only
the leaves that came since the one before it. It deliberately does not know where anchors are kept.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from app.domain.merkle import leaf_hash

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMAT = 3
WITHOUT_ACCOUNTS = 2
"""The format of checkpoints that say nothing of the accounts' own logs."""
WITHOUT_HEADS = 1
"""The format of checkpoints that say nothing of the cases' ends either."""

NOTHING = "0" * 64
"""What the first checkpoint names as the one before it."""

GONE = (
    "is gone or is another: `casegate log verify --anchors` tells more; after an older backup was restored, begin"
    " another place"
)
"""Why anchoring refuses to go on from a row."""

NO_ACTION = UUID(int=0)
"""What a checkpoint names as the last case's row, where no case has one yet."""


class AnchorError(Exception):
    """Anchoring or checking anchors can't go on; the message says why, for the operator."""


class AnchorsUnusable(AnchorError):
    """Where the anchors are kept can't be read or written now, which says nothing of the logs."""


class AnchorConflict(AnchorError):
    """Somebody else wrote an anchor of this number."""


class Leaf(NamedTuple):
    """One row of a log as anchors commit to it; without a case it is of the account's own log."""

    account_id: UUID
    case_id: UUID | None
    seq: int
    hash: str

    def plain(self) -> list[str | int | None]:
        return [str(self.account_id), None if self.case_id is None else str(self.case_id), self.seq, self.hash]

    def hashed(self) -> bytes:
        return leaf_hash(canonical(self.plain()))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed. `key` is the public key, `previous` the SHA-256 of the checkpoint before.

    `size` counts the leaves, which are all rows of all logs so far, and `cases` the cases. `position` and `action_id`
    are the place of the last case's row in the whole log, where the next anchor goes on; 0 and `NO_ACTION` where there
    is none yet. `head_count` and `head_root` are the size and the root of the tree of the cases' last rows,
    `account_count` and `account_root` those of the accounts'. A checkpoint of format 1 has neither, one of format 2 has
    nothing of accounts.
    """

    format: int
    number: int
    time: str
    previous: str
    size: int
    cases: int
    root: str
    position: int
    action_id: str
    key: str
    head_count: int | None = None
    head_root: str | None = None
    account_count: int | None = None
    account_root: str | None = None

    def plain(self) -> dict[str, object]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    def canonical(self) -> bytes:
        return canonical(self.plain())

    def digest(self) -> str:
        return hashlib.sha256(self.canonical()).hexdigest()


@dataclass(frozen=True, slots=True)
class Anchor:
    """A checkpoint, its signature, and what a tree goes on from: the leaves that it adds, the peaks after them."""

    checkpoint: Checkpoint
    signature: str
    leaves: Sequence[Leaf]
    peaks: Sequence[bytes]

    def line(self) -> bytes:
        """Return the anchor as a line of JSON, without its end."""
        return canonical(
            {
                "checkpoint": self.checkpoint.plain(),
                "signature": self.signature,
                "leaves": [leaf.plain() for leaf in self.leaves],
                "peaks": [peak.hex() for peak in self.peaks],
            }
        )

    @classmethod
    def parsed(cls, line: bytes) -> "Anchor | None":
        """Return the anchor of a line, None where the line is none, as one that was cut off."""
        try:
            found = json.loads(line)
            checkpoint = Checkpoint(
                **{
                    field.name: found["checkpoint"][field.name]
                    for field in fields(Checkpoint)
                    if field.default is MISSING or field.name in found["checkpoint"]
                }
            )
            leaves = [
                Leaf(UUID(account), None if case is None else UUID(case), seq, digest)
                for account, case, seq, digest in found["leaves"]
            ]
            return cls(checkpoint, found["signature"], leaves, [bytes.fromhex(peak) for peak in found["peaks"]])
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def is_signed_by(self, key: str) -> bool:
        """Say whether the signature is that of the public *key*, which is 64 hexadecimal digits."""
        from cryptography.exceptions import InvalidSignature  # 7 MiB, and a gateway that does not anchor needs it not
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        if self.checkpoint.key != key:
            return False
        try:
            signature = bytes.fromhex(self.signature)
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, self.checkpoint.canonical())
        except (InvalidSignature, ValueError):
            return False
        return True


def sign(checkpoint: Checkpoint, key: "Ed25519PrivateKey") -> str:
    return key.sign(checkpoint.canonical()).hex()


def public_key(key: "Ed25519PrivateKey") -> str:
    """Return the public key as 64 hexadecimal digits, which is how it is named everywhere."""
    return key.public_key().public_bytes_raw().hex()


def canonical(document: object) -> bytes:
    """Return canonical JSON, as `domain.log.canonical` has it."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
