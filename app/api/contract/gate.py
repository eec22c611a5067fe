"""The gate: a change against a release fails unless it adds, is waived, or removes what was deprecated long enough."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from graphql import GraphQLSchema, build_schema

from app.api.contract.changes import Effect, SchemaChange, find_changes
from app.api.contract.deprecations import DeprecationError, check, deprecations_of
from app.api.contract.release import Release

WAIVERS = Path(__file__).with_name("waivers.toml")
WAIVER_DAYS = timedelta(days=90)
NOTICE = timedelta(days=180)
"""For how long, from the last release on, what becomes deprecated goes on working."""

_MEMBERS = {"kind": str, "change": str, "reason": str, "until": date}
_REMOVED = re.compile(r"(?:Field|Argument|Enum value) (\S+) was removed\.")


@dataclass(frozen=True, slots=True)
class Waiver:
    """A change that is let through, and up to which day."""

    change: SchemaChange
    reason: str
    until: date


@dataclass(slots=True)
class Review:
    """What the gate says of a schema. `failing` and `faults`, of waivers and deprecations, keep it from passing."""

    failing: list[SchemaChange] = field(default_factory=list)
    passing: list[tuple[SchemaChange, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        return not self.failing and not self.faults


def review(release: Release, sdl: str, waivers: str, today: date) -> Review:
    """Hold a schema against *release*; *waivers* is the text of their table."""
    old, new = build_schema(release.sdl), build_schema(sdl)
    changes = find_changes(old, new)
    found = Review()
    waived = _waived(waivers, changes, today, found.faults)
    ended = _ended(old, today)
    for change in changes:
        removed = _REMOVED.fullmatch(change.text)
        if change.effect is Effect.ADDS:
            found.passing.append((change, "an addition"))
        elif removed and removed[1] in ended:
            found.passing.append((change, f"deprecated, to be removed after {ended[removed[1]]}"))
        elif change in waived:
            found.passing.append((change, f"waived until {waived[change].until}: {waived[change].reason}"))
        else:
            found.failing.append(change)
    found.faults += _deprecation_faults(release, old, new)
    return found


def _waived(text: str, changes: Sequence[SchemaChange], today: date, faults: list[str]) -> dict[SchemaChange, Waiver]:
    """Return the waivers that hold today, and note what is wrong with the others."""
    try:
        entries = tomllib.loads(text).get("waivers", [])
    except tomllib.TOMLDecodeError as fault:
        faults.append(f"The waivers are no TOML: {fault}")
        return {}
    waived: dict[SchemaChange, Waiver] = {}
    for number, entry in enumerate(entries, 1):
        wrong = _waiver_fault(entry, changes, today)
        if wrong is None:
            change = SchemaChange(entry["kind"], entry["change"])
            waived[change] = Waiver(change, entry["reason"], entry["until"])
        else:
            faults.append(f"Waiver {number} {wrong}")
    return waived


def _waiver_fault(entry: object, changes: Sequence[SchemaChange], today: date) -> str | None:
    if not isinstance(entry, dict) or {name: type(value) for name, value in entry.items()} != _MEMBERS:
        return f"needs these members, and no other: {', '.join(_MEMBERS)}; `until` is a date."
    if not entry["reason"].strip():
        return "has no reason."
    if (entry["kind"], entry["change"]) not in changes:
        return f"is of no change that there is: {entry['kind']}, {entry['change']!r}. Remove it."
    if entry["until"] < today:
        return f"ended on {entry['until']}: {entry['change']}"
    if entry["until"] > today + WAIVER_DAYS:
        return f"lasts longer than {WAIVER_DAYS.days} days, to {entry['until']}; {today + WAIVER_DAYS} is the last day."
    return None


def _ended(old: GraphQLSchema, today: date) -> dict[str, date]:
    """Return what was deprecated in the release and may be removed by now."""
    deprecated = deprecations_of(old)
    return {name: it.removed_after for name, it in deprecated.items() if it.removed_after < today}


def _deprecation_faults(release: Release, old: GraphQLSchema, new: GraphQLSchema) -> Iterator[str]:
    """Yield what is wrong with what is deprecated: its form, its notice, and dates that were moved forward."""
    try:
        check(new)
    except DeprecationError as fault:
        yield f"{fault}."
        return
    before = deprecations_of(old)
    for name, deprecation in deprecations_of(new).items():
        known = before.get(name)
        if known is not None and deprecation.removed_after < known.removed_after:
            yield f"{name} was promised until {known.removed_after}, and would go after {deprecation.removed_after}."
        elif known is None and release.day is not None and deprecation.removed_after < release.day + NOTICE:
            yield (
                f"{name} would go after {deprecation.removed_after}: {release.day + NOTICE} is the earliest day,"
                f" {NOTICE.days} days after the last release."
            )
