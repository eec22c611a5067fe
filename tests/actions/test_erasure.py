"""Erasing content, and legal holds: what goes, what stays, who may, and what happens at once."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from app.actions.outcome import Outcome
from app.actions.perform import perform, rehearse
from app.db import tables
from app.domain.commands import AddComment, CloseCase, Command, EraseContent, SetLegalHold
from app.domain.errors import (
    CaseClosed,
    Erased,
    IdempotencyKeyReused,
    InputRefused,
    InsufficientScope,
    InvalidInput,
    LegalHold,
    NotFound,
    RoleRequired,
    VersionConflict,
)
from app.domain.model import CaseStatus, Scope
from tests.support.database_contents import contents, differences, everything
from tests.support.erasure import CANARY, WHY, assert_whole, commented, document, erase, hold, opened
from tests.support.world import World, make_world


async def refusals(work: Any) -> list[tuple[type, tuple[str, ...]]]:
    with pytest.raises(InputRefused) as refused:
        await work
    return [(type(refusal), refusal.path) for refusal in refused.value.refusals]


# --- What goes, and what stays ---------------------------------------------------------------------------------------


async def test_erasing_a_comment_takes_its_text_salt_and_words_and_nothing_else(world: World) -> None:
    case_id = await opened(world)
    gone, stays = await commented(world, case_id), await commented(world, case_id, "Stays.")
    assert gone.comment is not None and stays.comment is not None
    before = await contents(world.database)

    outcome = await erase(world, case_id, comment_ids=(gone.comment.id,))

    after = await contents(world.database)
    assert differences(before, after) == {
        "cases: action_count head_hash updated_at version",
        "comments: body erased_by_id salt",
        "+1 case_actions",
        "+1 unfinished_erasures",
    }
    row = after["comments"][(gone.comment.id,)]
    assert (row["body"], row["salt"], row["erased_by_id"]) == (None, None, outcome.action.id)
    assert after["comments"][(stays.comment.id,)] == before["comments"][(stays.comment.id,)]
    async with world.database.read() as connection:
        words = tables.case_texts.c
        found = await connection.scalar(select(func.count()).where(words.source_id == gone.comment.id))
        others = await connection.scalar(select(func.count()).where(words.source_id == stays.comment.id))
    assert (found, others) == (0, 1)
    assert (outcome.action.status_before, outcome.action.status_after) == (CaseStatus.IN_PROGRESS,) * 2
    assert outcome.action.comment_id is None
    await assert_whole(world.database)


async def test_erasing_a_document_takes_its_name_digest_and_salts_and_leaves_its_comment(world: World) -> None:
    case_id, file, other = await opened(world), document(), document("other.txt", b"other")
    made = await commented(world, case_id, new_documents=(file, other))
    assert made.comment is not None
    before = await contents(world.database)

    outcome = await erase(world, case_id, document_ids=(file.id,))

    after = await contents(world.database)
    assert differences(before, after) == {
        "cases: action_count head_hash updated_at version",
        "documents: content_salt erased_by_id filename filename_salt sha256",
        "+1 case_actions",
        "+2 unfinished_erasures",
    }
    row = after["documents"][(file.id,)]
    assert (row["filename"], row["sha256"], row["size_bytes"]) == (None, None, file.size_bytes)
    assert after["documents"][(other.id,)] == before["documents"][(other.id,)]
    assert outcome.action.details is not None and str(file.id) in outcome.action.details
    await assert_whole(world.database)


async def test_everything_of_a_closed_case_goes_and_what_is_erased_already_stays_so(world: World) -> None:
    case_id = await opened(world, f"About {CANARY}", f"At length: {CANARY}")
    first = await commented(world, case_id)
    await commented(world, case_id, "And more.", new_documents=(document(), document("b.txt", b"b")))
    await world.request_override(case_id)
    await world.accept(case_id, comment="Sound.")
    await world.do(world.ada, CloseCase(case_id=case_id, comment="Over."))
    assert first.comment is not None
    earlier = await erase(world, case_id, comment_ids=(first.comment.id,))
    other = await opened(world)
    kept = await commented(world, other, "Of another case.")

    outcome = await erase(world, case_id, everything=True)

    found = await contents(world.database)
    case = found["cases"][(case_id,)]
    assert (case["title"], case["description"], case["status"]) == (None, None, CaseStatus.CLOSED)
    assert (case["title_salt"], case["description_salt"], case["erased_by_id"]) == (None, None, outcome.action.id)
    comments = [row for row in found["comments"].values() if row["case_id"] == case_id]
    assert len(comments) == 5 and {row["body"] for row in comments} == {None}
    assert {row["erased_by_id"] for row in comments} == {earlier.action.id, outcome.action.id}
    assert {row["filename"] for row in found["documents"].values()} == {None}
    assert kept.comment is not None
    assert found["comments"][(kept.comment.id,)]["body"] == "Of another case."
    async with world.database.read() as connection:
        fields = await connection.execute(
            select(tables.case_texts.c.field).where(tables.case_texts.c.case_id == case_id)
        )
        assert sorted(row.field for row in fields) == ["REFERENCE", "SUBJECT"]
    await assert_whole(world.database)


async def test_a_case_without_a_description_is_erased_too(world: World) -> None:
    case_id = await opened(world)
    await world.do(world.ada, CloseCase(case_id=case_id))

    await erase(world, case_id, everything=True)

    assert await refusals(erase(world, case_id, everything=True)) == [(Erased, ("input", "everything"))]
    await assert_whole(world.database)


@pytest.mark.parametrize("status", CaseStatus)
async def test_content_is_erased_and_held_in_every_status_which_stays(world: World, status: CaseStatus) -> None:
    is_pending = status is CaseStatus.PENDING_REVIEW
    case_id = (await world.case_in(status if is_pending else CaseStatus.OPEN)).case.id
    made = None
    if status is not CaseStatus.OPEN:
        made = await commented(world, case_id)
    if status is CaseStatus.RESOLVED:
        await world.request_override(case_id)
        await world.accept(case_id)
    if status is CaseStatus.CLOSED:
        await world.do(world.ada, CloseCase(case_id=case_id))

    held = await hold(world, case_id)
    lifted = await hold(world, case_id, held=False)

    assert {held.case.status, lifted.case.status} == {status}
    if made is not None:
        assert made.comment is not None
        outcome = await erase(world, case_id, comment_ids=(made.comment.id,))
        assert outcome.case.status is status
    await assert_whole(world.database)


async def test_a_key_whose_request_was_erased_does_nothing_again_and_compares_nothing(world: World) -> None:
    case_id = await opened(world)
    made = await commented(world, case_id, idempotency_key="once", new_documents=(file := document(),))
    other = await commented(world, case_id, "Another.", idempotency_key="other")
    assert made.comment is not None

    await erase(world, case_id, document_ids=(file.id,))
    before = await contents(world.database)

    for words in (f"Called {CANARY}.", "A guess."):
        with pytest.raises(Erased) as refused:
            await commented(world, case_id, words, idempotency_key="once")
        assert refused.value.path == ("input", "idempotencyKey")
    with pytest.raises(IdempotencyKeyReused):
        await commented(world, case_id, "A guess.", idempotency_key="other")
    assert (await commented(world, case_id, "Another.", idempotency_key="other")).action == other.action
    assert await contents(world.database) == before


async def test_an_erasure_is_replayed_by_its_key(world: World) -> None:
    case_id = await opened(world)
    made = await commented(world, case_id)
    assert made.comment is not None

    first = await erase(world, case_id, comment_ids=(made.comment.id,), idempotency_key="erase")
    again = await erase(world, case_id, comment_ids=(made.comment.id,), idempotency_key="erase")

    assert (again.action, again.replayed) == (first.action, True)


async def test_a_dry_run_of_an_erasure_and_of_a_hold_leaves_all_as_it_was(world: World) -> None:
    case_id = await opened(world)
    made = await commented(world, case_id, new_documents=(file := document(),))
    await world.do(world.ada, CloseCase(case_id=case_id))
    assert made.comment is not None
    before = await everything(world.database)

    commands: list[Command] = [
        EraseContent(case_id=case_id, comment_ids=(made.comment.id,), document_ids=(file.id,), reason=WHY),
        EraseContent(case_id=case_id, everything=True, reason=WHY),
        SetLegalHold(case_id=case_id, held=True, reason=WHY),
    ]
    supposed = [await rehearse(world.database, world.aldo.actor, command, request_id="test") for command in commands]

    assert [item.outcome.case.title for item in supposed] == ["A changed IBAN", None, "A changed IBAN"]
    assert await everything(world.database) == before


# --- What is refused -------------------------------------------------------------------------------------------------


async def test_what_is_not_there_not_the_case_s_or_erased_is_refused_by_its_place(world: World) -> None:
    case_id, other = await opened(world), await opened(world)
    erased, strange = await commented(world, case_id), await commented(world, other)
    file = document()
    await commented(world, other, new_documents=(file,))
    assert erased.comment is not None and strange.comment is not None
    await erase(world, case_id, comment_ids=(erased.comment.id,))
    before = await contents(world.database)

    found = await refusals(
        erase(
            world,
            case_id,
            comment_ids=(uuid4(), strange.comment.id, erased.comment.id),
            document_ids=(file.id, uuid4()),
        )
    )

    assert found == [
        (NotFound, ("input", "commentIds", "0")),
        (NotFound, ("input", "commentIds", "1")),
        (Erased, ("input", "commentIds", "2")),
        (NotFound, ("input", "documentIds", "0")),
        (NotFound, ("input", "documentIds", "1")),
    ]
    assert await contents(world.database) == before


async def test_another_account_s_content_is_not_there(world: World) -> None:
    other = await make_world(world.database)
    case_id = await opened(other)
    made = await commented(other, case_id)
    mine = await opened(world)
    assert made.comment is not None

    with pytest.raises(NotFound):
        await erase(world, case_id, comment_ids=(made.comment.id,))
    with pytest.raises(NotFound):
        await hold(world, case_id)
    assert await refusals(erase(world, mine, comment_ids=(made.comment.id,))) == [
        (NotFound, ("input", "commentIds", "0"))
    ]


async def test_everything_of_a_case_that_is_not_closed_is_refused(world: World) -> None:
    case_id = (await world.case_in(CaseStatus.IN_PROGRESS)).case.id

    assert await refusals(erase(world, case_id, everything=True)) == [(InvalidInput, ("input", "everything"))]


async def test_only_an_administrator_with_the_scope_erases_and_holds(world: World) -> None:
    case_id = await opened(world)
    made = await commented(world, case_id)
    assert made.comment is not None
    commands: list[Command] = [
        EraseContent(case_id=case_id, comment_ids=(made.comment.id,), reason=WHY),
        SetLegalHold(case_id=case_id, held=True, reason=WHY),
    ]
    unscoped = replace(world.aldo.actor, scopes=frozenset(Scope) - {Scope.ADMIN_WRITE})
    before = await contents(world.database)

    for command in commands:
        for person in (world.ada, world.rosa, world.bea):
            with pytest.raises(RoleRequired):
                await world.do(person, command)
        with pytest.raises(InsufficientScope) as refused:
            await perform(world.database, unscoped, command, request_id="test")
        assert refused.value.params == {"scope": Scope.ADMIN_WRITE}
    with pytest.raises(RoleRequired):
        await commented_by_admin(world, case_id)
    assert await contents(world.database) == before


async def commented_by_admin(world: World, case_id: UUID) -> Outcome:
    return await world.do(world.aldo, AddComment(case_id=case_id, comment="No right."))


async def test_a_held_case_keeps_its_content_until_the_hold_is_lifted(world: World) -> None:
    case_id = await opened(world)
    made = await commented(world, case_id)
    assert made.comment is not None
    held = await hold(world, case_id)
    assert held.case.held_by_id == held.action.id
    with pytest.raises(InvalidInput):
        await hold(world, case_id)

    with pytest.raises(LegalHold) as refused:
        await erase(world, case_id, comment_ids=(made.comment.id,))
    assert refused.value.path == ("input", "caseId")
    await commented(world, case_id, "Life goes on.")
    await world.do(world.ada, CloseCase(case_id=case_id))
    with pytest.raises(LegalHold):
        await erase(world, case_id, everything=True)

    lifted = await hold(world, case_id, held=False)
    assert lifted.case.held_by_id is None
    await erase(world, case_id, everything=True)
    await assert_whole(world.database)


async def test_an_erasure_that_expects_another_version_is_refused(world: World) -> None:
    case_id = await opened(world)
    made = await commented(world, case_id)
    assert made.comment is not None

    with pytest.raises(VersionConflict):
        await erase(world, case_id, comment_ids=(made.comment.id,), expected_version=1)
    await erase(world, case_id, comment_ids=(made.comment.id,), expected_version=2)


async def test_a_closed_case_takes_no_comment_after_an_erasure(world: World) -> None:
    case_id = await opened(world)
    await world.do(world.ada, CloseCase(case_id=case_id))
    await erase(world, case_id, everything=True)

    with pytest.raises(CaseClosed):
        await commented(world, case_id)


# --- At once ---------------------------------------------------------------------------------------------------------


async def test_erasing_while_others_comment_loses_none_and_keeps_the_log_whole(world: World) -> None:
    case_id = await opened(world)
    made = [await commented(world, case_id, f"{number}") for number in range(4)]
    ids = [outcome.comment.id for outcome in made if outcome.comment is not None]

    done = await asyncio.gather(
        *(erase(world, case_id, comment_ids=(id,)) for id in ids),
        *(commented(world, case_id, f"new {number}") for number in range(6)),
    )

    assert sorted(outcome.action.seq for outcome in done) == list(range(6, 16))
    found = await contents(world.database)
    assert sum(row["body"] is None for row in found["comments"].values()) == 4
    await assert_whole(world.database)


async def test_of_several_erasures_of_one_thing_at_once_one_is_done_and_the_others_are_refused(world: World) -> None:
    case_id = await opened(world)
    made = await commented(world, case_id)
    assert made.comment is not None

    done = await asyncio.gather(
        *(erase(world, case_id, comment_ids=(made.comment.id,)) for _ in range(3)), return_exceptions=True
    )

    refused = [item for item in done if isinstance(item, InputRefused)]
    assert len(refused) == 2
    assert {type(refusal) for item in refused for refusal in item.refusals} == {Erased}
    await assert_whole(world.database)


async def test_a_hold_and_an_erasure_at_once_come_one_after_the_other(world: World) -> None:
    for _ in range(3):
        case_id = await opened(world)
        made = await commented(world, case_id)
        assert made.comment is not None

        held, erased = await asyncio.gather(
            hold(world, case_id), erase(world, case_id, comment_ids=(made.comment.id,)), return_exceptions=True
        )

        assert isinstance(held, Outcome)
        if isinstance(erased, Outcome):
            assert erased.action.seq < held.action.seq
        else:
            assert isinstance(erased, LegalHold)
    await assert_whole(world.database)
