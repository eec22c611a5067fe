"""Whether a disk has room."""

from typing import NamedTuple

from app.db.diagnosis.diagnosis import Diagnosis, fault, ok

LEAST_BYTES = 1 << 30


class DiskUsage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


def disk_finding(check: str, usage: tuple[int, int, int]) -> Diagnosis:
    """Return whether *usage*, as `shutil.disk_usage` gives it, leaves room."""
    found = DiskUsage(*usage)
    said = f"{_gib(found.free)} of {_gib(found.total)} are free"
    if found.free < LEAST_BYTES:
        return fault(check, said, "make room: without any, nothing can be written, and PostgreSQL may end itself")
    return ok(check, said)


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
