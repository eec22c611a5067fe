"""The commands for accounts, people and tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from app import clock
from app.admin import accounts
from app.auth import links
from app.cli.printing import say
from app.cli.reading import read
from app.cli.terminal import AsJson, fail, print_one, print_rows, run, settings_or_fail
from app.db.engines import Database
from app.db.repository import identities, people, tokens
from app.db.rows import IdentityRow, TokenRow, UserRow
from app.domain.addresses import in_ascii, look_alikes, mixed_scripts
from app.domain.counting import counted
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
        lambda database: accounts.create_account(
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

    async def work(database: Database) -> list[dict[str, object]]:
        async with database.read() as connection:
            return [asdict(row) for row in await people.accounts(connection)]

    print_rows(read(settings_or_fail(), work), as_json)


@account.command("revoke")
def account_revoke(id: UUID) -> None:
    """Revoke all tokens of an account."""
    say(f"{counted(run(lambda database: accounts.revoke_account(database, id)), 'token')} revoked")


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
        lambda database: accounts.create_user(database, account, email=email, name=name, roles=role, language=language)
    )
    print_one(asdict(row), as_json)


@user.command("list")
def user_list(account: Annotated[UUID, typer.Option(help="The account's id.")], as_json: AsJson = False) -> None:
    """List the people of an account, and whose addresses look like another's."""

    async def work(database: Database) -> list[UserRow]:
        async with database.read() as connection:
            return await people.users(connection, account)

    rows = read(settings_or_fail(), work)
    notices = notices_of([row.email for row in rows])
    print_rows([{**asdict(row), "notice": notices[row.email]} for row in rows], as_json)


@user.command("show")
def user_show(id: UUID, as_json: AsJson = False) -> None:
    """Show a person, and the identity provider's subjects that stand for them, or did."""

    async def work(database: Database) -> tuple[UserRow | None, list[str], list[IdentityRow]]:
        async with database.read() as connection:
            account_id = await people.account_of(connection, id)
            others = [] if account_id is None else await people.users(connection, account_id)
            found = None if account_id is None else await people.user(connection, id)
            return found, [row.email for row in others], await identities.identities_of_user(connection, id)

    row, emails, linked = read(settings_or_fail(), work)
    if row is None:
        fail(f"there is no user {id}")
    shown = {**asdict(row), "notice": notices_of(emails)[row.email]}
    identity_list = [_identity(item) for item in linked]
    if as_json:
        print_one({**shown, "identities": identity_list}, as_json)
        return
    print_one(shown, as_json)
    say("identities:")
    print_rows(identity_list, as_json)


@user.command("link")
def user_link(
    id: UUID,
    issuer: Annotated[str, typer.Option(help="The identity provider, as in the tokens' `iss`.")],
    subject: Annotated[str, typer.Option(help="The person's subject there, as in the tokens' `sub`.")],
    as_json: AsJson = False,
) -> None:
    """Have a subject of the identity provider stand for a person, whatever address its tokens have."""
    print_one(_identity(run(lambda database: links.link_subject(database, id, issuer, subject))), as_json)


@user.command("unlink")
def user_unlink(id: UUID, issuer: Annotated[str, typer.Option(help="The identity provider.")]) -> None:
    """Have the person's subject stand for nobody, until it is linked again by `casegate user link`."""
    ended = run(lambda database: links.unlink_subject(database, id, issuer))
    say(f"unlinked, {ended.subject} stands for nobody")


@user.command("email")
def user_email(id: UUID, address: Annotated[str, typer.Argument(help="Unique in the account.")]) -> None:
    """Give a person another e-mail address."""
    say(run(lambda database: accounts.change_email(database, id, address)))


def notices_of(emails: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return for each address a warning for its readers: which other address it looks like."""
    alike = look_alikes(emails)
    return {email: tuple(_notices(email, alike.get(email, ()))) for email in emails}


def _notices(email: str, alike: Sequence[str]) -> Iterator[str]:
    if not email.isascii():
        yield f"not ASCII: {in_ascii(email)}"
    scripts = mixed_scripts(email)
    if scripts:
        yield f"letters of {' and '.join(scripts)} in one word"
    if alike:
        yield f"looks like {', '.join(map(in_ascii, alike))}"


def _identity(row: IdentityRow) -> dict[str, object]:
    shown = asdict(row)
    del shown["account_id"]
    return shown


@user.command("revoke")
def user_revoke(id: UUID) -> None:
    """Deactivate a person, and revoke their tokens."""
    say(f"deactivated, {counted(run(lambda database: accounts.revoke_user(database, id)), 'token')} revoked")


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
    made = run(lambda database: accounts.create_token(database, user, scope, name=name, expires_at=expires_at))
    print_one({"id": made.row.id, "token": made.secret, **_token(made.row)}, as_json)


@token.command("list")
def token_list(
    account: Annotated[UUID | None, typer.Option(help="Only this account's.")] = None,
    user: Annotated[UUID | None, typer.Option(help="Only this user's.")] = None,
    as_json: AsJson = False,
) -> None:
    """List tokens, without their secrets."""

    async def work(database: Database) -> list[dict[str, object]]:
        async with database.read() as connection:
            return [{"id": row.id, **_token(row)} for row in await tokens.tokens_of(connection, account, user)]

    print_rows(read(settings_or_fail(), work), as_json)


@token.command("revoke")
def token_revoke(id: UUID) -> None:
    """Revoke a token, at once and for good."""
    run(lambda database: accounts.revoke_token(database, id))
    say("revoked")


def _token(row: TokenRow) -> dict[str, object]:
    shown = asdict(row)
    del shown["id"], shown["secret_hash"]
    return shown
