"""The program: all commands by their names, and the version."""

from importlib import metadata
from typing import Annotated

import typer

from app.cli import backup, doctor, documents, gateway, log, people, retention, schema, serving, webhooks
from app.cli.printing import say
from app.cli.terminal import new_program

program = new_program()


def _print_version(is_wanted: bool) -> None:
    if not is_wanted:
        return
    try:
        say(f"casegate {metadata.version('casegate')}")
    except metadata.PackageNotFoundError:
        say("casegate, not installed as a package")
    raise typer.Exit


@program.callback()
def casegate(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version, and end.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Do one command: what stands before it is for all of them."""


for command in (serving.serve, gateway.migrate, gateway.demo, schema.schema, backup.backup, backup.restore):
    program.command()(command)
program.command()(doctor.doctor)
for name, group in {
    "account": people.account,
    "user": people.user,
    "token": people.token,
    "documents": documents.documents,
    "log": log.log,
    "webhooks": webhooks.webhooks,
    "retention": retention.retention,
}.items():
    program.add_typer(group, name=name)
