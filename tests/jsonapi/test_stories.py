"""The same story through GraphQL and through JSON:API: the same refusals in the same words, and the same log."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app import clock
from app.actions.perform import perform
from app.db.engines import open_database
from app.domain.model import EvaluationStatus
from tests.support.api import Api
from tests.support.databases import Server, create_database, drop_database
from tests.support.jsonapi import ResourceClient, action_body, case_body
from tests.support.world import World, make_world

PEOPLE = ("ada", "carl", "rosa", "rolf", "bea", "aldo")
MUTATIONS = {
    "comment": "addComment",
    "override_request": "requestOverride",
    "accept": "acceptOverride",
    "refuse": "refuseOverride",
    "cancel": "cancelOverride",
    "close": "closeCase",
    "assign": "assignCase",
    "set_due_date": "setDueDate",
    "record_step": "recordStep",
}
RENAMED = {
    ("comment", "comment"): "body",
    ("override_request", "comment"): "reason",
    ("any", "comment"): "comment",
    ("any", "requested_status"): "requestedStatus",
    ("any", "reviewer_ids"): "reviewerIds",
    ("any", "document_ids"): "documentIds",
    ("any", "override_id"): "overrideId",
    ("any", "expected_version"): "expectedVersion",
    ("any", "resolution"): "resolution",
    ("any", "assignee_id"): "assigneeId",
    ("any", "due_at"): "dueAt",
    ("any", "step"): "step",
    ("any", "state"): "state",
}
SELECTION = """case { status version } action { seq type statusBefore statusAfter resolution user { displayName }
    comment { body } override { status requestedStatus } }"""


@dataclass
class Side:
    """One of two accounts that live the same, and what its ids are called in both."""

    world: World
    names: dict[str, str] = field(default_factory=dict)
    case_id: str = ""
    override_ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names |= {str(getattr(self.world, name).id): name for name in PEOPLE}

    def person(self, name: str) -> str:
        return str(getattr(self.world, name).id)

    def words(self, text: str) -> str:
        """Return a message with names in the places of ids."""
        for id, name in self.names.items():
            text = text.replace(id, name)
        return text


@dataclass(frozen=True)
class Step:
    """What somebody does: attributes are made of one side's ids and version."""

    person: str
    action: str
    language: str
    attributes: Callable[[Side, int], dict[str, Any]]


def random_step(dice: random.Random, overrides: int) -> Step:
    """Return an action that often goes through, and often is refused, for any of the reasons that there are."""
    action = dice.choice([*MUTATIONS, *["override_request"] * 2, *["accept"] * 3, "refuse"])
    likely = {"accept": "rosa", "refuse": "rolf", "override_request": "ada", "cancel": "ada"}.get(action, "carl")
    person = likely if dice.random() < 0.6 else dice.choice(PEOPLE)
    language, comment = dice.choice(["en", "fr"]), dice.choice(["Sure.", "Sure.", " ", "x" * 10_001])
    which, off = dice.randrange(-1, overrides + 1), dice.choice([0, 0, 0, 1, -5])
    reviewers = dice.sample(PEOPLE, dice.choice([0, 1, 1, 2])) if dice.random() < 0.4 else ["rosa", "rolf"]
    status, resolution = dice.choice(["FAVORABLE", "UNFAVORABLE"]), dice.choice([None, "DUPLICATE"])
    odd, named = dice.random() < 0.1, dice.random() < 0.7

    def attributes(side: Side, version: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if action in ("comment", "override_request", "record_step") or comment == "Sure.":
            found["comment"] = comment
        if action in ("accept", "refuse") or (named and off == 0):
            found["expected_version"] = version + off
        if action in ("accept", "refuse") or (action == "cancel" and named):
            known = [*side.override_ids, "x" if odd else str(UUID(int=7))]
            found["override_id"] = known[which] if -1 <= which < len(known) else known[-1]
        if action == "override_request":
            found |= {"requested_status": status, "reviewer_ids": [side.person(name) for name in reviewers]}
        if action in ("comment", "override_request") and odd:
            found["document_ids"] = [str(UUID(int=8))]
        if action == "close":
            found["resolution"] = resolution
        return found | planned(side, action, [] if odd else reviewers, off)

    return Step(person, action, language, attributes)


def planned(side: Side, action: str, people: list[str], off: int) -> dict[str, Any]:
    """Return whose the case is to be, of *people* the first, or until when; without them nobody's, or at no time."""
    if action == "assign":
        return {"assignee_id": side.person(people[0]) if people else None}
    if action == "record_step":
        return {"step": "TEA" if off else "CALL_BACK", "state": "DONE" if people else "OPEN"}
    if action == "set_due_date":
        return {"due_at": ("2999-01-01T12:00:00+01:00" if off else "2020-01-01T12:00:00Z") if people else None}
    return {}


def as_input(action: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {RENAMED.get((action, name)) or RENAMED["any", name]: value for name, value in attributes.items()}


async def through_graphql(api: Api, side: Side, step: Step, version: int) -> tuple[Any, Any]:
    """Do a step; return the refusals as pairs of code and message, or what was made."""
    input = {"caseId": side.case_id, **as_input(step.action, step.attributes(side, version))}
    mutation = MUTATIONS[step.action]
    type_name = mutation[0].upper() + mutation[1:] + "Input!"
    document = (
        f"mutation($input: {type_name}) {{ {mutation}(input: $input) {{ errors {{ code message }} {SELECTION} }} }}"
    )
    token = getattr(side.world, step.person).token
    payload = (await api.run(token, document, {"input": input}, accept_language=step.language))[mutation]
    return [(error["code"], side.words(error["message"])) for error in payload["errors"]], payload["action"]


async def through_resources(resources: ResourceClient, side: Side, step: Step, version: int) -> tuple[Any, Any]:
    body = action_body(step.action, **step.attributes(side, version))
    token = getattr(side.world, step.person).token
    query = "?include=user,comment,override"
    answer = await resources.act(side.case_id, token, body, query, accept_language=step.language)
    document = answer.json()
    refused = [(error["code"], side.words(error["detail"])) for error in document.get("errors", ())]
    return refused, document.get("data")


async def log_of(api: Api, side: Side) -> tuple[Any, list[str]]:
    """Return a case's log without what differs each time, and its overrides' ids, the oldest first."""
    query = """query($id: ID!) { case(id: $id) { status version resolution overrides(first: 100) { nodes { id } }
        subject { evaluationStatus version }
        actions(last: 100) { nodes { seq type statusBefore statusAfter resolution user { displayName }
        comment { body author { displayName } } override { status requestedStatus
        assignedReviewers { displayName } decidedBy { displayName } } } } } }"""
    case = (await api.run(side.world.ada.token, query, {"id": side.case_id}))["case"]
    overrides = [node["id"] for node in case.pop("overrides")["nodes"]]
    return case, overrides[::-1]


async def open_on_both(api: Api, resources: ResourceClient, one: Side, other: Side, status: str, number: int) -> None:
    """Open a case on each side, each in its way."""
    body = case_body(f"check-{number}")
    subject: Any = body["data"]["attributes"]["subject"]
    subject["evaluation_status"] = status
    given = {
        "type": subject["subject_type"],
        "externalRef": subject["external_ref"],
        "label": subject["label"],
        "countryCode": subject["country_code"],
        "evaluationStatus": status,
    }
    payload = await api.act(
        one.world.ada.token, "openCase", {"title": "A changed IBAN", "subject": given}, "case { id }"
    )
    opened = await resources.send("POST", "/cases", other.world.ada.token, body)
    one.case_id, other.case_id = payload["case"]["id"], opened.json()["data"]["id"]


async def live(
    api: Api, resources: ResourceClient, sides: tuple[Side, Side], dice: random.Random, steps: int
) -> set[str]:
    """Do random steps on both sides, hold that each gives the same, and return the codes that came."""
    one, other = sides
    codes: set[str] = set()
    status = dice.choice([EvaluationStatus.UNFAVORABLE, EvaluationStatus.UNFAVORABLE, EvaluationStatus.UNEVALUATED])
    await open_on_both(api, resources, one, other, status, dice.randrange(10**9))
    for number in range(steps):
        (log, one.override_ids), (_, other.override_ids) = await log_of(api, one), await log_of(api, other)
        step = random_step(dice, len(one.override_ids))
        if step.action == "close" and number < steps - 3:
            continue
        refusals, made = await through_graphql(api, one, step, log["version"])
        others, resource = await through_resources(resources, other, step, log["version"])
        assert others == refusals, step
        codes |= {code for code, _ in refusals}
        if made is not None:
            attributes = resource["attributes"]
            assert (attributes["seq"], attributes["status_after"]) == (made["seq"], made["statusAfter"])
    assert (await log_of(api, one))[0] == (await log_of(api, other))[0]
    return codes


@pytest.mark.parametrize("restricted", [False, True])
async def test_the_same_story_gives_the_same_refusals_and_the_same_log(
    database: Any, api: Api, resources: ResourceClient, restricted: bool
) -> None:
    dice, codes = random.Random(restricted), set[str]()
    sides = [Side(await make_world(database, restrict_to_assigned_reviewers=restricted)) for _ in range(2)]

    for _ in range(2):
        codes |= await live(api, resources, (sides[0], sides[1]), dice, 25)

    assert len(codes) >= 8, codes


@pytest.mark.soak
async def test_many_stories_give_the_same_refusals_and_the_same_log(
    database: Any, api: Api, resources: ResourceClient
) -> None:
    dice, codes = random.Random(2026), set[str]()
    sides = [Side(await make_world(database)) for _ in range(2)]

    for _ in range(60):
        codes |= await live(api, resources, (sides[0], sides[1]), dice, 25)

    assert len(codes) >= 15, codes


# --- Hash for hash ---------------------------------------------------------------------------------------------------

START = datetime(2026, 11, 29, tzinfo=UTC)
STORY: list[tuple[str, str, dict[str, Any]]] = [
    ("ada", "comment", {"comment": "Called."}),
    ("ada", "override_request", {"comment": "Sure.", "requested_status": "FAVORABLE"}),
    ("rosa", "refuse", {"comment": "No."}),
    ("ada", "override_request", {"comment": "Quite sure.", "requested_status": "FAVORABLE"}),
    ("ada", "cancel", {}),
    ("ada", "override_request", {"comment": "Sure again.", "requested_status": "FAVORABLE"}),
    ("rolf", "accept", {}),
    ("carl", "close", {"resolution": "OVERRIDE_APPLIED", "comment": "Done."}),
]


@dataclass
class Clock:
    """Ids and salts that follow one another, and a time that stands still, so that two databases get the same ones."""

    minutes: int = 0
    ids: int = 0

    def now(self) -> datetime:
        return START + timedelta(minutes=self.minutes)

    def new_id(self) -> UUID:
        self.ids += 1
        return UUID(int=UUID("01900000-0000-7000-8000-000000000000").int + self.ids)

    def new_salt(self, size: int) -> str:
        self.ids += 1
        return self.ids.to_bytes(size).hex()


@pytest.fixture
def urls(origin: Path | Server, tmp_path: Path) -> Iterator[list[str]]:
    """The URLs of two fresh databases on one engine."""
    if isinstance(origin, Path):
        copies = [shutil.copyfile(origin, tmp_path / f"{number}.sqlite") for number in range(2)]
        yield [f"sqlite:///{copy}" for copy in copies]
        return
    names = [f"test_{uuid4().hex}" for _ in range(2)]
    yield [create_database(origin.admin_url, name, origin.template) for name in names]
    for name in names:
        drop_database(origin.admin_url, name)


async def act(api: Api, side: Side, person: str, action: str, given: dict[str, Any], *, is_graphql: bool) -> None:
    """Do an action that must succeed, in one of the two ways."""
    token, headers = getattr(side.world, person).token, {"x_request_id": f"request-{action}"}
    if is_graphql:
        mutation = MUTATIONS[action]
        document = f"mutation($input: {mutation[0].upper()}{mutation[1:]}Input!)"
        document += f" {{ {mutation}(input: $input) {{ errors {{ code }} }} }}"
        variables = {"input": {"caseId": side.case_id, **as_input(action, given)}}
        assert (await api.run(token, document, variables, **headers))[mutation]["errors"] == []
        return
    answer = await ResourceClient(api).act(side.case_id, token, action_body(action, **given), **headers)
    assert answer.status_code == 201, answer.text


async def hashes_of(url: str, folder: Path, time: Clock, *, is_graphql: bool) -> list[str]:
    """Live the story in a database of its own, in one of the two ways, and return the hashes of its log."""
    database = open_database(url)
    side = Side(await make_world(database))
    side.case_id = str((await side.world.open_case()).case.id)
    async with Api.opened(url, data_dir=folder) as api:
        for person, action, attributes in STORY:
            time.minutes += 1
            log, override_ids = await log_of(api, side)
            given = dict(attributes)
            if action == "override_request":
                given["reviewer_ids"] = [side.person("rosa"), side.person("rolf")]
            if action in ("accept", "refuse"):
                given |= {"override_id": override_ids[-1], "expected_version": log["version"]}
            await act(api, side, person, action, given, is_graphql=is_graphql)
        query = "query($id: ID!) { case(id: $id) { actions(last: 20) { nodes { seq hash } } } }"
        data = await api.run(side.world.ada.token, query, {"id": side.case_id})
    await database.close()
    return [node["hash"] for node in data["case"]["actions"]["nodes"]]


async def test_with_the_same_ids_and_times_the_log_is_the_same_hash_for_hash(
    urls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.world.uuid4", lambda: UUID(int=1))  # in the reference of the check
    found = []

    for url, is_graphql in zip(urls, (True, False), strict=True):
        time = Clock()
        monkeypatch.setattr(clock, "new_id", time.new_id)
        monkeypatch.setattr(clock, "now", time.now)
        monkeypatch.setattr("app.actions.draft.secrets.token_hex", time.new_salt)
        assert perform.__kwdefaults__ is not None
        monkeypatch.setitem(perform.__kwdefaults__, "now", time.now)
        found.append(await hashes_of(url, tmp_path, time, is_graphql=is_graphql))

    assert found[0] == found[1]
    assert len(set(found[0])) == len(STORY) + 1
