"""The command `schema`: prints the API's schema, and checks it against what clients have."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import clock
from app.cli.printing import say
from app.cli.terminal import fail

if TYPE_CHECKING:
    from app.api.contract.changes import SchemaChange
    from app.api.contract.gate import Review
    from app.api.contract.release import Release

POLICY = "app/docs/schema.md"


def schema(
    possible_types: Annotated[
        bool, typer.Option("--possible-types", help="Print the types of each interface instead, as JSON.")
    ] = False,
    without_id: Annotated[
        bool, typer.Option("--without-id", help="Print the types that have no id instead, as JSON.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Print what has changed for clients since the last release instead.")
    ] = False,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --check: since the schema in this file.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the reference as Markdown into this folder instead.")
    ] = None,
) -> None:
    """Print the API's schema in GraphQL's definition language, or what clients' caches have to be told of it.

    With --check it ends with 1 where a change breaks clients.
    """
    # It takes half a second to build, and no other command needs it.
    from app.api import caching
    from app.api.schema import sdl

    if possible_types + without_id + check + (reference is not None) > 1:
        fail("ask for one of these: --possible-types, --without-id, --check or --reference")
    if against is not None and not check:
        fail("--against goes with --check", 2)
    if check:
        _check(_release(against), sdl())
    elif reference is not None:
        _write_reference(reference)
    elif possible_types or without_id:
        found = caching.possible_types() if possible_types else caching.types_without_id()
        say(*json.dumps(found, indent=2).split("\n"))
    else:
        say(*sdl().removesuffix("\n").split("\n"))


def _write_reference(folder: Path) -> None:
    """Write a file for each page of the reference."""
    from app.api.reference.pages import pages

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in pages().items():
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
    except OSError as fault:
        fail(f"can't write {fault.filename or folder}: {fault.strerror}")


def _release(file: Path | None) -> "Release":
    from app.api.contract.release import Release, last_release

    if file is None:
        return last_release()
    try:
        return Release(str(file), file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        fail(f"can't read {file}: {getattr(fault, 'strerror', None) or 'it is not UTF-8'}")


def _check(release: "Release", sdl: str) -> None:
    """Print what has changed since *release*, and fail where clients would break."""
    from graphql import GraphQLError

    from app.api.contract.deprecations import DeprecationError
    from app.api.contract.gate import WAIVERS, review

    try:
        found = review(release, sdl, WAIVERS.read_text(encoding="utf-8"), clock.now().date())
    except (GraphQLError, TypeError, DeprecationError) as fault:
        fail(f"{release.name} is no schema to compare with: {str(fault).splitlines()[0]}")
    say(*_lines(release, found))
    if not found.passes:
        number = len(found.failing) + len(found.faults)
        fail(f"the schema breaks the contract with its clients in {number} {'place' if number == 1 else 'places'}")


def _lines(release: "Release", found: "Review") -> Iterator[str]:
    yield f"Compared with {release.name}: {len(found.failing)} fail, {len(found.passing)} pass."
    for change, why in found.passing:
        yield f"passes   {change.text} ({change.kind}; {why})"
    for change in found.failing:
        yield f"{change.effect.upper():<8} {change.text} ({change.kind})"
    yield from (f"FAULT    {fault}" for fault in found.faults)
    if found.failing:
        yield from _advice(found.failing)


def _advice(failing: "list[SchemaChange]") -> Iterator[str]:
    yield ""
    yield f"Keep what was released, and deprecate it in app/api/contract/deprecations.toml: see {POLICY}."
    yield "Where no client can be hurt, waive it in app/api/contract/waivers.toml:"
    for change in failing:
        yield from ("", "[[waivers]]", f"kind = {json.dumps(change.kind)}", f"change = {json.dumps(change.text)}")
        yield from ('reason = ""', "until = ")
