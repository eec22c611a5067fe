"""Settings of the Python process and its C library, made once before a worker serves."""

import ctypes
import gc
from contextlib import suppress

M_ARENA_MAX = -8  # malloc.h
M_MMAP_THRESHOLD = -3


def freeze_startup_objects() -> None:
    """Let the collector leave alone what lives as long as the process, and look at the rest less often.

    Modules and the schema are half a million objects; walking them takes 0.1 s without an answer.
    To clear 50 000 new ones takes as long, so that it is done for a few at a time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def limit_allocator_arenas() -> None:
    """Let all threads allocate from two arenas, and give back what was large, where the C library is glibc.

    By default each thread may get an arena of its own, and the size from which memory goes back rises with what was
    freed: the buffers of documents that arrive at once would each stay.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(M_ARENA_MAX, 2)
        library.mallopt(M_MMAP_THRESHOLD, 131_072)
