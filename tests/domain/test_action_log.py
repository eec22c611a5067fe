"""The action log's encoding, byte by byte, and the hash of it.

How rows are chained and verified is in test_log_chain.
"""

import hashlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.action_log import (
    GENESIS,
    CommentContent,
    Entry,
    Opening,
    OverrideContent,
    Seal,
    canonical,
    chain_hash,
)
from app.domain.model import (
    ActionType,
    CaseStatus,
    EvaluationStatus,
    OverrideStatus,
    RequestedStatus,
    Resolution,
    SubjectType,
)

ADA, ROSA, ACCOUNT, CASE, SUBJECT, OVERRIDE, COMMENT = (UUID(int=number) for number in range(0xA0, 0xA7))
MOMENT = datetime(2026, 11, 24, 8, 5, 9, 7, tzinfo=UTC)

OPENING = Entry(
    account_id=ACCOUNT,
    case_id=CASE,
    seq=1,
    type=ActionType.OPEN,
    user_id=ADA,
    status_before=None,
    status_after=CaseStatus.OPEN,
    created_at=MOMENT,
    request_id="req-1",
    prev_hash=GENESIS,
    opening=Opening(
        number=123,
        title="A changed IBAN",
        description=None,
        subject_id=SUBJECT,
        subject_type=SubjectType.COMPANY_ACCOUNT_CHECK,
        external_ref="CHK-1",
        subject_status=EvaluationStatus.ANOMALY,
    ),
)
# The bytes were typed by hand, and their hash taken with sha256sum. Who changes them makes a log that nobody verifies.
OPENING_BYTES = (
    b'{"account_id":"00000000-0000-0000-0000-0000000000a2","case_id":"00000000-0000-0000-0000-0000000000a3",'
    b'"comment":null,"created_at":"2026-11-24T08:05:09.000007Z","format":1,"opening":{"description":null,'
    b'"external_ref":"CHK-1","number":123,"subject_id":"00000000-0000-0000-0000-0000000000a4",'
    b'"subject_status":"ANOMALY","subject_type":"COMPANY_ACCOUNT_CHECK","title":"A changed IBAN"},"override":null,'
    b'"prev_hash":"0000000000000000000000000000000000000000000000000000000000000000","request_id":"req-1",'
    b'"resolution":null,"seq":1,"status_after":"OPEN","status_before":null,"type":"OPEN",'
    b'"user_id":"00000000-0000-0000-0000-0000000000a0"}'
)
OPENING_HASH = "26ab208dc618d152bc01667b9bc5d51d2324ae6f57768964fdc6c6b5f85a9ad3"

REQUEST = Entry(
    account_id=ACCOUNT,
    case_id=CASE,
    seq=2,
    type=ActionType.REQUEST_OVERRIDE,
    user_id=ADA,
    status_before=CaseStatus.OPEN,
    status_after=CaseStatus.PENDING_REVIEW,
    created_at=MOMENT,
    request_id="req-2",
    prev_hash=OPENING_HASH,
    comment=CommentContent(COMMENT, ADA, '\x01\b\t\n\x0b\f\r\x1f "\\/\x7fé\u2028\ufb33€😀', MOMENT, ("ab", "cd")),
    override=OverrideContent(
        id=OVERRIDE,
        creator_id=ADA,
        subject_id=SUBJECT,
        requested_status=RequestedStatus.FAVORABLE,
        subject_status_at_request=EvaluationStatus.ANOMALY,
        reviewer_ids=(ROSA, ADA),
        status=OverrideStatus.PENDING,
    ),
)
REQUEST_BYTES = (
    b'{"account_id":"00000000-0000-0000-0000-0000000000a2","case_id":"00000000-0000-0000-0000-0000000000a3",'
    b'"comment":{"author_id":"00000000-0000-0000-0000-0000000000a0",'
    b'"body":"\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\"\\\\/\x7f'
    b'\xc3\xa9\xe2\x80\xa8\xef\xac\xb3\xe2\x82\xac\xf0\x9f\x98\x80",'
    b'"created_at":"2026-11-24T08:05:09.000007Z","documents":["ab","cd"],'
    b'"id":"00000000-0000-0000-0000-0000000000a6"},"created_at":"2026-11-24T08:05:09.000007Z","format":1,'
    b'"opening":null,"override":{"creator_id":"00000000-0000-0000-0000-0000000000a0","decided_by":null,'
    b'"id":"00000000-0000-0000-0000-0000000000a5","requested_status":"FAVORABLE",'
    b'"reviewer_ids":["00000000-0000-0000-0000-0000000000a1","00000000-0000-0000-0000-0000000000a0"],'
    b'"status":"PENDING","subject_id":"00000000-0000-0000-0000-0000000000a4",'
    b'"subject_status_at_request":"ANOMALY"},"prev_hash":"26ab208dc618d152bc01667b9bc5d51d2324ae6f57768964fdc6c6b5f85a9ad3",'
    b'"request_id":"req-2","resolution":null,"seq":2,"status_after":"PENDING_REVIEW","status_before":"OPEN",'
    b'"type":"REQUEST_OVERRIDE","user_id":"00000000-0000-0000-0000-0000000000a0"}'
)
REQUEST_HASH = "a70cc5c868e8a5bc2ae1aaa68537c76a2124c64ecf2f03a3cc164a73613db9cb"

# --- Any entry -------------------------------------------------------------------------------------------------------

TEXTS = st.text(max_size=30)
TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
COUNTS = st.integers(min_value=1, max_value=2**31 - 1)
OPENINGS = st.builds(Opening, number=COUNTS, title=TEXTS, description=st.none() | TEXTS, external_ref=TEXTS)
COMMENTS = st.builds(CommentContent, body=TEXTS, created_at=TIMES, documents=st.lists(HASHES, max_size=3).map(tuple))
OVERRIDES = st.builds(OverrideContent, reviewer_ids=st.lists(st.uuids(), max_size=3).map(tuple))
ENTRIES = st.builds(
    Entry,
    seq=COUNTS,
    created_at=TIMES,
    request_id=TEXTS,
    prev_hash=HASHES,
    opening=st.none() | OPENINGS,
    comment=st.none() | COMMENTS,
    override=st.none() | OVERRIDES,
    seal=st.none(),
)
WORDS = st.dictionaries(TEXTS, TEXTS | COUNTS | st.lists(TEXTS, max_size=3), max_size=3)
SEALS = st.builds(Seal, authority=WORDS, commitments=WORDS, details=st.none() | WORDS)
ERASABLE = {"title", "description", "body", "documents", "files", "filename"}
"""What a row with a seal does not say: in its place stands a commitment."""
SHORT_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def jcs(value: object) -> str:
    """Return *value* as RFC 8785 has it, for what can occur here: no floats and no booleans."""
    match value:
        case None:
            return "null"
        case int():
            assert abs(value) <= 2**53 and not isinstance(value, bool)
            return str(value)
        case str():
            return f'"{"".join(SHORT_ESCAPES.get(c) or (f"{chr(92)}u{ord(c):04x}" if c < " " else c) for c in value)}"'
        case list():
            return f"[{','.join(map(jcs, value))}]"
        case dict():
            members = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
            return "{" + ",".join(f"{jcs(name)}:{jcs(member)}" for name, member in members) + "}"
    raise AssertionError(f"{type(value)} has no place in the log")


def unlike(value: object) -> st.SearchStrategy[Any]:
    """Return what a field could be instead of *value*."""
    others: dict[type, st.SearchStrategy[Any]] = {
        **{kind: st.sampled_from(kind) for kind in (ActionType, CaseStatus, EvaluationStatus, OverrideStatus)},
        **{kind: st.sampled_from(kind) for kind in (RequestedStatus, Resolution)},
        SubjectType: st.sampled_from(SubjectType),
        UUID: st.uuids(),
        int: COUNTS,
        str: TEXTS,
        datetime: TIMES,
        Opening: st.none() | OPENINGS,
        CommentContent: st.none() | COMMENTS,
        OverrideContent: st.none() | OVERRIDES,
        Seal: st.none() | SEALS,
        dict: WORDS,
        tuple: st.lists(HASHES, min_size=1, max_size=3).map(tuple),
        type(None): st.sampled_from([*CaseStatus]),
    }
    return others[type(value)].filter(lambda other: other != value)


@pytest.mark.parametrize(
    ("entry", "encoded", "digest"),
    [(OPENING, OPENING_BYTES, OPENING_HASH), (REQUEST, REQUEST_BYTES, REQUEST_HASH)],
    ids=["opening", "request"],
)
def test_the_encoding_and_its_hash_are_these_bytes_for_ever(entry: Entry, encoded: bytes, digest: str) -> None:
    assert canonical(entry) == encoded
    assert chain_hash(entry) == digest


def test_a_string_is_escaped_as_in_the_example_of_rfc_8785() -> None:
    # Section 3.2.2: the input's string, and its canonical form.
    string = "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/"

    encoded = canonical(replace(OPENING, request_id=string)).decode()

    assert r""""request_id":"€$\u000f\nA'B\"\\\\\"/",""" in encoded


def test_a_time_is_its_instant_whatever_its_zone() -> None:
    paris = MOMENT.astimezone(timezone(timedelta(hours=1)))

    assert canonical(replace(OPENING, created_at=paris)) == OPENING_BYTES
    whole_second = canonical(replace(OPENING, created_at=MOMENT.replace(microsecond=0)))
    assert b'"created_at":"2026-11-24T08:05:09.000000Z"' in whole_second


@given(ENTRIES)
def test_every_entry_is_encoded_as_rfc_8785_has_it(entry: Entry) -> None:
    encoded = canonical(entry)

    def refuse(literal: str) -> object:
        raise AssertionError(f"{literal} has no canonical form that all JSON libraries agree on")

    read = json.loads(encoded, parse_float=refuse, parse_constant=refuse)
    assert encoded == jcs(read).encode()
    assert read.keys() == {"format", *(field.name for field in fields(Entry))} - {"seal"}
    assert chain_hash(entry) == hashlib.sha256(encoded).hexdigest()


@given(ENTRIES, SEALS)
def test_an_entry_with_a_seal_is_encoded_so_too_and_names_no_text_that_may_be_erased(entry: Entry, seal: Seal) -> None:
    encoded = canonical(replace(entry, seal=seal))

    read = json.loads(encoded)
    members = {"format", "authority", "commitments", "details"} | {field.name for field in fields(Entry)} - {"seal"}
    assert encoded == jcs(read).encode()
    assert (read["format"], read.keys()) == (2, members)
    assert (read["authority"], read["commitments"], read["details"]) == (seal.authority, seal.commitments, seal.details)
    assert not {"title", "description"} & (read["opening"] or {}).keys()
    assert "body" not in (read["comment"] or {})


@given(ENTRIES, st.none() | SEALS, st.data())
def test_whatever_changes_in_an_entry_changes_its_hash(entry: Entry, seal: Seal | None, data: st.DataObject) -> None:
    entry = replace(entry, seal=seal)
    parts: list[Any] = [entry, *filter(None, (entry.opening, entry.comment, entry.override, seal))]
    part = data.draw(st.sampled_from(parts), label="part")
    places = {Opening: "opening", CommentContent: "comment", OverrideContent: "override", Seal: "seal"}
    names = [field.name for field in fields(part)]
    if seal is not None:
        names = [name for name in names if name not in ERASABLE]
    there = [name for name in names if name not in places.values() or getattr(part, name) is not None]
    name = data.draw(st.sampled_from(there), label="field")
    change: dict[str, Any] = {name: data.draw(unlike(getattr(part, name)), label="value")}
    if part is not entry:
        change = {places[type(part)]: replace(part, **change)}
    other = replace(entry, **change)

    assert chain_hash(other) != chain_hash(entry)


@given(TEXTS, TEXTS, TEXTS)
def test_no_text_can_pass_for_another_or_for_a_field(request_id: str, title: str, body: str) -> None:
    assert OPENING.opening is not None and REQUEST.comment is not None
    opening, comment = replace(OPENING.opening, title=title), replace(REQUEST.comment, body=body)

    read = json.loads(canonical(replace(OPENING, request_id=request_id, opening=opening, comment=comment)))

    assert (read["request_id"], read["opening"]["title"], read["comment"]["body"]) == (request_id, title, body)
    assert (read["seq"], read["user_id"]) == (1, "00000000-0000-0000-0000-0000000000a0")
