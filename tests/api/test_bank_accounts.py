"""A bank account's number at openCase: what is refused, and that it is nowhere to be found afterwards."""

import json
import logging
import re
from typing import Any

import pytest

from app.actions.bank_accounts import BankAccountKeys
from app.domain.bank_accounts import Iban
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.signal_histories import IBANS
from tests.support.world import World, make_world

SUBJECT = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "ref-1", "label": "Moulins"}
REFUSED = {
    "FR7630006000011234567890188": ("INVALID_INPUT", "check digits do not fit"),
    "FR763000600001123456789018": ("INVALID_INPUT", "its length is 26; that of an IBAN of FR is 27 characters"),
    "ZZ7630006000": ("INVALID_INPUT", "its length is 12; an IBAN's is 15 to 34 characters"),
    "ZZ76" + "1" * 40: ("INVALID_INPUT", "its length is 44; an IBAN's is 15 to 34 characters"),
    "FR76-3000-6000-0112-3456-7890-189": ("INVALID_INPUT", "blanks may stand between them, and nothing else"),
    "7630006000011234567890189": ("INVALID_INPUT", "two letters of the country"),
    "FR٧٦30006000011234567890189": ("INVALID_INPUT", "two letters of the country"),
    "FR0030006000011234567890189": ("INVALID_INPUT", "check digits do not fit"),
    "FR76 \u0000 3000": ("INVALID_INPUT", "two letters of the country"),
    " \u200b ": ("REQUIRED", ""),
    "": ("REQUIRED", ""),
}


async def tried(api: Api, world: World, iban: Any, **more: Any) -> Any:
    input = {"subject": SUBJECT, "title": "A case", "iban": iban, **more}
    return await api.act(world.ada.token, "openCase", input, "replayed case { id }")


async def sent(api: Api, world: World, iban: Any) -> Any:
    query = "mutation($input: OpenCaseInput!) { openCase(input: $input) { case { id } } }"
    return await api.send(world.ada.token, query, {"input": {"subject": SUBJECT, "title": "A case", "iban": iban}})


@pytest.mark.parametrize("iban", REFUSED, ids=[str(number) for number in range(len(REFUSED))])
async def test_a_number_that_is_none_is_refused_and_not_repeated(world: World, api: Api, iban: str) -> None:
    code, says = REFUSED[iban]

    (error,) = (await tried(api, world, iban))["errors"]

    assert (error["code"], error["path"]) == (code, ["input", "iban"])
    assert says in error["message"]
    assert len(iban) < 6 or iban[4:] not in error["message"]


@pytest.mark.parametrize("iban", IBANS)
async def test_numbers_of_several_countries_are_accepted(world: World, api: Api, iban: str) -> None:
    assert (await tried(api, world, iban))["errors"] == []


async def test_the_same_key_with_another_number_is_another_request(world: World, api: Api) -> None:
    first = await tried(api, world, IBANS[0], idempotencyKey="k")
    again = await tried(api, world, f" {IBANS[0].lower()}", idempotencyKey="k")
    other = await tried(api, world, IBANS[1], idempotencyKey="k")
    without = await tried(api, world, None, idempotencyKey="k")

    assert (again["replayed"], again["case"]) == (True, first["case"])
    assert [payload["errors"][0]["code"] for payload in (other, without)] == ["IDEMPOTENCY_KEY_REUSED"] * 2


async def test_a_number_is_in_no_table_and_no_line_of_the_log(
    world: World, api: Api, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    number = IBANS[0]
    await tried(api, world, number, idempotencyKey="k")
    await tried(api, world, number)  # an active case is there: refused
    variables = [[number], {"iban": number}, int(number[4:]), float(number[4:])]
    misplaced = [await sent(api, world, value) for value in variables]
    literal = f'mutation {{ openCase(input: {{title: "x", iban: {number}, subject: {{}}}}) {{ case {{ id }} }} }}'
    unread = await api.send(world.ada.token, literal)

    for answer in (*misplaced, unread):
        assert answer.json()["errors"] and number[4:15] not in answer.text
    stored = repr(await contents(world.database))
    for text in (stored, caplog.text, "".join(capsys.readouterr())):
        assert number[4:] not in text


MISSHAPEN: dict[str, Any] = {
    "missing": {"title": "A case", "iban": IBANS[0]},
    "unknown": {"subject": SUBJECT, "title": "A case", "iban": IBANS[0], "nope": 1},
    "misspelt": {"subject": SUBJECT, "title": "A case", "ibann": IBANS[0]},
    "nested": {"subject": {**SUBJECT, "iban": IBANS[0]}, "title": "A case"},
    "list": [{"iban": IBANS[0]}],
    "in a text": {"subject": SUBJECT, "title": {"iban": IBANS[0]}},
    "in an enum": {"subject": {**SUBJECT, "type": [{"iban": IBANS[0]}]}, "title": "A case"},
}


@pytest.mark.parametrize("fault", MISSHAPEN)
@pytest.mark.parametrize("is_literal", [False, True], ids=["variable", "literal"])
async def test_what_is_wrong_beside_a_number_does_not_repeat_it(
    world: World, api: Api, fault: str, is_literal: bool
) -> None:
    sent = MISSHAPEN[fault]
    literal = re.sub(r'"(\w+)":', r"\1:", json.dumps(sent)).replace(f'"{SUBJECT["type"]}"', SUBJECT["type"])
    query = "mutation($input: OpenCaseInput!) { openCase(input: $input) { replayed } }"
    many = "performActions(input: {inputs: [{openCase: $input}]}) { results { status } }"
    of_many = f"mutation($input: OpenCaseInput!) {{ {many} }}"
    documents = [(query, {"input": sent}), (of_many, {"input": sent})]
    if is_literal:
        documents = [(document.split("{", 1)[1].replace("$input", literal), {}) for document in (query, of_many)]
        documents = [(f"mutation {{{document}", variables) for document, variables in documents]

    for document, variables in documents:
        answer = await api.send(world.ada.token, document, variables)

        assert {error["extensions"]["code"] for error in answer.json()["errors"]} <= {
            "BAD_USER_INPUT",
            "GRAPHQL_INVALID",
        }
        assert IBANS[0][4:15] not in answer.text
        assert "Found" not in answer.text and "found" not in answer.text


@pytest.mark.parametrize("mutation", ["openCase", "performActions"])
async def test_accounts_that_send_the_same_document_know_the_number_each_by_its_own_key(
    world: World, api: Api, mutation: str
) -> None:
    elsewhere, keys = await make_world(world.database), BankAccountKeys(world.database)
    subject = '{type: COMPANY_ACCOUNT_CHECK, externalRef: "ref-1", label: "Moulins"}'
    opening = f'{{subject: {subject}, title: "A case", iban: "{IBANS[0]}"}}'
    document = {
        "openCase": f"mutation {{ openCase(input: {opening}) {{ errors {{ code }} }} }}",
        "performActions": f"mutation {{ performActions(input: {{inputs: [{{openCase: {opening}}}]}}) {{"
        " results { errors { code } } } }",
    }[mutation]

    for sender in (world, world, elsewhere):  # a document is planned when it comes again
        await api.run(sender.ada.token, document)

    found = (await contents(world.database))["case_bank_accounts"].values()
    known_by = {row["account_id"]: row["account_key"] for row in found}
    assert known_by == {
        account_id: await keys.known_by(account_id, Iban(IBANS[0]))
        for account_id in (world.account_id, elsewhere.account_id)
    }
