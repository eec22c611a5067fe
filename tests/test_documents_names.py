"""File names: what is kept of them, what is refused, and how they are given back."""

import unicodedata
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.names import NAME_MAX, attachment, named_by, normalised
from app.domain.errors import InvalidInput, Refusal, TooLong


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("  report.pdf ", "report.pdf"),
        ("re\u0301sume\u0301.pdf", "résumé.pdf"),
        ("été 2026 (final).pdf", "été 2026 (final).pdf"),
        ("..report.pdf", "..report.pdf"),
        ("a" * 251 + ".pdf", "a" * 251 + ".pdf"),
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
        "a\u200bb.pdf",
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
    assert refused.value.params == {"max": NAME_MAX}


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
    ],
)
def test_a_content_disposition_gives_the_name(header: str | None, expected: str | None) -> None:
    assert named_by(header) == expected


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
