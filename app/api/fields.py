"""The ways to declare a field or a type of the API, each with its description.

Scalar fields are plain attributes of the row that stands for the object. A relation names a loader and the attribute
that holds its key, so that the execution can tell relations from code.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar, cast

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

E = TypeVar("E", bound=StrEnum)
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", bound=type)


def described(description: str, needs: tuple[str, ...] | None = None, *, awaited: bool = False) -> Any:
    """Return a field that is an attribute of the same name; *needs* are the columns of one that is made of others.

    *awaited*: the attribute is an awaitable, since it takes a look at the database.
    """
    metadata: dict[str, Any] = {"awaited": awaited}
    return strawberry.field(
        description=description, metadata=metadata if needs is None else metadata | {"needs": needs}
    )


def computed(
    resolver: Callable[..., Any],
    description: str,
    needs: tuple[str, ...],
    batch: Callable[..., Any] | None = None,
    loads: tuple[str, ...] | None = None,
) -> Any:
    """Return a field that *resolver* makes of the row's columns *needs* and of what the loaders *loads* bring.

    *batch* does the same for a list of rows at once: it takes them, `info`, and the arguments by name. Where *loads* is
    None, any loader may be asked.
    """
    metadata = {"needs": needs, "batch": batch, "loads": loads}
    return strawberry.field(resolver=resolver, description=description, metadata=metadata)


def resolved(description: str, *extensions: FieldExtension, loads: tuple[str, ...] | None = None) -> Callable[[F], F]:
    """Return a decorator that makes a method a field, typed as what it decorates; *loads* as for `computed`."""
    field = strawberry.field(description=description, extensions=list(extensions), metadata={"loads": loads})
    return cast(Callable[[F], F], field)


def followed(description: str, *extensions: FieldExtension) -> Callable[[F], F]:
    """Return a decorator that makes a method a field of the subscriptions: it returns source events."""
    return cast(Callable[[F], F], strawberry.subscription(description=description, extensions=list(extensions)))


def related(loader: str, key: str, description: str) -> Any:
    """Return a field that the *loader* of the operation loads by the row's attribute *key*; null where that is None."""
    return RelationField(loader, key, description)


WITHOUT = object()
"""What stands for an attribute that a row does not have."""


class RelationField(StrawberryField):
    """A field whose value a dataloader brings; a row that has it already has it as an attribute of the same name."""

    def __init__(self, loader: str, key: str, description: str) -> None:
        super().__init__(description=description)
        self.loader = loader
        self.key = key

    @property
    def is_basic_field(self) -> bool:
        """It is not: it needs the context."""
        return False

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        value = getattr(source, self.python_name, WITHOUT)
        if value is not WITHOUT:
            return value
        key = getattr(source, self.key)
        return None if key is None else getattr(info.context.loaders, self.loader).load(key)


def described_enum(enum: type[E], description: str, values: Mapping[E, str], name: str | None = None) -> type[E]:
    """Make *enum* a GraphQL enum with a description for each of its members.

    Raises: KeyError for a member without one.
    """
    result = strawberry.enum(enum, description=description, name=name)
    for value in result.__strawberry_definition__.values:  # type: ignore[attr-defined]  # strawberry has put it there
        value.description = values[enum[value.name]]
    return result


def object_type(row: type[Any], description: str, **options: Any) -> Callable[[T], T]:
    """Return a decorator for a type of the API whose objects are *row*s of the database layer."""

    def decorate(cls: T) -> T:
        cls.row = row  # type: ignore[attr-defined]  # where the row of a type is looked up
        cls.is_type_of = classmethod(lambda _cls, value, _info: isinstance(value, row))  # type: ignore[attr-defined]  # strawberry asks for it
        return strawberry.type(cls, description=description, **options)

    return decorate
