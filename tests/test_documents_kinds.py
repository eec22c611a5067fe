"""What a file is: each type that is accepted, and everything that pretends to be one."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from app import demo_documents as made
from app.documents.kinds import EXTENSIONS, content_type
from app.documents.office import DOCX, MACROS, XLSX
from app.domain.errors import DocumentTypeUnsupported

ACCEPTED = [
    ("a.pdf", made.pdf("Hello"), "application/pdf"),
    ("a.jpg", made.jpeg(), "image/jpeg"),
    ("a.JPEG", made.jpeg() + b"more of the camera's", "image/jpeg"),
    ("a.png", made.png(), "image/png"),
    ("a.webp", made.webp(), "image/webp"),
    ("a.txt", b"Hello\r\n\tWorld\f\n", "text/plain"),
    ("grec.txt", "Ελληνικά".encode(), "text/plain"),
    ("windows.txt", "déjà vu – 5 €".encode("cp1252"), "text/plain"),
    ("marked.txt", b"\xef\xbb\xbfHello", "text/plain"),
    ("less.txt", b"a < b, and b > c", "text/plain"),
    ("a.csv", b"a;b\n1;2\n", "text/csv"),
    ("a.docx", made.docx("Hello"), DOCX),
    ("a.xlsx", made.xlsx(("a", "b")), XLSX),
    ("a.eml", made.eml("Hello", "<p>World</p>"), "message/rfc822"),
    ("without-extension", made.png(), "image/png"),
    ("", b"no name", "text/plain"),
]


def found(folder: Path, name: str, content: bytes) -> str:
    path = folder / "file"
    path.write_bytes(content)
    return content_type(path, name)


def archive(files: dict[str, bytes], *, before: bytes = b"") -> bytes:
    packed = io.BytesIO()
    packed.write(before)
    with zipfile.ZipFile(packed, "a" if before else "w", zipfile.ZIP_DEFLATED) as made_archive:
        for name, content in files.items():
            made_archive.writestr(name, content)
    return packed.getvalue()


def with_part(document: bytes, name: str, content: bytes = b"x") -> bytes:
    """Return an office document with one more part."""
    packed = io.BytesIO(document)
    with zipfile.ZipFile(packed, "a") as opened:
        opened.writestr(name, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def many_parts() -> bytes:
    return archive({f"word/{number}.xml": b"" for number in range(6000)} | {"[Content_Types].xml": b"<Types/>"})


def png_with(kind: bytes, data: bytes) -> bytes:
    """Return a picture whose text chunk is put before its end."""
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    whole = made.png()
    return whole[:-12] + chunk + whole[-12:]


REFUSED = [
    ("photo.png", b"<html><script>alert(1)</script></html>", "text/html"),
    ("page.html", b"<!DOCTYPE html><p>Hello", "text/html"),
    ("page.txt", b"  \n\t<HTML>", "text/html"),
    ("late.txt", b"Dear all,\n<script>alert(1)</script>", "text/html"),
    ("late.csv", b"a;b\n1;<iframe src=x>", "text/html"),
    ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "image/svg+xml"),
    ("a.txt", b'<?xml version="1.0"?><svg/>', "image/svg+xml"),
    ("a.xml", b'<?xml version="1.0"?><a/>', None),
    ("page.eml", b"<html>From: a\nTo: b", "text/plain"),
    ("mail.eml", b"Hello\n", "text/plain"),
    ("a.sh", b"#!/bin/sh\nrm -rf /", "application/x-sh"),
    ("a.txt", b"#!/bin/sh\nrm -rf /", "application/x-sh"),
    ("a.bat", b"del /q *", "text/plain"),
    ("a.exe", b"MZ" + bytes(300), "application/x-msdownload"),
    ("a.pdf", b"MZ" + bytes(300), "application/x-msdownload"),
    ("a.elf", b"\x7fELF" + bytes(300), None),
    ("a.txt", b"has \0 in it", "application/octet-stream"),
    ("a.txt", b"\xff\xfe" + "utf-16".encode("utf-16-le"), "application/octet-stream"),
    ("a.gif", b"GIF89a" + bytes(20), "image/gif"),
    ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), None),
    # The content is fine, but the name says something else.
    ("a.pdf", made.png(), "image/png"),
    ("a.png", made.jpeg(), "image/jpeg"),
    ("a.docx", made.xlsx(("a",)), XLSX),
    ("a.docm", made.docx("Hello"), DOCX),
    ("a.html", b"Hello", "text/plain"),
    ("a.png.exe", made.png(), "image/png"),
    # Broken, or two things at once.
    ("cut.pdf", made.pdf("Hello")[:60], "application/octet-stream"),
    ("late.pdf", b"\n" * 20 + made.pdf("Hello"), None),
    ("cut.png", made.png()[:-3], "application/octet-stream"),
    ("more.png", made.png() + b"more", "application/octet-stream"),
    ("cut.jpg", made.jpeg()[:-2], "application/octet-stream"),
    ("long.webp", made.webp() + b"more", "application/octet-stream"),
    ("zip.png", made.png() + archive({"a": b"b"}), "application/zip"),
    ("zip.jpg", made.jpeg() + archive({"a": b"b"}), "application/zip"),
    ("zip.pdf", made.pdf("Hello") + archive({"a": b"%%EOF"}), "application/zip"),
    ("html.pdf", b"%PDF-1.4\n<html><script>alert(1)</script>\n%%EOF", "text/html"),
    ("html.jpg", b"\xff\xd8\xff\xfe\x00\x20<script>alert(1)</script>" + made.jpeg()[2:], "text/html"),
    # Archives.
    ("a.zip", archive({"a.txt": b"a"}), "application/zip"),
    ("untyped.docx", archive({"word/document.xml": b"<a/>"}), "application/zip"),
    ("empty.docx", archive({"[Content_Types].xml": b"<Types/>"}), "application/zip"),
    ("bomb.docx", with_part(made.docx("a"), "word/big.xml", bytes(9_000_000)), "application/zip"),
    ("many.docx", many_parts(), "application/zip"),
    ("cut.docx", made.docx("a")[:-5], "application/zip"),
    ("tail.docx", made.docx("a") + b"more", "application/zip"),
    ("macro.docx", with_part(made.docx("a"), "word/vbaProject.bin"), MACROS),
    (
        "ole.xlsx",
        with_part(made.xlsx(("a",)), "xl/embeddings/oleObject1.bin"),
        MACROS,
    ),
    (
        "typed.docx",
        archive({"[Content_Types].xml": b"application/vnd.ms-word.document.macroEnabled.main+xml"}),
        MACROS,
    ),
]


@pytest.mark.parametrize(("name", "content", "expected"), ACCEPTED, ids=lambda value: str(value)[:30])
def test_a_file_is_what_its_content_says(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    assert found(tmp_path, name, content) == expected


def test_every_type_of_the_allow_list_is_tried() -> None:
    assert {expected for _, _, expected in ACCEPTED} == set(EXTENSIONS)


@pytest.mark.parametrize(("name", "content", "expected"), REFUSED, ids=lambda value: str(value)[:30])
def test_what_pretends_is_refused(tmp_path: Path, name: str, content: bytes, expected: str | None) -> None:
    with pytest.raises(DocumentTypeUnsupported) as refused:
        found(tmp_path, name, content)

    if expected is not None:
        assert refused.value.params["type"] == expected


def test_parts_that_lie_over_each_other_are_a_bomb(tmp_path: Path) -> None:
    whole = bytearray(made.docx("a" * 2000))
    at = whole.index(b"PK\x01\x02")
    entry = bytes(whole[at : whole.index(b"PK\x01\x02", at + 4)])
    end = whole.index(b"PK\x05\x06")
    more = 200
    directory = bytes(whole[at:end]) + entry * more
    count = struct.unpack_from("<H", whole, end + 10)[0] + more
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), at, 0)

    with pytest.raises(DocumentTypeUnsupported):
        found(tmp_path, "a.docx", bytes(whole[:at]) + directory + tail)


def test_a_picture_may_hold_text_of_its_own(tmp_path: Path) -> None:
    assert found(tmp_path, "a.png", png_with(b"tEXt", b"Comment\0made by hand")) == "image/png"
