"""Fields that say what to call a value, so that no client needs a list of words of its own."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any

import strawberry

from app.api.context import Context, Info
from app.api.enums import Language
from app.api.fields import computed, described
from app.domain.model import Language as DomainLanguage
from app.i18n.labels import LABELS, label

In = Annotated[
    Language | None, strawberry.argument(description="In this language; by default in that of the answer's messages.")
]


def labelled(attribute: str, *, nullable: bool = False) -> Any:
    """Return a field that says what to call the row's *attribute*."""

    def labels(parents: Sequence[Any], info: Info, language: Any = None) -> list[str | None]:
        wanted = language or info.context.request.language
        members = map(attrgetter(attribute), parents)
        return [None if member is None else label(member, wanted) for member in members]

    def resolve(parent: Any, info: Info, language: Any = None) -> Any:
        return labels([parent], info, language)[0]

    resolve.__annotations__ = {
        "parent": strawberry.Parent[Any],  # type: ignore[misc]  # an annotation that is made here
        "info": Info,
        "language": In,
        "return": str | None if nullable else str,
    }
    words = attribute.replace("_", " ")
    description = f"What to call the {words}, for people." + (" Null without one." * nullable)
    return computed(resolve, description, (attribute,), labels, loads=())


@strawberry.type(description="What to call one member of an enum.")
class Label:
    enum: str = described("The enum, as it is named in this schema.")
    value: str = described("The member.")
    text: str = described("What to call it.")


def all_labels(context: Context, language: DomainLanguage | None) -> list[Label]:
    """Return what to call every member of every enum that people see."""
    return [
        Label(enum=enum, value=member, text=texts[language or context.request.language])
        for enum, members in LABELS.items()
        for member, texts in members.items()
    ]
