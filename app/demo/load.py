"""The demo: one account whose people have worked forty cases, played through `perform` as people would have done it.

What is played is `app.demo.script`'s. Nothing is written here: accounts are `app.admin.accounts`'s, cases
`app.actions.perform`'s.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app import clock
from app.actions.outcome import Outcome
from app.actions.perform import perform
from app.admin import accounts
from app.auth.identity import authenticate
from app.db.engines import Database
from app.db.repository import cases, overrides, people, tokens
from app.db.rows import AccountRow, CaseRow, UserRow
from app.demo.documents import FILES
from app.demo.script import SCRIPT, STEPS, opening, ref
from app.documents.along import perform_with
from app.documents.receive import arriving
from app.documents.store import DocumentStore
from app.domain import commands
from app.domain.errors import InputRefused, Refusal, StateRefused, VersionConflict
from app.domain.model import PERSON_SCOPES, ActionType, Actor, Language, Role
from app.web.graphiql import DemoPerson

# Known beforehand, so that two loads at once can't make two demos.
ACCOUNT_ID = UUID("019aa000-0000-7000-8000-00000000de30")
TOKEN_NAME = "demo"
TOKEN_LIFETIME = timedelta(days=30)
TOKENS_EACH = 20
HISTORY = timedelta(days=60)
BETWEEN_CASES = timedelta(days=1, hours=7, minutes=11)
BETWEEN_STEPS = timedelta(hours=3, minutes=25)


@dataclass(frozen=True, slots=True)
class Demo:
    """The account, its people in the script's order, each with a new token, and its cases, the oldest first."""

    account: AccountRow
    people: tuple[DemoPerson, ...]
    cases: tuple[CaseRow, ...]

    @property
    def account_name(self) -> str:
        return self.account.name

    def as_json(self) -> dict[str, Any]:
        """Return what `demo --json` prints."""
        return {
            "account": {"id": str(self.account.id), "name": self.account.name},
            "people": [
                {
                    "id": person.id,
                    "displayName": person.display_name,
                    "email": person.email,
                    "roles": list(person.roles),
                    "token": person.token,
                }
                for person in self.people
            ],
            "cases": [{"id": str(case.id), "reference": case.reference, "status": case.status} for case in self.cases],
        }


async def load_demo(database: Database, store: DocumentStore) -> Demo:
    """Return the demo, with a new token for each of its people; what is missing of it is played first.

    A load that was interrupted is gone on with where it stopped, and two at once play it together. What people have
    made of its cases meanwhile stays as it is.

    Raises: AdminError, where the database holds other accounts, or the demo's own people may no longer play it.
    """
    account = await _account(database)
    players = await _people(database, account)
    identities = [await authenticate(database, person.token) for person in players]
    cast = {name: identity.actor for name, identity in zip(SCRIPT["people"], identities, strict=True)}
    try:
        played = await _play(database, store, account, cast)
    except (Refusal, InputRefused) as refusal:
        raise accounts.AdminError(f"the demo can't be played to its end: {refusal}") from refusal
    return Demo(account, tuple(players), tuple(sorted(played.values(), key=lambda case: case.number)))


async def _play(
    database: Database, store: DocumentStore, account: AccountRow, cast: Mapping[str, Actor]
) -> Mapping[str, CaseRow]:
    """Play what is missing, and return the cases as they then stand.

    A round after which nothing has changed was the last: all is played, or what is left is refused for good.
    """
    before, played = None, await _played(database, account)
    while played != before:
        for story in _unfinished(played):
            await story.play(database, store, account, cast)
        before, played = played, await _played(database, account)
    return played


async def _account(database: Database) -> AccountRow:
    async with database.read() as connection:
        known = {account.id: account for account in await people.accounts(connection)}
    if ACCOUNT_ID in known:
        return known[ACCOUNT_ID]
    if known:
        raise accounts.AdminError(
            "the database holds other accounts, and the demo wants an empty one (CASEGATE_DEMO=false serves without it)"
        )
    began = clock.now() - HISTORY
    with suppress(accounts.AdminError):  # another load was faster
        return await accounts.create_account(database, SCRIPT["account"], account_id=ACCOUNT_ID, now=lambda: began)
    return await _account(database)


async def _people(database: Database, account: AccountRow) -> list[DemoPerson]:
    """Return the script's people, each with a new token."""
    emails = {name: f"{name}@brightwater.example" for name in SCRIPT["people"]}
    known = await _users(database, account)
    for name, person in SCRIPT["people"].items():
        if emails[name] in known:
            continue
        with suppress(accounts.AdminError):  # another load was faster
            await accounts.create_user(
                database,
                account.id,
                email=emails[name],
                name=person["name"],
                roles=[Role(role) for role in person["roles"]],
                language=Language(person["language"]) if "language" in person else None,
                now=lambda: account.created_at,
            )
    known = await _users(database, account)
    return [
        DemoPerson(str(user.id), user.display_name, user.email, user.roles, await _new_token(database, user))
        for user in map(known.__getitem__, emails.values())
    ]


async def _users(database: Database, account: AccountRow) -> dict[str, UserRow]:
    async with database.read() as connection:
        return {user.email: user for user in await people.users(connection, account.id)}


async def _new_token(database: Database, user: UserRow) -> str:
    """Make a token of all scopes; of those that earlier loads made, the ones most lately used live on."""
    now = clock.now()
    async with database.read() as connection:
        earlier = [
            token
            for token in await tokens.tokens_of(connection, user_id=user.id)
            if token.name == TOKEN_NAME and token.revoked_at is None
        ]
    earlier.sort(key=lambda token: token.last_used_at or token.created_at, reverse=True)
    for token in earlier[TOKENS_EACH - 1 :]:
        await accounts.revoke_token(database, token.id)
    made = await accounts.create_token(
        database, user.id, list(PERSON_SCOPES), name=TOKEN_NAME, expires_at=now + TOKEN_LIFETIME
    )
    return made.secret


async def _played(database: Database, account: AccountRow) -> dict[str, CaseRow]:
    """Return the script's cases as they stand, by the reference of their subject."""
    refs = [ref(index) for index in range(len(SCRIPT["cases"]))]
    async with database.read() as connection:
        return await cases.first_case_by_ref(connection, account.id, refs)


@dataclass(frozen=True, slots=True)
class Story:
    """One case of the script, and how far it is played."""

    index: int
    script: Mapping[str, Any]
    case: CaseRow | None

    @property
    def is_finished(self) -> bool:
        return self.case is not None and self.case.action_count > len(self.script["steps"])

    async def play(
        self, database: Database, store: DocumentStore, account: AccountRow, cast: Mapping[str, Actor]
    ) -> None:
        """Do the remaining steps, up to one that another process has done, or made impossible, meanwhile."""
        opened_at = account.created_at + BETWEEN_CASES * (self.index + 1)
        case = self.case
        with suppress(StateRefused, VersionConflict):
            if case is None:
                case = await _do(database, cast[self.script["opener"]], opening(self.index), opened_at)
            for step in self.script["steps"][case.action_count - 1 :]:
                who, action, *rest = step
                moment = opened_at + BETWEEN_STEPS * case.action_count
                pending = await _pending(database, account, case)
                command = STEPS[ActionType(action)](cast, case, pending, *rest)
                if isinstance(command, commands.AddComment):
                    case = await _comment_with(database, store, cast[who], command, moment, rest[1:])
                else:
                    case = await _do(database, cast[who], command, moment)


async def _pending(database: Database, account: AccountRow, case: CaseRow) -> UUID | None:
    async with database.read() as connection:
        (override,) = await overrides.pending_overrides_by_case(connection, account.id, [case.id])
    return None if override is None else override.id


def _unfinished(played: Mapping[str, CaseRow]) -> list[Story]:
    stories = [Story(index, script, played.get(ref(index))) for index, script in enumerate(SCRIPT["cases"])]
    return [story for story in stories if not story.is_finished]


async def _do(database: Database, actor: Actor, command: commands.Command, moment: datetime) -> CaseRow:
    return (await perform(database, actor, command, request_id="demo", now=lambda: moment)).case


async def _comment_with(
    database: Database, store: DocumentStore, actor: Actor, command: commands.AddComment, at: datetime, names: list[str]
) -> CaseRow:
    """Do as `_do`, with the files of these names."""
    async with AsyncExitStack() as stack:
        files = []
        for name in names:
            arrival = await stack.enter_async_context(arriving(store.incoming))
            await arrival.write(FILES[name]())
            files.append(await arrival.finish(name))
        brought = replace(command, new_documents=tuple(file.document for file in files if file.document is not None))

        async def act() -> Outcome:
            return await perform(database, actor, brought, request_id="demo", now=lambda: at)

        return (await perform_with(store, actor, files, act)).case
