"""A disk that is small enough to be filled up, where one may be mounted."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Takes the disk away when the pipe on its input closes: by us, or by our death, however sudden.
WATCHDOG = 'cat; umount --lazy "$1"'


class CannotMount(Exception):
    """A small disk can't be had here; the message says why."""


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Make *folder* a disk of its own, in memory, for as long as the context lasts. Raises: CannotMount."""
    folder.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", folder]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotMount(str(getattr(error, "stderr", "") or error).strip()) from error
    watchdog = subprocess.Popen(
        ["sh", "-c", WATCHDOG, "watchdog", folder], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield folder
    finally:
        watchdog.communicate()
