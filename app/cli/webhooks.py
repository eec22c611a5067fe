"""The commands for webhooks."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

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


@webhooks.command()
def listen(
    token: Annotated[
        str,
        typer.Option(
            envvar="CASEGATE_TOKEN", help="An API token with the scope cases_read; better not as an argument."
        ),
    ] = "",
    url: Annotated[str, typer.Option(help="The gateway.")] = "http://localhost:8000",
    forward: Annotated[
        str | None, typer.Option(help="Where each event is sent to, as in http://localhost:3000/hooks.")
    ] = None,
    document: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A file with a webhook's document; else the default."),
    ] = None,
    secret: Annotated[
        str | None, typer.Option(help="What to sign with, whsec_ and base64; else a new one for each run.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(help="The cursor of the last event that you have; else only what comes.")
    ] = None,
    cloud_events: Annotated[bool, typer.Option("--cloud-events", help="Add the headers of CloudEvents.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print what a webhook would be sent as it happens, signed, and pass it on to a local address.

    It reads a running gateway over its API, as the token's owner. What is not taken is said and not sent again. With
    --json a line is an event with its cursor, headers, body and answer. Ctrl-C ends it; by the last cursor it goes on.
    """
    from app.cli import listening  # with GraphQL and a client of HTTP, which few other commands need

    listening.listen(token, url, forward, document, secret, after, cloud_events=cloud_events, as_json=as_json)


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
