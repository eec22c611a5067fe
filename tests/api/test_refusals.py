"""Every refusal, provoked through HTTP: its code, type and argument, its words in both languages, and nothing written.

Which of several at once answers is in test_order_of_checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from app.admin import accounts
from app.db import tables
from app.domain.checklist import checklist_text
from app.domain.commands import AddComment
from app.domain.errors import ErrorCode
from app.domain.facts import ChecklistStep
from app.domain.model import ActionType, CaseStatus, EvaluationStatus, Role, Scope
from tests.support.api import Api
from tests.support.database_contents import contents, set_by_hand, without
from tests.support.world import World, make_person, make_world, person_of

# Codes of DOMAIN.md's section 6 that are provoked where what they are about is tested.
ELSEWHERE = {
    "RATE_LIMITED",
    "BAD_REQUEST",
    "GRAPHQL_INVALID",
    "BAD_USER_INPUT",
    "QUERY_TOO_COMPLEX",
    "OVERLOADED",
    "DEADLINE_EXCEEDED",
    "DOCUMENT_NOT_TRUSTED",
    "PERSISTED_QUERY_NOT_FOUND",
    "PERSISTED_QUERY_NOT_SUPPORTED",
    "PERSISTED_QUERY_MISMATCH",
    "IDENTITY_UNAVAILABLE",
    "UNAVAILABLE",
    "STREAM_LIMIT",
    "STREAM_TOO_SLOW",
    "DOCUMENT_UNAVAILABLE",
    "TOO_MANY_DOCUMENTS",
    "DOCUMENT_TOO_LARGE",
    "DOCUMENT_EMPTY",
    "DOCUMENT_TYPE_UNSUPPORTED",
    "LAST_ADMIN",
    "OWN_ACCOUNT",
    "SECOND_ADMIN_REQUIRED",
    "CHANGE_NOT_PENDING",
    "CHANGE_ALREADY_PENDING",
    "EMAIL_TAKEN",
    "PERSON_REQUIRED",
    "SERVICE_ACCOUNT_REQUIRED",
    "REVIEWER_TOO_RECENT",
    "LEGAL_HOLD",
    "NOT_ATTEMPTED",
    "ERASED",
}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
TOO_LONG = "x" * 10_001

# Of each code: how it is told, and the argument that it is about.
REPORTED = """
UNAUTHENTICATED          401                   -
TOKEN_EXPIRED            401                   -
FEATURE_DISABLED         AccessError           -
INSUFFICIENT_SCOPE       AccessError           -
USER_INACTIVE            AccessError           -
ROLE_REQUIRED            AccessError           -
SELF_REVIEW_FORBIDDEN    AccessError           input.overrideId
NOT_ASSIGNED_REVIEWER    AccessError           input.overrideId
NOT_OVERRIDE_CREATOR     AccessError           input.overrideId
NOT_FOUND                NotFoundError         input.caseId
CASE_CLOSED              StateError            input.caseId
ACTIVE_CASE_EXISTS       StateError            input.subject
OVERRIDE_PENDING         StateError            input.caseId
OVERRIDE_ALREADY_ACTIVE  StateError            input.caseId
NO_PENDING_OVERRIDE      StateError            input.caseId
OVERRIDE_NOT_PENDING     StateError            input.overrideId
OVERRIDE_EXPIRED         StateError            input.overrideId
REVIEWERS_AVAILABLE      StateError            input.overrideId
SUBJECT_CHANGED          StateError            input.overrideId
CHECKLIST_OPEN           StateError            input.caseId
SUBJECT_NOT_OVERRIDABLE  StateError            input.caseId
OVERRIDE_NO_CHANGE       StateError            input.requestedStatus
VERSION_CONFLICT         VersionConflictError  input.expectedVersion
IDEMPOTENCY_KEY_REUSED   InputError            input.idempotencyKey
REQUIRED                 InputError            input.body
INVALID_ID               InputError            input.caseId
INVALID_INPUT            InputError            input.idempotencyKey
TOO_LONG                 InputError            input.body
REVIEWER_REQUIRED        InputError            input.reviewerIds
TOO_MANY_REVIEWERS       InputError            input.reviewerIds
CREATOR_CANNOT_REVIEW    InputError            input.reviewerIds.0
SELF_ASSIGNMENT_FORBIDDEN  InputError          input.reviewerIds.0
INVALID_REVIEWER         InputError            input.reviewerIds.0
INVALID_ASSIGNEE         InputError            input.assigneeId
INVALID_STEP             InputError            input.step
INVALID_CURSOR           error                 after
INTERNAL_ERROR           error                 -
"""

# The messages that name something.
NAMING = {
    "FEATURE_DISABLED": (
        "The feature “overrides” is not enabled for your account.",
        "La fonctionnalité « dérogations » n’est pas activée pour votre compte.",
    ),
    "INSUFFICIENT_SCOPE": (
        "The access token lacks the scope cases_write.",
        "Il manque au jeton d’accès la portée cases_write.",
    ),
    "ROLE_REQUIRED": (
        "Only a contributor or reviewer may do this.",
        "Seul un contributeur ou valideur peut faire cela.",
    ),
    "NOT_FOUND": ("There is no such case.", "Introuvable : dossier."),
    "OVERRIDE_NOT_PENDING": ("This override is refused already.", "Cette dérogation est déjà refusée."),
    "SUBJECT_NOT_OVERRIDABLE": (
        "The subject's result is unevaluated: there is nothing to override.",
        "Le résultat du sujet est non évalué : aucune dérogation n’est possible.",
    ),
    "VERSION_CONFLICT": (
        "Somebody was faster: version 7 was expected, it is 1 now.",
        "Quelqu’un a été plus rapide : la version 7 était attendue, c’est maintenant la 1.",
    ),
    "TOO_LONG": ("This can be 10000 characters at most.", "10000 caractères au plus."),
    "TOO_MANY_REVIEWERS": ("Name 10 reviewers at most.", "Indiquez 10 valideurs au plus."),
    "INVALID_REVIEWER": (
        f"The user {UNKNOWN} can't be asked to review.",
        f"L’utilisateur {UNKNOWN} ne peut pas être sollicité comme valideur.",
    ),
    "CHECKLIST_OPEN": (
        "Steps of the checklist are open: Call back.",
        "Des étapes de la liste de contrôle restent à faire : Rappel.",
    ),
    "INVALID_ASSIGNEE": (
        f"The user {UNKNOWN} can't be made a case's owner.",
        f"L’utilisateur {UNKNOWN} ne peut pas être chargé d’un dossier.",
    ),
    "INTERNAL_ERROR": (
        "Something went wrong on our side. Please quote this-one when you ask for help.",
        "Une erreur est survenue de notre côté. Merci de citer this-one si vous demandez de l’aide.",
    ),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """Cases in every state and people of every kind, so that each refusal is one request away."""

    api: Api
    world: World
    opened: str
    closed: str
    pending: str
    unevaluated: str
    refused_override: str
    reopened: str
    restricted: World
    unchecked: str
    decisions: Mapping[str, dict[str, Any]]
    featureless: World
    revoked: str
    expired: str
    reader: str
    inactive: str

    def requests(self) -> Mapping[str, tuple[str | None, str, dict[str, Any]]]:
        """Return for each code who sends what."""
        world, token = self.world, self.world.ada.token
        comment = {"caseId": self.opened, "body": "Noted."}
        request = {"caseId": self.opened, "requestedStatus": "FAVORABLE", "reviewerIds": [UNKNOWN], "reason": "Sure."}
        subject = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "check-1", "label": "Moulins"}
        return {
            "UNAUTHENTICATED": (self.revoked, "addComment", comment),
            "TOKEN_EXPIRED": (self.expired, "addComment", comment),
            "FEATURE_DISABLED": (self.featureless.ada.token, "requestOverride", request),
            "INSUFFICIENT_SCOPE": (self.reader, "addComment", comment),
            "USER_INACTIVE": (self.inactive, "addComment", comment),
            "ROLE_REQUIRED": (world.aldo.token, "addComment", comment),
            "SELF_REVIEW_FORBIDDEN": (world.bea.token, "acceptOverride", self.decisions["pending"]),
            "NOT_ASSIGNED_REVIEWER": (self.restricted.rolf.token, "refuseOverride", self.decisions["restricted"]),
            "NOT_OVERRIDE_CREATOR": (token, "cancelOverride", {"caseId": self.pending}),
            "NOT_FOUND": (token, "addComment", comment | {"caseId": UNKNOWN}),
            "CASE_CLOSED": (token, "addComment", comment | {"caseId": self.closed}),
            "ACTIVE_CASE_EXISTS": (token, "openCase", {"subject": subject, "title": "Again"}),
            "OVERRIDE_PENDING": (token, "closeCase", {"caseId": self.pending}),
            "OVERRIDE_ALREADY_ACTIVE": (token, "requestOverride", request | {"caseId": self.pending}),
            "NO_PENDING_OVERRIDE": (token, "cancelOverride", {"caseId": self.opened}),
            "OVERRIDE_NOT_PENDING": (
                world.rosa.token,
                "acceptOverride",
                {"caseId": self.reopened, "overrideId": self.refused_override, "expectedVersion": 3},
            ),
            "OVERRIDE_EXPIRED": (world.rosa.token, "refuseOverride", self.decisions["expired"]),
            "REVIEWERS_AVAILABLE": (
                token,
                "reassignReviewers",
                self.decisions["pending"] | {"reviewerIds": [UNKNOWN]},
            ),
            "SELF_ASSIGNMENT_FORBIDDEN": (
                self.restricted.bea.token,
                "reassignReviewers",
                self.decisions["restricted"] | {"reviewerIds": [str(self.restricted.bea.id)]},
            ),
            "SUBJECT_CHANGED": (world.rosa.token, "acceptOverride", self.decisions["changed"]),
            "SUBJECT_NOT_OVERRIDABLE": (
                token,
                "requestOverride",
                request | {"caseId": self.unevaluated, "reviewerIds": [str(world.rosa.id)]},
            ),
            "OVERRIDE_NO_CHANGE": (
                token,
                "requestOverride",
                request | {"requestedStatus": "UNFAVORABLE", "reviewerIds": [str(world.rosa.id)]},
            ),
            "VERSION_CONFLICT": (token, "addComment", comment | {"expectedVersion": 7}),
            "IDEMPOTENCY_KEY_REUSED": (token, "addComment", comment | {"idempotencyKey": "used"}),
            "REQUIRED": (token, "addComment", comment | {"body": " \n "}),
            "INVALID_ID": (token, "addComment", comment | {"caseId": "CASE-000001"}),
            "INVALID_INPUT": (token, "addComment", comment | {"idempotencyKey": "a key"}),
            "TOO_LONG": (token, "addComment", comment | {"body": TOO_LONG}),
            "REVIEWER_REQUIRED": (token, "requestOverride", request | {"reviewerIds": []}),
            "TOO_MANY_REVIEWERS": (
                token,
                "requestOverride",
                request | {"reviewerIds": [str(uuid4()) for _ in range(11)]},
            ),
            "CREATOR_CANNOT_REVIEW": (token, "requestOverride", request | {"reviewerIds": [str(world.ada.id)]}),
            "INVALID_REVIEWER": (token, "requestOverride", request),
            "INVALID_ASSIGNEE": (token, "assignCase", {"caseId": self.opened, "assigneeId": UNKNOWN}),
            "INVALID_STEP": (
                token,
                "recordStep",
                {"caseId": self.opened, "step": "TEA", "state": "DONE", "comment": "."},
            ),
            "CHECKLIST_OPEN": (self.restricted.ada.token, "closeCase", {"caseId": self.unchecked}),
        }

    async def provoke(self, code: str, language: str, **more: Any) -> httpx2.Response:
        """Send what *code* is the answer to, with *more* in a mutation's input."""
        headers = {"accept_language": language, "x_request_id": "this-one"}
        if code == "INVALID_CURSOR":
            query = '{ cases(after: "nonsense") { nodes { id } } }'
            return await self.api.send(self.world.ada.token, query, None, **headers)
        if code == "INTERNAL_ERROR":
            async with without(self.world.database, "subjects"):
                query = "{ cases(first: 1) { nodes { subject { id } } } }"
                return await self.api.send(self.world.ada.token, query, None, **headers)
        token, mutation, input = self.requests()[code]
        document = (
            f"mutation($input: {mutation[0].upper()}{mutation[1:]}Input!) {{ {mutation}(input: $input)"
            " { case { id } action { id } errors { __typename code message path } } }"
        )
        return await self.api.send(token, document, {"input": input | more}, **headers)


async def tokens_that_are_refused(world: World) -> dict[str, str]:
    database = world.database
    revoked, expired = (
        await person_of(database, world.ada.id, *Scope),
        await person_of(database, world.ada.id, *Scope),
    )
    await accounts.revoke_token(database, revoked.actor.token_id)
    await set_by_hand(database, tables.api_tokens, expired.actor.token_id, expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    reader = await person_of(database, world.ada.id, Scope.CASES_READ, Scope.USERS_READ, Scope.DOCUMENTS_WRITE)
    inactive = await make_person(database, world.account_id, "Ines", Role.CONTRIBUTOR)
    await set_by_hand(database, tables.users, inactive.id, active=False)
    return {"revoked": revoked.token, "expired": expired.token, "reader": reader.token, "inactive": inactive.token}


@pytest.fixture
async def scene(world: World, api: Api) -> Scene:
    steps = checklist_text([ChecklistStep("CALL_BACK", "Call back", "Rappel", frozenset({ActionType.CLOSE}))])
    restricted = await make_world(world.database, restrict_to_assigned_reviewers=True, checklist=steps)
    opened, closed = await world.open_case(), await world.case_in(CaseStatus.CLOSED)
    pending, changed, reopened, expired = [(await world.open_case()).case for _ in range(4)]
    for case in (pending, changed, reopened, expired):
        await world.request_override(case.id, world.bea)
    refused = (await world.refuse(reopened.id)).override
    assert refused is not None
    await world.request_override(reopened.id, world.bea)
    await world.do(world.ada, AddComment(case_id=pending.id, comment="Once.", idempotency_key="used"))
    for subject_id, values in (
        (opened.case.subject_id, {"external_ref": "check-1", "external_key": "check-1"}),
        (changed.subject_id, {"evaluation_status": EvaluationStatus.ANOMALY}),
    ):
        await set_by_hand(world.database, tables.subjects, subject_id, **values)
    late = await world.decision(expired.id)
    await set_by_hand(
        world.database, tables.overrides, UUID(late["overrideId"]), expires_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    waiting = (await restricted.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await set_by_hand(world.database, tables.users, restricted.rosa.id, active=False)
    return Scene(
        api=api,
        world=world,
        opened=str(opened.case.id),
        closed=str(closed.case.id),
        pending=str(pending.id),
        unevaluated=str((await world.open_case(status=EvaluationStatus.UNEVALUATED)).case.id),
        refused_override=str(refused.id),
        reopened=str(reopened.id),
        restricted=restricted,
        unchecked=str((await restricted.open_case()).case.id),
        decisions={
            "pending": await world.decision(pending.id),
            "changed": await world.decision(changed.id),
            "expired": await world.decision(expired.id),
            "restricted": await restricted.decision(waiting),
        },
        featureless=await make_world(world.database, overrides=False),
        **await tokens_that_are_refused(world),
    )


def refusal_in(answer: httpx2.Response) -> dict[str, Any]:
    """Return the one refusal that *answer* tells, whichever way it is told: code, kind, path and message."""
    body = answer.json()
    if "errors" in body:
        (error,) = body["errors"]
        extensions = error["extensions"]
        kind = "error" if answer.status_code == 200 else str(answer.status_code)
        reported = {"code": extensions["code"], "message": error["message"], "path": extensions.get("argument", [])}
        return {"__typename": kind, **reported}
    (payload,) = body["data"].values()
    assert (payload["case"], payload["action"]) == (None, None)
    refusal: dict[str, Any]
    (refusal,) = payload["errors"]
    return refusal


async def test_every_refusal_has_its_code_type_and_path_in_both_languages_and_writes_nothing(scene: Scene) -> None:
    expected = {line.split()[0]: line.split() for line in REPORTED.strip().splitlines()}
    before = await contents(scene.world.database)
    messages: dict[str, tuple[str, str]] = {}

    for code in expected:
        answers = [await scene.provoke(code, language) for language in ("en", "fr")]
        english, french = (refusal_in(answer) for answer in answers)
        assert [english["code"], english["__typename"], ".".join(english["path"]) or "-"] == expected[code]
        assert refusal_in(await scene.provoke(code, "en", dryRun=True)) == english, code
        assert french == english | {"message": french["message"]}, code
        assert [answer.headers["content-language"] for answer in answers] == ["en", "fr"]
        messages[code] = (english["message"], french["message"])

    assert await contents(scene.world.database) == before
    assert messages == messages | NAMING
    for code, (english_message, french_message) in messages.items():
        assert english_message != french_message, code
        assert not {"{", "}"} & {*english_message, *french_message}, code


def test_no_code_is_left_out() -> None:
    provoked = {line.split()[0] for line in REPORTED.strip().splitlines()}

    assert provoked == set(ErrorCode) - ELSEWHERE
    assert not provoked & ELSEWHERE
