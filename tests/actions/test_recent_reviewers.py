"""A reviewer decides on no override that was requested before they became one, however they became one."""

from uuid import UUID

import pytest
from sqlalchemy import delete, insert

from app.admin import accounts
from app.auth.identity import authenticate
from app.db import tables
from app.domain.errors import Refusal
from app.domain.model import CaseStatus, Role, Scope
from tests.support.api import Api
from tests.support.world import Person, World, make_person, person_of


async def codes_of(world: World, person: Person, case_id: UUID) -> list[str]:
    """Return what accepting and refusing the pending override of a case answers to *person*."""
    codes = []
    for decide in (world.accept, world.refuse):
        with pytest.raises(Refusal) as refused:
            await decide(case_id, person)
        codes.append(refused.value.code.value)
    return codes


async def give_review(world: World, person: Person) -> Person:
    """Make somebody a reviewer by hand, and return them as they are looked up then."""
    async with world.database.write() as connection:
        await connection.execute(insert(tables.user_roles).values(user_id=person.id, role=Role.REVIEWER))
    return Person(await authenticate(world.database, person.token), person.token)


async def test_who_was_made_a_reviewer_later_decides_on_nothing_that_was_requested_before(world: World) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    invited = await accounts.create_user(
        world.database, world.account_id, email="late@acme.example", name="Late", roles=[Role.REVIEWER]
    )

    by_hand = await give_review(world, world.carl)
    by_invitation = await person_of(world.database, invited.id, *Scope)

    assert await codes_of(world, by_hand, requested.case.id) == ["REVIEWER_TOO_RECENT"] * 2
    assert await codes_of(world, by_invitation, requested.case.id) == ["REVIEWER_TOO_RECENT"] * 2
    later = await world.case_in(CaseStatus.PENDING_REVIEW)
    assert (await world.accept(later.case.id, by_hand)).case.status is CaseStatus.RESOLVED
    assert (await world.accept(requested.case.id)).case.status is CaseStatus.RESOLVED  # Rosa was one all the time


async def test_who_lost_the_role_and_has_it_again_is_recent(world: World) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    async with world.database.write() as connection:
        await connection.execute(delete(tables.user_roles).where(tables.user_roles.c.user_id == world.rolf.id))

    again = await give_review(world, world.rolf)

    assert await codes_of(world, again, requested.case.id) == ["REVIEWER_TOO_RECENT"] * 2


async def test_their_own_override_is_refused_as_their_own_first(world: World) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    ada = await give_review(world, world.ada)
    assert await codes_of(world, ada, requested.case.id) == ["SELF_REVIEW_FORBIDDEN"] * 2


@pytest.mark.parametrize(("language", "word"), [("en", "became a reviewer"), ("fr", "ne devienne valideur")])
async def test_what_is_available_says_the_same_as_the_mutation(
    world: World, api: Api, language: str, word: str
) -> None:
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    late = await make_person(world.database, world.account_id, "Nora", Role.CONTRIBUTOR)
    late = await give_review(world, late)
    query = f'{{ case(id: "{requested.case.id}") {{ availableActions {{ action allowed code message }} }} }}'

    shown = await api.run(late.token, query, accept_language=language)
    refused = await api.act(late.token, "acceptOverride", await world.decision(requested.case.id))

    available = {item["action"]: item for item in shown["case"]["availableActions"]}
    assert [available[name]["code"] for name in ("ACCEPT", "REFUSE")] == ["REVIEWER_TOO_RECENT"] * 2
    assert word in available["ACCEPT"]["message"]
    assert [error["code"] for error in refused["errors"]] == ["REVIEWER_TOO_RECENT"]
    assert refused["errors"][0]["path"] == ["input", "overrideId"]
