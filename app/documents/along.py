"""Files of an action's own request: stored before its transaction, and removed again where it was refused."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from app.actions.outcome import Outcome
from app.documents.receive import Received
from app.documents.store import DocumentStore
from app.domain.errors import InputRefused, Refusal
from app.domain.facts import Actor


async def perform_with(
    store: DocumentStore, actor: Actor, files: Sequence[Received], act: Callable[[], Awaitable[Outcome]]
) -> Outcome:
    """Store *files*, which are all good, then *act*; keep the blobs of those that the action attached.

    After a fault the action may have been done all the same, so the blobs stay; the sweep removes those without a row.
    """
    stored: list[UUID] = []
    try:
        for file in files:
            assert file.document is not None and file.path is not None
            stored.append(file.document.id)
            await store.put(actor.account_id, file.document.id, file.path)
    except BaseException:
        # None of them can have a row yet.
        await asyncio.shield(store.delete(actor.account_id, stored))
        raise
    try:
        outcome = await act()
    except (Refusal, InputRefused):
        await store.delete(actor.account_id, stored)
        raise
    attached = {document.id for document in outcome.documents}
    # A twin with the same idempotency key was faster, and attached its own.
    await store.delete(actor.account_id, [id for id in stored if id not in attached])
    return outcome
