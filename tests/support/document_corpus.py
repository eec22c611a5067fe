"""A corpus of files by real encoders, as many as are asked for: what each is called, its bytes, and what it is.

All of them are what people would send. What they hold looks, here and there, like the mark of another format.
"""

import csv
import io
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple

import docx
import openpyxl
import xlsxwriter
from PIL import Image, ImageDraw, PngImagePlugin
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from app.documents.office import DOCX, XLSX
from app.domain.errors import Refusal

# What is in texts, titles, authors and comments: addresses in brackets, words that begin as other formats do.
WORDS = (
    "BMW AG;DE89 3704 0044 0532 0130 00;1200,00",
    "MZ Holding Sàrl",
    "<brian@acme.example>",
    "<% rate %>",
    "a < b and c > d",
    "it is <b>bold</b>",
    "PK Zürich",
    "GIF89a is a format",
    "%!",
    "#1 supplier",
    "BZh",
    "ID3",
    "II*",
    "RIFF",
    "Rar!",
    "Müller & Söhne – 1 500 €",
    "Ελληνική Τράπεζα",
    "Сбербанк России",
    "株式会社ホンダ",
    "شركة المثال",
    "Société Générale",
    "the mail had <script> in it",
    "=?utf-8?B?w6k=?=",
    "{\\rt",
    "---",
    "From: nobody",
)

LATIN = ("utf-8", "utf-8-sig", "cp1252", "latin-1", "iso8859-15", "mac_roman", "cp850", "utf-16")
OTHERS = {
    "cp1251": "Счёт № 12; Сбербанк России; 1 500,00",
    "koi8-r": "Счёт; Сбербанк России; 1 500,00",
    "cp1250": "Účet; Česká spořitelna; Łódź; 1 500,00",
    "iso8859-2": "Účet; Česká spořitelna; 1 500,00",
    "cp1253": "Λογαριασμός; Τράπεζα Πειραιώς",
    "cp1254": "Hesap; Türkiye İş Bankası; ığüşöç",
    "cp1255": "חשבון; בנק הפועלים",
    "cp1256": "حساب; بنك مصر",
    "shift_jis": "口座;三菱東京銀行;1500",
    "euc_jp": "口座;三菱東京銀行;1500",
    "iso2022_jp": "口座;三菱東京銀行;1500",
    "gb18030": "账户;中国工商银行;1500",
    "big5": "帳戶;中國信託銀行;1500",
    "euc_kr": "계좌;국민은행;1500",
    "tis-620": "บัญชี;ธนาคารกรุงเทพ",
    "cp437": "Konto;Müller & Söhne;ÄÖÜ",
}


MORNING = datetime(2026, 10, 5, 9, 12, tzinfo=UTC)


class File(NamedTuple):
    """A file of the corpus."""

    name: str
    content: bytes
    type: str


def files(count: int, seed: int) -> Iterator[File]:
    """Yield *count* files, the same for the same *seed*; every maker takes its turn."""
    chance = random.Random(seed)
    for number in range(count):
        yield MAKERS[number % len(MAKERS)](chance)


def _words(chance: random.Random, most: int = 6) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, most)))


def _latin(chance: random.Random) -> str:
    """Return words that every Western encoding has."""
    plain = [word for word in WORDS if word.isascii() or word.startswith(("Mül", "Soc", "MZ", "PK"))]
    return " ".join(chance.choice(plain) for _ in range(chance.randint(1, 6))).replace("€", "EUR").replace("–", "-")


# --- Pictures --------------------------------------------------------------------------------------------------------


def _noise(chance: random.Random, mode: str) -> Image.Image:
    size = chance.randint(1, 160), chance.randint(1, 160)
    bands = len(Image.new(mode, (1, 1)).tobytes()) if mode != "1" else 1
    if mode == "1":
        return Image.frombytes("L", size, chance.randbytes(size[0] * size[1])).convert("1")
    return Image.frombytes(mode, size, chance.randbytes(size[0] * size[1] * bands))


def _drawing(chance: random.Random, mode: str) -> Image.Image:
    picture = Image.new("RGB", (chance.randint(20, 400), chance.randint(20, 300)), "white")
    draw = ImageDraw.Draw(picture)
    for _ in range(chance.randint(1, 20)):
        corners = [(chance.randint(0, 400), chance.randint(0, 300)) for _ in range(2)]
        draw.line(corners, fill=tuple(chance.randbytes(3)), width=chance.randint(1, 9))
    draw.text((3, 3), "IBAN DE89", fill="black")
    return picture.convert(mode)


def _picture(chance: random.Random, modes: Sequence[str]) -> Image.Image:
    mode = chance.choice(modes)
    return chance.choice((_noise, _drawing))(chance, mode)


def _exif(chance: random.Random) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x0112] = _latin(chance), _latin(chance), chance.randint(1, 8)
    return exif


def _png(chance: random.Random) -> File:
    about = PngImagePlugin.PngInfo()
    about.add_text("Comment", _words(chance), zip=chance.random() < 0.5)
    about.add_itxt("Title", _words(chance))
    picture = _picture(chance, ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") if chance.random() < 0.8 else ("L",))
    made = io.BytesIO()
    options: dict[str, Any] = {"pnginfo": about, "compress_level": chance.randint(0, 9)}
    if chance.random() < 0.2:
        options |= {"save_all": True, "append_images": [picture]}
    picture.save(made, "PNG", **options)
    return File("picture.png", made.getvalue(), "image/png")


def _jpeg(chance: random.Random) -> File:
    made = io.BytesIO()
    options: dict[str, Any] = {"quality": chance.randint(1, 100), "progressive": chance.random() < 0.4}
    if chance.random() < 0.5:
        options |= {"exif": _exif(chance), "comment": _words(chance).encode()}
    if chance.random() < 0.3:
        options |= {"restart_marker_blocks": chance.randint(1, 8)}
    _picture(chance, ("L", "RGB", "CMYK")).save(made, "JPEG", **options)
    # What cameras write behind the picture: a preview, a film, a block of their own.
    behind = chance.choice((b"", b"", b"", b"\0\0\0\x18ftypmp42" + chance.randbytes(90_000), b"SEFH" + bytes(40)))
    return File(chance.choice(("a.jpg", "a.JPEG", "IMG_0001.jfif")), made.getvalue() + behind, "image/jpeg")


def _webp(chance: random.Random) -> File:
    made = io.BytesIO()
    options: dict[str, Any] = {"lossless": chance.random() < 0.5, "quality": chance.randint(1, 100)}
    if chance.random() < 0.3:
        options["exif"] = _exif(chance)
    _picture(chance, ("L", "RGB", "RGBA")).save(made, "WEBP", **options)
    return File("a.webp", made.getvalue(), "image/webp")


# --- PDF -------------------------------------------------------------------------------------------------------------


def _pdf(chance: random.Random) -> File:
    made = io.BytesIO()
    page = canvas.Canvas(
        made,
        pagesize=A4,
        pageCompression=chance.randint(0, 1),
        encrypt="secret" if chance.random() < 0.2 else None,
    )
    page.setAuthor(chance.choice(("<brian@acme.example>", _words(chance))))
    page.setTitle(_words(chance))
    page.setSubject(_words(chance))
    for _ in range(chance.randint(1, 3)):
        page.drawString(60, 700, _latin(chance))
        page.rect(*(chance.randint(1, 200) for _ in range(4)))
        page.showPage()
    page.save()
    return File(chance.choice(("a.pdf", "Invoice No. 12", "RIB M.Dupont", "a.PDF")), made.getvalue(), "application/pdf")


def _pdf_of_pictures(chance: random.Random) -> File:
    made = io.BytesIO()
    _picture(chance, ("1", "L", "RGB", "CMYK")).save(made, "PDF", title=_words(chance), author="<brian@acme.example>")
    return File("scan.pdf", made.getvalue(), "application/pdf")


# --- Office ----------------------------------------------------------------------------------------------------------


def _docx(chance: random.Random) -> File:
    document = docx.Document()
    document.core_properties.author = "<brian@acme.example>"
    document.core_properties.title = _words(chance)
    document.add_heading(_words(chance))
    for _ in range(chance.randint(1, 8)):
        document.add_paragraph(_words(chance))
    document.add_table(2, 3).cell(0, 0).text = _words(chance)
    picture = io.BytesIO()
    _noise(chance, "RGB").save(picture, chance.choice(("PNG", "JPEG")))
    document.add_picture(picture)
    made = io.BytesIO()
    document.save(made)
    return File("a.docx", made.getvalue(), DOCX)


def _openpyxl(chance: random.Random) -> File:
    book = openpyxl.Workbook(write_only=chance.random() < 0.3)
    sheet = book.create_sheet("Payments")
    for number in range(chance.randint(1, 60)):
        # A formula, a date and a number beside words.
        sheet.append([number, _words(chance), "=A1+1", MORNING.replace(tzinfo=None), 1.5])
    book.properties.creator = "<brian@acme.example>"
    made = io.BytesIO()
    book.save(made)
    return File("a.xlsx", made.getvalue(), XLSX)


def _xlsxwriter(chance: random.Random) -> File:
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True, "use_zip64": chance.random() < 0.3})
    sheet = book.add_worksheet()
    rows = chance.choice((3, 40, 2_000))
    for number in range(rows):
        sheet.write_row(number, 0, [number, "the same", 84_300])
    sheet.write_string(rows, 0, _words(chance))
    chart = book.add_chart({"type": "line"})
    chart.add_series({"values": "=Sheet1!$A$1:$A$3"})
    sheet.insert_chart("D2", chart)
    book.close()
    return File("a.xlsx", made.getvalue(), XLSX)


# --- Mail and text ---------------------------------------------------------------------------------------------------


def _eml(chance: random.Random) -> File:
    message = EmailMessage()
    for _ in range(chance.choice((0, 3, 60))):  # with the last, From comes behind 8 KiB
        message["Received"] = f"from mx{chance.randint(1, 99)}.example by mx.example; {format_datetime(MORNING)} " * 2
    message["X-Spam"] = "a" * chance.choice((1, 900))
    message["Subject"] = _words(chance).replace("\n", " ")
    message["Date"] = format_datetime(MORNING)
    message["To"] = "Ada <ada@brightwater.example>"
    message["From"] = "Brian <brian@acme.example>"
    message.set_content(_words(chance), cte=chance.choice(("8bit", "base64", "quoted-printable")))
    if chance.random() < 0.5:
        message.add_alternative(f"<html><body>{_words(chance)}</body></html>", subtype="html")
    if chance.random() < 0.4:
        message.add_attachment(chance.randbytes(3000), maintype="application", subtype="pdf", filename="é.pdf")
    content = message.as_bytes()
    before = chance.choice((b"", b"", b"From brian@acme.example Mon Oct  5 09:12:00 2026\n"))
    content = before + content if chance.random() < 0.5 else content.replace(b"\n", b"\r\n")
    return File("mail.eml", content, "message/rfc822")


def _csv(chance: random.Random) -> File:
    encoding = chance.choice(LATIN)
    text = io.StringIO()
    writer = csv.writer(text, dialect=chance.choice(("excel", "excel-tab", "unix")), delimiter=chance.choice(",;\t|"))
    for _ in range(chance.randint(1, 40)):
        words = _words(chance) if encoding.startswith("utf") else _latin(chance)
        writer.writerow([words, chance.randint(0, 10**9), "BMW AG"])
    return _text_file(chance, text.getvalue(), encoding)


def _foreign(chance: random.Random) -> File:
    encoding = chance.choice(tuple(OTHERS))
    return _text_file(chance, "\r\n".join([OTHERS[encoding]] * chance.randint(1, 30)), encoding)


def _text_file(chance: random.Random, text: str, encoding: str) -> File:
    name, kind = chance.choice((("a.csv", "text/csv"), ("a.txt", "text/plain"), ("Zahlungen 30.09", "text/plain")))
    return File(name, text.encode(encoding, "replace"), kind)


MAKERS: tuple[Callable[[random.Random], File], ...] = (
    *(_png, _jpeg, _webp, _pdf, _pdf_of_pictures),
    *(_docx, _openpyxl, _xlsxwriter, _eml, _csv, _foreign),
)


# --- LibreOffice -----------------------------------------------------------------------------------------------------


def libreoffice() -> str | None:
    """Return the program, None where it is not installed."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def converted(program: str, source: Path, kinds: Sequence[tuple[str, str]], folder: Path) -> Iterator[File]:
    """Yield *source* as LibreOffice writes it in each of *kinds*, an extension and the type of what has it."""
    for extension, kind in kinds:
        profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
        command = [program, profile, "--headless", "--convert-to", extension, "--outdir", str(folder), str(source)]
        subprocess.run(command, check=True, capture_output=True, timeout=180)
        made = (folder / source.name).with_suffix(f".{extension}")
        yield File(made.name, made.read_bytes(), kind)


def verdict(check: Callable[[Path, str], str], folder: Path, file: File) -> str:
    """Return the type that *check* finds, or the refusal's code and values."""
    path = folder / "file"
    path.write_bytes(file.content)
    try:
        return check(path, file.name)
    except Refusal as refused:
        return f"{refused.code} {refused.params}"
