"""The eight mutations through HTTP: what each payload shows when something was done, and when it was refused.

Every code is provoked in test_refusals; shapes are tested to the character in test_inputs.
"""

from typing import Any

from app.domain.commands import AddComment
from app.domain.model import CaseStatus, Scope
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.world import World, make_world, person_of

SUBJECT = {
    "type": "COMPANY_ACCOUNT_CHECK",
    "externalRef": " check-1 ",
    "label": "Moulins Réunis",
    "countryCode": "FR",
    "evaluationStatus": "UNFAVORABLE",
}
CASE = """case { reference title description status resolution version actionCount createdBy { displayName }
    closedBy { displayName } subject { externalRef label countryCode evaluationStatus version }
    activeOverride { status } overrides { nodes { status } } actions(first: 1) { nodes { seq } } }"""
ACTION = """action { seq type statusBefore statusAfter resolution user { displayName } comment { body }
    override { requestedStatus } case { version } }"""
COMMENT = "comment { body author { displayName } }"
OVERRIDE = """override { status requestedStatus subjectStatusAtRequest version createdBy { displayName }
    assignedReviewers { displayName } decidedBy { displayName } case { status } subject { evaluationStatus } }"""


def named(name: str | None) -> dict[str, str] | None:
    return None if name is None else {"displayName": name}


def case_of(status: str, version: int, *overrides: str, **changes: Any) -> dict[str, Any]:
    """Return the case as a payload must show it."""
    pending = [{"status": override} for override in overrides if override == "PENDING"]
    subject = SUBJECT | {"externalRef": "check-1", "version": 1, **changes.pop("subject", {})}
    del subject["type"]
    return {
        "reference": "CASE-000001",
        "title": "A changed IBAN",
        "description": None,
        "status": status,
        "resolution": None,
        "version": version,
        "actionCount": version,
        "createdBy": named("Ada"),
        "closedBy": None,
        "subject": subject,
        "activeOverride": pending[0] if pending else None,
        "overrides": {"nodes": [{"status": override} for override in overrides]},
        "actions": {"nodes": [{"seq": version}]},
    } | changes


def action_of(seq: int, type: str, user: str, before: str | None, after: str, **changes: Any) -> dict[str, Any]:
    """Return the log's row as a payload must show it."""
    return {
        "seq": seq,
        "type": type,
        "statusBefore": before,
        "statusAfter": after,
        "resolution": None,
        "user": named(user),
        "comment": None,
        "override": None,
        "case": {"version": seq},
    } | changes


def override_of(status: str, case: str, decider: str | None = None, subject: str = "UNFAVORABLE") -> dict[str, Any]:
    """Return the override as a payload must show it."""
    return {
        "status": status,
        "requestedStatus": "FAVORABLE",
        "subjectStatusAtRequest": "UNFAVORABLE",
        "version": 1 if status == "PENDING" else 2,
        "createdBy": named("Ada"),
        "assignedReviewers": [named("Rolf"), named("Rosa")],
        "decidedBy": named(decider),
        "case": {"status": case},
        "subject": {"evaluationStatus": subject},
    }


async def test_each_payload_shows_what_was_made(world: World, api: Api) -> None:
    case: dict[str, Any] = {}
    request: dict[str, Any] = {
        "requestedStatus": "FAVORABLE",
        "reviewerIds": [str(world.rolf.id), str(world.rosa.id)],
        "reason": "Sure.",
    }
    favorable = {"override": {"requestedStatus": "FAVORABLE"}}

    async def act(name: str, mutation: str, selection: str = f"{COMMENT} {OVERRIDE}", **input: Any) -> Any:
        token = getattr(world, name).token
        if mutation in ("acceptOverride", "refuseOverride"):
            input = await world.decision(case["caseId"], **input)
        return await api.act(token, mutation, case | input, f"{CASE} {ACTION} {selection}")

    opened = await act("ada", "openCase", "", subject=SUBJECT, title="A changed IBAN\n", description="  ")
    assert opened == {
        "errors": [],
        "case": case_of("OPEN", 1),
        "action": action_of(1, "OPEN", "Ada", None, "OPEN"),
    }
    ((case_id,),) = (await contents(world.database))["cases"]
    case = {"caseId": str(case_id)}

    assert await act("carl", "addComment", COMMENT, body="\n I called. ") == {
        "errors": [],
        "case": case_of("IN_PROGRESS", 2),
        "action": action_of(2, "COMMENT", "Carl", "OPEN", "IN_PROGRESS", comment={"body": "I called."}),
        "comment": {"body": "I called.", "author": named("Carl")},
    }
    assert await act("ada", "requestOverride", **request) == {
        "errors": [],
        "case": case_of("PENDING_REVIEW", 3, "PENDING"),
        "action": action_of(
            3, "REQUEST_OVERRIDE", "Ada", "IN_PROGRESS", "PENDING_REVIEW", comment={"body": "Sure."}, **favorable
        ),
        "comment": {"body": "Sure.", "author": named("Ada")},
        "override": override_of("PENDING", "PENDING_REVIEW"),
    }
    assert await act("rosa", "refuseOverride", comment="No.") == {
        "errors": [],
        "case": case_of("IN_PROGRESS", 4, "REFUSED"),
        "action": action_of(4, "REFUSE", "Rosa", "PENDING_REVIEW", "IN_PROGRESS", comment={"body": "No."}, **favorable),
        "comment": {"body": "No.", "author": named("Rosa")},
        "override": override_of("REFUSED", "IN_PROGRESS", "Rosa"),
    }
    await act("ada", "requestOverride", **request)
    assert await act("ada", "cancelOverride", comment=" ") == {
        "errors": [],
        "case": case_of("IN_PROGRESS", 6, "CANCELLED", "REFUSED"),
        "action": action_of(6, "CANCEL", "Ada", "PENDING_REVIEW", "IN_PROGRESS", **favorable),
        "comment": None,
        "override": override_of("CANCELLED", "IN_PROGRESS"),
    }
    await act("ada", "requestOverride", **request)
    ended, result = ["ACCEPTED", "CANCELLED", "REFUSED"], {"evaluationStatus": "FAVORABLE", "version": 2}
    assert await act("rolf", "acceptOverride") == {
        "errors": [],
        "case": case_of("RESOLVED", 8, *ended, subject=result),
        "action": action_of(8, "ACCEPT", "Rolf", "PENDING_REVIEW", "RESOLVED", **favorable),
        "comment": None,
        "override": override_of("ACCEPTED", "RESOLVED", "Rolf", "FAVORABLE"),
    }
    resolution = {"resolution": "OVERRIDE_APPLIED"}
    assert await act("carl", "closeCase", COMMENT) == {
        "errors": [],
        "case": case_of("CLOSED", 9, *ended, subject=result, closedBy=named("Carl"), **resolution),
        "action": action_of(9, "CLOSE", "Carl", "RESOLVED", "CLOSED", **resolution),
        "comment": None,
    }


async def test_the_actions_of_one_document_are_done_in_order_each_for_itself(world: World, api: Api) -> None:
    first, second = [(await world.open_case()).case.id for _ in range(2)]
    document = f"""mutation {{
        a: addComment(input: {{caseId: "{first}", body: "One."}}) {{ case {{ version }} errors {{ code }} }}
        b: closeCase(input: {{caseId: "{first}"}}) {{ case {{ version status }} errors {{ code }} }}
        c: addComment(input: {{caseId: "{first}", body: "Two."}}) {{ case {{ version }} errors {{ code }} }}
        d: addComment(input: {{caseId: "{second}", body: "Three."}}) {{ case {{ version }} errors {{ code }} }} }}"""

    data = await api.run(world.ada.token, document)

    assert data == {
        "a": {"case": {"version": 2}, "errors": []},
        "b": {"case": {"version": 3, "status": "CLOSED"}, "errors": []},
        "c": {"case": None, "errors": [{"code": "CASE_CLOSED"}]},
        "d": {"case": {"version": 2}, "errors": []},
    }


# --- Refused ---------------------------------------------------------------------------------------------------------


async def test_a_version_conflict_has_both_versions_and_the_actions_between_them(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    for person, words in ((world.carl, "First."), (world.rosa, "Second.")):
        await world.do(person, AddComment(case_id=case_id, comment=words))
    more = """errors { ... on VersionConflictError { expectedVersion actualVersion
        actionsSince { seq user { displayName } comment { body } } } }"""

    for expected, since in ((2, ["Second."]), (1, ["First.", "Second."]), (9, [])):
        input = {"caseId": str(case_id), "body": "Mine.", "expectedVersion": expected}
        (error,) = (await api.act(world.ada.token, "addComment", input, more))["errors"]
        assert (error["__typename"], error["code"]) == ("VersionConflictError", "VERSION_CONFLICT")
        assert (error["expectedVersion"], error["actualVersion"]) == (expected, 3)
        assert [action["comment"]["body"] for action in error["actionsSince"]] == since
        assert [action["seq"] for action in error["actionsSince"]] == list(range(expected + 1, 4))


async def test_a_state_error_has_the_status_and_the_allowed_actions(world: World, api: Api) -> None:
    more = "errors { ... on StateError { caseStatus allowedActions case { id version } } }"
    requests: dict[CaseStatus, tuple[str, str, list[str]]] = {
        CaseStatus.OPEN: ("cancelOverride", "NO_PENDING_OVERRIDE", ["COMMENT", "REQUEST_OVERRIDE", "CLOSE"]),
        CaseStatus.IN_PROGRESS: ("cancelOverride", "NO_PENDING_OVERRIDE", ["COMMENT", "REQUEST_OVERRIDE", "CLOSE"]),
        CaseStatus.PENDING_REVIEW: (
            "closeCase",
            "OVERRIDE_PENDING",
            ["COMMENT", "ACCEPT", "REFUSE", "CANCEL", "REASSIGN"],
        ),
        CaseStatus.RESOLVED: ("acceptOverride", "OVERRIDE_NOT_PENDING", ["COMMENT", "REQUEST_OVERRIDE", "CLOSE"]),
        CaseStatus.CLOSED: ("closeCase", "CASE_CLOSED", []),
    }

    for status, (mutation, code, allowed) in requests.items():
        case = (await world.case_in(status)).case
        input = await world.decision(case.id) if mutation == "acceptOverride" else {"caseId": str(case.id)}
        (error,) = (await api.act(world.rosa.token, mutation, input, more))["errors"]
        assert (error["__typename"], error["code"], error["caseStatus"]) == ("StateError", code, status)
        assert error["allowedActions"] == [
            *allowed,
            "REDACT",
            "HOLD",
            *(["ASSIGN", "SET_DUE_DATE", "RECORD_STEP"] if "COMMENT" in allowed else []),
        ]
        assert error["case"] == {"id": str(case.id), "version": case.version}


async def test_a_second_case_on_a_subject_is_refused_with_the_one_that_stands_in_the_way(
    world: World, api: Api
) -> None:
    opening = {"subject": SUBJECT, "title": "A changed IBAN"}
    opened = await api.act(world.ada.token, "openCase", opening, "case { id }")
    more = "errors { ... on StateError { caseStatus allowedActions case { id } } }"

    (error,) = (await api.act(world.carl.token, "openCase", opening, more))["errors"]

    assert (error["code"], error["caseStatus"]) == ("ACTIVE_CASE_EXISTS", "OPEN")
    allowed = ["COMMENT", "REQUEST_OVERRIDE", "CLOSE", "REDACT", "HOLD", "ASSIGN", "SET_DUE_DATE", "RECORD_STEP"]
    assert (error["case"], error["allowedActions"]) == (opened["case"], allowed)


async def test_other_errors_say_what_is_missing_or_too_much(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    comment = {"caseId": case_id, "body": "Noted."}
    featureless = await make_world(world.database, cases=False)
    reader = await person_of(world.database, world.ada.id, Scope.CASES_READ)
    access = "errors { ... on AccessError { requiredRoles requiredScope disabledFeature } }"
    access_none: dict[str, Any] = {"requiredRoles": [], "requiredScope": None, "disabledFeature": None}

    async def refused(token: str, mutation: str, input: dict[str, Any], selection: str) -> dict[str, Any]:
        (error,) = (await api.act(token, mutation, input, selection))["errors"]
        return {name: value for name, value in error.items() if name not in ("message", "path", "__typename")}

    for token, code, reported in (
        (world.aldo.token, "ROLE_REQUIRED", {"requiredRoles": ["CONTRIBUTOR", "REVIEWER"]}),
        (reader.token, "INSUFFICIENT_SCOPE", {"requiredScope": "CASES_WRITE"}),
        (featureless.ada.token, "FEATURE_DISABLED", {"disabledFeature": "CASES"}),
    ):
        assert await refused(token, "addComment", comment, access) == {"code": code, **access_none, **reported}
    waiting = str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id)
    absent = {"caseId": waiting, "overrideId": case_id, "expectedVersion": 1}
    resource = "errors { ... on NotFoundError { resource } }"
    assert await refused(world.rosa.token, "acceptOverride", absent, resource) == {
        "code": "NOT_FOUND",
        "resource": "OVERRIDE",
    }
    maximum = "errors { ... on InputError { maximum } }"
    too_long = comment | {"body": "x" * 10_001}
    assert await refused(world.ada.token, "addComment", too_long, maximum) == {"code": "TOO_LONG", "maximum": 10_000}


# All that can be wrong with the shape of each input, and the codes in the order of the fields.
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "openCase": (
        {
            "subject": {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "", "label": "x" * 201, "countryCode": "fr"},
            "title": " ",
            "description": "x" * 10_001,
        },
        [
            "subject.externalRef REQUIRED",
            "subject.label TOO_LONG",
            "subject.countryCode INVALID_INPUT",
            "title REQUIRED",
            "description TOO_LONG",
        ],
    ),
    "addComment": ({"caseId": "x", "body": "a\x00b"}, ["caseId INVALID_ID", "body INVALID_INPUT"]),
    "requestOverride": (
        {"caseId": "", "requestedStatus": "FAVORABLE", "reviewerIds": ["x", "y"], "reason": "\n"},
        ["caseId INVALID_ID", "reviewerIds.0 INVALID_ID", "reviewerIds.1 INVALID_ID", "reason REQUIRED"],
    ),
    **{
        mutation: (
            {"caseId": "x", "overrideId": "y", "comment": "x" * 10_001},
            ["caseId INVALID_ID", "overrideId INVALID_ID", "comment TOO_LONG"],
        )
        for mutation in ("acceptOverride", "refuseOverride", "cancelOverride")
    },
    "closeCase": ({"caseId": "x", "comment": "\x00"}, ["caseId INVALID_ID", "comment INVALID_INPUT"]),
}


async def test_all_validation_errors_of_an_input_come_together(world: World, api: Api) -> None:
    reported = {}
    for mutation, (wrong, _) in WRONG.items():
        payload = await api.act(
            world.bea.token, mutation, wrong | {"expectedVersion": -1, "idempotencyKey": ""}, "case { id }"
        )
        assert payload["case"] is None and {error["__typename"] for error in payload["errors"]} == {"InputError"}
        reported[mutation] = [f"{'.'.join(error['path'])} {error['code']}" for error in payload["errors"]]

    common = ["expectedVersion INVALID_INPUT", "idempotencyKey INVALID_INPUT"]
    assert reported == {
        mutation: [f"input.{line}" for line in [*common, *lines]] for mutation, (_, lines) in WRONG.items()
    }
