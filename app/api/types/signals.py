"""Signals: what a careful colleague would notice on a case, each with its evidence."""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from app.api.context import Info
from app.api.enums import Feature, Scope, SignalKind
from app.api.fields import computed, described, object_type, related
from app.api.labels import labelled
from app.api.types.evidence import Document
from app.api.types.overrides import Override
from app.api.types.people import User
from app.api.types.references import CaseReference
from app.db.rows import CaseRow
from app.db.signal_rows import (
    EarlierOverridesRow,
    QuickDecisionItem,
    QuickDecisionRow,
    RepeatedPairItem,
    RepeatedPairRow,
    SameBankAccountRow,
    SameDocumentRow,
    SignalRow,
)
from app.domain.access import may_read
from app.domain.signals import CASES_MAX, EVIDENCE_MAX, PAIR_DAYS, PAIR_DECISIONS_MIN, QUICK_DECISION_SECONDS
from app.i18n.signals import signal_text

Kinds = Annotated[
    list[SignalKind] | None,
    strawberry.argument(description="Only signals of these kinds; null for all. Others are not looked for."),
]
MORE = "Whether there are more cases, older ones, which are not counted."
_NEWEST = f"the newest first, {EVIDENCE_MAX} at most"


def _message(parent: strawberry.Parent[Any], info: Info) -> str:
    return signal_text(parent, info.context.request.language)


def _messages(parents: Sequence[Any], info: Info) -> list[str]:
    return [signal_text(parent, info.context.request.language) for parent in parents]


@strawberry.interface(description="Something on a case that a careful colleague would notice. It proves nothing.")
class Signal:
    kind: SignalKind = described("What is noticed.")
    kind_label: str = labelled("kind")
    message: str = computed(_message, "What was found, in the language of the request.", ("kind",), _messages, loads=())


def _several(loader: str, attribute: str, scope: Scope | None = None) -> Any:
    """Return a resolver of the things whose ids are in the *attribute* of several rows; None without the scope."""

    async def resolve(parents: Sequence[Any], info: Info) -> list[Any]:
        if scope is not None and not may_read(info.context.actor, scope, Feature.CASES):
            return [None] * len(parents)
        ids = [getattr(parent, attribute) for parent in parents]
        found = await getattr(info.context.loaders, loader).collect([id for own in ids for id in own])
        return [[found[id] for id in own if found[id] is not None] for own in ids]

    return resolve


def _listed(loader: str, attribute: str, type_: Any, description: str, scope: Scope | None = None) -> Any:
    resolve_each = _several(loader, attribute, scope)

    async def resolve(parent: Any, info: Info) -> Any:
        (found,) = await resolve_each([parent], info)
        return found

    resolve.__annotations__ = {
        "parent": strawberry.Parent[Any],  # type: ignore[misc]  # an annotation that is made here
        "info": Info,
        "return": type_,
    }
    return computed(resolve, description, (attribute,), resolve_each)


@object_type(SameDocumentRow, "The same file, byte for byte, is on cases of other suppliers.")
class SameDocumentSignal(Signal):
    documents: list[Document] | None = _listed(
        "documents",
        "document_ids",
        list[Document] | None,
        f"The documents of this case that are there too, {_NEWEST}. Null without the scope documents_read.",
        Scope.DOCUMENTS_READ,
    )
    document_count: int = described("How many documents of this case there are elsewhere too.")
    cases: list[CaseReference] = _listed(
        "cases", "case_ids", list[CaseReference], f"Cases of other suppliers that have one of them, {_NEWEST}."
    )
    case_count: int = described(
        f"How many cases of other suppliers have one of them, of the newest {CASES_MAX} of each."
    )
    has_more_cases: bool = described(MORE)


@object_type(EarlierOverridesRow, "The supplier's result was asked to be set by hand before.")
class EarlierOverridesSignal(Signal):
    overrides: list[Override] = _listed(
        "overrides",
        "override_ids",
        list[Override],
        f"Finished overrides of earlier cases, and of this case before its latest, {_NEWEST}.",
    )
    accepted_count: int = described("How many were accepted.")
    refused_count: int = described("How many were refused.")
    cancelled_count: int = described("How many their creator took back.")
    expired_count: int = described("On how many nobody decided in time.")


@object_type(SameBankAccountRow, "The same bank account is on cases of other suppliers.")
class SameBankAccountSignal(Signal):
    cases: list[CaseReference] = _listed(
        "cases", "case_ids", list[CaseReference], f"Cases of other suppliers that were opened with it, {_NEWEST}."
    )
    case_count: int = described(f"How many cases of other suppliers were opened with it, of the newest {CASES_MAX}.")
    has_more_cases: bool = described(MORE)


@object_type(QuickDecisionItem, "A decision that came within seconds of the request.")
class QuickDecision:
    override: Override | None = related("overrides", "override_id", "What was decided.")
    seconds: int = described("Whole seconds from the request to the decision.")


@object_type(
    QuickDecisionRow,
    f"An override was accepted or refused within {QUICK_DECISION_SECONDS} seconds of the request: hardly read.",
)
class QuickDecisionSignal(Signal):
    decisions: list[QuickDecision] = described(f"The decisions, {_NEWEST}.")
    decision_count: int = described("How many of this case's decisions were so quick.")


async def _person(parent: Any, info: Info, attribute: str) -> Any:
    if not may_read(info.context.actor, Scope.USERS_READ, Feature.CASES):
        return None
    return await info.context.loaders.users.load(getattr(parent, attribute))


async def _creator(parent: strawberry.Parent[RepeatedPairItem], info: Info) -> User | None:
    found: User | None = await _person(parent, info, "creator_id")
    return found


async def _reviewer(parent: strawberry.Parent[RepeatedPairItem], info: Info) -> User | None:
    found: User | None = await _person(parent, info, "reviewer_id")
    return found


@object_type(RepeatedPairItem, "A decision between two people who meet again and again.")
class RepeatedPair:
    override: Override | None = related("overrides", "override_id", "The override of this case that one decided.")
    creator: User | None = computed(_creator, "Who asked. Null without the scope users_read.", ("creator_id",))
    reviewer: User | None = computed(_reviewer, "Who decided. Null without the scope users_read.", ("reviewer_id",))
    decision_count: int = described(
        f"How many overrides of the creator the reviewer decided in the {PAIR_DAYS} days up to this decision, with it."
    )
    accepted_count: int = described("How many of them were accepted.")
    creator_decision_count: int = described("How many of the creator's overrides anybody decided in these days.")


@object_type(
    RepeatedPairRow,
    f"The same reviewer decided on overrides of the same creator {PAIR_DECISIONS_MIN} times or more in {PAIR_DAYS}"
    " days.",
)
class RepeatedPairSignal(Signal):
    pairs: list[RepeatedPair] = described(f"This case's decisions of such a pair, {_NEWEST}.")
    pair_count: int = described("How many of this case's decisions are of such a pair.")


SIGNAL_TYPES = [
    SameDocumentSignal,
    EarlierOverridesSignal,
    SameBankAccountSignal,
    QuickDecisionSignal,
    RepeatedPairSignal,
]


async def case_signals(parent: strawberry.Parent[CaseRow], info: Info, kinds: Kinds = None) -> list[Signal] | None:
    """Return the case's signals."""
    (found,) = await signals_of_cases([parent], info, kinds)
    return found  # type: ignore[return-value]  # rows stand for the types


async def signals_of_cases(
    parents: Sequence[CaseRow], info: Info, kinds: list[SignalKind] | None = None
) -> list[list[SignalRow]]:
    """Return the signals of each case."""
    wanted = frozenset(SignalKind if kinds is None else kinds)
    ids = [parent.id for parent in parents]
    found = await info.context.loaders.signals_by_case.of(wanted).collect(ids)
    return [found[id] for id in ids]
