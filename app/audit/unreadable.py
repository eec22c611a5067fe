"""Values that are none of their kind, which a database that was changed by hand may hold."""

from sqlalchemy.exc import DBAPIError

UNREADABLE = (LookupError, ValueError, TypeError, DBAPIError)
"""What is raised where a column holds no value of its kind, as a status that there is not."""


def demand_unreadable(error: Exception) -> None:
    """Raise *error* again, unless it tells of a value; SQLite takes any bytes for a text."""
    if isinstance(error, DBAPIError) and "decode" not in str(error.orig):
        raise error
