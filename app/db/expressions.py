"""SQLAlchemy's expressions and statements of which no type is known before a client says what it orders or filters by.

A column of SQLAlchemy's is of exactly one type: no other type than `Any` takes columns of several.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select

AnyColumn = ColumnElement[Any]
AnySelect = Select[Any]
