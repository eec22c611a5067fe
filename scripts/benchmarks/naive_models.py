"""The second yardstick's entities: SQLAlchemy's ORM over the gateway's tables, as it is usually written.

The rows are the gateway's own, so that both can work on one database.
"""

from typing import Any

from sqlalchemy.orm import DeclarativeBase, Mapped, relationship

from app.db import tables


class Entity(DeclarativeBase):
    """What all entities are."""

    metadata = tables.metadata
    __allow_unmapped__ = True  # the columns are the table's; their annotations are for type checkers


class Account(Entity):
    __table__ = tables.accounts
    id: Any
    cases_enabled: Any


class UserRole(Entity):
    __table__ = tables.user_roles


class User(Entity):
    __table__ = tables.users
    id: Any
    active: Any
    display_name: Any
    roles: Mapped[list[UserRole]] = relationship(UserRole, lazy="selectin")


class ApiToken(Entity):
    __table__ = tables.api_tokens
    user: Mapped[User] = relationship(User, lazy="joined")
    account: Mapped[Account] = relationship(Account, lazy="joined")
    scopes: Any
    revoked_at: Any
    expires_at: Any
    account_id: Any


class Subject(Entity):
    __table__ = tables.subjects
    evaluation_status: Any
    version: Any


class Case(Entity):
    __table__ = tables.cases
    id: Any
    number: Any
    status: Any


class Comment(Entity):
    __table__ = tables.comments
    id: Any


class Document(Entity):
    __table__ = tables.documents
    comment_id: Any


class OverrideReviewer(Entity):
    __table__ = tables.override_reviewers


class Override(Entity):
    __table__ = tables.overrides
    id: Any


class CaseAction(Entity):
    __table__ = tables.case_actions
    case_id: Any
    seq: Any
