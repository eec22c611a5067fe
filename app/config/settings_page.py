"""The manual's page of settings, made from the settings classes: name, default, accepted values and meaning.

`python -m app.config.settings_page` writes it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.api.limits.bounds import NAMES
from app.config.accepted import accepted
from app.config.settings import PREFIX, Settings

PAGE = Path(__file__).parent.parent / "docs/configuration.md"
MARK = "<!-- Written by `python -m app.config.settings_page`: the settings -->\n"
INTERNAL = frozenset({"demo_people"})
"""What the server hands to its workers."""
OTHERS = "Other settings"
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Database": ("data_dir", "database_", "replica_"),
    "Files and links": ("documents_url", "anchors_", "public_url"),
    "Demo and development": ("demo", "graphiql", "desk", "introspection"),
    "Limits of an operation": (*(f"max_{name}" for name in NAMES), "warn_only"),
    "Requests and answers": ("max_", "compress_", "answer_", "receive_", "deadline", "plans", "idempotency_", "drain"),
    "Streams": ("streams_", "live_"),
    "Rates and tokens": ("rate_", "failed_auth_", "redis_", "identity_"),
    "Browsers and documents of clients": ("cors_", "trusted_", "persisted_"),
    "Identity provider": ("jwt_", "scim_"),
    "Observability": ("log_", "metrics", "tracing", "traces_"),
    OTHERS: ("",),
}
"""How the names in each section begin; the first section that fits has a setting."""


def tables() -> str:
    """Return what the page has below the mark."""
    shapes: dict[str, Any] = Settings.model_json_schema()["properties"]
    named: dict[str, list[str]] = {heading: [] for heading in SECTIONS}
    for name in Settings.model_fields:
        if name not in INTERNAL:
            named[_section(name)].append(name)
    blocks = (_table(heading, names, shapes) for heading, names in named.items() if names)
    return "\n".join(line for block in blocks for line in block) + "\n"


def write() -> None:
    """Write the page below its mark."""
    by_hand, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(by_hand + mark + tables(), encoding="utf-8")


def _section(name: str) -> str:
    return next(heading for heading, beginnings in SECTIONS.items() if name.startswith(beginnings))


def _table(heading: str, names: list[str], shapes: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n## {heading}\n"
    yield "| variable | default | accepts | meaning |"
    yield "| --- | --- | --- | --- |"
    for name in names:
        meaning, _, computed = (
            (Settings.model_fields[name].description or "").removesuffix(".").partition("; by default ")
        )
        default = _written(shapes[name].get("default")) or computed or "none"
        yield f"| `{PREFIX}{name.upper()}` | {default} | {accepted(shapes[name])} | {meaning}. |"


def _written(value: object) -> str:
    """Return a default as it would be set; empty where nothing would be."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`{' '.join(map(str, value))}`" if value else ""
    return "" if value in (None, "") else f"`{value}`"


if __name__ == "__main__":
    write()
