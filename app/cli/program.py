"""The program: all commands by their names."""

from app.cli import backup, doctor, documents, gateway, log, people, retention, schema, serving, webhooks
from app.cli.terminal import new_program

program = new_program()
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
