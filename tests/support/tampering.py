"""Changing the database by hand, as somebody who owns it could: the triggers that would refuse are put aside first."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Delete, Table, Update, and_, delete, insert, select, update

from app.audit.verification import entries_of
from app.db import tables
from app.db.engines import Database
from app.domain.action_log import GENESIS, chain_hash
from app.domain.canonical_json import canonical_json
from app.domain.commitments import commitments_of
from tests.support.played_story import STEPS, Story
from tests.support.triggers import drop_triggers

actions = tables.case_actions


async def tamper(database: Database, *statements: Any) -> None:
    async with database.write() as connection:
        await drop_triggers(connection)
        for statement in statements:
            await connection.execute(statement)


@asynccontextmanager
async def undone(database: Database, *changed: Table) -> AsyncIterator[None]:
    """Have what is changed by hand in these tables, parents first, as it was before: to play a story takes longer.

    A row of a case's log that is gone does not come back as it was: on SQLite it has another place among the rows.
    """
    before = await _rows(database, changed)
    yield
    after = await _rows(database, changed)
    statements = [statement for table in reversed(changed) for statement in _removals(table, before, after)]
    statements += [statement for table in changed for statement in _returns(table, before, after)]
    await tamper(database, *statements)
    assert await _rows(database, changed) == before


Rows = Mapping[Table, Mapping[Any, Mapping[str, Any]]]


async def _rows(database: Database, wanted: Sequence[Table]) -> Rows:
    """Return the rows of these tables by their keys."""
    async with database.read() as connection:
        read = {table: (await connection.execute(select(table))).mappings().all() for table in wanted}
    return {
        table: {tuple(row[column.name] for column in table.primary_key): dict(row) for row in rows}
        for table, rows in read.items()
    }


def _removals(table: Table, before: Rows, after: Rows) -> Iterator[Any]:
    """Yield what takes away rows that are others than before."""
    for key, row in after[table].items():
        if row != before[table].get(key) and (key not in before[table] or not _stay(table)):
            yield delete(table).where(_is_at(table, key))


def _returns(table: Table, before: Rows, after: Rows) -> Iterator[Any]:
    for key, row in before[table].items():
        values = {name: value for name, value in row.items() if table.c[name].computed is None}
        if key not in after[table] or (row != after[table][key] and not _stay(table)):
            yield insert(table).values(values)
        elif row != after[table][key]:
            yield update(table).where(_is_at(table, key)).values(values)


def _is_at(table: Table, key: Sequence[Any]) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(table.primary_key, key, strict=True)))


def _stay(table: Table) -> bool:
    """Say whether rows are changed in place: others refer to them, or they are told by their order on SQLite."""
    keys = [key for other in tables.metadata.tables.values() for key in other.foreign_keys if key.references(table)]
    return table is actions or not all(key.deferrable for key in keys)


async def rewrite(database: Database, account_id: UUID, case_id: UUID, *changes: Any) -> None:
    """Change a case's rows, and make its whole chain anew so that it is consistent with what they say now."""
    await tamper(database, *changes)
    async with database.read() as connection:
        links = [link async for link in entries_of(connection, account_id, case_id)]
    prev_hash, made = GENESIS, []
    for link in links:
        assert link.entry.seal is not None
        commitments = commitments_of(link.contents)
        entry = replace(link.entry, prev_hash=prev_hash, seal=replace(link.entry.seal, commitments=commitments))
        values = {"prev_hash": prev_hash, "hash": chain_hash(entry), "commitments": canonical_json(commitments)}
        made.append(update(actions).where(actions.c.case_id == case_id, actions.c.seq == entry.seq).values(values))
        prev_hash = chain_hash(entry)
    head = {"head_hash": prev_hash, "action_count": len(links)}
    await tamper(database, *made, update(tables.cases).where(tables.cases.c.id == case_id).values(head))


def without_row(case_id: UUID, seq: int) -> Delete:
    return delete(actions).where(actions.c.case_id == case_id, actions.c.seq == seq)


def words_of(old: str, new: str) -> Update:
    """Return what makes a comment say something else."""
    return update(tables.comments).where(tables.comments.c.body == old).values(body=new)


def cut_off_closing(story: Story) -> list[Any]:
    """Return what takes the story's last row away, and leaves no trace of it in the case."""
    before = story.outcomes["accept"].case
    names = ("status", "version", "action_count", "head_hash", "updated_at")
    reopened = {name: getattr(before, name) for name in names}
    reopened |= dict.fromkeys(("resolution", "closed_by_id", "closed_at"))
    case = tables.cases.c.id == story.case_id
    return [without_row(story.case_id, len(STEPS)), update(tables.cases).where(case).values(reopened)]


def swapped(case_id: UUID, seq: int) -> list[Any]:
    """Return what makes a row and the next one change places."""
    return [
        update(actions).where(actions.c.case_id == case_id, actions.c.seq == old).values(seq=new)
        for old, new in ((seq, 99), (seq + 1, seq), (99, seq + 1))
    ]


def everything_of(case_id: UUID) -> list[Any]:
    """Return what takes a case away, with all that belongs to it."""
    texts, made = tables.case_texts, select(tables.overrides.c.id).where(tables.overrides.c.case_id == case_id)
    reviewers, others = tables.override_reviewers, tables.reassigned_reviewers
    return [
        delete(texts).where(texts.c.case_id == case_id),
        delete(actions).where(actions.c.case_id == case_id),
        delete(reviewers).where(reviewers.c.override_id.in_(made)),
        delete(others).where(others.c.override_id.in_(made)),
        delete(tables.overrides).where(tables.overrides.c.case_id == case_id),
        delete(tables.comments).where(tables.comments.c.case_id == case_id),
        delete(tables.cases).where(tables.cases.c.id == case_id),
    ]
