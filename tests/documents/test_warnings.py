"""Warnings: what a document could do to whoever opens it is shown to those who read it, and keeps nobody from it."""

import io
import zlib
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pytest
from reportlab.pdfgen import canvas
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db import tables
from app.db.engines import Database
from app.demo import documents as made
from app.documents.examination import examined
from app.documents.kinds import content_type
from app.domain.model import DocumentWarning as Found
from tests.support.api import Api
from tests.support.document_corpus import files
from tests.support.documents import comment_with, upload
from tests.support.office_files import related_to, with_part
from tests.support.triggers import triggers_aside
from tests.support.world import World

NOTHING: set[Found] = set()


def warnings_of(folder: Path, name: str, content: bytes) -> set[Found]:
    """Return the warnings of a file that must be accepted."""
    path = folder / "file"
    path.write_bytes(content)
    return set(examined(path, content_type(path, name)))


def pdf_with(*objects: bytes) -> bytes:
    """Return a PDF with more objects at its end, which nothing leads to."""
    more = b"".join(b"%d 0 obj\n%b\nendobj\n" % (number, content) for number, content in enumerate(objects, 90))
    return made.pdf("Hello").replace(b"xref\n", more + b"xref\n", 1)


def object_stream(content: bytes, dictionary: bytes = b"/Type /ObjStm /Filter /FlateDecode") -> bytes:
    packed = zlib.compress(content)
    return b"<< %b /N 1 /First 4 /Length %d >>\nstream\r\n%b\nendstream" % (dictionary, len(packed), packed)


def written_pdf(act: Callable[[canvas.Canvas], object], encrypt: str | None = None) -> bytes:
    """Return a page as reportlab writes it, once *act* has had its way."""
    file = io.BytesIO()
    page = canvas.Canvas(file, encrypt=encrypt)
    page.drawString(60, 700, "JavaScript and Launch are words here, /JS too.")
    act(page)
    page.save()
    return file.getvalue()


SCRIPT = b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (made.pdf("Hello"), NOTHING),
        (written_pdf(lambda page: page.linkURL("https://acme.example", (0, 0, 9, 9))), NOTHING),
        (written_pdf(lambda page: page.acroForm.textfield(name="a", x=9, y=9)), NOTHING),
        (written_pdf(lambda _page: None, encrypt="secret"), {Found.ENCRYPTED}),
        (pdf_with(SCRIPT), {Found.PDF_JAVASCRIPT}),
        (pdf_with(b"<</S/JavaScript/JS 9 0 R>>"), {Found.PDF_JAVASCRIPT}),
        (pdf_with(b"<< /S /J#61vaScr#69pt /J#53 (x) >>"), {Found.PDF_JAVASCRIPT}),
        (pdf_with(b"<< /S /#4a#61#76#61#53#63#72#69#70#74 >>"), {Found.PDF_JAVASCRIPT}),
        (pdf_with(b"% >>stream\n" + SCRIPT + b"\n%endstream"), {Found.PDF_JAVASCRIPT}),
        (pdf_with(object_stream(b"91 0 " + SCRIPT)), {Found.PDF_JAVASCRIPT}),
        (pdf_with(object_stream(b"91 0 " + SCRIPT, b"/Type/Obj#53tm/Filter[/Fl]")), {Found.PDF_JAVASCRIPT}),
        (pdf_with(object_stream(b"91 0 " + bytes(20_000_000))), {Found.NOT_FULLY_EXAMINED}),
        (pdf_with(b"<< /Type /ObjStm /Filter /ASCII85Decode >>stream\nabc\nendstream"), {Found.NOT_FULLY_EXAMINED}),
        (pdf_with(b"<< /S /Launch /F (cmd.exe) >>"), {Found.PDF_LAUNCH_ACTION}),
        (pdf_with(b"<< /S /SubmitForm /F (http://x) >>"), {Found.PDF_FORM_SUBMIT}),
        (pdf_with(b"<< /Type /EmbeddedFile >>stream\nx\nendstream"), {Found.PDF_EMBEDDED_FILE}),
        (pdf_with(b"<< /S /GoToR /F (\\\\\\\\server\\\\x) >>"), {Found.EXTERNAL_LINK}),
        (pdf_with(b"<< /Subtype /RichMedia >>"), {Found.PDF_MULTIMEDIA}),
        (pdf_with(b"<< /JavaScripts 1 /Launcher 2 >>"), NOTHING),
        (pdf_with(b" " * 262_130 + SCRIPT), {Found.PDF_JAVASCRIPT}),
    ],
)
def test_what_a_pdf_could_do_is_found(tmp_path: Path, content: bytes, expected: set[Found]) -> None:
    assert warnings_of(tmp_path, "a.pdf", content) == expected


def document(*instructions: str) -> bytes:
    """Return a text document with the instructions of fields, each a run of its own."""
    runs = "".join(f"<w:r><w:instrText>{it}</w:instrText></w:r>" for it in instructions)
    return with_part(made.docx("Hello"), "word/header1.xml", f'<w:hdr xmlns:w="x"><w:p>{runs}</w:p></w:hdr>'.encode())


def template(kind: str, mode: str = "External") -> bytes:
    part = related_to(kind, "http://x/a.dotm").replace(b"/></R", f' TargetMode="{mode}"/></R'.encode())
    return with_part(made.docx("Hello"), "word/_rels/settings.xml.rels", part)


def sheet(formula: str) -> bytes:
    content = f'<worksheet xmlns:x="y"><x:f>{formula}</x:f></worksheet>'.encode()
    return with_part(made.xlsx(("a",)), "xl/worksheets/sheet2.xml", content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (made.docx("DDE is a word, INCLUDETEXT too"), NOTHING),
        (document("PAGE"), NOTHING),
        (document("DDEAUTO c:\\\\windows\\\\cmd.exe"), {Found.DDE}),
        (document("D", "D", "E cmd"), {Found.DDE}),
        (document("&#68;&#x44;E cmd"), {Found.DDE}),
        (document("QUOTE 68 68 69 65 85 84 79 32 99"), {Found.DDE}),
        (document('INCLUDEPICTURE "http://x/a.png"'), {Found.EXTERNAL_LINK}),
        (template("attachedTemplate"), {Found.EXTERNAL_TEMPLATE}),
        (template("attachedTemplate", " external "), {Found.EXTERNAL_TEMPLATE}),
        (template("image"), {Found.EXTERNAL_LINK}),
        (template("hyperlink"), NOTHING),
        (template("image", "Internal"), NOTHING),
        (with_part(made.docx("a"), "word/embeddings/Microsoft_Excel_Sheet.xlsx"), {Found.EMBEDDED_OBJECT}),
        (with_part(made.docx("a"), "word/footer1.xml", b"<!DOCTYPE a><a/>"), {Found.NOT_FULLY_EXAMINED}),
        (with_part(made.docx("a"), "word/footer1.xml", b"<a><instrText>"), {Found.NOT_FULLY_EXAMINED}),
        (
            with_part(made.docx("a"), "word/footer1.xml", "<a><instrText>DDE x</instrText></a>".encode("utf-16")),
            {Found.DDE},
        ),
    ],
)
def test_what_a_text_document_could_do_is_found(tmp_path: Path, content: bytes, expected: set[Found]) -> None:
    assert warnings_of(tmp_path, "a.docx", content) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (sheet("SUM(A1:A3)"), NOTHING),
        (sheet("cmd|' /C calc'!A0"), {Found.DDE}),
        (sheet("cmd&#124;' /C calc'!A0"), {Found.DDE}),
        (sheet("WEB&#83;ERVICE(A1)"), {Found.EXTERNAL_LINK}),
        (
            with_part(
                made.xlsx(("a",)), "xl/externalLinks/externalLink1.xml", b"<externalLink><ddeLink/></externalLink>"
            ),
            {Found.DDE, Found.EXTERNAL_LINK},
        ),
        (with_part(made.xlsx(("a",)), "xl/connections.xml", b"<connections/>"), {Found.EXTERNAL_LINK}),
    ],
)
def test_what_a_workbook_could_do_is_found(tmp_path: Path, content: bytes, expected: set[Found]) -> None:
    assert warnings_of(tmp_path, "a.xlsx", content) == expected


def test_formulas_and_links_of_real_encoders_are_found(tmp_path: Path) -> None:
    book, plain, word = openpyxl.Workbook(), openpyxl.Workbook(), docx.Document()
    book.active["A1"] = '=WEBSERVICE("http://x")'
    plain.active["A1"], plain.active["A2"] = "=SUM(B1:B3)", "=IF(A1>0, \"yes|no\", 'Sheet'!B1)"
    plain.active["A3"].hyperlink = "https://acme.example"
    word.part.relate_to("http://x/a.dotm", "http://x/attachedTemplate", is_external=True)
    saved = []
    for thing in (book, plain, word):
        file = io.BytesIO()
        thing.save(file)
        saved.append(file.getvalue())

    assert warnings_of(tmp_path, "a.xlsx", saved[0]) == {Found.EXTERNAL_LINK}
    assert warnings_of(tmp_path, "a.xlsx", saved[1]) == NOTHING
    assert warnings_of(tmp_path, "a.docx", saved[2]) == {Found.EXTERNAL_TEMPLATE}


@pytest.mark.parametrize(
    "content",
    [
        "=1+1",
        "a;=cmd|' /C calc'!A0",
        'a,"=HYPERLINK(""http://x"")"',
        "a\n +cmd|' /C calc'!A0",
        "a,@SUM(1+1)*cmd|' /C calc'!A0",
        "a\t-2+3+cmd|' /C calc'!A0",
        "a,＝1+1",
        'a,"\t=1+1"',
        "x" * 70_000 + "\r\n=1+1",
        "\ufeff=1+1",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_formula_in_a_csv_is_found(tmp_path: Path, content: str, encoding: str) -> None:
    assert warnings_of(tmp_path, "a.csv", content.encode(encoding)) == {Found.CSV_FORMULA}


def test_cells_that_only_begin_like_formulas_are_none(tmp_path: Path) -> None:
    content = (
        'name;amount\n-12,50;+33 1 23 45;- call back;@acme;=====;="0012";"=""0012""";a=b;+;-;x = y\n'
        "--- note ---;+5 %;-3 (three);@;a@b.example;1-2;'-'\n"
    )

    assert warnings_of(tmp_path, "a.csv", content.encode()) == NOTHING


def test_attachments_of_a_message_are_found(tmp_path: Path) -> None:
    plain, attached, inline = EmailMessage(), EmailMessage(), EmailMessage()
    for message in (plain, attached, inline):
        message["From"], message["To"], message["Subject"] = "a@b.example", "c@d.example", "Hello"
        message.set_content('See\n <meta name="viewport"> and the name=x of it')
    plain.add_alternative('<html>\n <meta name="viewport"></html>', subtype="html")
    attached.add_attachment(b"x" * 200_000, maintype="application", subtype="octet-stream", filename="é" * 50 + ".exe")
    inline.add_attachment("text", filename="a.txt", disposition="inline")

    assert warnings_of(tmp_path, "a.eml", plain.as_bytes()) == NOTHING
    assert warnings_of(tmp_path, "a.eml", attached.as_bytes()) == {Found.MAIL_ATTACHMENT}
    assert warnings_of(tmp_path, "a.eml", inline.as_bytes()) == {Found.MAIL_ATTACHMENT}


@pytest.mark.long
def test_files_of_real_encoders_give_no_false_warning(tmp_path: Path) -> None:
    for file in files(110, seed=3):
        expected = {Found.ENCRYPTED, Found.MAIL_ATTACHMENT}
        if b"=?utf-8" in file.content.replace(b"\0", b""):  # at a cell's start a formula, though one of nothing
            expected.add(Found.CSV_FORMULA)
        found = warnings_of(tmp_path, file.name, file.content)
        assert found <= expected, (file.name, found)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b',=""' * 30_000),
        ("a.pdf", pdf_with(b"/#" * 30_000)),
        ("a.docx", document(*["PAGE"] * 3_000)),
        ("a.eml", made.eml("a", "b" * 100_000)),
    ],
)
def test_a_document_is_examined_for_a_while_and_no_longer(
    tmp_path: Path, name: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warnings_of(tmp_path, name, content) == NOTHING

    monkeypatch.setattr("app.documents.examination.EXAMINED_S", 0)

    assert warnings_of(tmp_path, name, content) == {Found.NOT_FULLY_EXAMINED}


def test_a_large_sheet_without_anything_to_warn_of_is_examined_whole(tmp_path: Path) -> None:
    rows = b"".join(b"<row><c><f>SUM(A%d)</f><v>%d</v></c></row>" % (row, row * 7919) for row in range(300_000))
    content = with_part(made.xlsx(("a",)), "xl/worksheets/sheet2.xml", b"<worksheet>" + rows + b"</worksheet>")

    assert warnings_of(tmp_path, "a.xlsx", content) == NOTHING


async def test_warnings_are_shown_to_readers_and_uploaders(api: Api, world: World) -> None:
    case = (await world.open_case()).case
    script = pdf_with(SCRIPT, b"<< /S /Launch >>")
    answer = await upload(api, world.ada.token, script, "a.pdf")
    await comment_with(api, world.ada.token, case.id, [("b.pdf", script), ("c.txt", b"Hello")])
    command = {"caseId": str(case.id), "body": "x", "documentIds": [answer.json()["id"]]}
    await api.act(world.ada.token, "addComment", command)
    query = """query($id: ID!) { case(id: $id) {
        documents { nodes { filename warnings } }
        actions { nodes { comment { documents { filename warnings } } } } } }"""

    shown = (await api.run(world.rosa.token, query, {"id": str(case.id)}))["case"]

    scripts = ["PDF_JAVASCRIPT", "PDF_LAUNCH_ACTION"]
    assert answer.json()["warnings"] == scripts
    assert {row["filename"]: row["warnings"] for row in shown["documents"]["nodes"]} == {
        "a.pdf": scripts,
        "b.pdf": scripts,
        "c.txt": [],
    }
    brought = [row for action in shown["actions"]["nodes"] for row in (action["comment"] or {}).get("documents", [])]
    assert sorted(brought, key=lambda row: str(row["filename"])) == sorted(
        shown["documents"]["nodes"], key=lambda row: str(row["filename"])
    )


async def test_what_came_before_says_so_and_no_warning_is_changed(api: Api, world: World, database: Database) -> None:
    case = (await world.open_case()).case
    document_id = (await upload(api, world.ada.token, b"Hello", "a.txt")).json()["id"]
    with pytest.raises(DBAPIError, match="permanent"):
        async with database.write() as connection:
            await connection.execute(text("UPDATE documents SET warnings = NULL"))
    async with database.write() as connection, triggers_aside(connection, tables.documents):
        await connection.execute(text("UPDATE documents SET warnings = NULL"))
    command = {"caseId": str(case.id), "body": "x", "documentIds": [document_id]}

    payload = await api.act(world.ada.token, "addComment", command, "comment { documents { warnings } }")

    assert payload["comment"]["documents"] == [{"warnings": ["NOT_EXAMINED"]}]
