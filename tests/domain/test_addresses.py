"""Addresses: which spellings are one address, which are none, and which only look like another one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.addresses import ADDRESS_MAX, in_ascii, look_alikes, mixed_scripts, parse_address


def key_of(text: str) -> str | None:
    address = parse_address(text)
    return None if address is None else address.key


SPELLINGS = {
    "rosa@acme.example": [
        "ROSA@Acme.Example",
        "\u00a0rosa@acme.example\u3000\ufeff",
        "\uff52\uff4f\uff53\uff41\uff20acme\uff0eexample",
        "rosa@acme\u3002example",
        "ro\u200bsa@acme.exam\u00adple",
        "ro\u017fa@acme.example",
        "ros\u2060a\ufe0f@acme.example",
        "ros\U000e0061a@acme.example",
        "\u202erosa@acme.example",
        "ro\u3164sa@acme.example",
    ],
    "ren\u00e9@acme.example": ["rene\u0301@acme.example", "REN\u00c9@acme.example", "RENE\u0301@ACME.example"],
    "strasse@acme.example": ["stra\u00dfe@acme.example", "STRA\u1e9eE@acme.example"],
    "ada@b\u00fccher.example": ["ada@xn--bcher-kva.example", "ADA@XN--BCHER-KVA.EXAMPLE", "ada@bu\u0308cher.example"],
    "kim@acme.example": ["\u212aim@acme.example"],
}


@pytest.mark.parametrize(("key", "spelling"), [(key, text) for key, texts in SPELLINGS.items() for text in texts])
def test_spellings_of_one_address_have_one_key(key: str, spelling: str) -> None:
    assert key_of(spelling) == key
    assert key_of(key) == key


@pytest.mark.parametrize(
    "other",
    [
        "rosa@acme.example.evil.example",
        "rosa+x@acme.example",
        "r.osa@acme.example",
        "r\u043esa@acme.example",
        "rosa@acm\u0435.example",
        "r0sa@acme.example",
        "\u0131rosa@acme.example",
        "rosa@xn--acme.example",
    ],
)
def test_another_address_has_another_key(other: str) -> None:
    assert key_of(other) not in (None, "rosa@acme.example")


NONE = ["", " ", "@", "rosa", "rosa@", "@acme.example", "a@b@c.example", "a b@c.example", "a\tb@c.example"]
NONE += ["a\u2028b@c.example", "a\0@c.example", "rosa@acme..example", "rosa@acme.example.", "rosa@.example"]
NONE += ['"a b"@c.example', "<rosa@acme.example>", "rosa@acme.example,bob@acme.example", "rosa@[127.0.0.1]"]
NONE += ["rosa@\u2100.example", "rosa@acme\uff03.example", "ros\ud800a@acme.example", "\u200b@acme.example"]
NONE += ["x" * ADDRESS_MAX + "@acme.example", "\ufdfa" * 20 + "@acme.example", "rosa\uff20acme@evil.example"]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_address_has_no_key(text: str) -> None:
    assert parse_address(text) is None


@given(st.text(max_size=40), st.text(min_size=1, max_size=20))
def test_a_key_is_its_own_key_and_fits_what_it_is_kept_in(local: str, domain: str) -> None:
    address = parse_address(f"{local}@{domain}")
    if address is None:
        return
    again = parse_address(address.written)

    assert key_of(address.key) == address.key
    assert again is not None and again.key == address.key
    assert max(len(address.key), len(address.written)) <= ADDRESS_MAX
    assert address.key.count("@") == 1 and " " not in address.key


def test_confusable_addresses_are_recognised() -> None:
    cyrillic, digits, pairs = "r\u043esa@acme.example", "r0sa@acme.example", "rosa@acrne.example"
    whole = "\u0433\u043e\u0455\u0430@acme.example"
    accents = "ros\u00e1@acme.example"
    people = ["rosa@acme.example", cyrillic, digits, pairs, whole, accents, "bob@acme.example", "rosie@acme.example"]

    alike = look_alikes(people)

    assert set(alike) == set(people) - {"bob@acme.example", "rosie@acme.example"}
    assert alike["rosa@acme.example"] == (cyrillic, digits, pairs, whole, accents)
    assert mixed_scripts(cyrillic) == ("CYRILLIC", "LATIN")
    assert mixed_scripts(whole) == mixed_scripts("rosa@acme.example") == ()
    assert in_ascii(cyrillic) == "r\\u043esa@acme.example"


def test_an_address_is_written_in_small_letters_as_it_was_sent() -> None:
    address = parse_address(" ROSA@XN--BCHER-KVA.Example")

    assert address is not None
    assert (address.written, address.key) == ("rosa@xn--bcher-kva.example", "rosa@b\u00fccher.example")


def test_an_address_has_up_to_320_characters_and_four_times_as_many_with_what_is_trimmed() -> None:
    longest = "x" * (ADDRESS_MAX - len("@acme.example")) + "@acme.example"

    assert key_of(longest) == longest
    assert key_of("x" + longest) is None
    assert key_of("rosa@acme.example".ljust(4 * ADDRESS_MAX)) == "rosa@acme.example"
    assert key_of("rosa@acme.example".ljust(4 * ADDRESS_MAX + 1)) is None


@pytest.mark.parametrize("meant", ["bu\u0308cher", "B\u00dcCHER", "b\u00fc\u2192cher"], ids=ascii)
def test_an_ascii_form_of_what_is_no_folded_label_stands_for_itself(meant: str) -> None:
    label = f"xn--{meant.encode('punycode').decode('ascii').lower()}"

    assert key_of(f"rosa@{label}.example") == f"rosa@{label}.example"


def test_two_that_look_alike_name_each_other_whatever_form_they_have() -> None:
    forms = ["ada@b\u00fccher.example", "ada@xn--bcher-kva.example"]
    names = ["Rosa", "R0sa", "Bob"]  # no addresses

    assert look_alikes(forms) == {forms[0]: (forms[1],), forms[1]: (forms[0],)}
    assert look_alikes(names) == {"Rosa": ("R0sa",), "R0sa": ("Rosa",)}
    assert look_alikes(["rosa@acme.example", "rosa@acme.example"]) == {}
