"""The demo: one account whose people have worked forty cases, played through `perform` as people would have done it.

What is played is `app.demo.script`'s. Nothing is written here: accounts are `app.admin.accounts`'s, cases
`app.actions.perform`'s.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app import clock
from app.actions.perform import perform
from app.admin import accounts
from app.auth.identity import authenticate
from app.db.engines import Database
from app.db.repository import administration, cases, overrides, people, tokens
from app.db.rows import AccountRow, CaseRow, UserRow
from app.demo.documents import FILES
from app.demo.script import CHECKLIST, SCRIPT, STEPS, opening, ref
from app.documents.receive import arriving
from app.documents.store import DocumentStore
from app.domain import commands
from app.domain.account_log import AdminActionType
from app.domain.checklist import checklist_text
from app.domain.errors import InputRefused, Refusal, StateRefused, VersionConflict
from app.domain.facts import Actor
from app.domain.model import PERSON_SCOPES, ActionType, Language, Role
from app.web.built_pages import DemoPerson

# Known beforehand, so that two loads at once can't make two demos.
ACCOUNT_ID = UUID("019aa000-0000-7000-8000-00000000de30")
TOKEN_NAME = "demo"
TOKEN_LIFETIME = timedelta(days=30)
TOKENS_EACH = 20
HISTORY = timedelta(days=60)
SEEDED_START = datetime(2026, 9, 1, tzinfo=UTC)
"""When the account of a demo with a seed began; what is played in it has the same times in each load."""
BETWEEN_CASES = timedelta(days=1, hours=7, minutes=11)
BETWEEN_STEPS = timedelta(hours=3, minutes=25)


@dataclass(frozen=True, slots=True)
class Seed:
    """What the ids and times of a demo are made of: the same number gives the same ones, None others each time."""

    number: int | None = None

    @property
    def account_id(self) -> UUID:
        return ACCOUNT_ID if self.number is None else clock.seeded_id(f"{self.number}/account", SEEDED_START)

    @property
    def start(self) -> datetime:
        return clock.now() - HISTORY if self.number is None else SEEDED_START

    def ids(self, name: str, moment: datetime) -> AbstractContextManager[None]:
        """Return the block in which what is called *name* gets its ids."""
        return nullcontext() if self.number is None else clock.seeded_ids(f"{self.number}/{name}", moment)


@dataclass(frozen=True, slots=True)
class Demo:
    """The account, its people in the script's order, each with a new token, and its cases, the oldest first."""

    account: AccountRow
    people: tuple[DemoPerson, ...]
    cases: tuple[CaseRow, ...]

    @property
    def account_name(self) -> str:
        return self.account.name

    def as_json(self) -> dict[str, object]:
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


async def load_demo(database: Database, store: DocumentStore, seed: int | None = None) -> Demo:
    """Return the demo, with a new token for each of its people; what is missing of it is played first.

    With a *seed* its accounts, people, cases and all that is in them have the same ids and times in each database.

    A load that was interrupted is gone on with where it stopped, and two at once play it together. What people have
    made of its cases meanwhile stays as it is.

    Raises: AdminError, where the database holds other accounts, or the demo's own people may no longer play it.
    """
    stage = Stage(database, store, Seed(seed))
    account = await _account(stage)
    players = await _people(stage, account)
    identities = [await authenticate(database, person.token) for person in players]
    cast = {name: identity.actor for name, identity in zip(SCRIPT["people"], identities, strict=True)}
    try:
        played = await _play(stage, account, cast)
    except (Refusal, InputRefused) as refusal:
        raise accounts.AdminError(f"the demo can't be played to its end: {refusal}") from refusal
    return Demo(account, tuple(players), tuple(sorted(played.values(), key=lambda case: case.number)))


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a demo is played."""

    database: Database
    store: DocumentStore
    seed: Seed


async def _play(stage: Stage, account: AccountRow, cast: Mapping[str, Actor]) -> Mapping[str, CaseRow]:
    """Play what is missing, and return the cases as they then stand.

    A round after which nothing has changed was the last: all is played, or what is left is refused for good.
    """
    before, played = None, await _played(stage.database, account)
    while played != before:
        for story in _unfinished(played):
            await story.play(stage, account, cast)
        before, played = played, await _played(stage.database, account)
    return played


async def _account(stage: Stage) -> AccountRow:
    database, seed = stage.database, stage.seed
    async with database.read() as connection:
        known = {account.id: account for account in await people.accounts(connection)}
    if seed.account_id in known:
        return known[seed.account_id]
    if known:
        raise accounts.AdminError(
            "the database holds other accounts, and the demo wants an empty one (CASEGATE_DEMO=false serves without it;"
            " a demo with another seed, or without one, is another account)"
        )
    began = seed.start
    with seed.ids("account rows", began), suppress(accounts.AdminError):  # another load was faster
        return await accounts.create_account(
            database,
            SCRIPT["account"],
            checklist=checklist_text(CHECKLIST),
            account_id=seed.account_id,
            now=lambda: began,
        )
    return await _account(stage)


async def _people(stage: Stage, account: AccountRow) -> list[DemoPerson]:
    """Return the script's people, each with a new token."""
    database = stage.database
    emails = {name: f"{name}@brightwater.example" for name in SCRIPT["people"]}
    known, came = await _users(database, account), await _arrival(database, account)
    for name, person in SCRIPT["people"].items():
        if emails[name] in known:
            continue
        with stage.seed.ids(name, came), suppress(accounts.AdminError):  # another load was faster
            await accounts.create_user(
                database,
                account.id,
                email=emails[name],
                name=person["name"],
                roles=[Role(role) for role in person["roles"]],
                language=Language(person["language"]) if "language" in person else None,
                now=lambda: came,
            )
    known = await _users(database, account)
    return [
        DemoPerson(str(user.id), user.display_name, user.email, user.roles, await _new_token(database, user))
        for user in map(known.__getitem__, emails.values())
    ]


async def _arrival(database: Database, account: AccountRow) -> datetime:
    """Return when missing people come: as the account begins, or now where its own log has begun later than it."""
    async with database.read() as connection:
        first = await administration.account_log_piece(connection, account.id, 0, 1)
    return account.created_at if first and first[0].entry.type is AdminActionType.CREATE_ACCOUNT else clock.now()


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

    async def play(self, stage: Stage, account: AccountRow, cast: Mapping[str, Actor]) -> None:
        """Do the remaining steps, up to one that another process has done, or made impossible, meanwhile."""
        opened_at = account.created_at + BETWEEN_CASES * (self.index + 1)
        case = self.case
        with suppress(StateRefused, VersionConflict):
            if case is None:
                with stage.seed.ids(ref(self.index), opened_at):
                    case = await _do(stage.database, cast[self.script["opener"]], opening(self.index), opened_at)
            for step in self.script["steps"][case.action_count - 1 :]:
                case = await self._step(stage, account, cast, case, step)

    async def _step(
        self, stage: Stage, account: AccountRow, cast: Mapping[str, Actor], case: CaseRow, step: Sequence[str]
    ) -> CaseRow:
        who, action, *rest = step
        moment = account.created_at + BETWEEN_CASES * (self.index + 1) + BETWEEN_STEPS * case.action_count
        pending = await _pending(stage.database, account, case)
        command = STEPS[ActionType(action)](cast, case, pending, *rest)
        ids = stage.seed.ids(f"{ref(self.index)}/{case.action_count}", moment)
        if isinstance(command, commands.AddComment):
            return await _comment_with(stage, cast[who], command, moment, rest[1:], ids)
        with ids:
            return await _do(stage.database, cast[who], command, moment)


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
    stage: Stage,
    actor: Actor,
    command: commands.AddComment,
    at: datetime,
    names: Sequence[str],
    ids: AbstractContextManager[None],
) -> CaseRow:
    """Do as `_do`, with the files of these names.

    They arrive under other *ids*, and are not removed after a refusal: another load may just have attached its own
    files of the same seed, which have the same ids and bytes. Housekeeping removes what nothing has attached.
    """
    async with AsyncExitStack() as stack:
        files = []
        for name in names:
            arrival = await stack.enter_async_context(arriving(stage.store.incoming))
            await arrival.write(FILES[name]())
            files.append(await arrival.finish(name))
        with ids:
            documents = []
            for file in files:
                assert file.document is not None and file.path is not None
                documents.append(replace(file.document, id=clock.new_id()))
                await stage.store.put(actor.account_id, documents[-1].id, file.path)
            return await _do(stage.database, actor, replace(command, new_documents=tuple(documents)), at)
