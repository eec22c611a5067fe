"""Prepared statements: compiled once for an engine, and given to its driver as they are.

SQLAlchemy builds, hashes and looks up a statement each time that it is executed, and wraps each row: that takes several
times as long as the driver does. Errors, events and connections are SQLAlchemy's all the same. Text that depends on
what was asked for, as a filter's, is left to SQLAlchemy whole.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID, SafeUUID

from sqlalchemy import BindParameter, Connection, Dialect, Executable, Integer, Uuid, bindparam, table
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine
from sqlalchemy.util.concurrency import greenlet_spawn

from app.db.columns import DirectType, Processor
from app.db.id_sets import SINGLE, Ids
from app.db.listeners import Execution, dispatch_after, dispatch_before
from app.db.reader import Reader
from app.db.sqlalchemy_internals import begin, bind_processor, has_begun, result_types
from app.db.sqlite import driver
from app.db.sqlite.driver import BoundStatement
from app.db.sqlite.group_commit import GroupCommit
from app.db.transactions import fail
from app.db.watching import watched

AutocommitWriter = AsyncConnection | GroupCommit
"""What `write_if_unchanged` writes by."""

Column = Iterable[Any]

_NUMBER = re.compile(r"\$(\d+)")

ACCOUNT: BindParameter[UUID] = bindparam("account_id", type_=Uuid())
IDS: BindParameter[list[UUID]] = bindparam("ids", type_=Ids())
LIMIT: BindParameter[int] = bindparam("limit", type_=Integer())


class _Slot(NamedTuple):
    """One parameter: a name to look it up by, and how it is written, or what it always is."""

    name: str | None
    write: Processor | None
    always: Any


class CompiledStatement(NamedTuple):
    """A statement as one engine's driver takes it, and how the columns are read that are not as they should be."""

    sql: str
    slots: tuple[_Slot, ...]
    read: tuple[tuple[int, Processor], ...]
    width: int

    def parameters(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the statement's order. Raises: KeyError, where one is missing."""
        return [
            always if name is None else values[name] if write is None else write(values[name])
            for name, write, always in self.slots
        ]


class Prepared:
    """A statement whose parameters are named by `bindparam`. None of them may change its text, as an IN list does."""

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._texts: dict[tuple[str, bool], CompiledStatement] = {}

    async def columns(self, reader: Reader, **values: Any) -> Sequence[Column]:
        """Execute it, and return what it gives by columns: `map(Row, *columns)` makes rows of them.

        Raises: what SQLAlchemy raises.
        """
        text = self.text(reader.dialect, is_single=len(values.get("ids", ())) == 1)
        sent: list[BoundStatement] = [(text.sql, text.parameters(values))]
        records = await (reader.fetch(sent) if isinstance(reader, GroupCommit) else _done(_sync(reader), sent))
        if not records:
            return [()] * text.width
        found: list[Column] = list(zip(*records, strict=True))
        for index, read in text.read:
            found[index] = map(read, found[index])
        return found

    async def records(self, reader: Reader, **values: Any) -> list[tuple[Any, ...]]:
        """Do as `columns`, and return rows as tuples."""
        return list(zip(*await self.columns(reader, **values), strict=True))

    async def first(self, reader: Reader, **values: Any) -> tuple[Any, ...] | None:
        """Do as `columns`, and return the first row, if any."""
        return next(zip(*await self.columns(reader, **values), strict=True), None)

    def text(self, dialect: Dialect, *, is_single: bool = False) -> CompiledStatement:
        """Return what an engine's driver is given. *is_single*: of its `ids` there is one."""
        form = dialect.name, is_single
        return self._texts.get(form) or self._compiled(dialect, form)

    def _compiled(self, dialect: Dialect, form: tuple[str, bool]) -> CompiledStatement:
        compiled: Any = self.statement.compile(dialect=dialect, compile_kwargs={SINGLE: form[1]})  # type: ignore[attr-defined]  # any statement has it
        assert not compiled.post_compile_params
        types = result_types(compiled)
        readers = [(index, _reader(type_, dialect)) for index, type_ in enumerate(types)]
        text = self._texts[form] = CompiledStatement(
            str(compiled),
            tuple(_slot(compiled, name) for name in compiled.positiontup or ()),
            tuple((index, read) for index, read in readers if read is not None),
            len(types),
        )
        return text


def _slot(compiled: Any, name: str) -> _Slot:
    write = bind_processor(compiled, name)
    parameter = compiled.binds[name]
    if isinstance(parameter.type, DirectType | Ids):
        write = parameter.type.writer(compiled.dialect)
    if parameter.required:
        return _Slot(name, write, None)
    value = compiled.params[name]
    return _Slot(None, None, value if write is None else write(value))


def _reader(type_: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """Return what makes a column's values of the driver's; None where they are the same."""
    if isinstance(type_, DirectType):
        return type_.reader(dialect)
    if isinstance(type_, Uuid) and dialect.name == "sqlite":
        return _uuid
    return type_.dialect_impl(dialect).result_processor(dialect, None)


# A UUID's own constructor takes 2.5 times as long, half of it to look up the member of `SafeUUID`: a worklist of 50
# cases has 800 ids, for which 1.3 ms of its 9 ms would go to that.
_new = object.__new__
_set_int, _set_is_safe = vars(UUID)["int"].__set__, vars(UUID)["is_safe"].__set__
_UNKNOWN = SafeUUID.unknown


def _uuid(digits: str | None) -> UUID | None:
    """Return the UUID of 32 hexadecimal digits, as they are stored."""
    if digits is None:
        return None
    made = _new(UUID)
    _set_int(made, int(digits, 16))
    _set_is_safe(made, _UNKNOWN)
    return made


# --- Several statements at once --------------------------------------------------------------------------------------


_NAME = "write_{}"

CHANGED = table(_NAME.format(0))
"""What the first of several writes gave back, for those that depend on it."""

VERSION = "row_version"
"""The parameter that a row's version is compared with."""


class Write(NamedTuple):
    """A statement with its parameters, in three forms.

    `statement` does it in any case, `dependent` where the first of several writes found its row, and `held`, a change
    to a row that has versions, where it has the one that was read. Both are None where nobody writes it so.
    """

    statement: Prepared
    dependent: Prepared | None
    values: Mapping[str, Any]
    held: Prepared | None = None


async def write(connection: AsyncConnection, writes: Sequence[Write], *, last: bool = False) -> None:
    """Do all of *writes* in one go: as one statement on PostgreSQL, in one call of SQLite's thread.

    No two of them may change the same row. *last*: nothing comes after them, so that on SQLite, where that saves a
    call, the transaction is committed with them. Raises: what SQLAlchemy raises.
    """
    sync = _sync(connection)
    texts = [item.statement.text(sync.dialect) for item in writes]
    parameters = [text.parameters(item.values) for text, item in zip(texts, writes, strict=True)]
    if sync.dialect.name == "postgresql":
        await _done(sync, [(_together(tuple(text.sql for text in texts)), list(chain(*parameters)))])
        return
    await _done(sync, [(text.sql, values) for text, values in zip(texts, parameters, strict=True)], last=last)


async def write_if_unchanged(connection: AutocommitWriter, version: int, writes: Sequence[Write]) -> bool:
    """Do *writes* if the first one, a row's change, still finds its row with this *version*, else nothing.

    It needs no transaction around it: all of it is done, or nothing is. On SQLite it gets one, whose lock keeps all
    others away (`GroupCommit`). On PostgreSQL it is one statement. After PostgreSQL's manual, section 13.2.1, an UPDATE
    that has to wait for a row's lock looks at the row again once it has it: one that has another version by then is no
    longer found. And after section 7.8.4, the other writes know what the first one did by what it returns alone: they
    do nothing where it returns nothing, and never anything before it has the lock. What they change is not looked at
    again, so that nobody may change that without a new version of the first one's row.

    Raises: what SQLAlchemy raises.
    """
    if isinstance(connection, GroupCommit):
        return await connection.write(list(_unchanged(connection.dialect, version, writes)))
    sync = _sync(connection)
    assert sync.dialect.name == "postgresql"
    assert not sync.in_transaction(), "nothing would commit it"
    texts, parameters = [], []
    for place, item in enumerate(writes):
        statement = item.dependent if place else item.held
        assert statement is not None
        text = statement.text(sync.dialect)
        texts.append(text.sql)
        parameters += text.parameters({**item.values, VERSION: version})
    return bool(await _done(sync, [(_together(tuple(texts)), parameters)]))


def _unchanged(dialect: Dialect, version: int, writes: Sequence[Write]) -> Iterator[BoundStatement]:
    """Yield the statements for SQLite, of which the first one returns its row if it has this version."""
    for place, item in enumerate(writes):
        statement = item.statement if place else item.held
        assert statement is not None
        text = statement.text(dialect)
        yield text.sql, text.parameters({**item.values, VERSION: version})


@lru_cache(maxsize=500)
def _together(statements: tuple[str, ...]) -> str:
    """Return one statement that does what *statements* do, its parameters numbered through.

    After PostgreSQL's manual, section 7.8.4: all are executed to their end, in one snapshot.
    """
    numbered, count = [], 0
    for sql in statements:
        shift = count
        numbered.append(_NUMBER.sub(lambda found, by=shift: f"${int(found[1]) + by}", sql))  # type: ignore[misc]
        count += len(set(_NUMBER.findall(sql)))
    *before, last = numbered
    named = ", ".join(f"{_NAME.format(index)} AS ({sql})" for index, sql in enumerate(before))
    return f"WITH {named} {last}" if named else last


# --- Execution -------------------------------------------------------------------------------------------------------


def _sync(connection: Reader) -> Connection:
    """Return the connection that the driver's is found by."""
    assert isinstance(connection, AsyncConnection) and connection.sync_connection is not None
    return connection.sync_connection


async def _done(sync: Connection, sent: list[BoundStatement], *, last: bool = False) -> Sequence[Any]:
    """Send statements, and return the last one's rows as the driver has them. Raises: as SQLAlchemy does."""
    adapted: Any = sync.connection.dbapi_connection
    execution = Execution()
    rows: Sequence[Any]
    try:
        dispatch_before(sync, sent, execution)
        with watched(sent):
            if isinstance(adapted, driver.DriverConnection):
                rows = await (adapted.execute_batch_and_commit(sent) if last else adapted.execute_batch(sent)) or ()
            else:
                # It begins a transaction as late as this.
                if not has_begun(adapted) and sync.in_transaction():
                    await begin(adapted)
                ((sql, parameters),) = sent
                rows = await adapted.driver_connection.fetch(sql, *parameters)
        dispatch_after(sync, sent, execution)
    except BaseException as error:
        await greenlet_spawn(fail, sync, adapted, error, sent[-1], execution)
        raise
    return rows
