"""The demo's documents: a small real file of each type that is accepted, made by code.

What they say is made up; the formats are followed as far as readers of them ask.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping


def pdf(*lines: str) -> bytes:
    """Return a page of text (ISO 32000-1, section 7.5)."""
    shown = " T* ".join(f"({line}) Tj" for line in lines)
    text = f"BT /F1 14 Tf 60 760 Td 20 TL {shown} ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(made))
    return bytes(made) + b"xref\n0 %d\n0000000000 65535 f \n%b%b" % (size, table, trailer)


def png(width: int = 64, height: int = 40, colour: tuple[int, int, int] = (40, 90, 160)) -> bytes:
    """Return a picture of one colour (PNG specification, section 5)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes(colour) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def jpeg() -> bytes:
    """Return a grey picture of 8 by 8 (ITU-T T.81, annex B): one block, whose one code says "nothing more"."""

    def segment(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    code = bytes([1, *[0] * 15, 0])  # a single code of one bit, for the symbol 0
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0" + struct.pack(">HBHHBB", 0x0101, 0, 1, 1, 0, 0)),
            segment(0xDB, bytes([0, *[1] * 64])),
            segment(0xC0, struct.pack(">BHHBBBB", 8, 8, 8, 1, 1, 0x11, 0)),
            segment(0xC4, b"\x00" + code),
            segment(0xC4, b"\x10" + code),
            segment(0xDA, bytes([1, 1, 0, 0, 63, 0])),
            bytes([0b00111111]),
            b"\xff\xd9",
        ]
    )


def webp(colour: tuple[int, int, int] = (40, 90, 160)) -> bytes:
    """Return one lossless pixel (RFC 9649, section 3): five codes of a single symbol each, which take no more bits."""
    red, green, blue = colour
    # The size less one, alpha, version; then no transform, no colour cache, no meta codes.
    bits = [(0, 14), (0, 14), (0, 1), (0, 3), (0, 1), (0, 1), (0, 1)]
    for symbol in (green, red, blue, 255):
        bits += [(1, 1), (0, 1), (1, 1), (symbol, 8)]
    bits += [(1, 1), (0, 1), (0, 1), (0, 1)]  # no distances
    value = length = 0
    for number, width in bits:
        value |= number << length
        length += width
    stream = b"\x2f" + value.to_bytes((length + 7) // 8, "little")
    padded = stream + b"\0" * (len(stream) % 2)
    body = b"WEBPVP8L" + struct.pack("<I", len(stream)) + padded
    return b"RIFF" + struct.pack("<I", len(body)) + body


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument"


def _office(main_part: str, main_type: str, parts: Mapping[str, str], more_types: Mapping[str, str]) -> bytes:
    """Return an office document (ECMA-376, part 2): a ZIP archive that names its parts and what they are."""
    types = {main_part: main_type, **more_types}
    overrides = "".join(f'<Override PartName="/{part}" ContentType="{kind}"/>' for part, kind in types.items())
    files = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="{main_part}"/></Relationships>',
        **parts,
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), _XML + content)
    return made.getvalue()


def docx(*paragraphs: str) -> bytes:
    """Return a text document."""
    words = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = "".join(f"<w:p><w:r><w:t>{paragraph}</w:t></w:r></w:p>" for paragraph in paragraphs)
    document = f'<w:document xmlns:w="{words}"><w:body>{body}</w:body></w:document>'
    return _office(
        "word/document.xml", f"{_TYPE}.wordprocessingml.document.main+xml", {"word/document.xml": document}, {}
    )


def xlsx(*rows: tuple[str, ...]) -> bytes:
    """Return a workbook of one sheet."""
    cells = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    lines = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>" for row in rows
    )
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{cells}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Payments" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{cells}"><sheetData>{lines}</sheetData></worksheet>',
    }
    sheet = {"xl/worksheets/sheet1.xml": f"{_TYPE}.spreadsheetml.worksheet+xml"}
    return _office("xl/workbook.xml", f"{_TYPE}.spreadsheetml.sheet.main+xml", parts, sheet)


def eml(subject: str, *lines: str) -> bytes:
    """Return a message (RFC 5322)."""
    header = [
        "From: Accounts <accounts@moulins-reunis.example>",
        "To: Accounts Payable <payable@brightwater.example>",
        "Date: Mon, 05 Oct 2026 09:12:00 +0200",
        f"Subject: {subject}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
    ]
    return "\r\n".join([*header, "", *lines, ""]).encode()


FILES: Mapping[str, Callable[[], bytes]] = {
    "bank-certificate.pdf": lambda: pdf("Bank certificate", "The account is held by Harrow Group Ltd."),
    "relevé d’identité bancaire.pdf": lambda: pdf("RIB", "Titulaire : Moulins Réunis de la Beauce"),
    "letterhead.png": png,
    "scan.jpg": jpeg,
    "logo.webp": webp,
    "call-note.txt": lambda: b"Called the number of our own supplier file at 10:40.\n",
    "payments.csv": lambda: b"date;amount;IBAN\n2026-09-30;84300,00;FR76 0000\n",
    "contract.docx": lambda: docx("Supply contract", "The supplier announces a change of account by letter."),
    "open-invoices.xlsx": lambda: xlsx(("Invoice", "Amount"), ("2291", "84 300,00")),
    "change of account.eml": lambda: eml("Change of account", "Please pay on our new account from now on."),
}
"""The files that the script names."""
