"""INSERT and UPDATE statements, prepared once for each set of columns.

Each has twins for `prepared.write_if_unchanged`.
"""

from collections.abc import Iterable
from dataclasses import fields
from functools import cache, lru_cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import BindParameter, Column, Table, bindparam, insert, literal_column, select, update

from app.db import tables
from app.db.expressions import AnyColumn
from app.db.prepared import CHANGED, VERSION, Prepared, Write

# SQLAlchemy keeps the columns' own names for parameters of its own.
_NEW = "new_"
_ID = "row_id"
_AUTHORITY = "authority"


def inserted(table: Table, row: object, **more: object) -> Write:
    """Return what inserts *row*, where there is one, and *more* of its columns."""
    values = {} if row is None else {key: getattr(row, name) for key, name in _names(cast(Any, type(row)))}
    values |= {f"{_NEW}{name}": value for name, value in more.items()}
    return Write(*_insert(table, tuple(values)), values)


def inserted_by(authority: int, who: str, table: Table, row: object, **more: object) -> Write:
    """Return what inserts *row* as `inserted` does, where the person in its column *who* still has this *authority*.

    On PostgreSQL the person's row is locked until the transaction's end, as far as to keep away whatever changes what
    they may do (FOR SHARE), which waits, or is waited for. Where it has changed, there is no such person, and the
    column, which must not be null, refuses the row: see `faults.is_authority_gone`.
    """
    write = inserted(table, row, **more)
    return Write(*_insert(table, tuple(write.values), who), {**write.values, _AUTHORITY: authority})


def updated(table: Table, row_id: UUID, **changes: object) -> Write:
    """Return what makes *changes* to the row with this id."""
    values = {f"{_NEW}{name}": value for name, value in changes.items()}
    statement, dependent, held = _update(table, tuple(values))
    return Write(statement, dependent, {**values, _ID: row_id}, held)


@cache
def _names(row: Any) -> tuple[tuple[str, str], ...]:
    return tuple((f"{_NEW}{field.name}", field.name) for field in fields(row))


@lru_cache
def _insert(table: Table, names: tuple[str, ...], who: str | None = None) -> tuple[Prepared, Prepared]:
    """Return the insertion, and the one of a row for each that was changed before; *who*: see `inserted_by`."""
    parameters: dict[Column[Any], AnyColumn] = dict(_parameters(table, names))
    if who is not None:
        parameters[table.c[who]] = _entitled(parameters[table.c[who]])
    row = select(*parameters.values()).select_from(CHANGED)
    return Prepared(insert(table).values(parameters)), Prepared(
        insert(table).from_select([column.name for column in parameters], row).returning(*table.primary_key)
    )


@lru_cache
def _update(table: Table, names: tuple[str, ...]) -> tuple[Prepared, Prepared, Prepared | None]:
    """Return the change, the one where something was changed before, and the one of a version alone, if it has any."""
    change = update(table).where(table.c.id == bindparam(_ID, type_=table.c.id.type)).values(_parameters(table, names))
    dependent = change.where(select(literal_column("1")).select_from(CHANGED).exists()).returning(table.c.id)
    if "version" not in table.c:
        return Prepared(change), Prepared(dependent), None
    held = table.c.version == bindparam(VERSION, type_=table.c.version.type)
    return Prepared(change), Prepared(dependent), Prepared(change.where(held).returning(table.c.id))


def _entitled(person: AnyColumn) -> AnyColumn:
    """Return the id of the *person*, or null where what they may do has changed."""
    user = tables.users.c
    held = user.authority_version == bindparam(_AUTHORITY, type_=user.authority_version.type)
    return select(user.id).where(user.id == person, held).with_for_update(read=True).scalar_subquery()


def _parameters(table: Table, names: Iterable[str]) -> dict[Column[Any], BindParameter[Any]]:
    columns = {name: table.c[name.removeprefix(_NEW)] for name in names}
    return {column: bindparam(name, type_=column.type) for name, column in columns.items()}
