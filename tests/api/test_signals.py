"""Signals: against brute force on random histories, and who sees which evidence."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app import clock
from app.actions.expiry import expire_override
from app.actions.perform import perform
from app.db import tables
from app.domain.commands import AcceptOverride, AddComment, NewDocument, RequestOverride
from app.domain.model import CaseStatus, RequestedStatus, Scope
from app.domain.signals import SignalKind
from tests.support.api import Api
from tests.support.database_contents import set_by_hand
from tests.support.documents import TEXT, comment_with
from tests.support.recorded_sql import recorded
from tests.support.signal_histories import IBANS, SignalHistory
from tests.support.world import FOUNDED, Person, World, make_world, person_of

SIGNALS = """signals { kind
    ... on SameDocumentSignal { cases { id } caseCount hasMoreCases documents { id } documentCount }
    ... on EarlierOverridesSignal { overrides { id } acceptedCount refusedCount cancelledCount expiredCount }
    ... on SameBankAccountSignal { cases { id } caseCount hasMoreCases }
    ... on QuickDecisionSignal { decisions { override { id } seconds } decisionCount }
    ... on RepeatedPairSignal { pairs { override { id } creator { id } reviewer { id }
        decisionCount acceptedCount creatorDecisionCount } pairCount } }"""
LISTED = f"query($filter: CaseFilter) {{ cases(filter: $filter, first: 70) {{ nodes {{ id {SIGNALS} }} }} }}"


async def signals_of(api: Api, person: Person, **filter: Any) -> dict[str, dict[str, Any]]:
    """Return by case its signals by kind, of the cases that the filter finds."""
    listed = (await api.run(person.token, LISTED, {"filter": filter}))["cases"]["nodes"]
    return {case["id"]: {found.pop("kind"): found for found in case["signals"]} for case in listed}


async def opened(api: Api, person: Person, ref: str, iban: str | None = None, **more: Any) -> str:
    subject = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": ref, "label": ref, "evaluationStatus": "UNFAVORABLE"}
    input = {"subject": subject, "title": "A case", "iban": iban, **more}
    payload = await api.act(person.token, "openCase", input, "case { id }")
    assert payload["errors"] == [], payload
    found: str = payload["case"]["id"]
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_signals_are_those_that_brute_force_finds(world: World, api: Api, seed: int) -> None:
    history = SignalHistory(world, seed)
    await history.play(170)

    found = await signals_of(api, world.rosa)

    expected = {str(case.id): history.expected(case) for case in history.cases}
    assert found == expected
    assert {kind for signals in expected.values() for kind in signals} == set(SignalKind)  # each kind was played
    assert all(any(kind not in signals for signals in expected.values()) for kind in SignalKind)
    with_any = {id for id, signals in expected.items() if signals}
    assert set(await signals_of(api, world.rosa, hasSignal=True)) == with_any
    assert set(await signals_of(api, world.rosa, hasSignal=False)) == expected.keys() - with_any
    for kind in SignalKind:
        having = {id for id, signals in expected.items() if kind in signals}
        assert set(await signals_of(api, world.rosa, signal={"eq": kind})) == having
        assert set(await signals_of(api, world.rosa, **{"not": {"signal": {"in": [kind]}}})) == expected.keys() - having


@pytest.mark.parametrize(
    ("after", "is_quick"), [(timedelta(seconds=30), True), (timedelta(seconds=30, microseconds=1), False)]
)
async def test_a_decision_is_quick_up_to_thirty_seconds(
    world: World, api: Api, after: timedelta, is_quick: bool
) -> None:
    case_id = (await world.open_case()).case.id
    requested_at = FOUNDED.replace(year=2035, microsecond=999_999)
    command = RequestOverride(
        case_id=case_id, requested_status=RequestedStatus.FAVORABLE, reviewer_ids=(world.rosa.id,), comment="Why."
    )
    await perform(world.database, world.ada.actor, command, request_id="test", now=lambda: requested_at)
    accept = AcceptOverride(**await world.read(case_id))
    await perform(world.database, world.rosa.actor, accept, request_id="test", now=lambda: requested_at + after)

    found = (await signals_of(api, world.rosa))[str(case_id)]

    assert ("QUICK_DECISION" in found) is is_quick
    assert bool(await signals_of(api, world.rosa, signal={"eq": "QUICK_DECISION"})) is is_quick


async def test_a_number_is_known_again_however_it_is_written(world: World, api: Api) -> None:
    written = [
        "DE89370400440532013000",
        "de89 3704 0044 0532 0130 00",
        " DE89\u00a03704\u202f0044 0532013000\t",
        "ＤＥ89 3704 0044 0532 0130 00",
    ]
    ids = [await opened(api, world.ada, f"ref-{number}", iban) for number, iban in enumerate(written)]

    found = await signals_of(api, world.rosa)

    assert [found[id]["SAME_BANK_ACCOUNT"]["caseCount"] for id in ids] == [len(written) - 1] * len(written)


async def test_a_bank_account_of_the_same_supplier_is_no_signal(world: World, api: Api) -> None:
    first = await opened(api, world.ada, "ref-1", IBANS[0])
    await api.act(world.ada.token, "closeCase", {"caseId": first})
    again = await opened(api, world.ada, "ref-1", IBANS[0])

    assert await signals_of(api, world.rosa) == {first: {}, again: {}}


async def test_what_is_on_very_many_cases_is_counted_up_to_a_bound(world: World, api: Api) -> None:
    cases: list[str] = []

    async def open_another() -> None:
        case_id = await opened(api, world.ada, f"ref-{len(cases)}", IBANS[0])
        document = NewDocument(
            id=clock.new_id(), filename="a.txt", content_type="text/plain", size_bytes=1, sha256="cd" * 32
        )
        await world.do(world.ada, AddComment(case_id=UUID(case_id), comment="See.", new_documents=(document,)))
        cases.append(case_id)

    async def of_the_first() -> dict[str, Any]:
        query = f'{{ case(id: "{cases[0]}") {{ {SIGNALS.replace("kind", "kind message", 1)} }} }}'
        return {found["kind"]: found for found in (await api.run(world.rosa.token, query))["case"]["signals"]}

    for _ in range(101):
        await open_another()
    all_of_them = await of_the_first()
    await open_another()
    more = await of_the_first()

    for kind in ("SAME_DOCUMENT", "SAME_BANK_ACCOUNT"):
        assert (all_of_them[kind]["caseCount"], all_of_them[kind]["hasMoreCases"]) == (100, False)
        assert (more[kind]["caseCount"], more[kind]["hasMoreCases"]) == (100, True)
        assert "Cases: 100" in all_of_them[kind]["message"] and "Cases: at least 100" in more[kind]["message"]
        assert [case["id"] for case in more[kind]["cases"]] == cases[:-11:-1]


async def test_many_copies_of_a_file_on_one_case_hide_it_from_no_other_case(world: World, api: Api) -> None:
    cases = [await opened(api, world.ada, f"ref-{number}") for number in range(3)]

    async def attach(case_id: str, copies: int) -> None:
        documents = tuple(
            NewDocument(id=clock.new_id(), filename="a.txt", content_type="text/plain", size_bytes=1, sha256="cd" * 32)
            for _ in range(copies)
        )
        await world.do(world.ada, AddComment(case_id=UUID(case_id), comment="See.", new_documents=documents))

    for case_id in cases:
        await attach(case_id, 1)
    for _ in range(10):
        await attach(cases[2], 10)
    found = await signals_of(api, world.rosa)

    for case_id in cases:
        signal = found[case_id]["SAME_DOCUMENT"]
        others = [{"id": other} for other in reversed(cases) if other != case_id]
        assert (signal["cases"], signal["caseCount"], signal["hasMoreCases"]) == (others, 2, False)


async def test_nothing_meets_across_accounts(world: World, api: Api) -> None:
    elsewhere = await make_world(world.database)
    for own in (world, elsewhere):
        case_id = await opened(api, own.ada, "ref-1", IBANS[0])
        await comment_with(api, own.ada.token, case_id, [("a.txt", TEXT)])

        assert await signals_of(api, own.rosa) == {case_id: {}}
        assert await signals_of(api, own.rosa, hasSignal=True) == {}

    async with world.database.read() as connection:
        keys = list((await connection.execute(select(tables.case_bank_accounts.c.account_key))).scalars())
    assert len(set(keys)) == len(keys) == 2


async def test_evidence_hides_documents_and_people_from_tokens_without_these_scopes(world: World, api: Api) -> None:
    history = SignalHistory(world, 1)
    await history.play(170)
    limited = await person_of(world.database, world.rosa.id, Scope.CASES_READ)

    found = await signals_of(api, limited)

    assert {kind for signals in found.values() for kind in signals} == set(SignalKind)
    shown = [signal for signals in found.values() for signal in signals.values()]
    assert {str(signal.get("documents")) for signal in shown if "documentCount" in signal} == {"None"}
    pairs = [pair for signal in shown for pair in signal.get("pairs", ())]
    assert pairs and all(pair["creator"] is None and pair["reviewer"] is None for pair in pairs)


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_a_signal_says_what_it_found_in_the_language_of_the_request(
    world: World, api: Api, language: str
) -> None:
    ids = [await opened(api, world.ada, f"ref-{number}", IBANS[1]) for number in range(3)]
    query = f'{{ case(id: "{ids[0]}") {{ signals {{ kindLabel message }} }} }}'

    (signal,) = (await api.run(world.rosa.token, query, accept_language=language))["case"]["signals"]

    assert (
        signal
        == {
            "en": {
                "kindLabel": "Same bank account elsewhere",
                "message": "The same bank account is on cases of other suppliers. Cases: 2.",
            },
            "fr": {
                "kindLabel": "Même compte bancaire ailleurs",
                "message": "Le même compte bancaire figure dans des dossiers d’autres fournisseurs. Dossiers : 2.",
            },
        }[language]
    )


async def test_signals_cost_the_same_statements_for_one_case_as_for_many(world: World, api: Api) -> None:
    history = SignalHistory(world, 1)
    await history.play(170)
    costs = {}

    for first in (1, 12, 40):
        order = "[{field: ACTION_COUNT, direction: DESC}]"
        query = f"{{ cases(first: {first}, orderBy: {order}) {{ nodes {{ {SIGNALS} }} }} }}"
        with recorded() as reported:
            data = await api.run(world.aldo.token, query)
        costs[first] = sorted(reported)
        assert len(data["cases"]["nodes"]) == min(first, len(history.cases))

    assert costs[12] == costs[40]
    assert Counter(costs[1]) <= Counter(costs[12])  # what one case has no signal of is not loaded
    with recorded() as reported:
        await api.run(world.aldo.token, "{ cases { nodes { id signals(kinds: [QUICK_DECISION]) { kind } } } }")
    assert len(reported) == 3
    with recorded() as reported:
        await api.run(world.aldo.token, "{ cases { nodes { id } } }")
    assert len(reported) == 2


async def test_a_case_that_is_erased_has_no_bank_account_any_more(world: World, api: Api) -> None:
    first = await opened(api, world.ada, "ref-1", IBANS[0])
    second = await opened(api, world.ada, "ref-2", IBANS[0])
    assert set(await signals_of(api, world.rosa, hasSignal=True)) == {first, second}
    await api.act(world.ada.token, "closeCase", {"caseId": first})

    erased = await api.act(world.aldo.token, "eraseContent", {"caseId": first, "reason": "x", "everything": True})

    assert erased["errors"] == []
    assert await signals_of(api, world.rosa, hasSignal=True) == {}


async def test_a_dry_run_leaves_no_bank_account(world: World, api: Api) -> None:
    await opened(api, world.ada, "ref-1", IBANS[0])
    subject = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "ref-2", "label": "x"}
    input = {"subject": subject, "title": "A case", "iban": IBANS[0], "dryRun": True}

    payload = await api.act(world.ada.token, "openCase", input)

    assert payload["errors"] == []
    assert await signals_of(api, world.rosa, hasSignal=True) == {}


async def test_an_override_that_is_requested_again_shows_the_earlier_one_of_its_case(world: World, api: Api) -> None:
    case_id = (await world.case_in(CaseStatus.IN_PROGRESS)).case.id
    await world.request_override(case_id)
    await world.refuse(case_id)
    assert "EARLIER_OVERRIDES" not in (await signals_of(api, world.rosa))[str(case_id)]

    await world.request_override(case_id)

    found = (await signals_of(api, world.rosa))[str(case_id)]["EARLIER_OVERRIDES"]
    assert (found["refusedCount"], found["acceptedCount"], len(found["overrides"])) == (1, 0, 1)


async def test_an_override_that_expired_is_counted_as_that(world: World, api: Api) -> None:
    await set_by_hand(world.database, tables.accounts, world.account_id, override_expiry_hours=1)
    ada = await person_of(world.database, world.ada.id, *Scope)
    requested = await world.request_override((await world.open_case()).case.id, ada)
    assert requested.override is not None and requested.override.expires_at is not None
    end = requested.override.expires_at
    await expire_override(world.database, world.account_id, requested.case.id, requested.override.id, lambda: end)

    await world.request_override(requested.case.id)

    found = (await signals_of(api, world.rosa))[str(requested.case.id)]["EARLIER_OVERRIDES"]
    assert found == {
        "overrides": [{"id": str(requested.override.id)}],
        "acceptedCount": 0,
        "refusedCount": 0,
        "cancelledCount": 0,
        "expiredCount": 1,
    }
