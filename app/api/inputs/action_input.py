"""What the inputs of all actions share: each becomes a command, and every fault of its shape is found at once."""

from collections.abc import Sequence
from functools import cached_property
from typing import TypedDict, TypeVar

from app.documents.receive import Received
from app.domain.commands import Command
from app.domain.validation import InputValidator

T = TypeVar("T")


class CommonFields(TypedDict):
    """The fields of every command on cases."""

    expected_version: int | None
    idempotency_key: str | None


class ActionInput:
    """What the inputs share: `command`, and the fields that every action takes."""

    expected_version: int | None
    idempotency_key: str | None
    dry_run: bool | None
    unnamed = frozenset[str]()
    """Fields that the client did not send, whatever stands in them: see `RequestFacts`."""

    @property
    def files(self) -> Sequence[Received]:
        """The files that came along."""
        return ()

    @cached_property
    def command(self) -> Command:
        """The input as a command. Raises: InputRefused, with every fault of its shape."""
        shape = InputValidator("input")
        command = self._command(shape, self._common(shape))
        shape.finish()
        return command

    def _common(self, shape: InputValidator) -> CommonFields:
        return {
            "expected_version": self._named("expectedVersion", shape.version(self.expected_version, "expectedVersion")),
            "idempotency_key": shape.idempotency_key(self.idempotency_key, "idempotencyKey"),
        }

    def _named(self, name: str, value: T | None) -> T | None:
        return None if name in self.unnamed else value

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        raise NotImplementedError
