"""Hold what an endpoint of a webhook was sent against the log, and say what of it can't be right."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request that came: its action's id, its body's digest, whether it was taken, and why it is not genuine."""

    id: str
    digest: str
    is_taken: bool = True
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedAction:
    """One row of the log."""

    id: str
    case: str
    account: str
    type: str


def check_receipts(receipts: Sequence[Receipt], expected: Sequence[LoggedAction], *, is_living: bool) -> Iterator[str]:
    """Yield what is wrong with what came, in the order in which it came; *expected* is in the order of the log.

    One that is not living takes nothing, and need not have all.
    """
    before, last = dict[str, str | None](), dict[str, str]()
    for action in expected:
        before[action.id] = last.get(action.case)
        last[action.case] = action.id
    digests, taken = dict[str, str](), set[str]()
    for receipt in receipts:
        if receipt.id in before:
            yield from _flaws(receipt, digests.setdefault(receipt.id, receipt.digest), before[receipt.id], taken)
        else:
            yield f"{receipt.id}: sent to the wrong one: another account's, or not wanted"
        if receipt.is_taken:
            taken.add(receipt.id)
    missing = before.keys() - taken
    if is_living and missing:
        yield f"{len(missing)} of {len(before)} rows missing, as {min(missing)}"


def _flaws(receipt: Receipt, digest: str, earlier: str | None, taken: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with one request; *earlier* is the row of its case before it."""
    if receipt.flaw is not None:
        yield f"{receipt.id}: not verified: {receipt.flaw}"
    if receipt.digest != digest:
        yield f"{receipt.id}: with other bytes than before"
    if earlier is not None and earlier not in taken:
        yield f"{receipt.id}: sent before {earlier} of the same case was taken"


def repeated(receipts: Sequence[Receipt]) -> int:
    """Return how many requests brought what had been taken before."""
    return sum(number - 1 for number in Counter(receipt.id for receipt in receipts if receipt.is_taken).values())
