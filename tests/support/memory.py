"""Where files are in memory, for what needs no disk: nothing of it outlives the test run."""

import os
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  # the folders in it are made by mkdtemp, or by pytest for its user alone


def roomy_folder(size: int) -> Path | None:
    """Return the folder where files are in memory, None where the system has none with so many bytes to spare."""
    try:
        free = os.statvfs(MEMORY)
        is_roomy = os.access(MEMORY, os.W_OK) and free.f_bavail * free.f_frsize >= size
    except OSError:
        return None
    return MEMORY if is_roomy else None
