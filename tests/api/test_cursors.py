"""Cursors that somebody has made up and sealed as we do: the seal is no secret, and none of them is a fault."""

import base64
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.api.pagination import CURSOR_MAX, CursorKind
from app.db.repository.people import People
from app.db.repository.worklist import Order, OrderField, Worklist
from app.domain.commands import AddComment
from app.domain.model import CaseStatus, InboxReason
from app.live.cursors import log_cursors
from tests.support.api import Api
from tests.support.documents import uploaded
from tests.support.world import World

MOMENT = "2026-01-01T00:00:00+00:00"
PARTS: list[Any] = [
    *(None, True, 0, -1, 2**31 - 1, 2**31, -(2**31) - 1, 2**63, 1.5, 1e300, "", "x", "\0", "é", [], {}, [1], "OPEN"),
    *(
        MOMENT,
        "2026-01-01T00:00:00",
        "9999-12-31T23:59:59-05:00",
        "0001-01-01T00:00:00+10:00",
        str(uuid4()),
        uuid4().hex,
    ),
]
LISTS = {
    "cases": "cases({}) {{ PAGE }}",
    "sorted cases": "cases(orderBy: [{{field: CLOSED_AT, direction: DESC}}, {{field: STATUS}}], {}) {{ PAGE }}",
    "users": "users({}) {{ PAGE }}",
    "actions": "actions({}) {{ PAGE }}",
    "inbox": "viewer {{ inbox({}) {{ PAGE }} }}",
    "actions of a case": 'case(id: "CASE") {{ actions({}) {{ PAGE }} }}',
    "overrides of a case": 'case(id: "CASE") {{ overrides({}) {{ PAGE }} }}',
    "documents of a case": 'case(id: "CASE") {{ documents({}) {{ PAGE }} }}',
    "reviewers": 'case(id: "CASE") {{ eligibleReviewers({}) {{ PAGE }} }}',
}


def kinds(world: World, case_id: UUID) -> dict[str, CursorKind]:
    """Return what the cursors of each list are sealed with."""
    account_id, viewer_id = world.account_id, world.bea.id
    order = (Order(OrderField.CLOSED_AT, descending=True), Order(OrderField.STATUS, descending=False))
    return {
        "cases": CursorKind(f"cases of {Worklist(account_id)}"),
        "sorted cases": CursorKind(f"cases of {Worklist(account_id, order=order)}"),
        "users": CursorKind(f"users of {account_id}: {People()}"),
        "actions": log_cursors(account_id),
        "inbox": CursorKind(f"inbox of {viewer_id}: {sorted(InboxReason)}"),
        "actions of a case": CursorKind(f"actions of {case_id}: all, None, None, None"),
        "overrides of a case": CursorKind(f"overrides of {case_id}"),
        "documents of a case": CursorKind(f"documents of {case_id}: None"),
        "reviewers": CursorKind(f"candidates for {viewer_id}: {People()}"),
    }


@pytest.mark.long
@pytest.mark.parametrize("listed", LISTS)
async def test_no_cursor_that_is_made_up_is_a_fault(world: World, api: Api, listed: str) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    document = UUID(await uploaded(api, world.carl.token))
    await world.do(world.carl, AddComment(case_id=case_id, comment="See.", document_ids=(document,)))
    kind = kinds(world, case_id)[listed]

    async def reported(arguments: str, cursor: str | None = None) -> dict[str, Any]:
        page = "pageInfo { endCursor } nodes { __typename }"
        requested = LISTS[listed].format(arguments).replace("PAGE", page).replace("CASE", str(case_id), 1)
        # As a variable: one document for all of them, of which each would take longer than its cursor.
        declared = "" if cursor is None else "query($cursor: String) "
        found: dict[str, Any] = (
            await api.send(world.bea.token, f"{declared}{{ {requested} }}", {"cursor": cursor} if declared else None)
        ).json()
        return found

    page = await reported("first: 1")
    genuine: Any = page["data"]
    while "pageInfo" not in genuine:
        genuine = next(iter(genuine.values()))
    key = kind.decode(genuine["pageInfo"]["endCursor"], "after")
    made = [kind.encode([*key[:place], part, *key[place + 1 :]]) for place in range(len(key)) for part in PARTS]
    made += [kind.encode(value) for value in ([], [*key, 1], [key], key[:-1])]
    for text in (b"", b"5", b'"x"', b"{}", b"null", b"[", b"\xff", b"[1e999]", b"[" * 2000, b"[" + b"9" * 300 + b"]"):
        made.append(sealed(kind, text))
    made.append("A" * (CURSOR_MAX + 1))

    for cursor in made:
        for argument in ("after", "before"):
            answer = await reported(f"{argument}: $cursor", cursor)
            codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
            assert codes <= {"INVALID_CURSOR"}, (cursor, kind.decode(cursor, "x"), answer)


def sealed(kind: CursorKind, payload: bytes) -> str:
    """Return the cursor of a payload that is no key."""
    return base64.urlsafe_b64encode(kind._seal(payload) + payload).decode().rstrip("=")  # as a forger would
