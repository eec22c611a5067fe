"""A sample of cases that anybody can recompute: drawn without replacement, by a seed and an anchored root.

Each case has a number of its own, the SHA-256 of the seed, the root and the case's id; the sample is those with the
least numbers. So every set of cases of that size is as likely as any other, and nothing is divided: no remainder makes
one case likelier.
"""

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

COUNT_MAX = 1_000
SEED_MAX = 200


@dataclass(frozen=True, slots=True, order=True)
class Drawn:
    """A case of a sample, and the number by which it was drawn."""

    number: str
    case_id: UUID


def draw_number(seed: str, root: str, case_id: UUID) -> str:
    """Return a case's number as 64 hexadecimal digits: SHA-256 over `SEED:ROOT:ID` in UTF-8.

    The root has 64 digits and the id 36 characters, so that no seed can be taken for another one with a root behind it.
    """
    return hashlib.sha256(f"{seed}:{root}:{case_id}".encode()).hexdigest()


def draw(seed: str, root: str, case_ids: Iterable[UUID], count: int) -> list[Drawn]:
    """Return *count* of the cases, or all where there are no more, in the order in which they are drawn."""
    return heapq.nsmallest(count, (Drawn(draw_number(seed, root, case_id), case_id) for case_id in case_ids))
