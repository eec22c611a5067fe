"""The permission of mutations whose own code decides: whether a token may try, before the input is looked at."""

from collections.abc import Awaitable, Callable
from typing import Any

from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from app.api.context import Info
from app.api.errors import user_errors
from app.domain.errors import InputRefused, Refusal
from app.domain.facts import Actor
from app.domain.model import ActionType


class PayloadPermission(FieldExtension):
    """Refuses whom *admit* refuses, and makes every refusal a payload with `errors`; `action`: of a case, if any."""

    def __init__(self, admit: Callable[[Actor], None], action: ActionType | None = None) -> None:
        self.action = action
        self._admit = admit
        self.payload: Any = None

    def apply(self, field: StrawberryField) -> None:
        """Note the payload that refusals are told in."""
        self.payload = field.type

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: object, info: Info, **kwargs: Any
    ) -> Any:
        context = info.context
        context.reads.renew()
        try:
            self._admit(context.actor)
            return await next_(source, info, **kwargs)
        except (Refusal, InputRefused) as refused:
            errors = await user_errors(refused, context)
            context.actions.codes.extend(error.code for error in errors)
            return self.payload(errors=errors)
