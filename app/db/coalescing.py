"""Coalescing: look-ups by ids of one account at the same moment share one statement.

A dataloader's batch is one operation's. Here such batches meet: while as many statements of a kind are under way as may
be, whoever comes waits, and shares the next one. It is sent after all of them have asked, so that nobody gets what is
older than their question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any

from app.db import background
from app.observability.recorder import share

UNDER_WAY = 2
"""How many statements of a kind are sent without waiting for each other."""

FEW = 10
"""Whoever asks for more ids does not share: their statement takes long enough by itself."""

MOST = 200
"""How many ids a statement has at most where it is shared, give or take those of one operation."""

Send = Callable[[list[Any]], Awaitable[Sequence[Any]]]
"""Sends a statement for ids, and returns a result for each of them, in their order."""


@dataclass(frozen=True, slots=True)
class _Question:
    ids: list[Any]
    answer: "asyncio.Future[Sequence[Any]]"
    context: Context = field(default_factory=copy_context)


@dataclass(slots=True)
class _Kind:
    under_way: int = 0
    waiting: list[_Question] = field(default_factory=list)


class Coalescer:
    """Brings together what is asked of one database."""

    def __init__(self) -> None:
        self._kinds: dict[Hashable, _Kind] = {}

    async def ask(self, kind: Hashable, ids: list[Any], send: Send) -> Sequence[Any]:
        """Return what *send* brings for *ids*, alone or together with others of this *kind*; the account is part of it.

        Raises: what *send* raises.
        """
        if len(ids) > FEW:
            return await send(ids)
        known = self._kinds.get(kind)
        if known is None:
            known = self._kinds[kind] = _Kind()
        if known.under_way == UNDER_WAY:
            question = _Question(ids, asyncio.get_running_loop().create_future())
            known.waiting.append(question)
            return await question.answer
        known.under_way += 1
        try:
            return await send(ids)
        finally:
            self._leave(kind, known, send)

    def _leave(self, kind: Hashable, known: _Kind, send: Send) -> None:
        """Let those go who have come meanwhile."""
        known.under_way -= 1
        questions = _taken(known.waiting)
        if questions:
            known.under_way += 1
            shared = self._shared(kind, known, send, questions)
            background.start(shared, context=questions[0].context)
        elif not known.under_way:
            del self._kinds[kind]

    async def _shared(self, kind: Hashable, known: _Kind, send: Send, questions: Sequence[_Question]) -> None:
        share(question.context for question in questions)
        try:
            found = await send([id for question in questions for id in question.ids])
        except Exception as error:
            for question in questions:
                if not question.answer.done():
                    question.answer.set_exception(error)
            return
        finally:
            self._leave(kind, known, send)
        start = 0
        for question in questions:
            end = start + len(question.ids)
            if not question.answer.done():
                question.answer.set_result(found[start:end])
            start = end


def _taken(waiting: list[_Question]) -> list[_Question]:
    """Take out of *waiting* those who share the next statement; whoever has gone away meanwhile is forgotten."""
    taken: list[_Question] = []
    count = 0
    while waiting and count < MOST:
        question = waiting.pop(0)
        if not question.answer.done():
            taken.append(question)
            count += len(question.ids)
    return taken
