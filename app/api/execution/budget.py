"""The budget of one operation: what it has built of its answer so far, held against its bounds while it is built.

It is counted by the batch where there are batches. Whoever builds asks now and then whether others are to have their
turn, and dataloaders wait for those who stopped for that: they are about to ask for more.
"""

import asyncio
from collections.abc import Callable
from typing import NoReturn
from weakref import ref

from app.api.execution.slices import OperationSlices, Slices
from app.api.limits.answer_memory import Share
from app.domain.errors import Overloaded, QueryTooComplex, Refusal

ANSWER_MAX = 16 * 1024 * 1024
ANSWERS_MAX = 48 * 1024 * 1024
"""Of memory for all answers that a process has in hand."""
FIELD_BYTES = 100
"""What a field of an answer takes of the memory, beside its text and its name."""
STEP = 128 * 1024
"""In how large steps an operation takes memory; the first of them is free."""
LOOK_AFTER = 100
"""Fields after which the clock is looked at: graphql-core takes two milliseconds for them."""


class BudgetTurn:
    """Where somebody stopped who has more to build. Whoever is given up lets go of it."""

    __slots__ = ("__weakref__",)


class Budget:
    """Counts the fields of an answer, and its size: the characters of its texts and names, and later its bytes.

    `fields_max` is the most that it may have, however it was measured, None for no bound. `stop` is told of a bound
    that is passed, once; it has the operation given up. `slices` are those of the event loop that it works in.
    """

    __slots__ = (
        "_behind",
        "_caught_up",
        "_fields_paid",
        "_is_stopped",
        "_looked",
        "_share",
        "_size_paid",
        "_was_due",
        "_written",
        "bytes_max",
        "fields",
        "fields_max",
        "size",
        "slices",
        "stop",
    )

    def __init__(
        self,
        slices: Slices | OperationSlices,
        bytes_max: int = ANSWER_MAX,
        share: Share | None = None,
    ) -> None:
        self.slices = OperationSlices(slices) if isinstance(slices, Slices) else slices
        self._share = share
        self.bytes_max = bytes_max
        self.fields_max: int | None = None
        self.fields = self.size = self._looked = self._written = 0
        self._size_paid, self._fields_paid = min(STEP, bytes_max), STEP // FIELD_BYTES
        self.stop: Callable[[Refusal], None] | None = None
        self._is_stopped = self._was_due = False
        self._behind: set[ref[BudgetTurn]] = set()
        self._caught_up: asyncio.Future[None] | None = None

    def count(self, fields: int, size: int) -> None:
        """Count what is about to be built. Raises: QueryTooComplex, Overloaded."""
        self.fields += fields
        self.size += size
        if self.size > self._size_paid or self.fields > self._fields_paid:
            self._extend()

    def count_written(self, size: int) -> None:
        """Count what is written of the answer so far, in bytes. Raises: as `count`."""
        if size > self.bytes_max:
            self._refuse("bytes", self.bytes_max, size)
        self._written = size
        self._pay()

    def bound_fields(self, most: int | None) -> None:
        """Let the answer have so many fields at *most*."""
        self.fields_max = most
        if most is not None:
            self._fields_paid = min(self._fields_paid, most)

    def begin_again(self) -> None:
        """Forget what was counted: the answer is built anew."""
        self.fields = self.size = self._looked = 0

    def release(self) -> None:
        """Give back the memory: the answer is on its way."""
        if self._share is not None:
            self._share.release()

    def _extend(self) -> None:
        """Hold what is counted against the bounds, and take memory for a step more."""
        if self.size > self.bytes_max:
            self._refuse("bytes", self.bytes_max, self.size)
        if self.fields_max is not None and self.fields > self.fields_max:
            self._refuse("cost", self.fields_max, self.fields)
        self._pay()
        self._size_paid = min(self.size + STEP, self.bytes_max)
        self._fields_paid = self.fields + STEP // FIELD_BYTES
        if self.fields_max is not None:
            self._fields_paid = min(self._fields_paid, self.fields_max)

    def _pay(self) -> None:
        needed = self.size + FIELD_BYTES * self.fields + self._written
        if self._share is not None and needed > self._share.held:
            try:
                self._share.take(needed - self._share.held + 2 * STEP)
            except Overloaded as refusal:
                self._give_up(refusal)
                raise

    def _refuse(self, what: str, limit: int, actual: int) -> NoReturn:
        """Have the operation given up for its size. Raises: QueryTooComplex."""
        refusal = QueryTooComplex(what=what, limit=limit, actual=actual)
        self._give_up(refusal)
        try:
            raise refusal
        finally:
            del refusal  # its traceback has this frame, and so would keep the answer until the collector comes

    def _give_up(self, refusal: Refusal) -> None:
        if self.stop is not None and not self._is_stopped:
            self._is_stopped = True
            self.stop(refusal)

    # --- Others' turn -------------------------------------------------------------------------------------------------

    @property
    def is_due(self) -> bool:
        """Whether others are to have their turn before more is built."""
        if not self._was_due and self.fields - self._looked < LOOK_AFTER:
            return False
        self._looked = self.fields
        self._was_due = self.slices.are_over  # for whoever else asks, until the next slice has begun
        return self._was_due

    @property
    def is_over(self) -> bool:
        """Whether others are to have their turn now, however little was counted."""
        return self.slices.are_over

    async def pause(self) -> None:
        """Let others have their turn."""
        place = self.fall_behind()
        try:
            await self.slices.pause()
        finally:
            self.catch_up(place)

    def fall_behind(self) -> BudgetTurn:
        """Return the place of somebody who is about to pause, to be given to `catch_up`."""
        place = BudgetTurn()
        self._behind.add(ref(place, self._leave))
        return place

    def catch_up(self, place: BudgetTurn) -> None:
        """Take note that whoever paused there has built what was left."""
        self._leave(ref(place))

    @property
    def is_behind(self) -> bool:
        """Whether anybody has paused who has more to build."""
        return bool(self._behind)

    async def settle(self) -> None:
        """Wait until nobody is behind, so that all have asked who ask at this point of the answer."""
        while self._behind:
            if self._caught_up is None:
                self._caught_up = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._caught_up)
            for _ in range(3):  # those who start now ask in the next turn, or in the one after it
                await asyncio.sleep(0)

    def _leave(self, place: ref[BudgetTurn]) -> None:
        self._behind.discard(place)
        if not self._behind and self._caught_up is not None:
            caught_up, self._caught_up = self._caught_up, None
            if not caught_up.done():
                caught_up.set_result(None)
