"""Results of checks: what an evaluation changes of a subject, and the writes that it is."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Update, select, update

from app import clock
from app.actions.draft import Draft
from app.db import tables
from app.db.indexed import FOLDING, IndexedWords
from app.db.prepared import Write
from app.db.rows import SubjectRow
from app.db.writes import inserted, updated
from app.domain.commands import RecordEvaluation, SubjectDetails
from app.domain.evaluation import COUNTRY, LABEL, STATUS, Evaluation
from app.domain.folding import lexemes
from app.domain.model import EvaluationStatus, SearchField
from app.domain.text import identity

_COLUMNS = {STATUS: "evaluation_status", LABEL: "label", COUNTRY: "country_code"}


def new_subject(account_id: UUID, details: SubjectDetails) -> tuple[SubjectRow, Write]:
    """Return a subject that nobody has asked about before, and what inserts it."""
    subject = SubjectRow(
        id=clock.new_id(),
        type=details.type,
        external_ref=details.external_ref,
        label=details.label,
        country_code=details.country_code,
        evaluation_status=details.evaluation_status or EvaluationStatus.UNEVALUATED,
        version=1,
    )
    key = identity(details.external_ref)
    return subject, inserted(tables.subjects, subject, account_id=account_id, external_key=key)


def evaluation_of(known: SubjectRow | None, details: SubjectDetails) -> Evaluation | None:
    """Return what the result changes of the *known* subject, or of one that is not there; None for nothing."""
    assert details.evaluation_status is not None
    given = {STATUS: details.evaluation_status, LABEL: details.label, COUNTRY: details.country_code}
    if known is None:
        there = tuple(name for name, value in given.items() if value is not None)
        return Evaluation(None, details.evaluation_status, 1, there)
    changed = tuple(
        name for name, value in given.items() if value is not None and value != getattr(known, _COLUMNS[name])
    )
    if not changed:
        return None
    return Evaluation(
        status_before=known.evaluation_status,
        status_after=details.evaluation_status,
        subject_version=known.version + 1,
        changed=changed,
        replaced_override_id=known.override_id if STATUS in changed else None,
    )


def evaluated(subject: SubjectRow, details: SubjectDetails, evaluation: Evaluation) -> tuple[SubjectRow, Write]:
    """Return the subject as the result leaves it, and what changes it."""
    values: dict[str, Any] = {"version": evaluation.subject_version}
    if STATUS in evaluation.changed:
        values |= {"evaluation_status": evaluation.status_after, "override_id": None}
    if LABEL in evaluation.changed:
        values["label"] = details.label
    if COUNTRY in evaluation.changed:
        values["country_code"] = details.country_code
    return replace(subject, **values), updated(tables.subjects, subject.id, **values)


def record_result(draft: Draft) -> None:
    """Change the subject, and have the row of the log say what it was and what it replaces."""
    command = draft.command
    assert isinstance(command, RecordEvaluation)
    evaluation = evaluation_of(draft.subject, command.subject)
    assert evaluation is not None  # what changes nothing is no action
    draft.details = evaluation.details()
    draft.subject, write = evaluated(draft.subject, command.subject, evaluation)
    draft.writes.append(write)


def found_by_label(account_id: UUID, subject: SubjectRow) -> Update:
    """Return what has the subject's cases found by its label, once a trigger has given them words of its own making."""
    texts, case = tables.case_texts, tables.cases.c
    words = IndexedWords(account_id, lexemes(subject.label))
    return (
        update(texts)
        .where(texts.c.case_id.in_(select(case.id).where(case.subject_id == subject.id)))
        .where(texts.c.source_id == subject.id, texts.c.field == SearchField.SUBJECT)
        .values(words=words, folding=FOLDING)
    )
