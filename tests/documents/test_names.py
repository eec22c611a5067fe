"""File names: what is kept of them, what is refused, and how they are given back."""

import unicodedata
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.names import NAME_MAX, attachment, named_by, normalised
from app.domain.errors import InvalidInput, Refusal, TooLong
from app.domain.model import Language
from app.i18n import message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("  report.pdf ", "report.pdf"),
        ("re\u0301sume\u0301.pdf", "résumé.pdf"),
        ("été 2026 (final).pdf", "été 2026 (final).pdf"),
        ("..report.pdf", "..report.pdf"),
        ("a" * 251 + ".pdf", "a" * 251 + ".pdf"),
        ("é" * 125 + ".pdf", "é" * 125 + ".pdf"),
        # Left by telephones and word processors, and seen by nobody.
        ("\u200eWhatsApp Image 2026\u200f.jpg", "WhatsApp Image 2026.jpg"),
        ("con\xadtract\u200b.pdf", "contract.pdf"),
        ("\ufeffa\u2060b.pdf", "ab.pdf"),
        ("\u061cفاتورة.pdf", "فاتورة.pdf"),
        # Parts of words and of emoji.
        ("گزارش\u200cها.pdf", "گزارش\u200cها.pdf"),
        ("👩\u200d💻.png", "👩\u200d💻.png"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f.png",) * 2,
        ("क्\u200dष.txt", "क्\u200dष.txt"),
        ("✈\ufe0f.txt", "✈\ufe0f.txt"),
        ('a "b".pdf', 'a "b".pdf'),
        ("Invoice No. 12", "Invoice No. 12"),
        ("contract.pdf", "contract.pdf"),
        ("\u3000a.pdf\xa0", "a.pdf"),
        ("auxiliary.pdf", "auxiliary.pdf"),
        ("con-tract.pdf", "con-tract.pdf"),
    ],
)
def test_a_name_is_kept_in_one_form(name: str, expected: str) -> None:
    assert normalised(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "/etc/passwd",
        "a/b.pdf",
        "..",
        ".",
        "a\0.pdf",
        "a\r\nSet-Cookie: x.pdf",
        "a\u202egnp.exe",
        "a\u2066b.pdf",
        "a\u202ab.pdf",
        "a\u206eb.pdf",
        "a\x85b.pdf",
        "a\ud800b.pdf",
        "\u2800",
        "\u200d",
        "...",
        "con.txt",
        "Aux",
        "com1 .pdf",
        "lpt².txt",
        "NUL.tar.pdf",
        "a\u2028b.pdf",
        "a\x1b[31m.pdf",
    ],
    ids=ascii,
)
def test_a_path_and_signs_that_hide_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        normalised(name)


@pytest.mark.parametrize("name", ["a" * 256, "é" * 128, "a" * 10_000])
def test_a_long_name_is_refused(name: str) -> None:
    with pytest.raises(TooLong) as refused:
        normalised(name)
    assert refused.value.params["max"] == NAME_MAX
    said = f"This can be 255 bytes of UTF-8 (the file name has {len(name.encode())}) at most."
    assert message(refused.value, Language.EN) == said


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("attachment", None),
        ('attachment; filename="a b.pdf"', "a b.pdf"),
        ("attachment; filename=a.pdf", "a.pdf"),
        ("attachment; filename*=UTF-8''%C3%A9t%C3%A9.pdf", "été.pdf"),
        ("attachment; filename=\"x\"; filename*=UTF-8''%C3%A9.pdf", "é.pdf"),
        ('attachment; filename="été.pdf"'.encode().decode("latin-1"), "été.pdf"),
        ('attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        # RFC 6266: the extended name wins, wherever it stands, if it can be read.
        ("form-data; name=x; filename=\"=?utf-8?B?UmVsZXbDqQ==?=\"; filename*=utf-8''Relev%C3%A9.pdf", "Relevé.pdf"),
        ("attachment; filename*=UTF-8'fr'%C3%A9.pdf; filename=\"x\"", "é.pdf"),
        ("attachment; FileName*=utf-8''a%20b.pdf", "a b.pdf"),
        ("attachment; filename*=ISO-8859-1''%E9t%E9.pdf", "été.pdf"),
        ("attachment; filename*=iso-8859-1'en'%A3.pdf; filename=\"x\"", "£.pdf"),
        ("attachment; filename*=UTF-8''%E9t%E9.pdf; filename=ete.pdf", "ete.pdf"),
        ("attachment; filename*=UTF-8''%C3%ZZ.pdf; filename=ete.pdf", "ete.pdf"),
        ("attachment; filename*=UTF-8''%C3%A; filename=ete.pdf", "ete.pdf"),
        ("attachment; filename*=shift_jis''%83e.pdf; filename=te.pdf", "te.pdf"),
        ("attachment; filename*=UTF-8''; filename=ete.pdf", "ete.pdf"),
        ("attachment; filename*=\"UTF-8''%C3%A9.pdf\"; filename=x", "é.pdf"),
        ('attachment; filename*="a.pdf"; filename=x.pdf', "x.pdf"),
        # As browsers, mail programs and others write it.
        ('form-data; name="0"; filename="a %22b%22.pdf"', 'a "b".pdf'),
        ('form-data; name="0"; filename="100%.pdf"', "100%.pdf"),
        ('form-data; name="0"; filename="100%25.pdf"', "100%25.pdf"),
        ('form-data; name="0"; filename="a%0D%0Ab.pdf"', "a\r\nb.pdf"),
        ('form-data; name="0"; filename="a;b=c.pdf"', "a;b=c.pdf"),
        ('form-data; name="x; filename=\\"evil.exe\\""; filename="a.pdf"', "a.pdf"),
        ('form-data; name="0"; filename="C:\\temp\\a.pdf"', "C:\\temp\\a.pdf"),
        ('attachment; filename="=?utf-8?B?UmVsZXbDqS5wZGY=?="', "Relevé.pdf"),
        ('attachment; filename="=?iso-8859-1?Q?Relev=E9.pdf?="', "Relevé.pdf"),
        ('attachment; filename="=?utf-8?Q?Rele?= =?utf-8?Q?v=C3=A9.pdf?="', "Relevé.pdf"),
        ('attachment; filename="=?nothing?B?UmVs?="', "=?nothing?B?UmVs?="),
        ('attachment; filename="what =?utf-8?.pdf"', "what =?utf-8?.pdf"),
        ("attachment; filename*0*=UTF-8''Rele; filename*1*=v%C3%A9; filename*2=\".pdf\"", "Relevé.pdf"),
        ("filename=a.pdf", "a.pdf"),
        ("attachment; filename=a b.pdf", "a b.pdf"),
        ('attachment;filename = "a.pdf" ;x=y', "a.pdf"),
        ('attachment; filename="a.pdf"; filename="b.exe"', "a.pdf"),
        ('attachment; filename=""', ""),
    ],
)
def test_a_content_disposition_gives_the_name(header: str | None, expected: str | None) -> None:
    assert named_by(header) == expected


@pytest.mark.parametrize("value", ["UTF-8''%E9.pdf", "UTF-8''%zz", "big5''%A4", "a.pdf"])
def test_an_extended_name_that_cannot_be_read_is_refused_where_it_is_alone(value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        named_by(f"attachment; filename*={value}")

    assert "the file name is not UTF-8" in message(refused.value, Language.EN)


def test_what_is_wrong_with_a_name_is_said() -> None:
    said = {}
    for name in ("a/b.pdf", "a\u202egnp.exe", "con.txt", "..."):
        with pytest.raises(InvalidInput) as refused:
            normalised(name)
        said[name] = message(refused.value, Language.EN).removeprefix("This value can't be accepted: ")

    assert said == {
        "a/b.pdf": "the file name has / or \\ in it; send the name alone, without a folder.",
        "a\u202egnp.exe": "the file name has the character U+202E in it, which controls or reorders text; leave it"
        " out.",
        "con.txt": "the file name “con.txt” is a device on Windows; send another one.",
        "...": "the file name has no visible character besides dots; send a name, or none.",
    }


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_a_name_that_is_accepted_comes_back_through_the_header(name: str) -> None:
    try:
        kept = normalised(name)
    except Refusal:
        return

    header = attachment(kept)

    assert header.isascii()
    assert header.isprintable()
    assert kept == unicodedata.normalize("NFC", kept)
    parsed = Message()
    parsed["Content-Disposition"] = header.partition("; filename=")[0] + "; filename*=" + header.partition("*=")[2]
    assert parsed.get_filename() == kept
