"""Which language an answer is in, through HTTP: the header's, else the person's, else the account's, else English.

How a header is read to the letter is in test_messages.
"""

from typing import Any

from app.db import tables
from app.domain.model import Language
from tests.support.api import Api
from tests.support.database_contents import set_by_hand
from tests.support.world import World

REFUSED = """mutation($id: ID!) { closeCase(input: {caseId: $id}) { errors { code message path } } }"""
MESSAGES = {
    "en": "Only a contributor or reviewer may do this.",
    "fr": "Seul un contributeur ou valideur peut faire cela.",
}


async def language_of(api: Api, world: World, case_id: str, header: str | None) -> str:
    """Return the language that a refusal, an error and `viewer` agree on."""
    headers = {} if header is None else {"accept_language": header}
    answers = [
        await api.send(world.aldo.token, REFUSED, {"id": case_id}, **headers),
        await api.send(world.aldo.token, '{ case(id: "x") { id } }', None, **headers),
        await api.send(world.aldo.token, "{ viewer { language } }", None, **headers),
    ]
    (language,) = {answer.headers["content-language"] for answer in answers}
    bodies: list[dict[str, Any]] = [answer.json() for answer in answers]
    assert bodies[0]["data"]["closeCase"]["errors"] == [
        {"code": "ROLE_REQUIRED", "message": MESSAGES[language], "path": []}
    ]
    assert bodies[1]["errors"][0]["extensions"]["code"] == "INVALID_ID"
    assert bodies[1]["errors"][0]["message"].startswith(
        {"en": "This is not a valid id: ", "fr": "Cet identifiant n’est pas valide : "}[language]
    )
    assert bodies[2] == {"data": {"viewer": {"language": language.upper()}}}
    return language


async def test_the_header_chooses_then_the_person_then_the_account_then_english(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    headers = ["fr", "fr-CA", "de, fr;q=0.5", "en-GB, fr;q=0.9", "de", "*", "nonsense;;;q", None]

    async def reported() -> list[str]:
        return [await language_of(api, world, case_id, header) for header in headers]

    assert await reported() == ["fr", "fr", "fr", "en", "en", "en", "en", "en"]
    await set_by_hand(world.database, tables.accounts, world.account_id, default_language=Language.FR)
    assert await reported() == ["fr", "fr", "fr", "en", "fr", "fr", "fr", "fr"]
    await set_by_hand(world.database, tables.users, world.aldo.id, language=Language.EN)
    assert await reported() == ["fr", "fr", "fr", "en", "en", "en", "en", "en"]


async def test_what_people_wrote_stays_in_their_language(world: World, api: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    query = "query($id: ID!) { case(id: $id) { title status subject { label } } }"

    cases = [await api.run(world.ada.token, query, {"id": case_id}, accept_language=one) for one in ("en", "fr")]

    assert (
        cases[0]
        == cases[1]
        == {"case": {"title": "A changed IBAN", "status": "OPEN", "subject": {"label": "Moulins Réunis"}}}
    )
