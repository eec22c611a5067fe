"""Idempotency: one key of one token makes at most one action, and brings back what that action made for some hours.

The record is part of the action's transaction, which `app.actions.perform` owns.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from sqlalchemy import delete, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.actions.outcome import Outcome, outcome_of
from app.db import tables
from app.db.engines import Database
from app.db.erasing import ERASED_FINGERPRINT
from app.db.prepared import Write
from app.db.repository import log
from app.db.repository.log import IdempotencyRecord
from app.db.writes import inserted
from app.domain.commands import CaseCommand, Command
from app.domain.errors import Erased, IdempotencyKeyReused
from app.domain.facts import Actor

KEY_LIFETIME = timedelta(hours=24)

# The locks of the keys that requests have or wait for here right now, by database, token and key.
_locks: "WeakValueDictionary[tuple[int, UUID, str], asyncio.Lock]" = WeakValueDictionary()


def one_at_a_time(database: Database, actor: Actor, command: Command) -> AbstractAsyncContextManager[object]:
    """Return what requests with the command's key enter here one at a time, in the order in which they came.

    So a refusal that answers a repeated request says that the first one has done nothing either, nor will: it could be
    waiting for its turn to write meanwhile. Repetitions that wait take no connection to the database from others.
    """
    if command.idempotency_key is None:
        return nullcontext()
    name = id(database), actor.token_id, command.idempotency_key
    lock = _locks.get(name)
    if lock is None:
        lock = _locks[name] = asyncio.Lock()
    return lock


def fingerprint(command: Command) -> str:
    """Return the SHA-256 of what *command* asks for, so that a key can't come back with another request."""
    content = asdict(command) | {"action": command.action, "idempotency_key": None}
    content.pop("requires_version", None)  # a rule for what was asked for, and no part of it
    if content.get("bank_account") is None:  # requests without one have the fingerprint that they always had
        content.pop("bank_account", None)
        content.pop("iban", None)
    for document in content.get("new_documents", ()):
        del document["id"], document["warnings"]  # new each time, or with each version, unlike what the document is
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


async def replay(
    database: Database,
    actor: Actor,
    command: Command,
    now: clock.Clock = clock.now,
    lifetime: timedelta = KEY_LIFETIME,
) -> Outcome | None:
    """Return the outcome of the action that the command's key already made, None where it made none.

    Whoever looks keeps their place among the requests of the key: a repetition whose look is quicker overtakes nobody.

    Raises: IdempotencyKeyReused.
    """
    if command.idempotency_key is None:
        return None
    async with one_at_a_time(database, actor, command), database.read() as connection:
        record = await _recorded(connection, actor, command, now() - lifetime)
        if record is None or record.action_id is None:
            return None
        return await outcome_of(connection, actor, record.action_id)


def recorded_key(actor: Actor, command: Command, action_id: UUID, now: datetime) -> Write:
    """Return what records the command's key for *action_id*, and fails where there is a record of the key."""
    record = {"token_id": actor.token_id, "key": command.idempotency_key, "fingerprint": fingerprint(command)}
    return inserted(tables.idempotency_records, None, **record, action_id=action_id, created_at=now)


async def claim_key(
    connection: AsyncConnection, actor: Actor, command: Command, action_id: UUID, now: datetime, lifetime: timedelta
) -> UUID | None:
    """Record the command's key for *action_id*; return the earlier action's id where it is taken.

    A twin that runs at the same time waits here until the first is committed or rolled back.
    """
    case_id = command.case_id if isinstance(command, CaseCommand) else None
    earlier = await claim(connection, actor, command, now, lifetime, case_id, action_id=action_id)
    return None if earlier is None else earlier.action_id


async def claim(
    connection: AsyncConnection,
    actor: Actor,
    command: Command,
    now: datetime,
    lifetime: timedelta,
    case_id: UUID | None = None,
    **outcome: UUID,
) -> IdempotencyRecord | None:
    """Record the command's key for its *outcome*, by the name of its column; return the earlier record, if any.

    *case_id*: the case to lock first, which whoever has left it open locks before the key (`recorded_key`), too.
    """
    record = tables.idempotency_records
    mine = (record.c.token_id == actor.token_id, record.c.key == command.idempotency_key)
    await connection.execute(delete(record).where(*mine, record.c.created_at < now - lifetime))
    values: dict[str, Any] = {"token_id": actor.token_id, "key": command.idempotency_key, "created_at": now}
    values |= {"fingerprint": fingerprint(command), **outcome}
    claimed = await connection.scalar(
        (_of_one_writer(values) if connection.dialect.name == "sqlite" else _behind_case(values, actor, case_id))
        .on_conflict_do_nothing()
        .returning(record.c.token_id)
    )
    return None if claimed is not None else await _recorded(connection, actor, command, now - lifetime)


def _of_one_writer(values: Mapping[str, object]) -> sqlite.Insert:
    return sqlite.insert(tables.idempotency_records).values(**values)


def _behind_case(values: Mapping[str, object], actor: Actor, case_id: UUID | None) -> postgresql.Insert:
    """Return the insertion of a record that locks the case first, if there is one."""
    record, case = tables.idempotency_records, tables.cases.c
    if case_id is None:
        return postgresql.insert(record).values(**values)
    locked = select(case.id).where(case.account_id == actor.account_id, case.id == case_id).with_for_update().subquery()
    counted = select(func.count().label("cases")).select_from(locked).subquery()  # one row in any case
    row = select(*(literal(value, record.c[name].type) for name, value in values.items())).select_from(counted)
    return postgresql.insert(record).from_select(list(values), row)


async def _recorded(
    connection: AsyncConnection, actor: Actor, command: Command, since: datetime
) -> IdempotencyRecord | None:
    assert command.idempotency_key is not None
    record = await log.idempotency_record(connection, actor.token_id, command.idempotency_key, since)
    if record is None:
        return None
    if record.fingerprint == ERASED_FINGERPRINT:
        raise Erased("input", "idempotencyKey")
    if record.fingerprint != fingerprint(command):
        raise IdempotencyKeyReused("input", "idempotencyKey")
    return record


async def forget_old_keys(database: Database, now: clock.Clock = clock.now, lifetime: timedelta = KEY_LIFETIME) -> None:
    """Delete the idempotency records that are past their *lifetime*."""
    record = tables.idempotency_records
    async with database.write() as connection:
        await connection.execute(delete(record).where(record.c.created_at < now() - lifetime))
