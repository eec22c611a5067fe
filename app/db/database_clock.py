"""The time that all nodes of a database share: what one of them decides by it does not rest on its own clock."""

from datetime import datetime, timedelta

from sqlalchemy import Interval, func, literal

from app.db.columns import UtcDateTime
from app.db.engines import Database
from app.db.expressions import AnyColumn


def shared_time(database: Database, now: datetime, later: timedelta = timedelta(0)) -> AnyColumn:
    """Return PostgreSQL's time, and so much *later*; for SQLite, whose nodes are on one machine, by *now*."""
    if database.is_sqlite:
        return literal(now + later, UtcDateTime())
    return func.clock_timestamp(type_=UtcDateTime()) + literal(later, Interval())
