"""What a file is: each type that is accepted, and everything that pretends to be one."""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.demo import documents as made
from app.documents.extensions import EXTENSIONS, saved_as
from app.documents.kinds import content_type
from app.documents.office import DOCX, MACROS, XLSX
from app.domain.errors import DocumentTypeUnsupported, InvalidInput
from app.domain.model import Language
from app.i18n import message
from tests.support.office_files import related_to, with_part

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
    # Short marks of other formats at the start of a text, and markup that no browser would take for a page's.
    ("bank.csv", b"BMW AG;DE89 3704 0044;1200\n", "text/csv"),
    ("note.txt", b"MZ Holding called.", "text/plain"),
    ("note.txt", b"BZh, ID3, II*, PK and GIF8", "text/plain"),
    ("note.txt", b"%! and {\\rt", "text/plain"),
    ("note.txt", b"<brian@acme.example> wrote:\nall is well", "text/plain"),
    ("note.txt", b"<% rate %> of <b>three</b>", "text/plain"),
    ("chat.txt", b"<Brian> hello\n<Table> no", "text/plain"),
    ("late.txt", b"Dear all,\n<script>alert(1)</script>", "text/plain"),
    ("late.csv", b"a;b\n1;<iframe src=x>", "text/csv"),
    ("a.txt", b"#1 of the list, #!not a script", "text/plain"),
    ("a.md", b"#!important", "text/plain"),
    # Encodings: all eight bits, UTF-16 with its mark, and the controls that messages between banks are divided by.
    ("unicode.txt", "Relevé 株式会社".encode("utf-16"), "text/plain"),
    ("unicode.csv", b"\xfe\xff" + "é;b\r\n".encode("utf-16-be"), "text/csv"),
    ("dos.csv", "Müller;1\r\n".encode("cp850") + b"\x1a", "text/csv"),
    ("sjis.txt", "三菱東京銀行".encode("shift_jis"), "text/plain"),
    ("cyrillic.csv", "Сбербанк;1".encode("cp1251"), "text/csv"),
    ("swift.txt", b"\x01{1:F01BANKDEFFAXXX}{4:\r\n:20:REF\r\n-}\x03" + b" " * 40, "text/plain"),
    # Messages: a header is read to its end.
    ("late.eml", b"X-Long: " + b"a\n " * 9000 + b"\nFrom: a@b.example\nTo: c@d.example\n\nHello", "message/rfc822"),
    ("mbox.eml", b"From a@b Mon Oct  5 2026\n>From c@d\nReceived: by x\nMessage-ID: <1@x>\n\n", "message/rfc822"),
    ("bare.eml", b"Received: from a\r\n\tby b; today\r\nMessage-ID: <1@x>\r\n\r\n<html>", "message/rfc822"),
    ("marked.eml", b"\xef\xbb\xbfFrom: a@b\nSubject: x\n\n", "message/rfc822"),
    ("reply.eml", b"Subject: =?utf-8?B?w6k=?=\nDate: today\n\n\x1b$B#1\x1b(B", "message/rfc822"),
    ("", b"From: a@b\nTo: c@d\nDate: today\nSubject: x\n\nHello", "message/rfc822"),
    # Names that end in nothing that stands for a type.
    ("Invoice No. 12", made.pdf("Hello"), "application/pdf"),
    ("Statement 31.12.2026", made.pdf("Hello"), "application/pdf"),
    ("Acme Inc.", made.png(), "image/png"),
    ("RIB M.Dupont", made.pdf("Hello"), "application/pdf"),
    ("Re: your invoice.eml", made.eml("a", "b"), "message/rfc822"),
    ("10:40.txt", b"called", "text/plain"),
    ("report.pdf .", made.pdf("Hello"), "application/pdf"),
    # A picture may hold anything, and a camera write behind it.
    ("asp.png", made.png(), "image/png"),
    ("film.jpg", made.jpeg() + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 400, "image/jpeg"),
    ("html.jpg", b"\xff\xd8\xff\xfe\x00\x1b<script>alert(1)</script>" + made.jpeg()[2:], "image/jpeg"),
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


def with_types(document: bytes, old: bytes, new: bytes) -> bytes:
    """Return an office document, *old* in the part that says what the others are replaced by *new*."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(document)) as opened,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made_zip,
    ):
        for part in opened.infolist():
            content = opened.read(part)
            if part.filename == "[Content_Types].xml":
                assert old in content
                content = content.replace(old, new)
            made_zip.writestr(part.filename, content)
    return packed.getvalue()


def compound(*names: str) -> bytes:
    """Return an OLE compound file whose directory has these entries ([MS-CFB])."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHH", header, 24, 0x3E, 3, 0xFFFE, 9)
    struct.pack_into("<L", header, 48, 1)
    struct.pack_into("<109L", header, 76, 0, *[0xFFFFFFFF] * 108)
    sectors = (len(names) + 4) // 4
    table = [0xFFFFFFFD, *range(2, sectors + 1), 0xFFFFFFFE]
    directory = bytearray(sectors * 512)
    for index, name in enumerate(("Root Entry", *names)):
        raw = name.encode("utf-16-le") + b"\0\0"
        directory[index * 128 : index * 128 + len(raw)] = raw
        struct.pack_into("<H", directory, index * 128 + 64, len(raw))
    return bytes(header) + struct.pack("<128L", *table, *[0xFFFFFFFF] * (128 - len(table))) + bytes(directory)


MAIN = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
MACRO_MAIN = b"application/vnd.ms-word.document.macroEnabled.main+xml"


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
    ("page.txt", b"\xef\xbb\xbf\n<script>alert(1)</script>", "text/html"),
    ("page.txt", "\ufeff <html>".encode("utf-16-le"), "text/html"),
    ("page.csv", "\ufeff\u200b\xa0<iframe src=x>".encode(), "text/html"),
    ("page.txt", b"<img src=x onerror=alert(1)>", "text/html"),
    ("page.txt", b"<script/src=x>", "text/html"),
    ("page.txt", b"<!-- --><script>alert(1)</script>", "text/html"),
    ("page.txt", b"<!DocType html>", "text/html"),
    ("page.txt", b"<BR/>", "text/html"),
    ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "image/svg+xml"),
    ("a.txt", b'<?xml version="1.0"?><svg/>', "image/svg+xml"),
    ("a.txt", b"<x:svg xmlns:x='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
    ("a.txt", b"<!DOCTYPE svg PUBLIC 'x'><svg/>", "image/svg+xml"),
    ("a.txt", b"<svg/onload=alert(1)>", "image/svg+xml"),
    ("a.xml", b'<?xml version="1.0"?><a/>', "text/xml"),
    ("a.txt", b"<a xmlns:h='http://www.w3.org/1999/xhtml'><h:script/></a>", "text/html"),
    ("a.txt", b"<q xmlns:h='http://www.w3.org/1999/xhtml'><h:script/></q>\n", "text/xml"),
    ("page.eml", b"<html>From: a\nTo: b", "text/html"),
    ("memo.eml", b"To: all\nSubject: lunch\n\n", "text/plain"),
    ("a.txt", b"{\\rtf1\\ansi {\\object}}", "application/rtf"),
    ("a.txt", b"<?php system($_GET[1]);", "application/x-httpd-php"),
    ("a.txt", b"#! /usr/bin/env python\n", "application/x-sh"),
    ("a.eml", b"#!/bin/sh: x\nFrom: a\nTo: b\n", "application/x-sh"),
    ("mail.eml", b"Hello\n", "text/plain"),
    ("a.sh", b"#!/bin/sh\nrm -rf /", "application/x-sh"),
    ("a.txt", b"#!/bin/sh\nrm -rf /", "application/x-sh"),
    ("a.bat", b"del /q *", "text/plain"),
    ("a.exe", b"MZ" + bytes(300), "application/x-msdownload"),
    ("a.pdf", b"MZ" + bytes(300), "application/x-msdownload"),
    ("a.elf", b"\x7fELF" + bytes(300), None),
    ("a.txt", b"has \0 in it", "application/octet-stream"),
    ("a.txt", "no mark".encode("utf-16-le"), "text/utf-16"),
    ("a.txt", "no mark".encode("utf-16-be"), "text/utf-16"),
    ("a.txt", "utf-32".encode("utf-32"), "text/utf-32"),
    ("a.txt", b"\xff\xfea\0b", "application/octet-stream"),
    ("a.txt", b"\xff\xfea\0\0\0b\0", "application/octet-stream"),
    ("a.txt", bytes(range(1, 256)) * 4, "application/octet-stream"),
    ("a.gif", b"GIF89a" + bytes(20), "image/gif"),
    ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "application/x-ole-storage"),
    ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    ("a.xls", compound("Workbook"), "application/vnd.ms-excel"),
    ("a.doc", compound("1Table", "Data", "x", "WordDocument"), "application/msword"),
    ("a.msg", compound("__nameid_version1.0", "__properties_version1.0"), "application/vnd.ms-outlook"),
    ("a.xlsx", compound("EncryptionInfo", "EncryptedPackage"), "application/x-encrypted-xlsx"),
    ("a.docx", compound("EncryptedPackage"), "application/x-encrypted-docx"),
    ("a", compound("EncryptedPackage"), "application/x-encrypted-office"),
    ("a.bmp", b"BM" + struct.pack("<LLLL", 70, 0, 54, 40) + bytes(50), "image/bmp"),
    ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "image/heic"),
    ("a.heic", b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf" + bytes(40), "image/heic"),
    ("a.gz", b"\x1f\x8b\x08\0" + bytes(20), "application/gzip"),
    ("a.tar", b"a" + bytes(256) + b"ustar" + bytes(300), "application/x-tar"),
    ("a.lnk", b"L\0\0\0\x01\x14\x02\0" + bytes(60), "application/x-ms-shortcut"),
    ("a.p7m", b"\x30\x82\x05\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + bytes(9), "application/pkcs7-mime"),
    # The content is fine, but the name says something else.
    ("a.pdf", made.png(), "image/png"),
    ("a.png", made.jpeg(), "image/jpeg"),
    ("a.docx", made.xlsx(("a",)), XLSX),
    ("a.docm", made.docx("Hello"), DOCX),
    ("a.html", b"Hello", "text/plain"),
    ("a.png.exe", made.png(), "image/png"),
    ("invoice.bat.", b"del /q *", "text/plain"),
    ("invoice.bat . ..", b"del /q *", "text/plain"),
    ("invoice.bat\u3000", b"del /q *", "text/plain"),
    ("evil.exe:a.txt", b"Hello", "text/plain"),
    ("a.txt:evil.exe", b"Hello", "text/plain"),
    ("evil.exe::$DATA", b"Hello", "text/plain"),
    ("report.pdf:Zone.Identifier", b"[ZoneTransfer]", "text/plain"),
    (".bat", b"Hello", "text/plain"),
    ("a.ｅｘｅ", b"Hello", "text/plain"),
    ("a․exe", b"Hello", "text/plain"),
    ("a.e\u200dxe", b"Hello", "text/plain"),
    ("a.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b}", b"Hello", "text/plain"),
    *(
        (f"a.{extension}", b"Hello", "text/plain")
        for extension in ("LNK", "url", "ps1", "hta", "js", "vbs", "scr", "iqy")
    ),
    # Broken, or two things at once.
    ("cut.pdf", made.pdf("Hello")[:60], "application/pdf"),
    ("late.pdf", b"\n" * 20 + made.pdf("Hello"), "application/pdf"),
    ("cut.png", made.png()[:-3], "image/png"),
    ("more.png", made.png() + b"<html>", "image/png"),
    ("cut.jpg", made.jpeg()[:-2], "image/jpeg"),
    ("long.webp", made.webp() + b"more", "image/webp"),
    ("html-behind.jpg", made.jpeg() + b"\r\n<!DOCTYPE html><script>alert(1)</script>", "text/html"),
    ("rar.jpg", made.jpeg() + b"Rar!\x1a\x07\x01\0" + bytes(40), "application/x-rar-compressed"),
    ("exe.jpg", made.jpeg() + b"MZ" + bytes(90), "application/x-msdownload"),
    ("zip.png", made.png() + archive({"a": b"b"}), "application/zip"),
    ("zip.jpg", made.jpeg() + archive({"a": b"b"}), "application/zip"),
    ("zip.pdf", made.pdf("Hello") + archive({"a": b"%%EOF"}), "application/zip"),
    ("html.pdf", b"%PDF-1.4\n<html><script>alert(1)</script>\n%%EOF", "application/pdf"),
    ("commented.jpg", made.jpeg() + archive({"a": b"b"}) + b"behind", "application/zip"),
    # Archives.
    ("a.zip", archive({"a.txt": b"a"}), "application/zip"),
    ("untyped.docx", archive({"word/document.xml": b"<a/>"}), "application/zip"),
    (
        "a.odt",
        archive({"mimetype": b"application/vnd.oasis.opendocument.text"}),
        "application/vnd.oasis.opendocument.text",
    ),
    ("a.jar", archive({"META-INF/MANIFEST.MF": b""}), "application/java-archive"),
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
    # The same macros in other clothes.
    ("escaped.docx", with_types(made.docx("a"), MAIN, MACRO_MAIN.replace(b"E", b"&#69;")), MACROS),
    ("hex.docx", with_types(made.docx("a"), MAIN, MACRO_MAIN.replace(b"m", b"&#x6D;")), MACROS),
    ("upper.docx", with_types(made.docx("a"), MAIN, MACRO_MAIN.upper()), MACROS),
    (
        "wide.docx",
        archive({"[Content_Types].xml": f'<T><Override ContentType="{MACRO_MAIN.decode()}"/></T>'.encode("utf-16")}),
        MACROS,
    ),
    ("entity.docx", with_types(made.docx("a"), b"<Types", b'<!DOCTYPE a [<!ENTITY e "E">]><Types'), MACROS),
    (
        "renamed.docx",
        with_types(
            made.docx("a"),
            b"<Override",
            b'<Default Extension="x" ContentType="application/vnd.ms-office.vbaProject"/><Override',
        ),
        MACROS,
    ),
    (
        "related.docx",
        with_part(made.docx("a"), "word/_rels/document.xml.rels", related_to("vbaProject", "a.bin")),
        MACROS,
    ),
    (
        "linked.docx",
        with_part(made.docx("a"), "word/_rels/document.xml.rels", related_to("oleObject", "mhtml:x")),
        MACROS,
    ),
    ("control.docx", with_part(made.docx("a"), "word/_rels/document.xml.rels", related_to("control", "a.xml")), MACROS),
    ("picture.docx", with_part(made.docx("a"), "word/media/image1.png", compound("Ole10Native")), MACROS),
    ("program.docx", with_part(made.docx("a"), "word/media/image1.png", b"MZ" + bytes(90)), MACROS),
    ("slash.docx", with_part(made.docx("a"), "word\\VbaProject.bin"), MACROS),
    ("sheet4.xlsx", with_part(made.xlsx(("a",)), "xl/macrosheets/sheet1.xml"), MACROS),
    ("twice.docx", with_part(made.docx("a"), "[content_types].xml", b"<Types/>"), "application/zip"),
    (
        "both.docx",
        with_types(
            made.docx("a"), b"<Override", f'<Override PartName="/b" ContentType="{XLSX}.main+xml"/><Override'.encode()
        ),
        None,
    ),
]


def numbered_names(examples: Sequence[tuple[str, bytes, str | None]]) -> list[str]:
    """Ids of tests without the content: an archive holds the time of its making, and each process makes its own."""
    return [f"{number}-{ascii(name)[1:-1]}" for number, (name, _, _) in enumerate(examples)]


@pytest.mark.parametrize(("name", "content", "expected"), ACCEPTED, ids=numbered_names(ACCEPTED))
def test_a_file_is_what_its_content_says(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    assert found(tmp_path, name, content) == expected


def test_every_type_of_the_allow_list_is_tried() -> None:
    assert {expected for _, _, expected in ACCEPTED} == set(EXTENSIONS)


@pytest.mark.parametrize(("name", "content", "expected"), REFUSED, ids=numbered_names(REFUSED))
def test_what_pretends_is_refused(tmp_path: Path, name: str, content: bytes, expected: str | None) -> None:
    with pytest.raises(DocumentTypeUnsupported) as refused:
        found(tmp_path, name, content)

    if expected is not None:
        assert refused.value.params["type"] == expected


def test_a_refusal_says_what_was_found_and_what_would_be_accepted(tmp_path: Path) -> None:
    said = {}
    for name, content in (
        ("Book1.xlsx", compound("EncryptedPackage")),
        ("old.xls", compound("Workbook")),
        ("mail.msg", compound("__properties_version1.0")),
        ("IMG_1.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)),
        ("list.txt", "list".encode("utf-16-le")),
        ("letter.pdf", made.pdf("Hello")[:60]),
        ("run.exe", made.pdf("Hello")),
        ("zip.png", made.png() + archive({"a": b"b"})),
    ):
        with pytest.raises(DocumentTypeUnsupported) as refused:
            found(tmp_path, name, content)
        said[name] = message(refused.value, Language.EN)
        assert message(refused.value, Language.FR) != said[name]

    accepted = "accepted are PDF, JPEG, PNG, WEBP, plain text, CSV, DOCX, XLSX and EML."
    assert said == {
        "Book1.xlsx": "This is a password-protected Excel workbook, and can't be accepted: it can't be looked at;"
        " save it without a password.",
        "old.xls": f"This is an old Excel workbook (.xls), and can't be accepted: {accepted}",
        "mail.msg": f"This is an Outlook message (.msg), and can't be accepted: {accepted}",
        "IMG_1.HEIC": f"This is a HEIC picture, and can't be accepted: {accepted}",
        "list.txt": "This is UTF-16 text without a byte order mark, and can't be accepted: save the text as UTF-8, or"
        " as UTF-16 with a byte order mark.",
        "letter.pdf": "This is a PDF, and can't be accepted: it is cut off or damaged; send the whole file.",
        "run.exe": "This is a PDF, and can't be accepted: its name ends in “.exe”, which stands for something else; let"
        " it end in .pdf.",
        "zip.png": "This is a ZIP archive, and can't be accepted: it is a PNG picture too; a file must be one"
        " thing alone.",
    }


def test_a_stream_of_another_file_is_no_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        found(tmp_path, "a.txt:b.txt", b"Hello")

    assert "names a stream of another file" in message(refused.value, Language.EN)


@pytest.mark.parametrize(
    "content", [b"\xff" * 200_000, b"\xff\xd8" + b"\xff\xe0\0\2" * 200_000, b"\x89PNG\r\n\x1a\n" + bytes(400_000)]
)
def test_a_picture_of_nothing_is_soon_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentTypeUnsupported):
        found(tmp_path, "a.jpg", content)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.PDF", "application/pdf", "a.PDF"),
        ("Invoice No. 12", "application/pdf", "Invoice No. 12.pdf"),
        ("Acme Inc. .", "image/png", "Acme Inc.png"),
        ("note.appref", "text/plain", "note.appref.txt"),
        ("a.ｐｄｆ", "application/pdf", "a.ｐｄｆ.pdf"),
    ],
)
def test_a_file_is_saved_under_a_name_that_says_what_it_is(name: str, kind: str, expected: str) -> None:
    assert saved_as(name, kind) == expected


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
