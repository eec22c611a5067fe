"""Changing the database by hand, as somebody who owns it could: the triggers that would refuse are put aside first."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Delete, Update, delete, select, update

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
