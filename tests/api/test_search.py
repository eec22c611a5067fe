"""Search: the same on both engines whatever the letters, ranked, shown in pieces, and blind to other accounts."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from app.db import tables
from app.db.engines import Database
from app.domain.commands import AddComment, OpenCase, SubjectDetails
from app.domain.folding import lexemes, reference_lexemes
from app.domain.model import SubjectType
from app.domain.search_words import Lexeme, Term, snippet, terms
from tests.support.api import Api
from tests.support.documents import uploaded
from tests.support.world import World, make_world

SEARCH = """query($search: String, $first: Int, $after: String) { cases(search: $search, first: $first, after: $after) {
    totalCount nodes { id } edges { match { field snippet { text highlighted } } }
    facets { statuses { count } } pageInfo { endCursor hasNextPage } } }"""
NUMBER = "query($id: ID!) { case(id: $id) { reference } }"
# Letters of Europe's scripts with what is done to them, and what parts words.
LETTERS = "aàâäãåāăąbcçćčdďđeéèêëēęěfgğhħiíìîïīılłľmnñńňoóòôöõøōőpqrřsśšşßtťþuúùûüūůűvwxyýÿzźżžæœ"
ALPHABET = LETTERS + LETTERS.upper() + "αάβγδεέζηήθιίϊΐκλμνξοόπρσςτυύϋΰφχψωώΑΆΣΩΏбвгдеёжзиклмнопБЁЖ" + "0123456789²"
TEXTS = st.text(st.sampled_from(ALPHABET + " " * 20 + "-_.,;:!?'’«»()@/\"*&|<>\\\n"), min_size=1, max_size=40)


async def open_case(world: World, title: str, label: str = "Moulins") -> UUID:
    subject = SubjectDetails(type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref=f"{uuid4()}", label=label)
    return (await world.do(world.ada, OpenCase(subject=subject, title=title))).case.id


async def found(world: World, api: Api, search: str) -> list[str]:
    cases = (await api.run(world.ada.token, SEARCH, {"search": search}))["cases"]
    assert cases["totalCount"] == len(cases["nodes"]) == sum(item["count"] for item in cases["facets"]["statuses"])
    return [node["id"] for node in cases["nodes"]]


async def test_societe_generale_is_found_without_accents_and_by_its_beginning(world: World, api: Api) -> None:
    wanted = str(await open_case(world, "A changed IBAN", "Société Générale"))
    await open_case(world, "A changed IBAN", "Société Lyonnaise")

    for search in ("societe gen", "SOCIÉTÉ GÉN", "générale soc", "  Générale,  SOCIETE ", "générale sociéte\u0301"):
        assert await found(world, api, search) == [wanted], search
    assert await found(world, api, "gen societe x") == []
    assert await found(world, api, "socie generale") == []  # only the last word may be only begun


async def test_each_kind_of_text_is_found_and_the_weightiest_comes_first(world: World, api: Api) -> None:
    commented, labelled, titled = [await open_case(world, "-", "-") for _ in range(3)]
    await world.do(world.carl, AddComment(case_id=commented, comment="Zythum, said the baker."))
    labelled = await open_case(world, "-", "Zythum et fils")
    titled = await open_case(world, "The zythum invoice", "-")

    edges = (await api.run(world.ada.token, SEARCH, {"search": "zyth"}))["cases"]["edges"]

    assert await found(world, api, "zyth") == [str(titled), str(labelled), str(commented)]
    assert [edge["match"] for edge in edges] == [
        {"field": "TITLE", "snippet": pieces("The ", "*zythum", " invoice")},
        {"field": "SUBJECT", "snippet": pieces("*Zythum", " et fils")},
        {"field": "COMMENT", "snippet": pieces("*Zythum", ", said the baker.")},
    ]
    assert (await found(world, api, "CASE-000005"))[0] == str(titled)
    assert await found(world, api, "000004") == await found(world, api, "case 4") == [str(labelled)]


async def test_a_document_is_found_by_its_name_once_it_is_attached(world: World, api: Api) -> None:
    case_id = await open_case(world, "-")
    document = UUID(await uploaded(api, world.carl.token, filename="Relevé d’identité.txt"))
    assert await found(world, api, "releve identite") == []

    await world.do(world.carl, AddComment(case_id=case_id, comment="-", document_ids=(document,)))

    (edge,) = (await api.run(world.ada.token, SEARCH, {"search": "releve ident"}))["cases"]["edges"]
    assert edge["match"] == {"field": "DOCUMENT", "snippet": pieces("*Relevé", " d’", "*identité", ".txt")}


def pieces(*texts: str) -> list[dict[str, Any]]:
    return [{"text": text.removeprefix("*"), "highlighted": text.startswith("*")} for text in texts]


async def test_words_in_different_texts_of_one_case_count_together(world: World, api: Api) -> None:
    case_id = await open_case(world, "A refund", "Optique du Nord")
    await world.do(world.carl, AddComment(case_id=case_id, comment="Nothing yet."))

    assert await found(world, api, "nord yet refund") == [str(case_id)]


async def test_nothing_of_another_account_is_found_counted_or_weighed(world: World, api: Api) -> None:
    elsewhere = await make_world(world.database)
    mine = [str(await open_case(world, f"Quasar {n}")) for n in range(3)]
    before = await api.run(world.ada.token, SEARCH, {"search": "quasar"})
    for n in range(5):
        other = await open_case(elsewhere, "Quasar quasar", "Quasar")
        await elsewhere.do(elsewhere.carl, AddComment(case_id=other, comment=f"Quasar {n}, pulsar."))

    assert await api.run(world.ada.token, SEARCH, {"search": "quasar"}) == before
    assert await found(world, api, "quasar") == mine[::-1]
    assert await found(world, api, "pulsar") == await found(world, api, str(world.account_id)) == []
    assert await found(world, api, elsewhere.account_id.hex) == await found(world, api, world.account_id.hex) == []


@pytest.mark.long
@settings(
    max_examples=25,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(TEXTS, min_size=1, max_size=5), search=TEXTS)
async def test_both_engines_find_what_folding_in_memory_finds(
    database: Database, api: Api, texts: list[str], search: str
) -> None:
    world = await make_world(database)
    opened: dict[str, str] = {}
    found_by: dict[str, set[str]] = {}
    for title in texts:
        if title.strip():
            case_id = str(await open_case(world, title.strip(), "-"))
            reference = (await api.run(world.ada.token, NUMBER, {"id": case_id}))["case"]["reference"]
            opened[case_id] = title
            found_by[case_id] = lexemes(title) | reference_lexemes(reference)
    for requested in [search, *(part for title in opened.values() for part in title.split())]:
        wanted = terms(requested)
        if len(wanted) > 8 or not requested.strip():
            continue

        expected = {id for id, words in found_by.items() if wanted and all(has(words, term) for term in wanted)}

        assert set(await found(world, api, requested)) == expected, requested


def has(words: set[str], term: Term) -> bool:
    """Tell whether *words* have all lexemes of one of the term's options."""
    return any(all(any(map(matcher(lexeme), words)) for lexeme in option) for option in term.options)


def matcher(lexeme: Lexeme) -> Callable[[str], bool]:
    return lambda word: word.startswith(lexeme.text) if lexeme.is_prefix else word == lexeme.text


async def test_a_search_is_paged_without_gap_or_repeat_and_keeps_its_cursors(world: World, api: Api) -> None:
    ids = [str(await open_case(world, *(("Invoice", "-") if n % 2 else ("-", "Invoice")))) for n in range(7)]
    seen: list[str] = []
    cursor = None
    for _ in range(7):
        page = (await api.run(world.ada.token, SEARCH, {"search": "inv", "first": 2, "after": cursor}))["cases"]
        seen += [node["id"] for node in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert seen == [ids[n] for n in (5, 3, 1, 6, 4, 2, 0)]
    foreign = (await api.send(world.ada.token, SEARCH, {"search": "invo", "after": cursor})).json()
    assert foreign["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"


async def test_a_search_that_says_nothing_is_none_and_one_that_says_too_much_is_refused(world: World, api: Api) -> None:
    case_id = str(await open_case(world, "A refund"))

    assert await found(world, api, "   ") == [case_id]
    assert await found(world, api, "?!") == []
    for search, code in (("x" * 201, "TOO_LONG"), ("a b c d e f g h i", "INVALID_INPUT")):
        (error,) = (await api.send(world.ada.token, SEARCH, {"search": search})).json()["errors"]
        assert (error["extensions"]["code"], error["extensions"]["argument"]) == (code, ["search"])


async def test_a_label_that_is_corrected_is_found_by_its_new_words_alone(world: World, api: Api) -> None:
    case_id = await open_case(world, "A refund", "Boulangerie Dupont")
    async with world.database.write() as connection:
        await connection.execute(update(tables.subjects).values(label="Boulangerie Durand"))

    assert await found(world, api, "durand") == [str(case_id)]
    assert await found(world, api, "dupont") == []


async def test_the_index_of_words_is_sound(world: World) -> None:
    if not world.database.is_sqlite:
        pytest.skip("a check that only FTS5 has")
    case_id = await open_case(world, "Œuvre à l’Été")
    await world.do(world.carl, AddComment(case_id=case_id, comment="Straße"))
    async with world.database.write() as connection:
        await connection.execute(text("UPDATE subjects SET label = 'another'"))
        await connection.execute(text("INSERT INTO case_words (case_words, rank) VALUES ('integrity-check', 1)"))
        assert await connection.scalar(text("SELECT count(*) FROM case_words")) == 4


def test_a_snippet_shows_the_words_around_what_was_found() -> None:
    long = "word " * 50 + "the Œuvre of it" + " word" * 50

    shown = snippet(long, terms("oeuv"))

    assert [piece.text for piece in shown if piece.highlighted] == ["Œuvre"]
    assert "".join(piece.text for piece in shown).startswith("…word word")
    assert len("".join(piece.text for piece in shown)) < 200
    assert "".join(piece.text for piece in snippet("short <b>text</b>", terms("x"))) == "short <b>text</b>"
