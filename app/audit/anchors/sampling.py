"""An audit sample: cases of an account, drawn by a seed from all that an anchor holds.

The anchors are read once, so that the cases are those of the anchors that were checked, and not of what is written in
their place meanwhile. A case is in them by its first row. Nothing is read of the database.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from app.audit.anchors.checking import fault_of, grow
from app.audit.anchors.checkpoint import Anchor, AnchorError, Checkpoint
from app.audit.anchors.places import AnchorStore
from app.domain.merkle import Tree
from app.domain.sampling import Drawn, draw


@dataclass(frozen=True, slots=True)
class Sample:
    """The cases that were drawn, of how many, and the checkpoint whose root decided."""

    checkpoint: Checkpoint
    population: int
    drawn: Sequence[Drawn]


async def sample_cases(
    place: AnchorStore, key: str, account_id: UUID, seed: str, count: int, number: int | None = None
) -> Sample:
    """Return a sample of the account's cases that the anchors hold, up to the one with this *number*, or to the last.

    Raises: AnchorError, where an anchor is bad, or there is none of this number.
    """
    tree, last, found = Tree(), None, list[UUID]()
    async with aclosing(_up_to(place, number)) as anchors:
        async for anchor in anchors:
            grow(tree, anchor)
            reason = fault_of(anchor, last, tree, key)
            if reason is not None:
                raise AnchorError(f"anchor {anchor.checkpoint.number} proves nothing: {reason}")
            last = anchor
            found.extend(_opened(anchor, account_id))
    if last is None or number not in (None, last.checkpoint.number):
        raise AnchorError("there are no anchors" if last is None else f"there is no anchor {number}")
    return Sample(last.checkpoint, len(found), draw(seed, last.checkpoint.root, found, count))


async def _up_to(place: AnchorStore, number: int | None) -> AsyncGenerator[Anchor, None]:
    async for anchor in place.anchors():
        yield anchor
        if anchor.checkpoint.number == number:
            return


def _opened(anchor: Anchor, account_id: UUID) -> Iterator[UUID]:
    for leaf in anchor.leaves:
        if leaf.account_id == account_id and leaf.case_id is not None and leaf.seq == 1:
            yield leaf.case_id
