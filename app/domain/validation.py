"""Validation of an input: every field is checked, and all errors are refused together.

No database and no state: whether a thing exists is asked later.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from app.domain import text
from app.domain.bank_accounts import Iban, read_iban
from app.domain.errors import (
    Detail,
    InputRefused,
    InvalidId,
    InvalidInput,
    Refusal,
    Required,
    ReviewerRequired,
    TooLong,
    TooManyDocuments,
    TooManyReviewers,
)
from app.domain.text import Kind

COMMENT_MAX = 10_000
TITLE_MAX = 200
DESCRIPTION_MAX = 10_000
REVIEWERS_MAX = 10
ERASED_MAX = 100
DOCUMENTS_MAX = 10
VERSION_MAX = 2**31 - 1
RETENTION_MAX = 36_500
EXPIRY_MAX = 8_760
LABEL_MAX = 100
REFERENCE_MAX = 100  # with what is not seen in it

_STEP_KEY = re.compile("[A-Z][A-Z0-9_]{0,39}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_COUNTRY_CODE = re.compile(r"[A-Z]{2}")
_REFERENCE = re.compile(r"CASE-([0-9]{6,9})")
_NO_ID = UUID(int=0)

_READERS = {Kind.LINE: text.line, Kind.TEXT: text.text, Kind.IDENTIFIER: text.identifier}


def parse_id(value: str) -> UUID | None:
    """Return *value* as a UUID of the canonical 36-character form (RFC 9562, section 4), or None."""
    return UUID(value) if _UUID.fullmatch(value) else None


def parse_reference(value: str) -> int | None:
    """Return the number of a case's reference, as in CASE-000123 and in whatever case and width, or None."""
    match = _REFERENCE.fullmatch(text.plain(value).upper()) if len(value) <= REFERENCE_MAX else None
    return int(match[1]) if match else None


def read_text(value: str, kind: Kind, *path: str, maximum: int) -> str:
    """Return *value*, 1 to *maximum* characters, as it is stored. Raises: Required, TooLong, InvalidInput."""
    if text.is_empty(value):
        raise Required(*path)
    # What is far too long is not looked at: to normalise it could take long too.
    if len(text.trimmed(value)) > maximum * text.LONGER_BY:
        raise TooLong(*path, max=maximum)
    try:
        read = _READERS[kind](value)
    except text.Unacceptable as found:
        raise InvalidInput(*path, detail=_detail(found)) from None
    if len(read) > maximum:
        raise TooLong(*path, max=maximum)
    return read


def demand_step_key(value: str, *path: str) -> None:
    """Refuse what no step of a checklist can be called. Raises: InvalidInput."""
    if _STEP_KEY.fullmatch(value) is None:
        raise InvalidInput(*path, detail=Detail("step_key"))


def in_utc(value: datetime, *path: str) -> datetime:
    """Return *value* in UTC.

    Raises: InvalidInput for a time without its offset from UTC, which could be any, or one that UTC has no year for.
    """
    if value.tzinfo is None:
        raise InvalidInput(*path, detail=Detail("offset"))
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(*path, detail=Detail("years")) from None


def read_country_code(value: str, *path: str) -> str:
    """Return *value*, two capital letters (the form of ISO 3166-1 alpha-2). Raises: InvalidInput."""
    if not _COUNTRY_CODE.fullmatch(value):
        raise InvalidInput(*path, detail=Detail("country_code"))
    return value


def _detail(found: text.Unacceptable) -> Detail:
    params = {"character": text.shown(found.character), "position": found.position}
    if found.is_mark:
        return Detail("marks", params | {"maximum": text.MARKS_MAX})
    return Detail(found.kind, params)


class InputValidator:
    """Checks the fields of one input and collects what is wrong; `finish` refuses it all at once.

    Each method returns a value of the right type even where it has noted a fault, so that a caller checks every field.
    """

    def __init__(self, *root: str) -> None:
        self._root = root
        self._refusals: list[Refusal] = []

    def finish(self) -> None:
        """Refuse, if anything was noted. Raises: InputRefused, with every fault."""
        if self._refusals:
            raise InputRefused(self._refusals)

    def id(self, value: str, *path: str) -> UUID:
        """Return *value* as a UUID."""
        parsed = parse_id(value)
        if parsed is None:
            self._note(InvalidId(*self._root, *path))
        return parsed or _NO_ID

    def line(self, value: str | None, *path: str, maximum: int) -> str:
        """Return *value* as a line, as a title is: 1 to *maximum* characters."""
        return self._read(value, Kind.LINE, path, maximum)

    def text(self, value: str | None, *path: str, maximum: int) -> str:
        """Return *value* as a text, as a comment is: 1 to *maximum* characters."""
        return self._read(value, Kind.TEXT, path, maximum)

    def optional_text(self, value: str | None, *path: str, maximum: int) -> str | None:
        """Return *value* as `text` does, or None where it is null or empty."""
        if value is None or (text.is_empty(value) and text.unacceptable(value, Kind.TEXT) is None):
            return None
        return self.text(value, *path, maximum=maximum)

    def identifier(self, value: str | None, *path: str, maximum: int) -> str:
        """Return *value* as an identifier of another system: 1 to *maximum* characters."""
        return self._read(value, Kind.IDENTIFIER, path, maximum)

    def _read(self, value: str | None, kind: Kind, path: Sequence[str], maximum: int) -> str:
        try:
            return read_text(value or "", kind, *self._root, *path, maximum=maximum)
        except Refusal as refusal:
            self._note(refusal)
            return text.trimmed(value or "")

    def time(self, value: datetime | None, *path: str) -> datetime | None:
        """Return *value* in UTC, or None."""
        if value is None:
            return None
        try:
            return in_utc(value, *self._root, *path)
        except Refusal as refusal:
            self._note(refusal)
            return None

    def reviewers(self, values: Sequence[str], *path: str) -> tuple[UUID, ...]:
        """Return 1 to 10 distinct ids."""
        if not values:
            self._note(ReviewerRequired(*self._root, *path))
        if len(values) > REVIEWERS_MAX:
            self._note(TooManyReviewers(*self._root, *path, max=REVIEWERS_MAX))
            return ()
        ids: list[UUID] = []
        for index, value in enumerate(values):
            reviewer_id = self.id(value, *path, str(index))
            if reviewer_id in ids and reviewer_id is not _NO_ID:
                self._note(InvalidInput(*self._root, *path, str(index), detail=Detail("twice")))
            ids.append(reviewer_id)
        return tuple(ids)

    def documents(self, ids: Sequence[str], path: str, others: int) -> tuple[UUID, ...]:
        """Return distinct ids, which with *others* that come along are 10 at most."""
        if len(ids) + others > DOCUMENTS_MAX:
            self._note(TooManyDocuments(*self._root, path, max=DOCUMENTS_MAX))
            return ()
        found: list[UUID] = []
        for index, value in enumerate(ids):
            document_id = self.id(value, path, str(index))
            if document_id in found and document_id is not _NO_ID:
                self._note(InvalidInput(*self._root, path, str(index), detail=Detail("twice")))
            found.append(document_id)
        return tuple(found)

    def ids(self, values: Sequence[str], path: str, maximum: int) -> tuple[UUID, ...]:
        """Return distinct ids, *maximum* at most."""
        if len(values) > maximum:
            self._note(InvalidInput(*self._root, path, detail=Detail("too_many_ids", {"max": maximum})))
            return ()
        found: list[UUID] = []
        for index, value in enumerate(values):
            id = self.id(value, path, str(index))
            if id in found and id is not _NO_ID:
                self._note(InvalidInput(*self._root, path, str(index), detail=Detail("twice")))
            found.append(id)
        return tuple(found)

    def note(self, refusal: Refusal, *path: str) -> None:
        """Note a fault that was found before, at its place in the input."""
        refusal.path = (*self._root, *path)
        self._note(refusal)

    def country_code(self, value: str | None, *path: str) -> str | None:
        """Return *value* as two capital letters (the form of ISO 3166-1 alpha-2), or None."""
        return self._matching(_COUNTRY_CODE, value, "country_code", path)

    def iban(self, value: str | None, *path: str) -> Iban | None:
        """Return *value* as a bank account's number (ISO 13616), or None."""
        if value is None:
            return None
        try:
            return read_iban(value, *self._root, *path)
        except Refusal as refusal:
            self._note(refusal)
            return None

    def step_key(self, value: str, *path: str) -> str:
        """Return *value*, 1 to 40 of `[A-Z0-9_]`, a letter first."""
        return self._matching(_STEP_KEY, value, "step_key", path) or ""

    def idempotency_key(self, value: str | None, *path: str) -> str | None:
        """Return *value*, 1 to 128 of `[A-Za-z0-9_-]`, or None."""
        return self._matching(_IDEMPOTENCY_KEY, value, "idempotency_key", path)

    def version(self, value: int | None, *path: str) -> int | None:
        """Return *value*, a version that a row can have, or None."""
        return self.number(value, *path, maximum=VERSION_MAX)

    def number(self, value: int | None, *path: str, maximum: int) -> int | None:
        """Return *value*, 0 to *maximum*, or None."""
        if value is not None and not 0 <= value <= maximum:
            self._note(InvalidInput(*self._root, *path, detail=Detail.of_range(0, maximum)))
        return value

    def _matching(self, pattern: re.Pattern[str], value: str | None, detail: str, path: Sequence[str]) -> str | None:
        if value is not None and not pattern.fullmatch(value):
            self._note(InvalidInput(*self._root, *path, detail=Detail(detail)))
        return value

    def _note(self, refusal: Refusal) -> None:
        self._refusals.append(refusal)
