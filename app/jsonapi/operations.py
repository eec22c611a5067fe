"""The operations that requests become: documents with variables, each text made once and kept by its parts."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from graphql import GraphQLError

from app.api.schema import CORE
from app.domain.errors import Detail
from app.domain.model import ActionType, CaseStatus, EvaluationStatus, RequestedStatus, Resolution, Role, SubjectType
from app.jsonapi.action_inputs import input_type
from app.jsonapi.parameters import Filter, QueryReader, ResourceQuery, choice, truth
from app.jsonapi.resources import ACTION_TYPES, TYPES
from app.jsonapi.selections import KEPT, Wanted, selection

PAGE_INFO = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
_PAGE: Mapping[str, str] = {"first": "Int", "last": "Int", "after": "String", "before": "String"}

MUTATIONS: Mapping[ActionType, str] = {
    ActionType.OPEN: "openCase",
    ActionType.COMMENT: "addComment",
    ActionType.REQUEST_OVERRIDE: "requestOverride",
    ActionType.ACCEPT: "acceptOverride",
    ActionType.REFUSE: "refuseOverride",
    ActionType.CANCEL: "cancelOverride",
    ActionType.CLOSE: "closeCase",
    ActionType.ASSIGN: "assignCase",
    ActionType.SET_DUE_DATE: "setDueDate",
    ActionType.RECORD_STEP: "recordStep",
}


CONTENT = "query JsonApi_content($id: ID!) { node(id: $id) { ... on Document { url } } }"
"""Reads the link to a document's content."""


class TranslatedOperation(NamedTuple):
    """A GraphQL operation to run, and whether it writes."""

    text: str
    variables: dict[str, Any]
    writes: bool = False


@lru_cache(KEPT)
def action_text(action: ActionType, wanted: Wanted, *, may_read: bool) -> str:
    """Return the document of an action's mutation. Raises: ProblemsFound."""
    name, root = MUTATIONS[action], "case" if action is ActionType.OPEN else "case_action"
    selected = selection(root, wanted, may_read=may_read)
    inside = f"case {{ version {selected} }}"
    if root == "case_action":
        inside = f"case {{ version }} action {{ {selected} }}"
    input_name = input_type(action).name
    return (
        f"mutation JsonApi_{name}($input: {input_name}!) {{ {name}(input: $input) {{"
        f" errors {{ code message path }} replayed {inside} }} }}"
    )


@lru_cache(KEPT)
def node_text(type_name: str, wanted: Wanted) -> str:
    """Return the document that reads one resource by its id."""
    type_ = TYPES[type_name]
    case = " case { id }" if type_name == "case_action" else ""
    selected = selection(type_name, wanted, may_read=True)
    fragment = f"... on {type_.object_type} {{ {selected}{case} }}"
    return f"query JsonApi_{type_name}($id: ID!) {{ node(id: $id) {{ {fragment} }} }}"


@lru_cache(KEPT)
def case_text(wanted: Wanted) -> str:
    """Return the document that reads one case."""
    selected = selection("case", wanted, may_read=True)
    return f"query JsonApi_case($id: ID!) {{ case(id: $id) {{ version {selected} }} }}"


class Listing(NamedTuple):
    """A list: its resources, its filters, the field that gives a page of it, and that field's arguments.

    `around`: the field that the list is in, with its argument, where it is in one.
    """

    type_name: str
    filters: Mapping[str, Filter]
    field: str
    arguments: Mapping[str, str]
    around: str = ""

    @property
    def reader(self) -> QueryReader:
        return _reader(self.type_name)


@cache
def _reader(type_name: str) -> QueryReader:
    return QueryReader(type_name, LISTINGS[type_name].filters, is_paged=True)


@lru_cache(KEPT)
def _listing_text(type_name: str, given: Sequence[str], wanted: Wanted, *, with_total: bool) -> str:
    """Return the document that reads a page with the arguments *given*.

    It has no others: with a filter that is not given, each request's arguments would be left to graphql-core.
    """
    listing = LISTINGS[type_name]
    types = {**_PAGE, **listing.arguments}
    total = " totalCount" if with_total else ""
    page = f"{{ nodes {{ {selection(type_name, wanted, may_read=True)} }} {PAGE_INFO}{total} }}"
    arguments = ", ".join(f"{name}: ${name}" for name in given)
    variables = ", ".join(f"${name}: {types[name]}" for name in given)
    if not listing.around:
        return f"query JsonApi_{type_name}s({variables}) {{ {listing.field}({arguments}) {page} }}"
    inside = f"id version {listing.field}({arguments}) {page}"
    return f"query JsonApi_{type_name}s($id: ID!, {variables}) {{ {listing.around} {{ {inside} }} }}"


def listing_operation(listing: Listing, query: ResourceQuery, **around: Any) -> TranslatedOperation:
    """Return the operation that reads a page; *around*: the argument of the field that it is in."""
    variables = {**query.variables, **page_variables(query)}
    text = _listing_text(listing.type_name, tuple(variables), query.wanted, with_total=query.with_total)
    return TranslatedOperation(text, variables | around)


def page_variables(query: ResourceQuery) -> dict[str, Any]:
    """Return the arguments of a page: from the end of the list, where only an end is given."""
    page = query.page
    size = "last" if "ending_before" in page and "starting_after" not in page else "first"
    names = {"limit": size, "starting_after": "after", "ending_before": "before"}
    found = {names[name]: value for name, value in page.items()}
    return {size: 25} | found


def _moment(value: str) -> str:
    """Return a time as it was written. Raises: ValueError, with what would be accepted."""
    try:
        CORE.type_map["DateTime"].parse_value(value)  # type: ignore[attr-defined]  # it is a scalar
    except GraphQLError:
        raise ValueError(Detail("moment_in_address")) from None
    return value


def _action_type(value: str) -> str:
    return ACTION_TYPES[choice(*ACTION_TYPES)(value)].value


def _one_of(path: str, members: Any, description: str) -> Filter:
    names = [member.value for member in members]
    schema = {"type": "array", "items": {"type": "string", "enum": names}}
    return Filter(path.split("."), choice(*names), True, description, schema)


def _texts(path: str, description: str, *, is_list: bool = False, **schema: Any) -> Filter:
    string = {"type": "string", **schema}
    return Filter(path.split("."), str, is_list, description, {"type": "array", "items": string} if is_list else string)


def _time(path: str, description: str) -> Filter:
    return Filter(path.split("."), _moment, False, description, {"type": "string", "format": "date-time"})


def _truth(path: str, description: str) -> Filter:
    return Filter(path.split("."), truth, False, description, {"type": "boolean"})


CASES = Listing(
    "case",
    {
        "status": _one_of("filter.status.in", CaseStatus, "Where it stands: one of these."),
        "resolution": _one_of("filter.resolution.in", Resolution, "How it ended: one of these."),
        "requested_status": _one_of(
            "filter.requestedStatus.in", RequestedStatus, "What its pending override asks for: one of these."
        ),
        "subject_type": _one_of("filter.subject.type.in", SubjectType, "The kind of its check: one of these."),
        "evaluation_status": _one_of(
            "filter.subject.evaluationStatus.in", EvaluationStatus, "The result of its check: one of these."
        ),
        "external_ref": _texts("filter.subject.externalRef.eq", "The reference of its check."),
        "country_code": _texts("filter.subject.countryCode.eq", "The country of its check, as in FR."),
        "reference": _texts("filter.reference.in", "Its reference: one of these, as in CASE-000123.", is_list=True),
        "created_by": _texts("filter.createdBy.in", "Who opened it: one of these.", is_list=True, format="uuid"),
        "owner": _texts("filter.owner.in", "Who works on it: one of these.", is_list=True, format="uuid"),
        "owned": _truth("filter.ownedByViewer", "Whether you work on it."),
        "without_owner": _truth("filter.owner.isNull", "Whether nobody works on it."),
        "assigned_reviewer": _texts(
            "filter.assignedReviewer.in",
            "Who was asked to decide on any of its overrides: one of these.",
            is_list=True,
            format="uuid",
        ),
        "waiting_for": _texts("filter.waitingFor", "Its pending override was put to this person.", format="uuid"),
        "waiting_for_viewer": _truth("filter.waitingForViewer", "Whether its pending override was put to you."),
        "has_pending_override": _truth("filter.hasPendingOverride", "Whether an override waits for a decision."),
        "created_since": _time("filter.createdAt.gte", "Opened at this time or after."),
        "created_before": _time("filter.createdAt.lt", "Opened before this time."),
        "updated_since": _time("filter.updatedAt.gte", "The last action was at this time or after."),
        "updated_before": _time("filter.updatedAt.lt", "The last action was before this time."),
        "due_since": _time("filter.dueAt.gte", "Due at this time or after."),
        "due_before": _time("filter.dueAt.lt", "Due before this time."),
        "overdue": _truth("filter.overdue", "Whether it is not closed, and should have been finished by now."),
        "search": _texts("search", "Words that stand in it."),
    },
    "cases",
    {"filter": "CaseFilter", "search": "String"},
)
USERS = Listing(
    "user",
    {
        "role": Filter(("role",), choice(*Role), False, "Their role.", {"type": "string", "enum": list(Role)}),
        "active": _truth("active", "Whether they may act."),
        "search": _texts("search", "Part of their name or address."),
    },
    "users",
    {"role": "Role", "active": "Boolean", "search": "String"},
)
ACTIONS = Listing(
    "case_action",
    {
        "action_type": Filter(
            ("types",),
            _action_type,
            True,
            "One of these.",
            {"type": "array", "items": {"type": "string", "enum": list(ACTION_TYPES)}},
        ),
        "user": _texts("user", "Who did it.", format="uuid"),
        "created_since": _time("since", "Done at this time or after."),
    },
    "actions",
    {"types": "[ActionType!]", "user": "ID", "since": "DateTime"},
    "case(id: $id)",
)
OVERRIDES = Listing("override", {}, "overrides", {}, "case(id: $id)")
DOCUMENTS = Listing("document", {}, "documents", {}, "case(id: $id)")
LISTINGS: Mapping[str, Listing] = {
    listing.type_name: listing for listing in (CASES, USERS, ACTIONS, OVERRIDES, DOCUMENTS)
}
