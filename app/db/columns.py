"""Column types of the tables, and the names of their constraints.

The types are those that the engines do not have, the same on SQLite and PostgreSQL.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, DateTime, Dialect, ForeignKey, MetaData, String, TypeDecorator, Uuid

from app.domain.model import DocumentWarning

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


Processor = Callable[[Any], Any]


class DirectType(TypeDecorator[Any]):
    """A type that knows a quicker way than SQLAlchemy's to the driver's values and back."""

    def reader(self, dialect: Dialect) -> Processor | None:
        """Return what makes a value of the driver's; None where it is one."""
        raise NotImplementedError

    def writer(self, dialect: Dialect) -> Processor:
        """Return what makes the driver's value of one."""
        raise NotImplementedError


class UtcDateTime(DirectType):
    """A time in UTC, aware on both sides; SQLite gives back naive ones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return _in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)

    def reader(self, dialect: Dialect) -> Processor | None:
        return None if dialect.name == "postgresql" else _utc

    def writer(self, dialect: Dialect) -> Processor:
        return _in_utc if dialect.name == "postgresql" else _utc_text


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _utc_text(value: datetime | None) -> str | None:
    """Return a time as SQLAlchemy has SQLite store it."""
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _utc(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text + "+00:00")


class EnumString(DirectType):
    """A member of a string enum, stored as its value; a value that is no member is a fault."""

    impl = String(40)
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum
        self._members: dict[str | None, StrEnum | None] = {None: None}
        self._members.update((member.value, member) for member in enum)

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        return self._stored(value)

    def _stored(self, value: StrEnum | None) -> str | None:
        if value is None:
            return None
        # Python 3.11 finds `value` by a property, and a member of a class by another one.
        return value._value_ if type(value) is self.enum else self.enum(value)._value_

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return self._members[value]

    def reader(self, dialect: Dialect) -> Processor | None:
        return self._members.__getitem__

    def writer(self, dialect: Dialect) -> Processor:
        return self._stored


class Warnings(DirectType):
    """A document's warnings, stored as words; null where it was not examined."""

    impl = String(400)
    cache_ok = True

    def process_bind_param(self, value: Sequence[DocumentWarning] | None, dialect: Dialect) -> str | None:
        return _warning_words(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[DocumentWarning, ...]:
        return _warnings(value)

    def reader(self, dialect: Dialect) -> Processor | None:
        return _warnings

    def writer(self, dialect: Dialect) -> Processor:
        return _warning_words


def _warning_words(value: Sequence[DocumentWarning] | None) -> str | None:
    return None if value is None or DocumentWarning.NOT_EXAMINED in value else " ".join(value)


@lru_cache(maxsize=100)
def _warnings(words: str | None) -> tuple[DocumentWarning, ...]:
    return (DocumentWarning.NOT_EXAMINED,) if words is None else tuple(map(DocumentWarning, words.split()))


def id_column() -> Column[Any]:
    return Column("id", Uuid(), primary_key=True)


def account_column() -> Column[Any]:
    return Column("account_id", Uuid(), ForeignKey("accounts.id"), nullable=False)


def reference(
    name: str, target: str, *, nullable: bool = False, index: bool = False, by_commit: bool = False
) -> Column[Any]:
    """Return a column with another row's id; *by_commit*: that row need not be there before the transaction ends."""
    key = ForeignKey(target, deferrable=True, initially="DEFERRED") if by_commit else ForeignKey(target)
    return Column(name, Uuid(), key, nullable=nullable, index=index)


def time(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, UtcDateTime(), nullable=nullable)
