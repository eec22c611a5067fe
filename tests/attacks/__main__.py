"""The command behind scripts/attacks: attack a server with an archive on each engine, and print what others had."""

import asyncio
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tests.attacks.archive import Archive, make_archive
from tests.attacks.fairness import HEAD, MOST, dearest, fairness
from tests.attacks.runs import Size, run
from tests.attacks.target import Target
from tests.support.databases import create_database, database_url
from tests.support.gateway import serving
from tests.support.postgresql import postgresql_server


class Engine(StrEnum):
    """What the archive is kept in."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    BOTH = "both"


@contextmanager
def database(engine: Engine, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database, which is gone afterwards."""
    if engine is Engine.SQLITE:
        yield f"sqlite:///{folder / 'attacked.sqlite'}"
        return
    with postgresql_server() as admin_url:
        yield create_database(admin_url, f"attacked_{uuid.uuid4().hex}")


@contextmanager
def archived(engine: Engine, folder: Path, cases: int, kept: Path | None) -> Iterator[tuple[str, Archive]]:
    """Yield the URL of a database with an archive, and what is in it.

    *kept*: the folder in which it is kept, or made to be; of PostgreSQL the server of `TEST_DATABASE_URL` has it.
    """
    if kept is None:
        with database(engine, folder) as url:
            yield url, asyncio.run(make_archive(url, cases=cases))
        return
    name, file = f"attacked_{cases}", kept / f"{engine}-{cases}.json"
    is_sqlite, admin_url = engine is Engine.SQLITE, os.environ.get("TEST_DATABASE_URL")
    if not is_sqlite and admin_url is None:
        raise typer.BadParameter("on PostgreSQL it needs TEST_DATABASE_URL, a server that stays", param_hint="--keep")
    url = f"sqlite:///{kept / name}.sqlite" if is_sqlite else database_url(admin_url or "", name)
    if not file.exists():
        kept.mkdir(exist_ok=True)
        if not is_sqlite:
            create_database(admin_url or "", name)
        asyncio.run(make_archive(url, cases=cases)).keep(file)
    yield url, Archive.kept(file)


def _fair(url: str, archive: Archive, folder: Path, turns: int, seconds: float) -> bool:
    """Print what each flood did to another account, and return whether that was within its bound."""
    with serving(folder, database_url=url, demo="false", rate_limit="100") as server:
        requested = f'{{ case(id: "{archive.other_case}") {{ id title status }} }}'
        target = Target(server.address, archive.token, server.process.pid, archive.other, requested)
        typer.echo(HEAD)
        is_fair = True
        for outcome in fairness(target, archive, dearest(archive), archive.others, turns, seconds):
            typer.echo(outcome.line())
            is_fair = is_fair and outcome.ratio < MOST and not (outcome.quiet.failures or outcome.loud.failures)
    return is_fair


def main(
    engine: Annotated[Engine, typer.Option(help="The database.")] = Engine.BOTH,
    cases: Annotated[int, typer.Option(min=10, help="How many cases the archive has.")] = 100_000,
    documents: Annotated[int, typer.Option(min=1, help="How many different long documents are sent.")] = 2_000,
    is_fairness: Annotated[
        bool, typer.Option("--fairness", help="Measure what an account that floods does to another one instead.")
    ] = False,
    turns: Annotated[int, typer.Option(min=1, help="With --fairness: how often each flood is sent.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="With --fairness: how long a turn is.")] = 12,
    keep: Annotated[
        Path | None, typer.Option(help="With --fairness: keep the archive in this folder, and use one that is there.")
    ] = None,
) -> None:
    """Attack a server within what it lets in, and print what each attack got, how long another client waited, and the
    server's largest memory.

    Exits with 1 where somebody waited for half a second, the memory passed 300 MiB, or an answer was a fault; with
    --fairness where the 99th percentile of another account's reads was more than three times its quiet value.
    """
    is_wrong = False
    for name in (Engine.SQLITE, Engine.POSTGRESQL):
        if engine not in (name, Engine.BOTH):
            continue
        typer.echo(f"{name}, {cases} cases")
        with tempfile.TemporaryDirectory(prefix="casegate-attacks-") as place:
            folder = Path(place)
            if is_fairness:
                with archived(name, folder, cases, keep) as (url, archive):
                    is_wrong = not _fair(url, archive, folder, turns, seconds) or is_wrong
                continue
            with database(name, folder) as url:
                lines, wrong = run(url, folder, Size(cases, documents=documents))
        typer.echo("\n".join([*lines, *(f"WRONG: {what}: {'; '.join(why)}" for what, why in wrong.items()), ""]))
        is_wrong = is_wrong or bool(wrong)
    raise typer.Exit(int(is_wrong))


if __name__ == "__main__":
    typer.run(main)
