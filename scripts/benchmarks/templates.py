"""Histories with blanks: each is made once and filled in many times, so that millions of rows take minutes.

What is filled in has ids, times, a number, a supplier, files and a chain of hashes of its own. It shares with the
others of its template who did what, the words and their salts.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import postgresql

from app.db import tables
from app.db.chain import entry_of
from app.db.indexed import IndexedWords, account_word
from app.db.rows import CaseRow
from app.domain.action_log import canonical, time_text
from app.domain.commitments import commitment
from app.domain.folding import reference_lexemes
from app.domain.model import SearchField
from scripts.benchmarks.generate import binder, rows_of, texts_of
from scripts.benchmarks.histories import FAR_AHEAD, History

CASES_A_SUPPLIER = 20
NUMBER = 7_777_777_777
"""What stands for a case's number until it has one. No hash, salt or id is likely to have these digits."""
SUPPLIER = "Qzqzqzqzqz"
REFERENCE, POSITION = "@reference@", "@position {}@"
SYLLABLES = [consonant + vowel for consonant in "bdklmnrt" for vowel in "ao"]

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # in UTC, as all times here
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_DIALECT: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class HistoryTemplate:
    """One history: its rows as their hashes cover them, and its lines of each table, as COPY takes them.

    `moments` are when things happened, since the case was opened; `salts` are those that files are committed to with.
    """

    words_of_all: str
    ids: Sequence[str]
    moments: Mapping[str, timedelta]
    salts: Sequence[str]
    entries: Sequence[str]
    lines: Mapping[str, str]
    columns: Mapping[str, Sequence[str]]

    def filled(self, number: int, opened: datetime, position: int, drawn: int) -> Iterator[tuple[str, str]]:
        """Yield each table with the lines of a case. *opened* is in UTC and naive, *drawn* a number of 59 bits.

        The rows of its log have the places from *position* on.
        """
        blanks: dict[str, Any] = {"number": number, "reference": self._reference(number)}
        blanks["Supplier"] = (supplier := supplier_of(number)).capitalize()
        blanks["supplier"] = supplier
        milliseconds = (opened - _EPOCH) // timedelta(milliseconds=1)
        first, last = (
            f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}",
            f"{drawn >> 48:03x}-{drawn & 2**48 - 1:012x}",
        )
        for place, name in enumerate(self.ids):
            blanks[name] = f"{first}-7{place:03x}-8{last}"
        for name, since in self.moments.items():
            blanks[name] = f"{(opened + since).isoformat(timespec='microseconds')}Z"
        for place, salt in enumerate(self.salts):
            digest = hashlib.sha256(f"{number} {place}".encode()).digest()
            blanks[f"file{place}"], blanks[f"content{place}"] = digest.hex(), commitment(salt, digest)
        for place, entry in enumerate(self.entries):
            blanks[f"hash{place}"] = hashlib.sha256((entry % blanks).encode()).hexdigest()
            blanks[f"position{place}"] = position + place
        for table, text in self.lines.items():
            yield table, text % blanks

    def _reference(self, number: int) -> str:
        found = reference_lexemes(CaseRow.reference_of(number))
        return f"{self.words_of_all} {' '.join(map(_quoted, found))}"


def supplier_of(number: int) -> str:
    """Return the name of the supplier that a case is about: each is that of a few cases in a row."""
    place, name = number // CASES_A_SUPPLIER, ""
    for _ in range(5):
        place, digit = divmod(place, len(SYLLABLES))
        name += SYLLABLES[digit]
    return name


def template_of(history: History, people: Collection[str]) -> HistoryTemplate:
    """Return *history* with blanks; *people* are the ids of those who act in it, which stay."""
    history.case = replace(history.case, number=NUMBER)
    history.subject = replace(history.subject, label=f"{history.subject.label} {SUPPLIER}")
    entries, records = list(_entries(history)), dict(_records(history))
    lines = {table.name: "".join(_line(table, row) for row in rows) for table, rows in records.items()}
    whole = "\n".join((*entries, *lines.values()))
    ids = sorted({*_ID.findall(whole)} - {*people, str(history.account_id)})
    opened = history.case.created_at
    moments = {text: datetime.fromisoformat(text) - opened for text in {*_TIME.findall(whole)} - {time_text(FAR_AHEAD)}}
    blanks = {text: f"id{place}" for place, text in enumerate(ids)}
    blanks |= {text: f"moment{place}" for place, text in enumerate(moments)}
    blanks |= {row.hash: f"hash{place}" for place, row in enumerate(history.actions)}
    blanks |= {POSITION.format(place): f"position{place}" for place in range(len(history.actions))}
    blanks |= {str(NUMBER): "number", REFERENCE: "reference", SUPPLIER: "Supplier", SUPPLIER.lower(): "supplier"}
    salts = []
    for place, document in enumerate(history.documents):
        assert document.sha256 is not None and document.content_salt is not None
        salts.append(document.content_salt)
        blanks[document.sha256] = f"file{place}"
        blanks[commitment(document.content_salt, bytes.fromhex(document.sha256))] = f"content{place}"
    known = re.compile("|".join(map(re.escape, blanks)))

    def with_blanks(text: str) -> str:
        return known.sub(lambda found: f"%({blanks[found[0]]})s", text.replace("%", "%%"))

    return HistoryTemplate(
        words_of_all=_quoted(account_word(history.account_id)),
        ids=[blanks[id] for id in ids],
        moments={blanks[text]: since for text, since in moments.items()},
        salts=salts,
        entries=[*map(with_blanks, entries)],
        lines={table: with_blanks(text) for table, text in lines.items()},
        columns={table.name: list(rows[0]) for table, rows in records.items()},
    )


def _entries(history: History) -> Iterator[str]:
    """Yield each row of the log as its hash covers it."""
    comments = {comment.id: comment for comment in history.comments}
    overrides = {override.id: override for override in history.overrides}
    for row in history.actions:
        comment = comments[row.comment_id] if row.comment_id else None
        override = overrides[row.override_id] if row.override_id else None
        files = [item for item in history.documents if comment is not None and item.comment_id == comment.id]
        reviewers = history.reviewers[override.id] if override else ()
        parts = history.case, history.subject, comment, override, reviewers, files
        yield canonical(entry_of(history.account_id, row, *parts)).decode()


def _records(history: History) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Yield each table in which the history has rows, and these."""
    for table, records in (*rows_of([history], 0).items(), (tables.case_texts, [*texts_of(history)])):
        for place, record in enumerate(records):
            if table is tables.case_actions:
                record["position"] = POSITION.format(place)
            if record.get("field") is SearchField.REFERENCE:
                record["words"] = REFERENCE
        if records:
            yield table, records


def _line(table: Table, record: Mapping[str, Any]) -> str:
    return "\t".join(_value(table, name, value) for name, value in record.items()) + "\n"


def _value(table: Table, name: str, value: Any) -> str:
    """Return a value as COPY takes it as text."""
    bind = None if isinstance(value, IndexedWords | str) else binder(table.c[name], _DIALECT)
    value = value if bind is None else bind(value)
    match value:
        case None:
            return r"\N"
        case bool():
            return str(value).lower()
        case datetime():
            return time_text(value)
        case StrEnum():
            return value.value
        case IndexedWords():
            value = " ".join(map(_quoted, (account_word(value.account_id), *value.words)))
    return str(value).translate(_ESCAPED)


def _quoted(word: str) -> str:
    """Return a word as a tsvector's text has it."""
    return "'{}'".format(word.replace("\\", "\\\\").replace("'", "''"))
