"""Filters and paths (RFC 7644, sections 3.4.2.2 and 3.5.2): comparisons by `eq`, joined by `and`.

Which attributes there are is for the resources to say.
"""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from app.scim.problems import ScimType, refused

LENGTH_MAX = 2_000
"""Characters of a filter or a path."""
COMPARISONS_MAX = 20

Value = str | bool | int | float | None

_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\\x00-\x1f]|\\.)*")|(?P<sign>[()\[\]])|(?P<word>[^\s()\[\]"]+))', re.DOTALL
)
_HALVES = re.compile("[\ud800-\udfff]")
_ATTRIBUTE = re.compile(r"(?:urn:[A-Za-z0-9:._-]+:)?\$?[A-Za-z][A-Za-z0-9_-]*(?:\.\$?[A-Za-z][A-Za-z0-9_-]*)?")


class Equality(NamedTuple):
    """That an attribute, named in lower case with the one that it is within, has a value."""

    attribute: str
    value: Value


class PatchPath(NamedTuple):
    """What an operation is about: an attribute, those of its values that are meant, and a part of them.

    Names are in lower case. `where` is None where no filter says which values are meant.
    """

    attribute: str
    where: tuple[Equality, ...] | None = None
    part: str | None = None


def parse_filter(text: str) -> list[Equality]:
    """Return the comparisons that must all hold. Raises: ScimRefused."""
    parser = _Parser(text, ScimType.INVALID_FILTER, "scim_filter")
    found = parser.conjunction("")
    parser.demand_end()
    return found


def parse_path(text: str) -> PatchPath:
    """Return the path of an operation. Raises: ScimRefused."""
    parser = _Parser(text, ScimType.INVALID_PATH, "scim_path")
    attribute, where = parser.attribute(), None
    if parser.next == "[":
        where = tuple(parser.group("[", "]", ""))
        part = parser.part()
        parser.demand_end()
        return PatchPath(attribute, where, part)
    parser.demand_end()
    if attribute.startswith("urn:"):
        return PatchPath(attribute)
    name, _, part = attribute.partition(".")
    return PatchPath(name, None, part or None)


class _Parser:
    """Reads a text from its beginning to its end."""

    def __init__(self, text: str, kind: ScimType, detail: str) -> None:
        self._text, self._kind, self._detail = text, kind, detail
        self._tokens: list[str] = []
        self._count = 0
        self._name = ""
        """The name that was read last, as it is written."""
        if len(text) > LENGTH_MAX:
            raise refused(kind, "length", actual=len(text), maximum=LENGTH_MAX)
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if found is None:
                self._fail(text[place:])
            self._tokens.append(found[0].strip() if found["text"] is None else found["text"])
            place = found.end()
        self._tokens.reverse()

    @property
    def next(self) -> str:
        """The next token, empty at the end."""
        return self._tokens[-1] if self._tokens else ""

    def take(self) -> str:
        return self._tokens.pop() if self._tokens else ""

    def demand_end(self) -> None:
        if self._tokens:
            self._fail(self.next)

    def conjunction(self, within: str) -> list[Equality]:
        """Read comparisons that are joined by `and`; *within*: the attribute whose values they are about."""
        found = self._term(within)
        while self.next.lower() == "and":
            self.take()
            found += self._term(within)
        return found

    def group(self, opening: str, closing: str, within: str) -> list[Equality]:
        """Read a conjunction in brackets."""
        self._count += 1
        if self.take() != opening or self._count > COMPARISONS_MAX:
            self._fail(opening)
        found = self.conjunction(within)
        if self.take() != closing:
            self._fail(closing)
        return found

    def attribute(self) -> str:
        """Read the name of an attribute, without the schema that it may begin with."""
        token = self.take()
        if not _ATTRIBUTE.fullmatch(token):
            self._fail(token)
        self._name = without_schema(token)
        return self._name.lower()

    def part(self) -> str | None:
        """Read the part of a value that stands behind brackets and a full stop, if there is one."""
        if not self.next.startswith("."):
            return None
        token = self.take()
        if not _ATTRIBUTE.fullmatch(token[1:]):
            self._fail(token)
        self._name = token[1:]
        return self._name.lower()

    def _term(self, within: str) -> list[Equality]:
        if self.next == "(":
            return self.group("(", ")", within)
        name = self.attribute()
        attribute = f"{within}.{name}" if within else name
        if self.next == "[" and not within:
            found = self.group("[", "]", attribute)
            part = self.part()
            # With a part it is no filter of the RFC's grammar, and what Microsoft Entra sends.
            return found if part is None else [*found, self._comparison(f"{attribute}.{part}")]
        return [self._comparison(attribute)]

    def _comparison(self, attribute: str) -> Equality:
        operator, value = self.take(), self.take()
        self._count += 1
        if operator.lower() != "eq" or self._count > COMPARISONS_MAX:
            self._fail(f"{self._name} {operator}".strip())
        return Equality(attribute, self._value(value))

    def _value(self, token: str) -> Value:
        try:
            value: object = json.loads(token if token.startswith('"') else token.lower())
        except ValueError:
            self._fail(token)
        if not isinstance(value, str | bool | int | float | None):
            self._fail(token)
        if isinstance(value, str) and ("\x00" in value or _HALVES.search(value)):  # no text has them
            self._fail(ascii(token))
        return value

    def _fail(self, found: str) -> NoReturn:
        raise refused(self._kind, self._detail, found=found or self._text)


def without_schema(name: str) -> str:
    """Return the name of an attribute without the URN of the core schema before it."""
    for schema in CORE_SCHEMAS:
        if name.lower().startswith(f"{schema.lower()}:"):
            return name[len(schema) + 1 :]
    return name


CORE_SCHEMAS: Sequence[str] = (
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:Group",
)
