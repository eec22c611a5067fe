"""Which of several refusals answers, through HTTP: DOMAIN.md's section 4, by mending one fault after another.

The rate limit, its second check, is tested where it is made; the same order under the lock alone is in test_guards.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, insert

from app.db import tables
from app.domain.commands import AddComment, CloseCase
from app.domain.model import CaseStatus, EvaluationStatus, Role, Scope
from tests.support.api import Api
from tests.support.database_contents import contents, set_by_hand
from tests.support.world import Person, World, person_of


@dataclass(slots=True)
class Request:
    """A request with everything wrong, mended bit by bit; *told* are the codes of its answers."""

    api: Api
    mutation: str
    input: dict[str, Any]
    token: str | None = None
    reported: list[list[str]] = field(default_factory=list)

    async def send(self, **mends: Any) -> None:
        """Mend fields of the input, and send it again."""
        self.input |= mends
        document = (
            f"mutation($input: {self.mutation[0].upper()}{self.mutation[1:]}Input!)"
            f" {{ {self.mutation}(input: $input) {{ action {{ id }} errors {{ code }} }} }}"
        )
        body = (await self.api.send(self.token, document, {"input": self.input})).json()
        if "errors" in body:
            self.reported.append([error["extensions"]["code"] for error in body["errors"]])
            return
        payload = body["data"][self.mutation]
        assert (payload["action"] is None) == bool(payload["errors"])
        self.reported.append([error["code"] for error in payload["errors"]])


async def set_roles(world: World, person: Person, *roles: Role) -> None:
    table = tables.user_roles
    async with world.database.write() as connection:
        await connection.execute(delete(table).where(table.c.user_id == person.id))
        await connection.execute(insert(table), [{"user_id": person.id, "role": role} for role in roles])


async def set_account(world: World, **values: bool) -> None:
    await set_by_hand(world.database, tables.accounts, world.account_id, **values)


async def set_subject(world: World, subject_id: UUID, status: EvaluationStatus) -> None:
    await set_by_hand(world.database, tables.subjects, subject_id, evaluation_status=status)


async def test_a_request_for_an_override_with_everything_wrong_is_refused_in_order(world: World, api: Api) -> None:
    case = (await world.case_in(CaseStatus.PENDING_REVIEW)).case
    await world.do(world.carl, AddComment(case_id=case.id, comment="Once.", idempotency_key="used"))
    reader = await person_of(world.database, world.carl.id, Scope.CASES_READ)
    await set_account(world, cases_enabled=False, overrides_enabled=False)
    await set_by_hand(world.database, tables.users, world.carl.id, active=False)
    await set_roles(world, world.carl, Role.REVIEWER, Role.ADMIN)
    wrong = {"caseId": "?", "requestedStatus": "UNFAVORABLE", "reviewerIds": [str(uuid4())], "reason": " "}
    request = Request(api, "requestOverride", wrong | {"expectedVersion": 99, "idempotencyKey": "used"})

    await request.send()
    request.token = reader.token
    await request.send()
    await set_account(world, cases_enabled=True)
    await request.send()
    await set_account(world, overrides_enabled=True)
    await request.send()
    request.token = world.carl.token
    await request.send()
    await request.send(caseId=str(uuid4()), reason="Sure.")
    await request.send(idempotencyKey="unused")
    await request.send(caseId=str(case.id))
    await set_by_hand(world.database, tables.users, world.carl.id, active=True)
    await request.send()
    await set_roles(world, world.carl, Role.CONTRIBUTOR)
    await request.send()
    version = (await world.cancel(case.id)).case.version
    await request.send()
    await request.send(reviewerIds=[str(world.rosa.id)])
    await request.send(expectedVersion=version)
    await request.send(requestedStatus="FAVORABLE")

    assert request.reported == [
        ["UNAUTHENTICATED"],
        ["FEATURE_DISABLED"],
        ["FEATURE_DISABLED"],
        ["INSUFFICIENT_SCOPE"],
        ["INVALID_ID", "REQUIRED"],
        ["IDEMPOTENCY_KEY_REUSED"],
        ["NOT_FOUND"],
        ["USER_INACTIVE"],
        ["ROLE_REQUIRED"],
        ["OVERRIDE_ALREADY_ACTIVE"],
        ["INVALID_REVIEWER"],
        ["VERSION_CONFLICT"],
        ["OVERRIDE_NO_CHANGE"],
        [],
    ]


async def test_a_decision_with_everything_wrong_is_refused_in_order(world: World, api: Api) -> None:
    await set_account(world, restrict_to_assigned_reviewers=True)
    case = (await world.open_case()).case
    refused = (await world.request_override(case.id, world.bea)).override
    await world.refuse(case.id)
    other_case = await world.case_in(CaseStatus.PENDING_REVIEW)
    assert refused is not None and other_case.override is not None
    wrong = {"caseId": str(case.id), "overrideId": str(other_case.override.id), "expectedVersion": 99}
    request = Request(api, "acceptOverride", wrong, world.carl.token)

    await request.send()
    request.token = world.bea.token
    await request.send()
    await request.send(overrideId=str(refused.id))
    request.token = world.rolf.token
    await request.send()
    request.token = world.rosa.token
    await request.send()
    pending = await world.request_override(case.id, world.bea)
    await set_subject(world, case.subject_id, EvaluationStatus.ANOMALY)
    await request.send()
    assert pending.override is not None
    await request.send(overrideId=str(pending.override.id))
    await request.send(expectedVersion=pending.case.version)
    await set_subject(world, case.subject_id, EvaluationStatus.UNFAVORABLE)
    await request.send()

    assert request.reported == [
        ["ROLE_REQUIRED"],
        ["NO_PENDING_OVERRIDE"],  # before what there is not
        ["SELF_REVIEW_FORBIDDEN"],
        ["NOT_ASSIGNED_REVIEWER"],
        ["OVERRIDE_NOT_PENDING"],
        ["OVERRIDE_NOT_PENDING"],
        ["VERSION_CONFLICT"],
        ["SUBJECT_CHANGED"],
        [],
    ]


async def test_a_cancellation_checks_the_permission_before_the_state(world: World, api: Api) -> None:
    case = (await world.case_in(CaseStatus.OPEN)).case
    refused = (await world.request_override(case.id)).override
    await world.refuse(case.id)
    assert refused is not None
    request = Request(api, "cancelOverride", {"caseId": str(case.id), "overrideId": str(refused.id)}, world.bea.token)
    request.input["expectedVersion"] = 99

    await request.send()
    request.token = world.ada.token
    await request.send()
    version = (await world.request_override(case.id)).case.version
    await request.send()
    await request.send(overrideId=None)
    await set_roles(world, world.ada, Role.ADMIN)
    await request.send(expectedVersion=version)

    assert request.reported == [
        ["NOT_OVERRIDE_CREATOR"],
        ["OVERRIDE_NOT_PENDING"],
        ["OVERRIDE_NOT_PENDING"],
        ["VERSION_CONFLICT"],
        [],
    ]


async def test_an_opening_with_everything_wrong_is_refused_in_order(world: World, api: Api) -> None:
    case = (await world.open_case()).case
    reference = (await contents(world.database))["subjects"][(case.subject_id,)]["external_ref"]
    subject = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": reference, "label": "x", "evaluationStatus": "FAVORABLE"}
    request = Request(api, "openCase", {"subject": subject, "title": "", "expectedVersion": 99}, world.aldo.token)

    await request.send()
    await request.send(title="A changed IBAN")
    request.token = world.bea.token
    await request.send()
    await world.do(world.ada, CloseCase(case_id=case.id))
    await request.send()
    await request.send(expectedVersion=1)
    await request.send(subject=subject | {"evaluationStatus": "ANOMALY"})

    assert request.reported == [
        ["REQUIRED"],
        ["ROLE_REQUIRED"],
        ["ACTIVE_CASE_EXISTS"],
        ["VERSION_CONFLICT"],
        ["SUBJECT_CHANGED"],
        [],
    ]


async def test_a_replay_gives_the_first_answer_whatever_changed_since(world: World, api: Api) -> None:
    case = (await world.open_case()).case
    requested = {"caseId": str(case.id), "body": "Noted.", "expectedVersion": 1, "idempotencyKey": "key"}
    request = Request(api, "addComment", requested, world.carl.token)
    await request.send()
    await world.do(world.ada, CloseCase(case_id=case.id))
    await set_by_hand(world.database, tables.users, world.carl.id, active=False)
    await set_roles(world, world.carl, Role.ADMIN)
    before = await contents(world.database)

    again = await api.act(world.carl.token, "addComment", requested, "case { status } action { seq } comment { body }")

    assert again["errors"] == []
    assert again["case"] == {"status": "CLOSED"}
    assert (again["action"], again["comment"]) == ({"seq": 2}, {"body": "Noted."})
    assert await contents(world.database) == before
    await set_account(world, cases_enabled=False)
    await request.send()
    await request.send(idempotencyKey="another")
    assert request.reported == [[], ["FEATURE_DISABLED"], ["FEATURE_DISABLED"]]


async def test_the_status_of_a_case_is_hidden_from_those_who_may_not_act_on_it(world: World, api: Api) -> None:
    inputs: dict[str, dict[str, Any]] = {
        "addComment": {"body": "x"},
        "closeCase": {},
        "acceptOverride": {"overrideId": str(uuid4())},
        "requestOverride": {"requestedStatus": "FAVORABLE", "reviewerIds": [str(world.rosa.id)], "reason": "x"},
    }
    answers = set()
    for status in CaseStatus:
        case = (await world.case_in(status)).case
        for mutation, more in inputs.items():
            input = {"caseId": str(case.id), "expectedVersion": 99} | more
            payload = await api.act(world.aldo.token, mutation, input, "case { id }")
            answers.add((mutation, str(payload)))

    assert len(answers) == 4
    assert all("ROLE_REQUIRED" in payload for _, payload in answers)
