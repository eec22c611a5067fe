"""The table of transitions for people: as Markdown, and as a diagram in Mermaid's language. It decides nothing."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from app.domain.errors import StateRefused
from app.domain.model import ActionType, CaseStatus, Role
from app.domain.workflow import CASE_ACTIONS, TRANSITIONS, Relation, Transition, advance


def _names(items: AbstractSet[Role]) -> str:
    return " or ".join(role.lower() for role in Role if role in items)


def table() -> str:
    """Return the table as Markdown: who, and the next status or the refusal from each status."""
    head = ["action", "who", *CaseStatus]
    lines = [head, ["---"] * len(head)]
    for action in CASE_ACTIONS:
        transition = TRANSITIONS[action]
        who = [_names(transition.roles)] if transition.roles else []
        if transition.relation is not Relation.ANYBODY:
            who.append(transition.relation)
        lines.append([action, ", ".join(who), *(_cell(action, status) for status in CaseStatus)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(action: ActionType, status: CaseStatus) -> str:
    try:
        return f"→ {advance(action, status)}"
    except StateRefused as refusal:
        return refusal.code


def mermaid() -> str:
    """Return the state diagram of a case; actions that lead the same way stand on one arrow."""
    lines = ["stateDiagram-v2", *(f"    {line}" for line in _arrows())]
    return "\n".join(lines) + "\n"


def _arrows() -> Iterator[str]:
    moves: dict[tuple[CaseStatus | None, CaseStatus], list[ActionType]] = {}
    for action, transition in TRANSITIONS.items():
        if _stays_everywhere(transition):
            continue
        for source, target in transition.targets.items():
            moves.setdefault((source, target), []).append(action)
    for source in (None, *CaseStatus):
        for target in CaseStatus:
            actions = moves.get((source, target))
            if actions:
                yield f"{source or '[*]'} --> {target}: {', '.join(actions)}"
    yield from (f"{status} --> [*]" for status in CaseStatus if not any(source is status for source, _ in moves))


def _stays_everywhere(transition: Transition) -> bool:
    """Tell whether an action may be done wherever a case is open, and changes no status: arrows would show nothing."""
    return all(transition.targets.get(status) is status for status in CaseStatus if status is not CaseStatus.CLOSED)
