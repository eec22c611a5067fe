"""Who may do a mutation, when, and what it is refused with, as the tables of the domain say it."""

from collections.abc import Iterator

from graphql import GraphQLInputObjectType, get_named_type
from strawberry.utils.str_converters import to_snake_case

from app.api.schema import CORE, SCHEMA
from app.domain.administration import RULES, Own, Rule, Second
from app.domain.checklist import steps_to_accept_are_taken, steps_to_close_are_taken
from app.domain.errors import CaseClosed, ErrorCode
from app.domain.model import ActionType, CaseStatus, Role, Scope
from app.domain.workflow import (
    TRANSITIONS,
    Relation,
    Transition,
    override_is_in_time,
    reviewers_are_gone,
    subject_is_overridable,
    subject_is_unchanged,
)

_ALWAYS = (ErrorCode.INSUFFICIENT_SCOPE, ErrorCode.USER_INACTIVE, ErrorCode.INVALID_INPUT, ErrorCode.REQUIRED)
_BY_FIELD = {
    "body": (ErrorCode.TOO_LONG,),
    "comment": (ErrorCode.TOO_LONG,),
    "reason": (ErrorCode.TOO_LONG,),
    "title": (ErrorCode.TOO_LONG,),
    "idempotencyKey": (ErrorCode.IDEMPOTENCY_KEY_REUSED,),
    "expectedVersion": (ErrorCode.VERSION_CONFLICT,),
    "assigneeId": (ErrorCode.INVALID_ASSIGNEE,),
    "step": (ErrorCode.INVALID_STEP,),
    "documentIds": (ErrorCode.DOCUMENT_UNAVAILABLE, ErrorCode.TOO_MANY_DOCUMENTS),
    "documents": (
        ErrorCode.DOCUMENT_EMPTY,
        ErrorCode.DOCUMENT_TOO_LARGE,
        ErrorCode.DOCUMENT_TYPE_UNSUPPORTED,
        ErrorCode.TOO_MANY_DOCUMENTS,
    ),
}
_BY_RELATION = {
    Relation.ANYBODY: (),
    Relation.CREATOR: (ErrorCode.NOT_OVERRIDE_CREATOR,),
    Relation.REVIEWER: (
        ErrorCode.SELF_REVIEW_FORBIDDEN,
        ErrorCode.NOT_ASSIGNED_REVIEWER,
        ErrorCode.REVIEWER_TOO_RECENT,
    ),
}
_BY_GUARD = {
    subject_is_overridable: (ErrorCode.SUBJECT_NOT_OVERRIDABLE, ErrorCode.OVERRIDE_NO_CHANGE),
    subject_is_unchanged: (ErrorCode.SUBJECT_CHANGED,),
    reviewers_are_gone: (ErrorCode.REVIEWERS_AVAILABLE,),
    override_is_in_time: (ErrorCode.OVERRIDE_EXPIRED,),
    steps_to_accept_are_taken: (ErrorCode.CHECKLIST_OPEN,),
    steps_to_close_are_taken: (ErrorCode.CHECKLIST_OPEN,),
}
_OF_REVIEWERS = (
    ErrorCode.REVIEWER_REQUIRED,
    ErrorCode.TOO_MANY_REVIEWERS,
    ErrorCode.CREATOR_CANNOT_REVIEW,
    ErrorCode.INVALID_REVIEWER,
)


def conditions_of(mutation: str) -> Iterator[str]:
    """Yield the sections of a mutation's page; none where no table has it."""
    action = _action_of(mutation)
    rule = next((rule for type_, rule in RULES.items() if type_ == to_snake_case(mutation).upper()), None)
    if action is not None:
        yield from _of_action(mutation, TRANSITIONS[action])
    elif rule is not None:
        yield from _of_administration(mutation, rule)


def _action_of(mutation: str) -> ActionType | None:
    """Return the type of action that a mutation's permission is for."""
    definition = SCHEMA.get_type_by_name("Mutation")
    fields = {SCHEMA.config.name_converter.get_graphql_name(it): it for it in getattr(definition, "fields", ())}
    extensions = fields[mutation].extensions
    return getattr(extensions[-1], "action", None) if extensions else None


def _of_action(mutation: str, row: Transition) -> Iterator[str]:
    roles = [role for role in Role if role in row.roles]
    yield "## Who\n"
    if row.for_services:
        yield "- A service account; no person may."
    elif roles:
        yield f"- Roles: {', '.join(f'`{role}`' for role in roles)}; one of them is enough."
    if row.relation is not Relation.ANYBODY:
        yield f"- Only {row.relation}." if row.relation is Relation.CREATOR else f"- {row.relation.capitalize()}."
    if row.for_people:
        yield "- A person; no service account may."
    yield f"- The token's scope: `{row.scope}`. The account's features: {', '.join(f'`{it}`' for it in row.features)}."
    yield "\n## When\n"
    if row.names_case:
        yield "| the case is | then |\n| --- | --- |"
        for status in CaseStatus:
            yield f"| `{status}` | {_outcome(row, status)} |"
    elif None in row.targets:
        yield f"The subject has no case that is not closed; else it is refused with {_code(row.otherwise.code)}."
    else:
        yield "At any time. The row is written to the subject's case, where one is open."
    yield from _refusals([*_by_input(mutation), *_by_row(row)])


def _outcome(row: Transition, status: CaseStatus) -> str:
    target = row.targets.get(status)
    if target is not None:
        return f"`{target}`"
    return _code(CaseClosed.code if status is CaseStatus.CLOSED else row.otherwise.code)


def _of_administration(mutation: str, rule: Rule) -> Iterator[str]:
    yield "## Who\n"
    yield (
        f"- Role: `{rule.role}`, a person."
        if rule.own is not Own.ANYBODY
        else f"- Role: `{rule.role}`; for oneself none."
    )
    if rule.own not in (Own.ALLOWED, Own.ANYBODY):
        yield f"- To oneself, or to what is theirs: {rule.own}."
    yield f"- The token's scope: `{Scope.ADMIN_WRITE}`."
    yield "\n## When\n"
    if rule.second is Second.NEVER:
        yield "At once: no second admin has to approve it."
    else:
        yield f"A second admin has to approve it {rule.second}. Then `change` is what waits, and nothing is done yet."
    codes = [*_by_input(mutation), ErrorCode.ROLE_REQUIRED]
    if rule.own in (Own.NEVER, Own.NO_GRANT):
        codes.append(ErrorCode.OWN_ACCOUNT)
    if rule.keeps_last_admin:
        codes.append(ErrorCode.LAST_ADMIN)
    yield from _refusals(codes)


def _by_input(mutation: str) -> Iterator[ErrorCode]:
    """Yield the codes that come of what a mutation takes."""
    assert CORE.mutation_type is not None
    takes = get_named_type(CORE.mutation_type.fields[mutation].args["input"].type)
    assert isinstance(takes, GraphQLInputObjectType)
    yield from _ALWAYS
    for name, field in takes.fields.items():
        yield from _BY_FIELD.get(name, ())
        if get_named_type(field.type).name == "ID":
            yield from (ErrorCode.INVALID_ID, ErrorCode.NOT_FOUND)


def _by_row(row: Transition) -> Iterator[ErrorCode]:
    """Yield the codes that come of a row of the workflow's table."""
    yield from (ErrorCode.FEATURE_DISABLED, row.otherwise.code)
    yield from _BY_RELATION[row.relation]
    for guard in (*row.guards, *row.override_guards):
        yield from _BY_GUARD.get(guard, ())
    conditional = {
        ErrorCode.ROLE_REQUIRED: bool(row.roles),
        CaseClosed.code: row.names_case and CaseStatus.CLOSED not in row.targets,
        ErrorCode.OVERRIDE_NOT_PENDING: row.names_override,
        ErrorCode.PERSON_REQUIRED: row.for_people,
        ErrorCode.SERVICE_ACCOUNT_REQUIRED: row.for_services,
        ErrorCode.LEGAL_HOLD: row.erases,
    }
    yield from (code for code, holds in conditional.items() if holds)
    if row.names_reviewers:
        yield from _OF_REVIEWERS


def _refusals(codes: list[ErrorCode]) -> Iterator[str]:
    found = [code for code in ErrorCode if code in codes]
    yield "\n## Refusals\n"
    yield f"Among them: {', '.join(map(_code, found))}."


def _code(code: ErrorCode) -> str:
    return f"[{code}](../errors.md#{code.lower()})"
