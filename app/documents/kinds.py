"""What a file is, by its content: the allow-list of DOMAIN.md, section 7, and what makes a file no good.

First it is decided whether the bytes are text. A name may only confirm what the content says. The file is read in
pieces; of an office document the small parts are read that say what it is, within bounds.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from app.documents import compound, formats, office, structures, texts
from app.documents.extensions import EXTENSIONS, demand_agreement, extension_of
from app.documents.formats import UNKNOWN
from app.domain.errors import Detail, DocumentTypeUnsupported

HEAD = 4096

Demand = Callable[[BinaryIO, bytes], None]

_PICTURES: tuple[tuple[Callable[[bytes], bool], str, Demand], ...] = (
    (lambda head: head.startswith(b"\xff\xd8\xff"), structures.JPEG, structures.demand_jpeg),
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), structures.PNG, structures.demand_png),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", structures.WEBP, structures.demand_webp),
)
_OTHER_ENCODINGS = ("text/utf-16", "text/utf-32")
_ENCRYPTED = "application/x-encrypted-"


def content_type(path: Path, filename: str) -> str:
    """Return the type of the file at *path*, one of EXTENSIONS, that is called *filename*.

    Raises: DocumentTypeUnsupported, with the type that was found; InvalidInput for a name that is a stream's.
    """
    extension = extension_of(filename)
    with path.open("rb") as file:
        head = file.read(HEAD)
        if structures.is_pdf(head):
            structures.demand_pdf(file, head)
            found = structures.PDF
        else:
            text = texts.read_text(file)
            found = _text_type(text, extension) if text is not None else _binary_type(path, file, head, extension)
    if found not in EXTENSIONS:
        raise DocumentTypeUnsupported(type=found, problem=_problem(found))
    demand_agreement(filename, found)
    return found


def _text_type(text: texts.TextFile, extension: str) -> str:
    if extension == ".pdf" and texts.holds_pdf(text):
        raise DocumentTypeUnsupported(type=structures.PDF, problem=Detail("type_has_more_before"))
    return texts.type_of(text, extension)


def _binary_type(path: Path, file: BinaryIO, head: bytes, extension: str) -> str:
    for begins, found, demand in _PICTURES:
        if begins(head):
            demand(file, head)
            return found
    if office.is_zip(head):
        return office.kind(path)
    if head.startswith(compound.MARK):
        return compound.kind(file, extension)
    found = formats.name_binary(head)
    if found == UNKNOWN and texts.looks_like_utf_16(head):
        return "text/utf-16"
    return found


def _problem(found: str) -> Detail:
    """Return why a type is not accepted, and what would be."""
    if found.startswith(_ENCRYPTED):
        return Detail("type_encrypted")
    return Detail("type_other_encoding" if found in _OTHER_ENCODINGS else "type_not_accepted")
