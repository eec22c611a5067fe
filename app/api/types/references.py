"""References to types that lead back to where they are used: strawberry follows them once all types are there."""

from typing import TYPE_CHECKING, Annotated

import strawberry

if TYPE_CHECKING:
    from app.api.types.cases import Case

CaseReference = Annotated["Case", strawberry.lazy("app.api.types.cases")]
"""The case that something is part of."""
