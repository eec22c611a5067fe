"""Search in any script and form: what is found, the same on both engines, and what of it is shown as found."""

import unicodedata
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text, update

from app import clock
from app.db import tables
from app.db.engines import Database
from app.db.migrate import migrate
from app.db.reindex import reindex
from app.domain.commands import AddComment, OpenCase, SubjectDetails
from app.domain.folding import fold, lexemes, reference_lexemes
from app.domain.model import SubjectType
from app.domain.search_words import Term, snippet, terms
from tests.support.api import Api
from tests.support.triggers import triggers_aside
from tests.support.world import World, make_world

SEARCH = """query($search: String) { cases(search: $search) { totalCount nodes { id }
    edges { match { field snippet { text highlighted } } } } }"""


async def open_case(world: World, title: str) -> str:
    details = SubjectDetails(type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref=f"{uuid4()}", label="-")
    return str((await world.do(world.ada, OpenCase(subject=details, title=title))).case.id)


async def found(world: World, api: Api, search: str) -> list[str]:
    page = (await api.run(world.ada.token, SEARCH, {"search": search}))["cases"]
    assert page["totalCount"] == len(page["nodes"])
    return [node["id"] for node in page["nodes"]]


def decomposed(value: str) -> str:
    return unicodedata.normalize("NFD", value)


# A text, what finds it, and what does not.
TEXTS: dict[str, tuple[str, list[str], list[str]]] = {
    "Korean": ("한국은행 계좌", ["한국", "은행", "국은", "계좌 한국은행", "한국은행"], ["은국", "계한"]),
    "Japanese": ("ガス会社の口座", ["ガス", "ｶﾞｽ", "会社", "口座 ガス会社"], ["カズ", "社会"]),
    "Chinese": ("东京电力株式会社", ["电力", "株式", "电", "东京电力"], ["力电", "电株"]),
    "Thai": ("บัญชีธนาคารกรุงเทพ", ["ธนาคาร", "กรุงเทพ", "บัญชี"], ["นาธคาร"]),
    "Cyrillic": ("Чайковский", ["чайк", "ЧАЙКОВСКИЙ"], ["чаико"]),
    "French": ("Œuvre d’été à Noël", ["oeuvre", "d'ete", "NOËL", "ete noel"], ["uvre"]),
    "German": ("Straße", ["strasse", "STRASSE", "straße"], ["strase"]),
    "Turkish": ("IŞIK İnşaat", ["isik", "ışık", "insaat"], ["iik"]),
    "Hebrew": ("שָׁלוֹם", ["שלום"], ["לום"]),
    "Arabic": ("مُحَمَّد أحمد", ["محمد", "احمد"], ["حمد"]),
    "full width": ("ＡＢＣ１２３ Ｌｔｄ", ["abc123", "ltd"], ["bc"]),
    "mixed": ("iPhone手机壳", ["手机", "iphone", "壳 iph"], ["机手"]),
    "invisible": ("Mou\u00adlins\u200bReunis", ["moulinsreunis"], ["moulins x"]),
    "snake": ("a snake_case name", ["snake_case", "case", "snake"], ["ase"]),
}
NUMBERS: dict[str, list[str]] = {
    "FR76 3000 6000 0112 3456 7890 189": [
        "FR7630006000",
        "fr76 3000 6000",
        "FR76-3000-6000",
        "FR763000 6000",
        "30006000",
    ],
    "FR7630006000011234567890189": ["FR76 3000 6000", "fr7630006000", "FR76.3000.6000", "FR 76 3000 6000"],
    "GB29 NWBK 6016 1331 9268 19": ["GB29NWBK6016", "gb29 nwbk 6016", "NWBK"],
    "+33 6 12 34 56 78": ["+33612345678", "33612345678", "06 12 34"],
    "12.345.678/0001-95": ["12345678000195", "12345678"],
    "IBAN: FR76\u00a03000\u202f6000.": ["FR7630006000"],
}


@pytest.mark.long
async def test_each_script_is_found_in_any_form_by_what_looks_alike(world: World, api: Api) -> None:
    for name, (written, finding, missing) in TEXTS.items():
        composed, other = await open_case(world, f"{name} {written}"), await open_case(world, "Something else")
        await world.do(world.carl, AddComment(case_id=UUID(other), comment=f"{name}: {decomposed(written)}"))

        for search in [written, *finding]:
            for form in (search, decomposed(search), unicodedata.normalize("NFKC", search)):
                assert set(await found(world, api, form)) >= {composed, other}, (search, ascii(form))
        for search in missing:
            assert not {composed, other} & set(await found(world, api, search)), search


async def test_a_number_is_found_with_and_without_what_parts_its_groups(world: World, api: Api) -> None:
    for written, searches in NUMBERS.items():
        case_id = await open_case(world, f"Account {written} of ACME")
        for search in searches:
            expected = search != "06 12 34"  # a number from its middle on, with another beginning
            assert (case_id in await found(world, api, search)) == expected, (written, search)
    assert await found(world, api, "FR7630006001") == await found(world, api, "6000FR76") == []


async def test_the_word_case_finds_what_is_said_and_not_each_reference(world: World, api: Api) -> None:
    said, _ = await open_case(world, "A snake_case name"), await open_case(world, "A refund")

    page = (await api.run(world.ada.token, SEARCH, {"search": "snake_case"}))["cases"]

    assert [node["id"] for node in page["nodes"]] == await found(world, api, "case") == [said]
    shown = [piece["text"] for piece in page["edges"][0]["match"]["snippet"] if piece["highlighted"]]
    assert (page["edges"][0]["match"]["field"], shown) == ("TITLE", ["snake", "case"])
    for search in ("CASE-000001", "case 1", "000001", "case-0000", "ＣＡＳＥ－０００００１"):
        assert said in await found(world, api, search), search


async def test_a_search_over_the_bound_says_the_bound(world: World, api: Api) -> None:
    for search, number, most in (("a b c d e f g h i", 9, 8), ("漢字" * 30, 2, None), (DISTINCT, 99, 40)):
        answer = (await api.send(world.ada.token, SEARCH, {"search": search})).json()
        if most is None:
            assert "errors" not in answer, search
            continue
        (error,) = answer["errors"]
        assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("INVALID_INPUT", ["search"])
        assert f"it has {number} words or pairs of characters, and can have {most}" in error["message"]
    for nothing in ("\u200b", "\u2800 \u3164"):
        assert (await api.run(world.ada.token, SEARCH, {"search": nothing}))["cases"]["totalCount"] == 0


DISTINCT = "".join(chr(0x4E00 + number) for number in range(100))
MANY_SCRIPTS = st.text(
    st.sampled_from("aéßИйёΣς가각한국ｶﾞガ漢字กำ١٢12３ﬁĳ½①𝟙🙂👍🏽\u0301\u200d\u00ad _-.,'/" + " " * 15 + "FR76"),
    min_size=1,
    max_size=25,
)


@pytest.mark.long
@settings(
    max_examples=15,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(titles=st.lists(MANY_SCRIPTS, min_size=1, max_size=4), search=MANY_SCRIPTS)
async def test_both_engines_find_in_all_scripts_what_the_words_say(
    database: Database, api: Api, titles: list[str], search: str
) -> None:
    world = await make_world(database)
    opened = {await open_case(world, f"T {title}"): f"T {title}" for title in titles}
    numbers = {case_id: f"CASE-{number:06}" for number, case_id in enumerate(opened, start=1)}
    for requested in (search, *titles):
        wanted = terms(requested)
        if not 0 < len(wanted) <= 8:
            continue
        expected = {
            case_id
            for case_id, title in opened.items()
            if all(
                any(is_found(term, words) for words in (lexemes(title), reference_lexemes(numbers[case_id])))
                for term in wanted
            )
        }
        assert set(await found(world, api, requested)) == expected, ascii(requested)


def is_found(term: Term, words: set[str]) -> bool:
    """Tell whether one text with these *words* has the *term*."""
    return any(
        all(
            any(word.startswith(lexeme.text) if lexeme.is_prefix else word == lexeme.text for word in words)
            for lexeme in option
        )
        for option in term.options
    )


@given(MANY_SCRIPTS)
def test_what_is_folded_is_alike_in_every_form(value: str) -> None:
    folded = fold(value)

    assert fold(folded) == folded
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, value)) == folded
    assert lexemes(value) == lexemes(decomposed(value))


@given(MANY_SCRIPTS, MANY_SCRIPTS)
def test_a_snippet_has_all_of_a_short_text_as_it_was_written(value: str, search: str) -> None:
    assert "".join(piece.text for piece in snippet(value, terms(search))) == value
    assert "".join(piece.text for piece in snippet(decomposed(value), terms(search))) == decomposed(value)


SHOWN: dict[str, tuple[str, str, list[str]]] = {
    "a part of a stretch": ("東京電力株式会社", "電力", ["電力"]),
    "decomposed syllables": (decomposed("한국은행 계좌"), "은행", [decomposed("은행")]),
    "decomposed voicing": (decomposed("ガス会社"), "ガス", [decomposed("ガス")]),
    "half width": ("ｶﾞｽ会社", "ガス", ["ｶﾞｽ"]),
    "decomposed Latin": (decomposed("Société Générale"), "générale", [decomposed("Générale")]),
    "a soft hyphen": ("Mou\u00adlins", "moulins", ["Mou\u00adlins"]),
    "snake": ("snake_case", "case", ["case"]),
    "a reference": ("CASE-000012", "case-000012", ["CASE-000012"]),
    "groups": ("to FR76 3000 6000 0112 now", "FR7630006000", ["FR76 3000 6000"]),
    "no groups": ("to FR7630006000", "FR76 3000", ["FR7630006000"]),
    "both": ("iPhone手机壳", "手机 iph", ["iPhone", "手机"]),
    "not by halves": ("showcase", "case", []),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_found_is_highlighted_in_the_text_as_it_was_written(name: str) -> None:
    written, search, expected = SHOWN[name]

    assert [piece.text for piece in snippet(written, terms(search)) if piece.highlighted] == expected


# --- Words that come without the program ---------------------------------------------------------------------------


async def texts(database: Database) -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        statement = select(tables.case_texts.c.field, tables.case_texts.c.folding)
        return sorted(tuple(row) for row in await connection.execute(statement))


async def add_comment_by_hand(world: World, case_id: UUID, body: str) -> None:
    row = {"id": uuid4(), "account_id": world.account_id, "case_id": case_id, "author_id": world.ada.id}
    async with world.database.write() as connection, triggers_aside(connection, tables.comments):
        await connection.execute(insert(tables.comments).values(**row, body=body, created_at=clock.now()))


async def test_each_text_comes_with_its_words_once(world: World, api: Api) -> None:
    case_id = await open_case(world, "Refund")
    await world.do(world.carl, AddComment(case_id=UUID(case_id), comment="Called."))

    assert await texts(world.database) == [("COMMENT", 1), ("REFERENCE", 1), ("SUBJECT", 1), ("TITLE", 1)]


async def test_a_comment_that_is_written_by_hand_is_found_and_its_words_are_made_anew(world: World, api: Api) -> None:
    case_id = await open_case(world, "Refund")
    await add_comment_by_hand(world, UUID(case_id), "zythum 한국은행")

    assert await found(world, api, "zythum") == [case_id]
    assert await texts(world.database) == [("COMMENT", 0), ("REFERENCE", 1), ("SUBJECT", 1), ("TITLE", 1)]
    assert await reindex(world.database) == 1
    assert await reindex(world.database) == 0
    assert await found(world, api, "은행") == await found(world, api, "zythum") == [case_id]


async def test_texts_from_before_are_found_as_new_ones_are_once_the_database_is_migrated(
    database: Database, api: Api
) -> None:
    world = await make_world(database)
    case_id = await open_case(world, "FR76 3000 6000")
    await world.do(world.carl, AddComment(case_id=UUID(case_id), comment=decomposed("한국은행")))
    await migrate(database, "0010", drop_rows=True)
    async with database.write() as connection:
        await connection.execute(update(tables.subjects).values(label="東京電力"))
        words = "''" if database.is_sqlite else "to_tsvector('simple', '')"
        await connection.execute(text(f"UPDATE case_texts SET words = {words}"))

    await migrate(database)

    assert {folding for _, folding in await texts(database)} == {1}
    for search in ("FR763000", "은행", "電力", "case-000001"):
        assert await found(world, api, search) == [case_id], search
