"""Run a module as `python -m` does, and write down each statement that it sends to SQLite.

    python -m scripts.benchmarks.traced FILE MODULE [argument ...]

It tells nothing about time: it is for counting alone.
"""

import functools
import os
import runpy
import sqlite3
import sys
from collections.abc import Callable
from typing import Any


class Traced(sqlite3.Connection):
    """A connection that writes down what is sent by it. SQLite's own trace would add what triggers do."""

    output: int

    def note(self, statement: str) -> None:
        os.write(self.output, " ".join(statement.split()).encode() + b"\n")

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or TracedCursor)

    def execute(self, sql: str, *parameters: Any) -> Any:
        return self.cursor().execute(sql, *parameters)  # its own way would pass the cursor by

    def commit(self) -> None:
        self._end("COMMIT", super().commit)

    def rollback(self) -> None:
        self._end("ROLLBACK", super().rollback)

    def _end(self, statement: str, end: Callable[[], None]) -> None:
        if self.in_transaction:
            self.note(statement)
        end()


class TracedCursor(sqlite3.Cursor):
    """A cursor that has what is executed written down."""

    connection: Traced

    def execute(self, sql: str, *parameters: Any) -> Any:
        self.connection.note(sql)
        return super().execute(sql, *parameters)

    def executemany(self, sql: str, *parameters: Any) -> Any:
        self.connection.note(sql)
        return super().executemany(sql, *parameters)


def main(file: str, module: str, arguments: list[str]) -> None:
    """Run *module*, with a line in *file* for each statement."""
    Traced.output = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    # For this process alone, before anything connects.
    sqlite3.connect = functools.partial(sqlite3.connect, factory=Traced)  # type: ignore[assignment]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
