"""Gives processes no more than a share of a core each, so that no core is ever full: by the kernel's control groups.

After the kernel's documentation: "CFS Bandwidth Control" for version 1 of the groups, "CPU Interface Files" for
version 2. It is for Linux, and for who may make groups, as root may.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 20_000  # short, so that an answer that has to wait for the next period does not wait long
LEAST = 0.05  # the kernel gives no less than a millisecond of each period


class NoShares(Exception):
    """There are no control groups here, or not for us."""


@contextmanager
def shared(pids: Iterable[int], share: float) -> Iterator[None]:
    """Give each process at most *share* of a core. Raises: NoShares."""
    with ExitStack() as stack:
        for pid in pids:
            try:
                stack.enter_context(_group_of(pid, share))
            except OSError as error:
                raise NoShares(f"no control group can be made for a process: {error.strerror}") from error
        yield


@contextmanager
def _group_of(pid: int, share: float) -> Iterator[None]:
    quota = round(share * PERIOD_US)
    root = next((root for root in (GROUPS / "cpu", GROUPS / "cpu,cpuacct") if root.is_dir()), GROUPS)
    is_old = root is not GROUPS
    if not is_old:
        (root / "cgroup.subtree_control").write_text("+cpu")
    group = root / f"casegate-bench-{pid}"
    group.mkdir()
    try:
        if is_old:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for member in (group / "cgroup.procs").read_text().split():
            (root / "cgroup.procs").write_text(member)
        group.rmdir()
