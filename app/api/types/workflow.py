"""The workflow as data, made of the table that the program runs on."""

from collections.abc import Iterator

import strawberry

from app.api.enums import ActionType, CaseStatus, ErrorCode, Feature, OverrideStatus, Relation, Role, UserKind
from app.api.fields import described
from app.api.inputs.actions import required_input
from app.domain.errors import StateRefused
from app.domain.workflow import TRANSITIONS, Transition, advance
from app.domain.workflow_chart import mermaid


@strawberry.type(description="A status that a case can have.")
class WorkflowState:
    status: CaseStatus = described("The status.")
    initial: bool = described("Whether a case begins with it.")
    final: bool = described("Whether nothing leads out of it.")


@strawberry.type(description="What an action does to a case in one status: a next status, or a refusal.")
class WorkflowOutcome:
    from_: CaseStatus | None = strawberry.field(name="from", description="The status; null where there is no case yet.")
    to: CaseStatus | None = described("The next status; null when refused.")
    code: ErrorCode | None = described("Why it is refused; null when it is not.")


@strawberry.type(description="An action: who may do it, and what it does from where.")
class WorkflowAction:
    action: ActionType = described("The action.")
    roles: list[Role] = described(
        "Any of these is needed, each once at most; none means that only the relation counts."
    )
    relation: Relation = described("What the actor must be to the override.")
    user_kind: UserKind | None = described(
        "Who may do it at all: people, service accounts or the account's own rules; null for the first two."
    )
    features: list[Feature] = described("What the account must have switched on; each once at most.")
    required_input: list[str] = described("The fields of the mutation's input that must be given, each once.")
    decision: OverrideStatus | None = described("What the pending override becomes; null where it is left alone.")
    outcomes: list[WorkflowOutcome] = described("What it does from each status, every status once.")


@strawberry.type(description="Who may do what when: the table that every action is checked against.")
class Workflow:
    states: list[WorkflowState] = described("The statuses, every status once.")
    actions: list[WorkflowAction] = described("The actions, every action once.")
    mermaid: str = described("The same as a state diagram, in Mermaid's language.")


def _outcomes(action: ActionType) -> Iterator[WorkflowOutcome]:
    for status in [None] if None in TRANSITIONS[action].targets else CaseStatus:
        try:
            yield WorkflowOutcome(from_=status, to=advance(action, status), code=None)
        except StateRefused as refusal:
            yield WorkflowOutcome(from_=status, to=None, code=refusal.code)


def _kind(transition: Transition) -> UserKind | None:
    if transition.for_people:
        return UserKind.PERSON
    if transition.for_system:
        return UserKind.SYSTEM
    return UserKind.SERVICE if transition.for_services else None


def workflow() -> Workflow:
    """Return the table as data."""
    moves = {move for transition in TRANSITIONS.values() for move in transition.targets.items()}
    sources = {source for source, to in moves if source is not to}
    first = {to for transition in TRANSITIONS.values() for source, to in transition.targets.items() if source is None}
    return Workflow(
        states=[
            WorkflowState(status=status, initial=status in first, final=status not in sources) for status in CaseStatus
        ],
        actions=[
            WorkflowAction(
                action=action,
                roles=[role for role in Role if role in transition.roles],
                relation=transition.relation,
                user_kind=_kind(transition),
                features=list(transition.features),
                required_input=required_input(action),
                decision=transition.decision,
                outcomes=list(_outcomes(action)),
            )
            for action, transition in TRANSITIONS.items()
        ],
        mermaid=mermaid(),
    )
