"""Who has the machine's cores, in seconds of a core so far: PostgreSQL with all its processes, and nobody.

It knows no server of ours: those, and the driver, tell of themselves.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import asyncpg
import psutil

CORES = os.cpu_count() or 1

Watch = Callable[[], Mapping[str, float]]


def free(seconds: float = 1.0) -> float:
    """Wait so long, and return how many cores nobody had meanwhile."""
    before, start = _idle_s(), time.perf_counter()
    time.sleep(seconds)
    return (_idle_s() - before) / (time.perf_counter() - start)


def watch_of(admin_url: str) -> Watch:
    """Return what tells of "postgresql", where that server runs on this machine, and of "idle"."""
    postmaster = asyncio.run(_postmaster(admin_url))
    if postmaster is None:
        return lambda: {"idle": _idle_s()}
    return lambda: {"postgresql": _all_s(postmaster), "idle": _idle_s()}


async def _postmaster(admin_url: str) -> psutil.Process | None:
    connection = await asyncpg.connect(admin_url)
    try:
        lines = str(await connection.fetchval("SELECT pg_read_file('postmaster.pid')")).splitlines()
    finally:
        await connection.close()
    pid, started = int(lines[0]), int(lines[2])
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        # On another machine, or in a container, the number is somebody else's.
        if abs(process.create_time() - started) < 60 and "postgres" in process.name():
            return process
    return None


def _all_s(process: psutil.Process) -> float:
    own = process.cpu_times()
    # What has ended and was waited for, as connections that were closed, is in the parent's account.
    seconds = float(own.user + own.system + own.children_user + own.children_system)
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            seconds += times.user + times.system
    return seconds


def _idle_s() -> float:
    times = psutil.cpu_times()
    return float(times.idle + getattr(times, "iowait", 0))
