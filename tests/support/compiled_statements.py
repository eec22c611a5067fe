"""Statements that SQLAlchemy has compiled, shared by all engines of a test run.

Each engine keeps its own, and a test has several: to compile the same statements anew for each test is a sixth of what
the tests of the log take. An engine's compiled statements depend on its dialect, of which each engine has an instance
of its own; those of one database system are set up alike, as `app.db.prepared` relies on.
"""

from collections import UserDict
from typing import Any

from sqlalchemy import Dialect, Engine

MOST = 3_000
"""How many are kept: those of random operations differ, and none is used again."""


class SharedStatements(UserDict[Any, Any]):
    """What engines look for by a key that begins with their dialect, kept by that one's kind."""

    def get(self, key: Any, default: Any = None) -> Any:
        return self.data.get(_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        if len(self.data) >= MOST:
            self.data.clear()
        self.data[_kind(key)] = compiled


def share() -> None:
    """Have all engines that are made from now on keep what they compile together."""
    shared = SharedStatements()
    # An engine sets the attribute as it is made: that changes nothing.
    Engine._compiled_cache = property(lambda _: shared, lambda *_: None)  # type: ignore[assignment]


def _kind(key: Any) -> Any:
    dialect, *others = key
    assert isinstance(dialect, Dialect)
    return (type(dialect), *others)
