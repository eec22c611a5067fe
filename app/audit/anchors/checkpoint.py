"""What an anchor is: a signed checkpoint of all log rows under one Merkle root, and the leaves that it adds.

Each row of each case's log is a leaf: account, case, seq, hash, which lets a verifier name the first row that was
rewritten. A second tree has one leaf for each case, its last row, so that a row which is missing at the end shows too:
see `heads`. An anchor holds only the leaves that came since the one before it. It deliberately does not know where
anchors are kept.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.domain.merkle import leaf_hash

FORMAT = 2
WITHOUT_HEADS = 1
"""The format of checkpoints that say nothing of the cases' ends."""

NOTHING = "0" * 64
"""What the first checkpoint names as the one before it."""


class AnchorError(Exception):
    """Anchoring or checking anchors can't go on; the message says why, for the operator."""


class AnchorsUnusable(AnchorError):
    """Where the anchors are kept can't be read or written now, which says nothing of the logs."""


class AnchorConflict(AnchorError):
    """Somebody else wrote an anchor of this number."""


class Leaf(NamedTuple):
    """One row of a case's log as anchors commit to it."""

    account_id: UUID
    case_id: UUID
    seq: int
    hash: str

    def plain(self) -> list[str | int]:
        return [str(self.account_id), str(self.case_id), self.seq, self.hash]

    def hashed(self) -> bytes:
        return leaf_hash(canonical(self.plain()))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed. `key` is the public key, `previous` the SHA-256 of the checkpoint before.

    `size` counts the leaves, which are all rows of all logs so far, and `cases` the cases. `position` and `action_id`
    are the place of the last leaf in the whole log, where the next anchor goes on. `head_count` and `head_root` are the
    size and the root of the tree of the cases' last rows; a checkpoint of format 1 has none.
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

    def plain(self) -> dict[str, Any]:
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
            leaves = [Leaf(UUID(account), UUID(case), seq, digest) for account, case, seq, digest in found["leaves"]]
            return cls(checkpoint, found["signature"], leaves, [bytes.fromhex(peak) for peak in found["peaks"]])
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def is_signed_by(self, key: str) -> bool:
        """Say whether the signature is that of the public *key*, which is 64 hexadecimal digits."""
        if self.checkpoint.key != key:
            return False
        try:
            signature = bytes.fromhex(self.signature)
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, self.checkpoint.canonical())
        except (InvalidSignature, ValueError):
            return False
        return True


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    return key.sign(checkpoint.canonical()).hex()


def public_key(key: Ed25519PrivateKey) -> str:
    """Return the public key as 64 hexadecimal digits, which is how it is named everywhere."""
    return key.public_key().public_bytes_raw().hex()


def canonical(document: Any) -> bytes:
    """Return canonical JSON, as `domain.log.canonical` has it."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
