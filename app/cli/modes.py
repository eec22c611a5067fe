"""File modes: reports kept files that others may read; it changes none, since an operator may have meant them."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from app.cli.printing import say
from app.config.settings import Settings
from app.db.engines import database_url

OTHERS = 0o077


def warn_of_modes(settings: Settings) -> None:
    """Tell on standard error which files and folders others may read, and the command that ends it."""
    if os.name != "posix":
        return
    found = [path for path in _kept(settings) if path.exists() and path.stat().st_mode & OTHERS]
    if found:
        names = " ".join(shlex.quote(str(path)) for path in found)
        say(f"casegate: others may read what is kept: chmod go= {names}", err=True)


def _kept(settings: Settings) -> Iterator[Path]:
    url = database_url(settings.url)
    if url.get_backend_name() == "sqlite":
        for end in ("", "-wal", "-shm"):
            yield Path(f"{url.database}{end}")
    if not settings.documents_url:
        yield settings.data_dir / "documents"
    if not settings.anchors_url:
        yield settings.data_dir / "anchors.jsonl"
