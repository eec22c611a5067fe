"""What a document could do to the reader who opens it: warnings, found at upload and within bounds.

An accepted document is not refused for these: a reviewer should see the evidence, and know. What is looked for stands
in the manual, app/docs/documents.md. No virus is looked for.
"""

import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from app.documents.office import BROKEN, DOCX, XLSX
from app.documents.office_warnings import warnings_of_office
from app.documents.pdf_warnings import warnings_of_pdf
from app.documents.text_warnings import warnings_of_csv, warnings_of_mail
from app.domain.model import DocumentWarning

Examiner = Callable[[Path], Iterator[DocumentWarning | None]]
"""Yields what it finds, and None now and then while it finds nothing."""

EXAMINED_S = 2
"""Seconds of processor time for one document: hundreds of times what an ordinary document takes."""


def _office(path: Path) -> Iterator[DocumentWarning | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield from warnings_of_office(archive)
    except BROKEN:
        yield DocumentWarning.NOT_FULLY_EXAMINED


_EXAMINERS: dict[str, Examiner] = {
    "application/pdf": warnings_of_pdf,
    "text/csv": warnings_of_csv,
    "message/rfc822": warnings_of_mail,
    DOCX: _office,
    XLSX: _office,
}


def examined(path: Path, content_type: str) -> tuple[DocumentWarning, ...]:
    """Return the warnings of the file, in the order of the enum."""
    examiner = _EXAMINERS.get(content_type)
    found: set[DocumentWarning | None] = set()
    until = time.thread_time() + EXAMINED_S
    for warning in examiner(path) if examiner is not None else ():
        found.add(warning)
        if time.thread_time() > until:
            found.add(DocumentWarning.NOT_FULLY_EXAMINED)
            break
    return tuple(warning for warning in DocumentWarning if warning in found)
