"""What one operation has built of its answer so far, held against its bounds while it is built.

It is counted by the batch where there are batches. Whoever builds asks now and then whether others are to have their
turn, and dataloaders wait for those who stopped for that: they are about to ask for more.
"""

import asyncio
from collections.abc import Callable
from weakref import ref

from app.api.slices import Slices
from app.domain.errors import QueryTooComplex

ANSWER_MAX = 16 * 1024 * 1024
LOOK_AFTER = 100
"""Fields after which the clock is looked at: graphql-core takes two milliseconds for them."""


class Place:
    """Where somebody stopped who has more to build. Whoever is given up lets go of it."""

    __slots__ = ("__weakref__",)


class Budget:
    """Counts the fields of an answer, and its size: the characters of its texts and names, and later its bytes.

    `stop` is told of a bound that is passed, once; it has the operation given up.
    """

    __slots__ = (
        "_behind",
        "_caught_up",
        "_is_stopped",
        "_looked",
        "_slices",
        "_was_due",
        "bytes_max",
        "fields",
        "size",
        "stop",
    )

    def __init__(self, slices: Slices, bytes_max: int = ANSWER_MAX) -> None:
        self._slices = slices
        self.bytes_max = bytes_max
        self.fields = self.size = self._looked = 0
        self.stop: Callable[[QueryTooComplex], None] | None = None
        self._is_stopped = self._was_due = False
        self._behind: set[ref[Place]] = set()
        self._caught_up: asyncio.Future[None] | None = None

    def count(self, fields: int, size: int) -> None:
        """Count what is about to be built. Raises: QueryTooComplex."""
        self.fields += fields
        self.size += size
        if self.size > self.bytes_max:
            self.refuse(self.size)

    def refuse(self, size: int) -> None:
        """Have the operation given up for its size. Raises: QueryTooComplex."""
        refusal = QueryTooComplex(what="bytes", limit=self.bytes_max, actual=size)
        if self.stop is not None and not self._is_stopped:
            self._is_stopped = True
            self.stop(refusal)
        raise refusal

    def begin_again(self) -> None:
        """Forget what was counted: the answer is built anew."""
        self.fields = self.size = self._looked = 0

    # --- Others' turn -------------------------------------------------------------------------------------------------

    @property
    def is_due(self) -> bool:
        """Whether others are to have their turn before more is built."""
        if not self._was_due and self.fields - self._looked < LOOK_AFTER:
            return False
        self._looked = self.fields
        self._was_due = self._slices.is_over  # for whoever else asks, until the next slice has begun
        return self._was_due

    @property
    def is_over(self) -> bool:
        """Whether others are to have their turn now, however little was counted."""
        return self._slices.is_over

    async def pause(self) -> None:
        """Let others have their turn."""
        place = self.fall_behind()
        try:
            await self._slices.next()
        finally:
            self.catch_up(place)

    def fall_behind(self) -> Place:
        """Return the place of somebody who is about to pause, to be given to `catch_up`."""
        place = Place()
        self._behind.add(ref(place, self._leave))
        return place

    def catch_up(self, place: Place) -> None:
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

    def _leave(self, place: ref[Place]) -> None:
        self._behind.discard(place)
        if not self._behind and self._caught_up is not None:
            caught_up, self._caught_up = self._caught_up, None
            if not caught_up.done():
                caught_up.set_result(None)
