"""The commands for webhooks."""

import json
from typing import Any

import typer

from app.cli.listening import listen
from app.cli.printing import say
from app.cli.reading import read
from app.cli.terminal import AsJson, settings_or_fail
from app.db.engines import Database
from app.db.repository.webhooks import all_documents
from app.domain.errors import InvalidInput
from app.domain.model import Language
from app.i18n import message

webhooks = typer.Typer(help="Webhooks.", no_args_is_help=True)


@webhooks.callback()
def group() -> None:
    """Look at webhooks."""


webhooks.command()(listen)


@webhooks.command()
def check(as_json: AsJson = False) -> None:
    """Check the documents of all webhooks against this version's schema, and exit with 1 where one is good no more."""
    from app.api.webhook_documents import WebhookDocuments  # with the whole schema, which few other commands need

    settings = settings_or_fail()

    async def work(database: Database) -> list[dict[str, Any]]:
        documents = WebhookDocuments(settings.limits)
        async with database.read() as connection:
            found = await all_documents(connection)
        lines = []
        for account_id, id, name, text in found:
            detail = await documents.fault(text)
            fault = None if detail is None else message(InvalidInput("document", detail=detail), Language.EN)
            lines.append({"account": str(account_id), "webhook": str(id), "name": name, "fault": fault})
        return lines

    lines = read(settings, work)
    if as_json:
        say(json.dumps(lines))
    else:
        for line in lines:
            say(f"{line['webhook']} {line['name']}: {line['fault'] or 'good'}")
        if not lines:
            say("there are no webhooks")
    if any(line["fault"] for line in lines):
        raise typer.Exit(1)
