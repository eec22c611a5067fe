"""Timeouts: for how long a database's connections, locks and statements are waited for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """For how many seconds things are waited for, before a request is refused.

    `pool`: a free connection; `lock`: what another transaction has locked, on SQLite the write lock; `statement`: the
    end of one, on SQLite of one that reads; `idle`: the next statement of a transaction, on PostgreSQL.
    """

    pool: float = 2.5
    lock: float = 5
    statement: float = 10
    idle: float = 20

    def pool_options(self, size: int) -> dict[str, object]:
        """Return SQLAlchemy's options for a pool of *size* connections and no more."""
        return {"pool_size": size, "max_overflow": 0, "pool_timeout": self.pool, "hide_parameters": True}
