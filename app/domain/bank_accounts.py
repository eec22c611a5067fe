"""International bank account numbers (IBAN, ISO 13616): how one is read, and what is refused.

No refusal repeats a number. One is never stored: see `app.actions.bank_accounts`.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.errors import Detail, InvalidInput, Required
from app.domain.text import IGNORABLE, WHITE_SPACE, is_empty

LENGTH_MIN, LENGTH_MAX = 15, 34
_SENT_MAX = 200
"""With blanks and what can't be seen; what is longer is not looked at."""

# How long the numbers of a country are, by the registry of ISO 13616. A country that is not here has joined since.
LENGTHS: Mapping[str, int] = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW YE MU",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}

_LEFT_OUT = re.compile(f"[{WHITE_SPACE}{IGNORABLE}]")
_FORM = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]+")
_CHECK_DIGITS = range(2, 99)


@dataclass(frozen=True, slots=True)
class Iban:
    """A bank account's number in its electronic form; it shows in no message and no traceback."""

    value: str = field(repr=False)


def read_iban(value: str, *path: str) -> Iban:
    """Return the number without blanks and in capital letters. Raises: Required, InvalidInput."""
    if is_empty(value):
        raise Required(*path)
    if len(value) > _SENT_MAX:
        raise InvalidInput(*path, detail=_out_of_range(len(value)))
    number = _LEFT_OUT.sub("", unicodedata.normalize("NFKC", _LEFT_OUT.sub("", value))).upper()
    if not _FORM.fullmatch(number):
        raise InvalidInput(*path, detail=Detail("iban_form"))
    _check_length(number, path)
    if int(number[2:4]) not in _CHECK_DIGITS or _remainder(number) != 1:
        raise InvalidInput(*path, detail=Detail("iban_check_digits"))
    return Iban(number)


def _check_length(number: str, path: tuple[str, ...]) -> None:
    country, actual = number[:2], len(number)
    accepted = LENGTHS.get(country)
    if accepted is None and not LENGTH_MIN <= actual <= LENGTH_MAX:
        raise InvalidInput(*path, detail=_out_of_range(actual))
    if accepted is not None and actual != accepted:
        params = {"actual": actual, "accepted": accepted, "country": country}
        raise InvalidInput(*path, detail=Detail("iban_country_length", params))


def _out_of_range(actual: int) -> Detail:
    return Detail("iban_length", {"actual": actual, "minimum": LENGTH_MIN, "maximum": LENGTH_MAX})


def _remainder(number: str) -> int:
    """Return the number's remainder by ISO 7064, MOD 97-10; letters count from A = 10."""
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97
