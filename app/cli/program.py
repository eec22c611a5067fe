"""The program: all commands by their names."""

import typer

from app.cli import backup, doctor, documents, gateway, log, people, retention, schema, webhooks

program = typer.Typer(
    name="casegate",
    help="A GraphQL gateway over the cases of payment-fraud teams. Settings come from CASEGATE_* variables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (gateway.serve, gateway.migrate, gateway.demo, schema.schema, backup.backup, backup.restore):
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
