"""The GraphiQL page as a person uses it: in a real headless Chromium, against a real server.

It deliberately leaves the API to other tests: here an answer only shows that the page asked rightly and as whom.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
from graphql import GraphQLObjectType, build_schema, parse, validate
from playwright.sync_api import Browser, Page

from tests.support.browser import opened_browser
from tests.support.gateway import demo_in, serving
from tests.support.paths import ROOT

STORY = sorted((ROOT / "app/graphiql/src/story").glob("*.graphql"))
TABS = [
    "WhoAmI",
    "WhoCanReview",
    "OpenCase",
    "AddEvidence",
    "RecordStep",
    "RequestOverride",
    "AcceptMyOwn",
    "AcceptAsReviewer",
    "CloseCase",
    "ReadTheLog",
    "ReadDocuments",
    "Follow",
    "Invite",
]
SEVERAL = {"RecordStep", "Invite"}
"""The tabs that have several operations."""
# GraphiQL leaves its editor in a global variable, and puts the name of each pane into its address.
MODEL = "__MONACO.editor.getModels().find(({ uri }) => uri.path.includes(name))"
OPEN = "mutation($input: OpenCaseInput!) { openCase(input: $input) { errors { code } } }"
# Elsewhere a warning is an error; this one has to reach the summary.
pytestmark = pytest.mark.filterwarnings("default:no Chromium")


@pytest.mark.parametrize("file", STORY, ids=lambda file: file.stem)
def test_each_tab_of_the_story_is_valid_against_the_schema(file: Path) -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())

    assert validate(schema, parse(file.read_text())) == []


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graphiql")
    demo_in(folder)
    return folder


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[str]:
    with serving(folder) as server:
        yield server.address


@pytest.fixture(scope="module")
def production(demo: str, folder: Path) -> Iterator[str]:
    """Yield the address of a second server on the demo's database, which shows GraphiQL but is no demo."""
    with serving(folder, demo="false", graphiql="true") as server:
        yield server.address


@dataclass
class Visit:
    """One look at the page by a browser that has never seen it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, server: str) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        with self.page.expect_event("worker", lambda worker: "/graphql.worker" in worker.url):
            answer = self.page.goto(f"{server}/graphiql")
            assert answer is not None
            assert answer.ok, answer.text()
        self.page.get_by_role("tab", name="WhoAmI").wait_for()
        self.page.locator(".graphiql-query-editor .view-line").first.wait_for()

    @property
    def people(self) -> list[dict[str, Any]]:
        config: dict[str, Any] = json.loads(self.page.locator("#casegate-config").inner_text())
        return list(config["people"])

    def editor(self, name: str) -> str:
        """Return all that the editor *name* holds: of a long text the page itself only draws what is in sight."""
        return str(self.page.evaluate(f"name => {MODEL}.getValue()", name))

    def write(self, name: str, text: str) -> None:
        self.page.evaluate(f"([name, text]) => {MODEL}.setValue(text)", [name, text])

    def turn_to(self, tab: str) -> None:
        self.page.get_by_role("tab", name=tab).click()

    def run(self, tab: str) -> Mapping[str, Any]:
        """Run the operation that a tab is named by."""
        self.turn_to(tab)
        return self.choose(tab) if tab in SEVERAL else self.execute()

    def execute(self) -> Mapping[str, Any]:
        """Press the button, once it has no list, and return the answer that the page then shows."""
        self.write("response", "")
        self.page.locator(".graphiql-execute-button:not([aria-haspopup])").click()
        self.page.wait_for_function(f"name => {MODEL}.getValue()", arg="response")
        answer: dict[str, Any] = json.loads(self.editor("response"))
        return answer

    def choose(self, operation: str) -> Mapping[str, Any]:
        """Run one operation of a tab that has several, from the button's list, once the button has one."""
        self.write("response", "")
        self.page.locator(".graphiql-execute-button[aria-haspopup]").click()
        self.page.get_by_role("menuitem", name=operation, exact=True).click()
        self.page.wait_for_function(f"name => {MODEL}.getValue()", arg="response")
        answer: dict[str, Any] = json.loads(self.editor("response"))
        return answer

    def stored(self) -> str:
        self.page.wait_for_timeout(700)  # GraphiQL stores half a second after the last change
        return str(self.page.evaluate("JSON.stringify([localStorage, sessionStorage])"))


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    yield Visit(context.new_page())
    context.close()


@pytest.fixture
def on_a_phone(chromium: Browser, demo: str) -> Iterator[Visit]:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, locale="en-GB")
    visit = Visit(context.new_page())
    visit.open(demo)
    yield visit
    context.close()


@pytest.fixture
def in_french(chromium: Browser, demo: str) -> Iterator[Visit]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="fr-CA")
    visit = Visit(context.new_page())
    visit.open(demo)
    yield visit
    context.close()


@pytest.fixture
def in_demo(visit: Visit, demo: str) -> Visit:
    visit.open(demo)
    return visit


def test_the_page_requests_only_this_server_and_violates_no_policy(in_demo: Visit, demo: str) -> None:
    in_demo.page.get_by_label("Show Documentation Explorer").click()
    in_demo.page.get_by_label("Show GraphiQL Explorer").click()
    in_demo.page.get_by_text("displayName").first.wait_for()
    in_demo.run("WhoAmI")

    hosts = {urlsplit(url).netloc for url in in_demo.requests if not url.startswith("data:")}
    assert hosts == {urlsplit(demo).netloc}
    assert in_demo.complaints == []
    assert in_demo.page.title() == "Casegate"


def test_the_tab_that_follows_shows_what_happens_until_it_is_stopped(in_demo: Visit, demo: str) -> None:
    first = in_demo.run("Follow")["data"]["actions"]
    in_demo.write("response", "")
    token = next(person["token"] for person in in_demo.people if "CONTRIBUTOR" in person["roles"])
    subject = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": str(uuid4()), "label": "Delmas"}
    subject["evaluationStatus"] = "ANOMALY"
    answer = httpx2.post(
        f"{demo}/graphql",
        json={"query": OPEN, "variables": {"input": {"subject": subject, "title": "A changed IBAN"}}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    in_demo.page.wait_for_function(f"name => {MODEL}.getValue()", arg="response")
    second = json.loads(in_demo.editor("response"))["data"]["actions"]
    in_demo.page.locator(".graphiql-execute-button").click()

    assert answer.json()["data"]["openCase"]["errors"] == []
    assert (first["caughtUp"], first["action"]) == (True, None)
    assert (second["caughtUp"], second["action"]["type"]) == (True, "OPEN")
    assert second["action"]["case"]["status"] == "OPEN"
    assert second["cursor"] != first["cursor"]
    assert in_demo.complaints == []


def test_the_documentation_shows_the_descriptions_of_the_schema(in_demo: Visit) -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())
    mutations = schema.mutation_type
    assert isinstance(mutations, GraphQLObjectType)
    said = mutations.fields["acceptOverride"].description
    assert said

    in_demo.page.get_by_label("Show Documentation Explorer").click()
    in_demo.page.locator(".graphiql-doc-explorer").get_by_text("Mutation", exact=True).click()

    in_demo.page.locator(".graphiql-doc-explorer").get_by_text(
        said.split("`")[0].strip()
    ).first.wait_for()  # the rest is set as code


def test_the_story_can_be_worked_from_opening_to_the_log(in_demo: Visit) -> None:
    person, colleagues, opened, commented, recorded, requested, refused, accepted, closed, log, documents = (
        in_demo.run(tab)["data"] for tab in TABS[:-2]
    )

    opener = person["viewer"]["user"]
    assert opener["roles"] == ["CONTRIBUTOR", "REVIEWER"]
    assert len(colleagues["users"]["nodes"]) > 1
    assert opened["openCase"]["case"]["status"] == "OPEN"
    assert commented["addComment"]["comment"]["author"]["displayName"] == opener["displayName"]
    assert [step["state"] for step in recorded["recordStep"]["case"]["checklist"]] == ["DONE", "OPEN"]
    assert requested["requestOverride"]["case"]["status"] == "PENDING_REVIEW"
    assert refused["acceptOverride"]["override"] is None
    assert [error["code"] for error in refused["acceptOverride"]["errors"]] == ["SELF_REVIEW_FORBIDDEN"]
    decided = accepted["acceptOverride"]["override"]
    assert decided["status"] == "ACCEPTED"
    assert decided["decidedBy"] in requested["requestOverride"]["override"]["assignedReviewers"]
    assert decided["decidedBy"]["displayName"] != opener["displayName"]
    assert closed["closeCase"]["case"]["resolution"] == "OVERRIDE_APPLIED"
    assert [(row["seq"], row["type"], row["statusAfter"]) for row in log["case"]["actions"]["nodes"]] == [
        (6, "CLOSE", "CLOSED"),
        (5, "ACCEPT", "RESOLVED"),
        (4, "REQUEST_OVERRIDE", "PENDING_REVIEW"),
        (3, "RECORD_STEP", "IN_PROGRESS"),
        (2, "COMMENT", "IN_PROGRESS"),
        (1, "OPEN", "OPEN"),
    ]
    assert any(case["documents"]["nodes"] for case in documents["cases"]["nodes"])
    assert in_demo.complaints == []


def test_the_case_s_owner_its_due_date_and_many_actions_at_once_are_in_the_story(in_demo: Visit) -> None:
    in_demo.run("OpenCase")
    in_demo.turn_to("RecordStep")

    assigned = in_demo.choose("Assign")["data"]["assignCase"]
    due = in_demo.choose("SetDueDate")["data"]["setDueDate"]
    together = in_demo.choose("Together")["data"]["performActions"]
    case = in_demo.choose("Signals")["data"]["case"]

    assert (assigned["errors"], due["errors"], together["errors"]) == ([], [], [])
    assert case["owner"] is not None and assigned["case"]["owner"] == case["owner"]
    assert due["case"]["dueAt"] is not None and not due["case"]["overdue"]
    assert [result["status"] for result in together["results"]] == ["DONE", "DONE"]
    assert (case["dueAt"], type(case["signals"])) == (None, list)
    assert in_demo.complaints == []


def test_a_reviewer_delegates_and_ends_that_in_the_story(in_demo: Visit) -> None:
    in_demo.turn_to("Invite")
    opener = in_demo.people[0]
    in_demo.page.get_by_label("Act as").select_option(index=0)

    delegated = in_demo.choose("Delegate")["data"]["delegateReviews"]
    place = in_demo.choose("InWhosePlace")["data"]["viewer"]
    ended = in_demo.choose("EndDelegation")["data"]["endDelegation"]

    assert (delegated["errors"], ended["errors"]) == ([], [])
    assert place["user"]["delegation"]["delegate"] == delegated["user"]
    assert place["user"]["id"] == opener["id"] and ended["user"]["displayName"] == opener["display_name"]


def test_two_admins_work_the_tab_of_administration(in_demo: Visit) -> None:
    in_demo.turn_to("Invite")
    unknown = in_demo.choose("Approve")
    invited = in_demo.choose("Invite")["data"]["inviteUser"]
    waiting = in_demo.choose("Waiting")["data"]["pendingChanges"]["nodes"]
    alone = in_demo.choose("Approve")["data"]["approveChange"]
    in_demo.page.get_by_label("Act as").select_option(label="Alma Reyes (admin)")
    approved = in_demo.choose("Approve")["data"]["approveChange"]
    service = in_demo.choose("AddService")["data"]["createServiceAccount"]
    token = in_demo.choose("AddToken")["data"]["createToken"]
    log = in_demo.choose("AdminLog")["data"]["adminLog"]["nodes"]
    counted = in_demo.choose("Statistics")["data"]["reviewStatistics"]
    replayed = in_demo.choose("Replay")["data"]["policyReplay"]

    assert counted["totalCount"] > 0 and counted["nodes"][0]["decisionCount"] > 0
    assert replayed["examinedCount"] > 0
    assert unknown["errors"][0]["message"].startswith('Not sent. "$change" is not known yet: run the tab Invite first')
    assert (invited["errors"], invited["change"]["status"]) == ([], "PENDING")
    assert waiting[0]["id"] == invited["change"]["id"]
    assert [error["code"] for error in alone["errors"]] == ["SECOND_ADMIN_REQUIRED"]
    assert approved["change"]["decidedBy"] == {"displayName": "Alma Reyes"}
    assert approved["user"] == {"displayName": "Zoé Martin", "roles": ["REVIEWER"]}
    assert service["user"]["kind"] == "SERVICE"
    assert (token["errors"], token["token"]["scopes"]) == ([], ["CASES_READ", "CASES_WRITE"])
    assert token["secret"].startswith(token["token"]["prefix"])
    assert [(row["type"], row["approval"]) for row in log[:4]] == [
        ("CREATE_TOKEN", "NOT_NEEDED"),
        ("CREATE_SERVICE_ACCOUNT", "NOT_NEEDED"),
        ("APPROVE_CHANGE", "GIVEN"),
        ("INVITE_USER", "PENDING"),
    ]
    assert in_demo.complaints == []


def test_the_story_can_be_repeated(in_demo: Visit) -> None:
    first, second = (in_demo.run("OpenCase")["data"]["openCase"] for _ in range(2))

    assert (first["errors"], second["errors"]) == ([], [])
    assert first["case"]["subject"]["externalRef"] != second["case"]["subject"]["externalRef"]
    assert in_demo.page.get_by_text(f"$case {second['case']['reference']}").is_visible()


def test_a_placeholder_id_is_not_sent(in_demo: Visit) -> None:
    requests = len(in_demo.requests)

    answer = in_demo.run("AddEvidence")

    assert answer["errors"][0]["message"].startswith('Not sent. "$case" is not known yet: run the tab OpenCase first')
    assert f"{in_demo.page.url.removesuffix('graphiql')}graphql" not in in_demo.requests[requests:]


def test_another_person_can_be_chosen(in_demo: Visit) -> None:
    last = in_demo.people[-1]

    in_demo.page.get_by_label("Act as").select_option(index=len(in_demo.people) - 1)

    assert json.loads(in_demo.editor("request-headers")) == {"Authorization": f"Bearer {last['token']}"}
    assert in_demo.execute()["data"]["viewer"]["user"]["id"] == last["id"]


def test_a_reload_brings_the_demo_tokens_of_this_start_and_none_out_of_the_browser(in_demo: Visit) -> None:
    tokens = [person["token"] for person in in_demo.people]
    in_demo.turn_to("AcceptAsReviewer")
    used = in_demo.editor("request-headers")
    stored = in_demo.stored()

    in_demo.page.reload()
    in_demo.turn_to("AcceptAsReviewer")

    assert in_demo.editor("request-headers") == used
    assert any(token in used for token in tokens)
    assert not any(token in stored for token in tokens)


def test_a_new_tab_acts_as_the_person_of_the_tab_before(in_demo: Visit) -> None:
    last = in_demo.people[-1]
    in_demo.page.get_by_label("Act as").select_option(index=len(in_demo.people) - 1)

    in_demo.page.get_by_label("New tab").click()
    in_demo.page.wait_for_function(f"name => {MODEL}.getValue() === ''", arg="operation")
    in_demo.write("operation", "{ viewer { user { id } } }")

    assert in_demo.execute()["data"]["viewer"]["user"]["id"] == last["id"]
    assert json.loads(in_demo.editor("request-headers")) == {"Authorization": f"Bearer {last['token']}"}
    in_demo.turn_to("AcceptAsReviewer")
    assert last["token"] not in in_demo.editor("request-headers")


def test_a_placeholder_is_no_mistake_and_a_value_of_a_wrong_type_is_one(in_demo: Visit) -> None:
    marked = f"__MONACO.editor.getModelMarkers({{owner: 'json'}}).map(marker => {MODEL}.getValueInRange(marker))"
    in_demo.turn_to("AcceptMyOwn")
    variables = json.loads(in_demo.editor("variables"))
    assert variables["input"]["expectedVersion"] == "$version"

    in_demo.write("variables", json.dumps({"input": variables["input"] | {"comment": 7}}))
    in_demo.page.wait_for_function(f"name => {marked}.includes('7')", arg="variables")

    in_demo.page.wait_for_timeout(200)  # for what else would be marked: all marks go, and come anew, with each look
    found = in_demo.page.wait_for_function(f"name => (found => found.length && found)({marked})", arg="variables")
    assert found.json_value() == ["7"]


def test_a_reload_goes_on_with_the_same_case(in_demo: Visit) -> None:
    opened = in_demo.run("OpenCase")["data"]["openCase"]["case"]

    in_demo.page.reload()

    in_demo.page.get_by_text(f"$case {opened['reference']}").wait_for()
    assert in_demo.run("AddEvidence")["data"]["addComment"]["case"]["id"] == opened["id"]


def test_a_reload_keeps_the_person_who_was_chosen_in_that_tab_alone(in_demo: Visit) -> None:
    last = in_demo.people[-1]
    in_demo.turn_to("WhoAmI")
    in_demo.page.get_by_label("Act as").select_option(index=len(in_demo.people) - 1)

    in_demo.page.reload()

    assert in_demo.run("WhoAmI")["data"]["viewer"]["user"]["id"] == last["id"]
    in_demo.turn_to("OpenCase")
    assert last["token"] not in in_demo.editor("request-headers")


def test_all_tabs_are_in_sight_in_the_window_of_a_laptop(in_demo: Visit) -> None:
    tabs = in_demo.page.get_by_role("tab")

    assert [tabs.nth(index).inner_text() for index in range(tabs.count())] == TABS
    last = tabs.last.bounding_box()
    bar = in_demo.page.locator(".graphiql-tabs").bounding_box()
    assert last is not None
    assert bar is not None
    assert last["x"] + last["width"] <= bar["x"] + bar["width"]


@pytest.mark.parametrize("part", [".graphiql-query-editor", ".graphiql-response", ".casegate-strip select"])
def test_on_a_phone_nothing_is_cut_off(on_a_phone: Visit, part: str) -> None:
    answer = on_a_phone.run("WhoAmI")

    assert answer["data"]["viewer"]["user"]["displayName"]
    found = on_a_phone.page.locator(part)
    found.scroll_into_view_if_needed()
    box = found.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["width"] > 200
    assert on_a_phone.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_phone_the_documentation_can_be_read(on_a_phone: Visit) -> None:
    on_a_phone.page.get_by_label("Show Documentation Explorer").click()

    box = on_a_phone.page.locator(".graphiql-doc-explorer").bounding_box()
    assert box is not None
    assert box["width"] > 300
    assert on_a_phone.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_in_a_french_browser_the_page_is_french(in_french: Visit) -> None:
    page = in_french.page

    assert page.evaluate("document.documentElement.lang") == "fr"
    assert in_french.editor("operation").startswith("# 1 sur 13 · De qui est le jeton")
    page.get_by_role("button", name="Exécuter la requête").wait_for()
    page.get_by_role("button", name="En-têtes", exact=True).wait_for()
    page.get_by_label("Agir en tant que").wait_for()
    page.get_by_label("Nouvel onglet").wait_for()
    assert in_french.run("AddEvidence")["errors"][0]["message"].startswith(
        "Pas envoyé. « $case » n’est pas encore connu"
    )
    in_french.run("OpenCase")
    in_french.run("RequestOverride")
    refused = in_french.run("AcceptMyOwn")["data"]["acceptOverride"]["errors"][0]
    assert (refused["code"], "dérogation" in refused["message"]) == ("SELF_REVIEW_FORBIDDEN", True)
    assert in_french.complaints == []


def named_in(comment: str) -> set[str]:
    return set(re.findall(r"\$[a-z]+|\b[A-Z]{2,}(?:_[A-Z]+)*\b", comment))


def test_each_text_of_the_page_has_its_french() -> None:
    source = ROOT / "app/graphiql/src"
    known = json.loads((source / "words/fr.json").read_text())
    written = "".join(file.read_text() for file in sorted(source.glob("*.js*")))
    stories = json.loads((source / "words/fr.story.json").read_text())

    used = set(re.findall(r"""\bword\(\s*(?:'((?:[^'\\]|\\.)*)')""", written))
    assert used == set(known) - {"contributor", "reviewer", "admin"}  # the roles, whose names the server sends
    comments = {file.stem: [line for line in file.read_text().splitlines() if line.startswith("#")] for file in STORY}
    assert {name: len(lines) for name, lines in stories.items()} == {name: len(it) for name, it in comments.items()}
    for name, lines in stories.items():
        # What is put in the place of a word, and an enum's members, are the same in both languages.
        assert named_in("\n".join(lines)) == named_in("\n".join(comments[name])), name


def test_outside_demo_mode_the_page_holds_no_token(visit: Visit, demo: str, production: str) -> None:
    visit.open(demo)
    tokens = [person["token"] for person in visit.people]

    visit.page.goto(f"{production}/graphiql")
    visit.turn_to("WhoAmI")

    assert visit.people == []
    assert not any(token in visit.page.content() for token in tokens)
    assert json.loads(visit.editor("request-headers")) == {"Authorization": "Bearer "}
    assert not visit.page.get_by_label("Act as").is_visible()


def test_outside_demo_mode_a_token_opens_the_documentation_and_is_not_stored(
    visit: Visit, demo: str, production: str
) -> None:
    visit.open(demo)
    token = visit.people[0]["token"]
    visit.page.goto(f"{production}/graphiql")
    visit.turn_to("WhoAmI")

    visit.write("request-headers", json.dumps({"Authorization": f"Bearer {token}"}))
    answer = visit.execute()

    assert answer["data"]["viewer"]["user"]["displayName"]
    visit.page.get_by_label("Show Documentation Explorer").click()
    visit.page.locator(".graphiql-doc-explorer").get_by_text("Mutation", exact=True).wait_for()
    assert token not in visit.stored()
