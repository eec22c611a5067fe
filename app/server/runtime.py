"""The garbage collector and the allocator of a worker: how they are set, and what is collected while it serves."""

import asyncio
import ctypes
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress

M_ARENA_MAX = -8  # malloc.h
M_MMAP_THRESHOLD = -3

THRESHOLDS = 5_000, 0, 3_000
"""The collector's, of a worker: the middle generation is 10 000 objects, for which it takes about a millisecond.

A page of 50 cases is gone before it has 5 000. Collected at 1 000, its objects would take 9 % more time.
"""
FULL_AFTER = 50
"""Collections of the middle generation after which the oldest one is due."""
LOOK_S = 1.0


def freeze_startup_objects() -> None:
    """Let the collector leave alone what lives as long as the process, and look at the rest less often.

    Modules and the schema are half a million objects; walking them takes 0.1 s without an answer. So does walking a few
    large answers that are being built: the younger generations are collected in small steps, and the oldest one in the
    moments between requests (`collect_between_requests`), or else seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def is_full_collection_due() -> bool:
    """Tell whether the oldest generation may have grown by half a million objects since it was collected."""
    return gc.get_threshold() == THRESHOLDS and gc.get_count()[2] >= FULL_AFTER


async def collect_between_requests(
    is_busy: Callable[[], bool],
    is_due: Callable[[], bool] = is_full_collection_due,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Collect the oldest generation where that is due, while no request is under way."""
    while True:
        await pause(LOOK_S)
        if is_due() and not is_busy():
            gc.collect()


def limit_allocator_arenas() -> None:
    """Let all threads allocate from two arenas, and give back what was large, where the C library is glibc.

    By default each thread may get an arena of its own, and the size from which memory goes back rises with what was
    freed: the buffers of documents that arrive at once would each stay.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(M_ARENA_MAX, 2)
        library.mallopt(M_MMAP_THRESHOLD, 131_072)
