"""A token that may act and not read is shown the action that it made, and nothing else: really, again, or supposed."""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from app.api.write_only import SHARED, SHOWN
from app.domain.commands import AddComment
from app.domain.model import CaseStatus, Scope
from tests.support.api import Api
from tests.support.documents import uploaded
from tests.support.schema import SCHEMA
from tests.support.schema import fields as all_fields
from tests.support.world import Person, World, person_of

SUBJECT = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "check-1", "label": "Moulins", "evaluationStatus": "ANOMALY"}

TOGETHER = 20
"""How many paths one document has: to compare the fields of many more is given up."""


@dataclass(frozen=True, slots=True)
class Path:
    """A way from a payload to a field, through fields that are shown; whether the field is shown itself."""

    names: tuple[str, ...]
    is_shown: bool
    is_leaf: bool
    is_nullable: bool
    type: str

    @property
    def selection(self) -> str:
        inside = "" if self.is_leaf else "{ __typename }"
        for name in reversed(self.names):
            inside = f"{name} {inside}".strip()
            inside = f"{{ {inside} }}"
        return inside[1:-1]

    @property
    def group(self) -> Hashable:
        """Return what is the same for paths that one document may have: their fields never conflict.

        A refusal is about one field alone if that can be null; else others would go with it, and might be open.
        """
        fragments = tuple(name for name in self.names if name.startswith("..."))
        return (self.is_shown, fragments) if self.is_shown or self.is_nullable else self.names


def shown(type_: Any) -> set[str]:
    if type_.name.endswith("Payload"):
        return set(type_.fields)
    return SHOWN.get(type_.name, set()) | (set(type_.fields) if type_.name in SHARED else set())


def paths(type_: Any, before: tuple[str, ...] = (), seen: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Yield every way from *type_* to a field: through what is shown, no type twice, up to the first that is not."""
    for name, field in type_.fields.items():
        inner = get_named_type(field.type)
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        names = (*before, name)
        is_nullable = not isinstance(field.type, GraphQLNonNull)
        yield Path(names, name in shown(type_), is_leaf_type(inner), is_nullable, type_.name)
        if name not in shown(type_) or inner.name in seen:
            continue
        if isinstance(inner, GraphQLObjectType):
            yield from paths(inner, names, seen | {inner.name})
        elif isinstance(inner, GraphQLInterfaceType):
            for possible in SCHEMA.get_possible_types(inner):
                yield from paths(possible, (*names, f"... on {possible.name}"), seen | {possible.name})


def payload_of(mutation: str) -> Any:
    assert SCHEMA.mutation_type is not None
    return get_named_type(SCHEMA.mutation_type.fields[mutation].type)


def test_from_what_is_shown_no_other_person_is_reached() -> None:
    """What a person's own action leads to is they themselves; everybody else stands behind a field that is closed."""
    fields = dict(all_fields())
    shown_ = {
        f"{path.type}.{path.names[-1]}"
        for mutation in ("openCase", "requestOverride", "acceptOverride")
        for path in paths(payload_of(mutation))
        if path.is_shown
    }

    assert {name for name in shown_ if get_named_type(fields[name].type).name in SHARED} == {
        *("CaseAction.user", "Comment.author", "SupposedAction.user", "SupposedComment.author"),
    }


def test_what_is_shown_is_there_and_what_would_be_added_is_not_shown() -> None:
    for name, names in SHOWN.items():
        type_ = SCHEMA.type_map[name]
        assert isinstance(type_, GraphQLObjectType)
        assert names <= set(type_.fields), name
    closed = {f"{path.type}.{path.names[-1]}" for path in paths(payload_of("requestOverride")) if not path.is_shown}
    assert closed >= {
        *("Case.title", "Case.description", "Case.subject", "Case.actions", "Case.overrides", "Case.documents"),
        *("Case.createdBy", "Case.availableActions", "Case.eligibleReviewers", "Case.activeOverride", "Case.headHash"),
        *("Override.createdBy", "Override.assignedReviewers", "Override.requestedStatus", "Override.case"),
        *("Document.url", "Document.uploader", "VersionConflictError.actionsSince", "VersionConflictError.case"),
        *("StateError.case", "CaseSnapshot.subject", "CaseSnapshot.actions", "CaseSnapshot.availableActions"),
        *("CaseSnapshot.overrides", "OverrideSnapshot.assignedReviewers", "CaseSnapshot.title"),
    }


async def writer(world: World, person: Person, *more: Scope) -> Person:
    return await person_of(world.database, person.id, Scope.CASES_WRITE, *more)


def found(data: Any, names: tuple[str, ...]) -> list[Any]:
    """Return the values at a path, of each item of a list; nothing behind a null."""
    values = [data]
    for name in names:
        if not name.startswith("..."):
            values = [value[name] for value in values if isinstance(value, dict) and name in value]
            values = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return values


async def walk(api: Api, person: Person, mutation: str, inputs: Any) -> set[str]:
    """Ask for every field that a payload leads to; return those that were seen."""
    seen: set[str] = set()
    type_ = f"{mutation[0].upper()}{mutation[1:]}Input!"
    groups: defaultdict[Hashable, list[Path]] = defaultdict(list)
    for path in paths(payload_of(mutation)):
        groups[path.group].append(path)
    for group in (paths_[at : at + TOGETHER] for paths_ in groups.values() for at in range(0, len(paths_), TOGETHER)):
        selected = " ".join(path.selection for path in group)
        document = f"mutation($input: {type_}) {{ {mutation}(input: $input) {{ {selected} }} }}"
        body = (await api.send(person.token, document, {"input": await inputs()})).json()
        codes = [error["extensions"]["code"] for error in body.get("errors", [])]
        for path in group:
            values = [value for value in found((body["data"] or {}).get(mutation), path.names) if value is not None]
            if path.is_shown:
                assert codes == [], (path.names, body)
                seen |= {f"{path.type}.{path.names[-1]}"} if values else set()
            else:
                assert set(codes) <= {"INSUFFICIENT_SCOPE"}, (path.names, body)
                assert values == [], (path.names, body)
    return seen


@pytest.mark.long
async def test_every_field_of_a_real_action_s_payload_is_shown_or_closed(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    carl = await writer(world, world.carl, Scope.DOCUMENTS_WRITE)

    async def comment() -> dict[str, Any]:
        return {"caseId": case_id, "body": "See.", "documentIds": [await uploaded(api, carl.token)]}

    seen = await walk(api, carl, "addComment", comment)

    assert seen >= {"CaseAction.hash", "Comment.body", "Document.sha256", "Case.version", "User.displayName"}


@pytest.mark.long
async def test_every_field_of_a_dry_run_s_payload_is_shown_or_closed(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    ada = await writer(world, world.ada)
    reviewers = [str(world.rosa.id)]
    input = {"caseId": case_id, "requestedStatus": "FAVORABLE", "reviewerIds": reviewers, "reason": "x", "dryRun": True}

    async def requested() -> dict[str, Any]:
        return input

    seen = await walk(api, ada, "requestOverride", requested)

    assert seen >= {"SupposedAction.type", "SupposedComment.body", "CaseSnapshot.status", "OverrideSnapshot.status"}


@pytest.mark.long
async def test_every_field_of_a_replay_and_of_a_refusal_is_shown_or_closed(world: World, api: Api) -> None:
    case_id = str((await world.case_in(CaseStatus.IN_PROGRESS)).case.id)
    carl = await writer(world, world.carl)
    comment = {"caseId": case_id, "body": "Once.", "idempotencyKey": "key"}
    await api.act(carl.token, "addComment", comment)
    await world.do(world.bea, secret(case_id))

    async def replayed() -> dict[str, Any]:
        return comment

    async def conflict() -> dict[str, Any]:
        return {"caseId": case_id, "body": "x", "expectedVersion": 1}

    assert "CaseAction.seq" in await walk(api, carl, "addComment", replayed)
    assert "VersionConflictError.actualVersion" in await walk(api, carl, "addComment", conflict)


def secret(case_id: str) -> AddComment:
    return AddComment(case_id=UUID(case_id), comment="Secret words.")


@pytest.mark.parametrize("more", [{}, {"dryRun": True}])
async def test_what_others_said_and_who_they_are_stays_closed_by_whatever_way(
    world: World, api: Api, more: dict[str, Any]
) -> None:
    case_id = str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id)
    await world.do(world.bea, secret(case_id))
    carl = await writer(world, world.carl, Scope.USERS_READ, Scope.DOCUMENTS_READ)
    log = "actions { nodes { comment { body author { displayName email } } user { displayName } } }"
    shown_ = f"""errors {{ ... on VersionConflictError {{ actionsSince {{ comment {{ body }} }} case {{ ...C }} }}
            ... on StateError {{ case {{ ...C }} }} }}
        case {{ ...C }} actionEdge {{ node {{ case {{ ...C }} }} }}
        action {{ case {{ ...C }} override {{ createdBy {{ email }} }} }}
        supposed {{ case {{ title {log} availableActions {{ allowed }} }} action {{ seq }} }}"""
    fragment = f"""fragment C on Case {{ id title {log} createdBy {{ email }}
        ... on Node {{ ... on Case {{ subject {{ label }} }} }} }}"""

    for input in ({"body": "x"}, {"body": "x", "expectedVersion": 1}):
        document = f"""mutation($input: AddCommentInput!) {{ addComment(input: $input) {{ {shown_} }} }} {fragment}"""
        for _ in range(2):  # a reader's plan of it does not help
            whole = await api.send(world.carl.token, document, {"input": {"caseId": case_id} | input | more})
            answer = await api.send(carl.token, document, {"input": {"caseId": case_id} | input | more})

            assert "INSUFFICIENT_SCOPE" in answer.text and "INSUFFICIENT_SCOPE" not in whole.text
            for word in ("Secret", "Ada", "Bea", "IBAN", "Moulins", "example"):
                assert word not in answer.text, answer.text


async def test_with_cases_read_the_payload_shows_all_and_people_by_their_names(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    carl = await writer(world, world.carl, Scope.CASES_READ)

    selection = "case { title createdBy { displayName } eligibleReviewers { totalCount } }"
    document = f"mutation($input: AddCommentInput!) {{ addComment(input: $input) {{ {selection} }} }}"
    body = (await api.send(carl.token, document, {"input": {"caseId": case_id, "body": "x"}})).json()

    shown_ = {"title": "A changed IBAN", "createdBy": {"displayName": "Ada"}, "eligibleReviewers": None}
    assert body["data"] == {"addComment": {"case": shown_}}
    assert [error["extensions"]["code"] for error in body["errors"]] == ["INSUFFICIENT_SCOPE"]


async def test_opening_shows_what_the_case_is_called(world: World, api: Api) -> None:
    ada = await writer(world, world.ada)
    selection = "case { id reference version status } caseEdge { cursor node { reference } } actionEdge { cursor }"

    payload = await api.act(ada.token, "openCase", {"subject": SUBJECT, "title": "x"}, selection)

    assert payload["errors"] == []
    assert payload["case"] | {"id": ""} == {"id": "", "reference": "CASE-000001", "version": 1, "status": "OPEN"}
    assert payload["caseEdge"]["node"] == {"reference": "CASE-000001"}
