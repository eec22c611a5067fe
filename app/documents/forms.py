"""Multipart forms (RFC 7578), read as a stream: parts come one after the other, and nothing is kept."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers

from app.documents.dispositions import as_text, named_by, parameters
from app.domain.errors import Detail, InvalidInput


class FormError(Exception):
    """The form can't be read; the message is for the client's developer."""


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part begins; `filename` is empty for a file without a name.

    `refusal`: why nothing that comes can be accepted, as for a name that can't be read.
    """

    name: str
    is_file: bool
    filename: str
    headers: Headers
    refusal: InvalidInput | None = None


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part that began last is whole."""


Event = PartStart | bytes | PartEnd


class _Reader:
    """Turns the parser's calls into events."""

    def __init__(self, boundary: bytes, parts_max: int) -> None:
        self.events: list[Event] = []
        self.is_whole = False
        self._parts_left = parts_max
        self._headers: list[tuple[bytes, bytes]] = []
        self._name, self._value = bytearray(), bytearray()
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header,
                "on_headers_finished": self._start,
                "on_part_data": lambda data, start, end: self.events.append(data[start:end]),
                "on_part_end": lambda: self.events.append(PartEnd()),
                "on_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._parts_left -= 1
        if self._parts_left < 0:
            raise FormError("The form has too many parts.")
        self._headers = []

    def _header(self) -> None:
        self._headers.append((bytes(self._name).lower(), bytes(self._value)))
        self._name.clear()
        self._value.clear()

    def _start(self) -> None:
        headers = Headers(raw=self._headers)
        disposition = headers.get("content-disposition", "")
        found = parameters(as_text(disposition))
        if "name" not in found:
            raise FormError("A part of the form has no name.")
        is_file = any(name.startswith("filename") for name in found)
        try:
            filename, refusal = named_by(disposition), None
            if not disposition.isascii() and as_text(disposition) == disposition:
                raise InvalidInput(detail=Detail("name_is_not_unicode"))
        except InvalidInput as unreadable:
            filename, refusal = None, unreadable
        self.events.append(PartStart(found["name"], is_file, filename or "", headers, refusal))

    def _end(self) -> None:
        self.is_whole = True


async def read_form(body: AsyncIterator[bytes], content_type: str, *, parts_max: int) -> AsyncIterator[Event]:
    """Yield the parts of *body* as they arrive.

    Raises: FormError for no form, a broken or an unfinished one, and one of more than *parts_max* parts.
    """
    _, options = parse_options_header(content_type)
    if not 1 <= len(options.get(b"boundary", b"")) <= 70:  # RFC 2046, section 5.1.1
        raise FormError("The content type names no boundary.")
    reader = _Reader(options[b"boundary"], parts_max)
    async for piece in body:
        try:
            reader.parser.write(piece)
        except FormParserError:
            raise FormError("The form is broken.") from None
        events, reader.events = reader.events, []
        for event in events:
            yield event
    if not reader.is_whole:
        raise FormError("The form has no end.")
