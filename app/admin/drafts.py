"""A command of administration on its way from the decision to the rows that it writes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.admin.new_tokens import NewToken
from app.domain.account_log import Details
from app.domain.administration import AdminFacts
from app.domain.model import Role


@dataclass(slots=True)
class AdminDraft:
    """A command that is allowed and not yet written; `change_id` is the change that it was, where it has waited."""

    connection: AsyncConnection
    account_id: UUID
    command: Any
    facts: AdminFacts
    now: datetime
    user_id: UUID | None = None
    token_id: UUID | None = None
    change_id: UUID | None = None
    made: NewToken | None = None

    @property
    def held(self) -> frozenset[Role]:
        """The roles of whom it is about."""
        assert self.facts.member is not None
        return self.facts.member.roles


AdminEffect = Callable[[AdminDraft], Awaitable[Details]]
