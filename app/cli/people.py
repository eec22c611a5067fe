"""The commands for accounts, people and tokens."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer

from app import admin, clock
from app.cli.terminal import AsJson, print_one, print_rows, run
from app.db.engine import Database
from app.db.repository import people, tokens
from app.db.rows import TokenRow
from app.domain.model import Language, Role, Scope

account = typer.Typer(help="Accounts: the customers, each with its own data.", no_args_is_help=True)
user = typer.Typer(help="The people of an account.", no_args_is_help=True)
token = typer.Typer(help="API tokens; a token's secret is shown once, when it is made.", no_args_is_help=True)


@account.command("create")
def account_create(
    name: Annotated[str, typer.Option(help="What it is called.")],
    language: Annotated[Language, typer.Option(case_sensitive=False, help="Its default language.")] = Language.EN,
    cases: Annotated[bool, typer.Option(help="Switch the feature on.")] = True,
    overrides: Annotated[bool, typer.Option(help="Switch the feature on.")] = True,
    restrict_to_assigned_reviewers: Annotated[bool, typer.Option(help="Only who was asked may decide.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make an account."""
    row = run(
        lambda database: admin.create_account(
            database,
            name,
            default_language=language,
            cases=cases,
            overrides=overrides,
            restrict_to_assigned_reviewers=restrict_to_assigned_reviewers,
        )
    )
    print_one(asdict(row), as_json)


@account.command("list")
def account_list(as_json: AsJson = False) -> None:
    """List the accounts."""

    async def read(database: Database) -> list[dict[str, Any]]:
        async with database.read() as connection:
            return [asdict(row) for row in await people.accounts(connection)]

    print_rows(run(read), as_json)


@account.command("revoke")
def account_revoke(id: UUID) -> None:
    """Revoke all tokens of an account."""
    typer.echo(f"{run(lambda database: admin.revoke_account(database, id))} tokens revoked")


# --- People ----------------------------------------------------------------------------------------------------------


@user.command("create")
def user_create(
    account: Annotated[UUID, typer.Option(help="The account's id.")],
    email: Annotated[str, typer.Option(help="Their e-mail address, unique in the account.")],
    name: Annotated[str, typer.Option(help="The name to show.")],
    role: Annotated[list[Role], typer.Option(case_sensitive=False, help="May be given several times.")],
    language: Annotated[Language | None, typer.Option(case_sensitive=False, help="Else the account's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a person in an account."""
    row = run(
        lambda database: admin.create_user(database, account, email=email, name=name, roles=role, language=language)
    )
    print_one(asdict(row), as_json)


@user.command("list")
def user_list(account: Annotated[UUID, typer.Option(help="The account's id.")], as_json: AsJson = False) -> None:
    """List the people of an account."""

    async def read(database: Database) -> list[dict[str, Any]]:
        async with database.read() as connection:
            return [asdict(row) for row in await people.users(connection, account)]

    print_rows(run(read), as_json)


@user.command("revoke")
def user_revoke(id: UUID) -> None:
    """Deactivate a person, and revoke their tokens."""
    typer.echo(f"deactivated, {run(lambda database: admin.revoke_user(database, id))} tokens revoked")


# --- Tokens ----------------------------------------------------------------------------------------------------------


@token.command("create")
def token_create(
    user: Annotated[UUID, typer.Option(help="The user's id.")],
    scope: Annotated[list[Scope], typer.Option(case_sensitive=False, help="May be given several times.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    expires_in_days: Annotated[int | None, typer.Option(min=1, max=3650, help="Else it never expires.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token for a person. Its secret is shown this once."""
    expires_at = None if expires_in_days is None else clock.now() + timedelta(days=expires_in_days)
    made = run(lambda database: admin.create_token(database, user, scope, name=name, expires_at=expires_at))
    print_one({"id": made.row.id, "token": made.secret, **_token(made.row)}, as_json)


@token.command("list")
def token_list(
    account: Annotated[UUID | None, typer.Option(help="Only this account's.")] = None,
    user: Annotated[UUID | None, typer.Option(help="Only this user's.")] = None,
    as_json: AsJson = False,
) -> None:
    """List tokens, without their secrets."""

    async def read(database: Database) -> list[dict[str, Any]]:
        async with database.read() as connection:
            return [{"id": row.id, **_token(row)} for row in await tokens.tokens_of(connection, account, user)]

    print_rows(run(read), as_json)


@token.command("revoke")
def token_revoke(id: UUID) -> None:
    """Revoke a token, at once and for good."""
    run(lambda database: admin.revoke_token(database, id))
    typer.echo("revoked")


def _token(row: TokenRow) -> dict[str, Any]:
    shown = asdict(row)
    del shown["id"], shown["secret_hash"]
    return shown
