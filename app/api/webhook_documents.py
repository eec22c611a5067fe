"""The documents of webhooks: checked when they are registered, and executed for one row of the log.

A document selects what a row fixes for good (`PERMANENT_FIELDS`), so that it gives the same bytes at each try and
replay, unless something was erased meanwhile. When it is sent, and where to, is the worker's.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, cast

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_argument_values,
    get_named_type,
    visit,
)
from strawberry.types.graphql import OperationType

from app.api.execution.operations import PreparedOperation, operations_of
from app.api.execution.preparation import NoSuchOperationError, OperationNotAllowedError, OperationRequest, Policy
from app.api.limits.bounds import Limits
from app.api.operation_runner import OperationCall, OperationRunner
from app.api.record import Record
from app.api.schema import CORE, PREPARATION
from app.api.subscription_events import EventSource
from app.api.subscriptions import LogRead, SourceEvent
from app.auth.identity import Identity
from app.db.repository.log import LogPlace
from app.domain.access import permit_reading
from app.domain.errors import Detail
from app.domain.model import Feature, Language, Scope
from app.domain.validation import parse_id
from app.domain.webhooks import PERMANENT_FIELDS
from app.live.cursors import log_cursors
from app.observability import metrics
from app.web.admission import Admission
from app.webhooks.messages import Message
from app.webhooks.rendering import RenderingFailed, WantedRows
from app.webhooks.sharing import SharedBodies

ROOT = "actions"
REASON_MAX = 300
KEPT = 100
"""Documents that are kept as they were prepared."""
AT_ONCE = 2
"""Documents that are executed at once in a process, so that requests find their places."""


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """A document as it was prepared, and which rows it wants."""

    prepared: PreparedOperation
    wanted: WantedRows


class WebhookDocuments:
    """Checks documents within *limits*, and keeps what was prepared."""

    def __init__(self, limits: Limits) -> None:
        self.policy = Policy(limits, frozenset({OperationType.SUBSCRIPTION}), introspection=False)
        self._known: OrderedDict[str, KnownDocument] = OrderedDict()

    async def fault(self, text: str) -> Detail | None:
        """Return what is wrong with a document, None for one that can be registered."""
        found = await self._prepared(text)
        return found if isinstance(found, Detail) else None

    async def known(self, text: str) -> KnownDocument:
        """Return a document that was registered. Raises: RenderingFailed, where the schema has changed too much."""
        found = await self._prepared(text)
        if isinstance(found, Detail):
            raise RenderingFailed(found.name)
        return found

    async def _prepared(self, text: str) -> KnownDocument | Detail:
        """Return what is known of a document, or what is wrong with it."""
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        sent = OperationRequest(text, None, None, "webhook")
        prepared = PREPARATION.begin(text)
        try:
            await PREPARATION.prepare(prepared, sent, self.policy, _pause)
        except (NoSuchOperationError, OperationNotAllowedError):
            return Detail("webhook_document_shape")
        if prepared.errors:
            return _invalid(prepared.errors[0].message)
        assert prepared.document is not None
        found = _faults(prepared.document) or _wanted(prepared.document)
        if isinstance(found, Detail):
            return found
        known = self._known[text] = KnownDocument(prepared, found)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return known


class WebhookRenderer:
    """Executes documents for rows of the log."""

    def __init__(self, documents: WebhookDocuments, runner: OperationRunner) -> None:
        self._documents = documents
        self._runner = runner
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._shared = SharedBodies()

    async def wanted(self, document: str) -> WantedRows:
        """Return which rows it wants. Raises: RenderingFailed."""
        return (await self._documents.known(document)).wanted

    async def render(self, document: str, identity: Identity, place: LogPlace) -> bytes:
        """Return the body for one row, as *identity* may read it. Raises: Refusal, RenderingFailed."""
        known = await self._documents.known(document)
        permit_reading(identity.actor, Scope.CASES_READ, Feature.CASES)
        # What a document may select is the same for all who may read the same.
        key = (identity.account.id, document, place.action.id, identity.actor.scopes)
        return await self._shared.get(key, lambda: self._rendered(document, known, identity, place))

    async def _rendered(self, document: str, known: KnownDocument, identity: Identity, place: LogPlace) -> bytes:
        row = place.action
        event = LogRead(log_cursors(identity.account.id).encode(place.key), row, False, time.monotonic())
        data = await self._executed(document, known, identity, event)
        message = Message.of(row)
        return orjson.dumps({"type": message.type, "timestamp": message.time, "data": data})

    async def _executed(self, document: str, known: KnownDocument, identity: Identity, event: SourceEvent) -> Any:
        call = OperationCall(
            OperationRequest(document, None, None, "webhook"),
            self._documents.policy,
            _never,
            Language.EN,
            lambda: "",
            Record(),
            is_reshaped=True,
        )
        source = EventSource(known.prepared, _no_events(), (), [], ROOT)
        try:
            async with self._turns:
                result = await self._runner.run_event(call, source, event, identity)
        except GraphQLError as error:
            raise RenderingFailed(type(error).__name__) from error
        finally:
            if call.record.budget is not None:
                call.record.budget.release()
        if result.body.get("errors") or not result.body.get("data"):
            codes = [error["extensions"]["code"] for error in result.body.get("errors", ())]
            raise RenderingFailed(", ".join(codes))
        for coordinate in known.prepared.deprecated:
            metrics.child(metrics.deprecated_uses, coordinate, "webhook").inc()
        return result.body["data"]


async def _pause() -> None:
    await asyncio.sleep(0)


async def _never(*, fresh: bool) -> Admission:
    raise AssertionError(f"an event is executed as who it is for, {fresh=}")


async def _no_events() -> AsyncGenerator[SourceEvent, None]:
    return
    yield


def _faults(document: DocumentNode) -> Detail | None:
    """Return why a valid document is none of a webhook's, None where it is one."""
    operation = operations_of(document)[0]
    root = operation.selection_set.selections
    is_field = len(root) == 1 and isinstance(root[0], FieldNode)
    if len(operations_of(document)) > 1 or operation.variable_definitions or not is_field:
        return Detail("webhook_document_shape")
    field = cast(FieldNode, root[0])
    has_after = any(argument.name.value == "after" for argument in field.arguments or ())
    if field.name.value != ROOT or field.alias is not None or field.directives or operation.directives or has_after:
        return Detail("webhook_document_shape")
    found = _Changing()
    info = TypeInfo(CORE)
    visit(document, TypeInfoVisitor(info, found.of(info)))
    return found.detail


class _Changing(Visitor):
    """Finds the first field that is not fixed by a row of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.detail: Detail | None = None
        self._info: TypeInfo | None = None

    def of(self, info: TypeInfo) -> "_Changing":
        self._info = info
        return self

    def enter_field(self, node: FieldNode, *_: object) -> None:
        assert self._info is not None
        parent = get_named_type(self._info.get_parent_type())
        name, type_ = node.name.value, parent.name if parent is not None else ""
        accepted = PERMANENT_FIELDS.get(type_, frozenset())
        if self.detail is None and name != "__typename" and name not in accepted:
            params = {"field": f"{type_}.{name}", "type": type_, "accepted": ", ".join(sorted(accepted)) or "-"}
            self.detail = Detail("webhook_document_field", params)


def _invalid(reason: str) -> Detail:
    """Return why a document can't be executed; the message that it comes to be in has its own full stop."""
    return Detail("webhook_document_invalid", {"reason": reason[:REASON_MAX].rstrip(".")})


def _wanted(document: DocumentNode) -> WantedRows | Detail:
    operation = operations_of(document)[0]
    field = cast(FieldNode, operation.selection_set.selections[0])
    assert CORE.subscription_type is not None
    try:
        values = get_argument_values(CORE.subscription_type.fields[ROOT], field)
    except GraphQLError as error:
        return _invalid(error.message)
    case = values.get("case_id", values.get("caseId"))
    case_id = None if case is None else parse_id(case)
    if case is not None and case_id is None:
        return _invalid(f"caseId is no UUID: {str(case)[:40]}")
    types = values.get("types")
    return WantedRows(case_id, None if types is None else frozenset(types))
