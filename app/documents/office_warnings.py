"""Warnings of an Office document (ECMA-376): what it would fetch from elsewhere, and what is embedded in it.

Its parts are read as XML, in pieces and within a bound. What could run a program by itself was refused before.
"""

import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import ClassVar
from xml.parsers import expat

from app.domain.model import DocumentWarning as Found

UNPACKED_MAX = 32 * 1024 * 1024
PIECE = 65_536
TEXT_MAX = 1024 * 1024
_LONGEST = 32
"""More bytes than any word has that is looked for in a part before it is read."""

_FIELDS_PART = re.compile(r"word/[^/]+\.xml")
_FORMULAS_PART = re.compile(r"xl/(?:worksheets|externallinks|charts)/[^/]+\.xml|xl/workbook\.xml")
_PART_WARNINGS = (
    (re.compile(r"/embeddings/"), Found.EMBEDDED_OBJECT),
    (re.compile(r"^xl/(?:externallinks/[^/]+\.xml|connections\.xml|querytables/)"), Found.EXTERNAL_LINK),
    (re.compile(r"^(?:word|xl)/afchunk|/afchunk"), Found.EMBEDDED_OBJECT),
)
_HARMLESS = ("/hyperlink",)
"""What is fetched only when the reader clicks."""

_DDE_FIELD = re.compile(r"(?:^|[\s{\x00])DDE(?:AUTO)?(?=[\s\x00\"]|$)", re.IGNORECASE)
_FETCHING_FIELD = re.compile(r"\bINCLUDE(?:TEXT|PICTURE)\b[^\x00]*?(?:https?:|ftp:|file:|\\\\)", re.IGNORECASE)
_QUOTED = re.compile(r"\bQUOTE((?:\s+\d{1,7}){2,})", re.IGNORECASE)
_STRING = re.compile(r'"[^"]*"')
_DDE_FORMULA = re.compile(r"[\w.]+\s*\|\s*'?[^!]{0,2000}!")
_FETCHING_FORMULA = re.compile(r"\b(?:WEBSERVICE|IMAGE|RTD|CALL|REGISTER(?:\.ID)?|IMPORTDATA)\s*\(", re.IGNORECASE)


class _Undeclared(Exception):
    """The part has a document type, which may give its words another meaning."""


def warnings_of_office(archive: zipfile.ZipFile) -> Iterator[Found | None]:
    """Yield what the document could do, and None for what is harmless."""
    left = UNPACKED_MAX
    for part in archive.infolist():
        name = part.filename.replace("\\", "/").lstrip("/").lower()
        yield from (warning for pattern, warning in _PART_WARNINGS if pattern.search(name))
        reader = _reader_of(name)
        if reader is None:
            continue
        left -= part.file_size
        if left < 0:
            yield Found.NOT_FULLY_EXAMINED
            return
        if reader.markers is None or _contains_any(archive, part, reader.markers):
            yield from _read(archive, part, reader())


def _contains_any(archive: zipfile.ZipFile, part: zipfile.ZipInfo, markers: Sequence[bytes]) -> bool:
    """Tell whether there is anything in the part that is looked for: most have nothing, and need not be parsed."""
    rest = b""
    with archive.open(part) as opened:
        while piece := opened.read(PIECE):
            data = (rest + piece).lower()
            if any(word in data for word in markers):
                return True
            rest = piece[-_LONGEST:]
    return False


class PartReader:
    """Looks at the elements of a part; `found` is what there is to warn of.

    `markers`: what stands in the bytes, in lower case, of a part that has anything to be found, one of them; None where
    every part is read. NUL is in every other encoding than UTF-8.
    """

    markers: ClassVar[Sequence[bytes] | None] = None

    def __init__(self) -> None:
        self.found: set[Found] = set()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Look at the start of an element; *name* and the attributes' names are without their prefixes."""

    def text(self, data: str) -> None:
        """Look at text."""

    def end(self, name: str) -> None:
        """Look at the end of an element."""

    def finish(self) -> None:
        """Look at what was gathered, once all is read."""


class Relationships(PartReader):
    def start(self, name: str, attributes: dict[str, str]) -> None:
        kind = attributes.get("type", "").strip().lower()
        if attributes.get("targetmode", "").strip().lower() != "external" or kind.endswith(_HARMLESS):
            return
        is_template = kind.endswith("/attachedtemplate")
        self.found.add(Found.EXTERNAL_TEMPLATE if is_template else Found.EXTERNAL_LINK)


class Fields(PartReader):
    """The instructions of a text document's fields, which may be spread over many elements."""

    markers = (b"\0", b"<!doctype", b"instrtext", b"fldsimple")

    def __init__(self) -> None:
        super().__init__()
        self._said: list[str] = []
        self._length = 0
        self._is_instruction = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._is_instruction = name == "instrtext"
        if name == "fldchar" and attributes.get("fldchartype") == "begin":
            self._say("\0")
        if name == "fldsimple":
            self._say("\0" + attributes.get("instr", "") + "\0")

    def text(self, data: str) -> None:
        if self._is_instruction:
            self._say(data)

    def end(self, name: str) -> None:
        self._is_instruction = False

    def _say(self, words: str) -> None:
        self._length += len(words)
        if self._length <= TEXT_MAX:
            self._said.append(words)
        else:
            self.found.add(Found.NOT_FULLY_EXAMINED)

    def finish(self) -> None:
        said = "".join(self._said)
        said += "".join(f"\0{_spelled(match[1])}" for match in _QUOTED.finditer(said))
        together = said.replace("\0", "")
        if _DDE_FIELD.search(said) or _DDE_FIELD.search(together):
            self.found.add(Found.DDE)
        if _FETCHING_FIELD.search(said):
            self.found.add(Found.EXTERNAL_LINK)


class Formulas(PartReader):
    """The formulas of a workbook's cells and names, and its links to other programs."""

    markers = (
        *(b"\0", b"<!doctype", b"|", b"&#", b"ddelink", b"ddeitem"),
        *(b"webservice", b"image", b"rtd", b"call", b"register", b"importdata"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._formula: list[str] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("f", "definedname", "formula", "formula1", "formula2"):
            self._formula = []
        if name in ("ddelink", "ddeitem"):
            self.found.add(Found.DDE)

    def text(self, data: str) -> None:
        if self._formula is not None and len(self._formula) < 1000:
            self._formula.append(data)

    def end(self, name: str) -> None:
        if self._formula is None:
            return
        formula = _STRING.sub('""', "".join(self._formula))
        if _DDE_FORMULA.search(formula):
            self.found.add(Found.DDE)
        if _FETCHING_FORMULA.search(formula):
            self.found.add(Found.EXTERNAL_LINK)
        self._formula = None


def _reader_of(name: str) -> type[PartReader] | None:
    if name.endswith(".rels"):
        return Relationships
    if _FIELDS_PART.fullmatch(name):
        return Fields
    return Formulas if _FORMULAS_PART.fullmatch(name) else None


def _read(archive: zipfile.ZipFile, part: zipfile.ZipInfo, reader: PartReader) -> Iterator[Found | None]:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: reader.start(
        _local(name), {_local(key): value for key, value in attributes.items()}
    )
    parser.EndElementHandler = lambda name: reader.end(_local(name))
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    try:
        with archive.open(part) as opened:
            while piece := opened.read(PIECE):
                parser.Parse(piece)
                yield from reader.found or (None,)
        parser.Parse(b"", True)
    except (expat.ExpatError, _Undeclared):
        yield Found.NOT_FULLY_EXAMINED
    reader.finish()
    yield from reader.found


def _refuse(*_: object) -> None:
    raise _Undeclared


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _spelled(numbers: str) -> str:
    """Return the text that a QUOTE field spells by the numbers of its characters."""
    return "".join(chr(number) for number in map(int, numbers.split()) if number < 0x110000)
