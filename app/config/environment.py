"""The environment of the process: what is read from it beside settings, and what a server leaves in it for its workers.

No other package touches it: what a module needs of it is handed to it.
"""

import os
from collections.abc import Collection
from pathlib import Path

PREFIX = "CASEGATE_"
_METRICS = "PROMETHEUS_MULTIPROC_DIR"
"""Where the client of Prometheus looks, in each worker, for a folder that all of them count in."""


def variables() -> Collection[str]:
    """Return the names of the `CASEGATE_*` variables, without the prefix."""
    return sorted(name.removeprefix(PREFIX) for name in os.environ if name.startswith(PREFIX))


def is_debugging() -> bool:
    """Tell whether the log is to have everything. It is asked where settings may not be usable."""
    return os.environ.get(f"{PREFIX}LOG_LEVEL", "").lower() == "debug"


def allows_http() -> bool:
    """Tell whether buckets are reached without TLS: an endpoint that is named so is meant so."""
    return os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")


def has_postgresql_service(name: str) -> bool:
    """Tell whether libpq's file of services has this one."""
    path = os.environ.get("PGSERVICEFILE") or os.path.expanduser("~/.pg_service.conf")  # noqa: PTH111  # no home: as is
    try:
        return f"[{name}]" in Path(path).read_text().split()
    except OSError:
        return False


def leave_to_workers(name: str, value: str) -> None:
    """Have the processes that are started from now on find a setting: they learn of it by nothing else."""
    os.environ[f"{PREFIX}{name.upper()}"] = value


def share_metrics(folder: str) -> None:
    """Have the processes that are started from now on count in one folder."""
    os.environ[_METRICS] = folder


def metrics_are_shared() -> bool:
    """Tell whether this process counts in a folder with others."""
    return _METRICS in os.environ


def shared_folder() -> Path | None:
    """Return the folder that the workers of a server share, None where there is one worker."""
    folder = os.environ.get(_METRICS)
    return None if folder is None else Path(folder)
