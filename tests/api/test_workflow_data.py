"""The workflow as data and as a diagram, against the tables of test_workflow, which are written by hand."""

from itertools import product

from app.domain.model import CaseStatus
from app.domain.workflow_chart import mermaid
from tests.support.api import Api
from tests.support.paths import ROOT
from tests.support.workflow_situations import WHEN, cells
from tests.support.world import World

WORKFLOW = """{ workflow { mermaid states { status initial final }
    actions { action roles relation userKind features requiredInput decision outcomes { from to code } } } }"""
ARROWS = {
    "[*] --> OPEN: OPEN",
    "OPEN --> IN_PROGRESS: COMMENT, RECORD_STEP",
    "OPEN --> PENDING_REVIEW: REQUEST_OVERRIDE",
    "OPEN --> CLOSED: CLOSE",
    "IN_PROGRESS --> IN_PROGRESS: COMMENT, RECORD_STEP",
    "IN_PROGRESS --> PENDING_REVIEW: REQUEST_OVERRIDE",
    "IN_PROGRESS --> CLOSED: CLOSE",
    "PENDING_REVIEW --> PENDING_REVIEW: COMMENT, REASSIGN, RECORD_STEP",
    "PENDING_REVIEW --> IN_PROGRESS: REFUSE, CANCEL, EXPIRE",
    "PENDING_REVIEW --> RESOLVED: ACCEPT",
    "RESOLVED --> RESOLVED: COMMENT, RECORD_STEP",
    "RESOLVED --> PENDING_REVIEW: REQUEST_OVERRIDE",
    "RESOLVED --> CLOSED: CLOSE",
    "CLOSED --> [*]",
}


def test_the_diagram_has_just_the_arrows_of_the_table() -> None:
    head, *lines = mermaid().splitlines()

    assert head == "stateDiagram-v2"
    assert {line.strip() for line in lines} == ARROWS
    assert len(lines) == len(ARROWS)


def test_the_manual_shows_the_diagram_of_the_table_that_runs() -> None:
    manual = (ROOT / "app/docs/workflow.md").read_text(encoding="utf-8")

    shown = manual.split("<!-- workflow diagram -->\n```mermaid\n")[1].split("```\n<!-- end of diagram -->")[0]

    assert shown == mermaid()


async def test_the_workflow_has_each_outcome_and_its_roles(world: World, api: Api) -> None:
    reported = (await api.run(world.aldo.token, WORKFLOW))["workflow"]
    actions = {item["action"]: item for item in reported["actions"]}

    outcomes = {
        (name, outcome["from"]): outcome["to"] or outcome["code"]
        for name, item in actions.items()
        for outcome in item["outcomes"]
    }
    assert outcomes.pop(("OPEN", None)) == "OPEN"
    stays = {("EVALUATION", status): status for status in CaseStatus if status != "CLOSED"}
    expires = {("EXPIRE", str(status)): "NO_PENDING_OVERRIDE" for status in CaseStatus}
    expires |= {("EXPIRE", "PENDING_REVIEW"): "IN_PROGRESS", ("EXPIRE", "CLOSED"): "CASE_CLOSED"}
    reminds = {(name, status): to for name in ("REMIND", "ESCALATE") for (_, status), to in stays.items()}
    closed = dict.fromkeys(product(("EVALUATION", "REMIND", "ESCALATE"), ["CLOSED"]), "CASE_CLOSED")
    assert outcomes == dict(cells(WHEN)) | stays | expires | reminds | closed
    assert {name: (item["roles"], item["relation"], item["decision"]) for name, item in actions.items()} == {
        "OPEN": (["CONTRIBUTOR", "REVIEWER"], "ANYBODY", None),
        "COMMENT": (["CONTRIBUTOR", "REVIEWER"], "ANYBODY", None),
        "REQUEST_OVERRIDE": (["CONTRIBUTOR"], "ANYBODY", None),
        "ACCEPT": (["REVIEWER"], "REVIEWER", "ACCEPTED"),
        "REFUSE": (["REVIEWER"], "REVIEWER", "REFUSED"),
        "CANCEL": ([], "CREATOR", "CANCELLED"),
        "CLOSE": (["CONTRIBUTOR", "REVIEWER"], "ANYBODY", None),
        "REASSIGN": (["CONTRIBUTOR"], "ANYBODY", None),
        "REDACT": (["ADMIN"], "ANYBODY", None),
        "HOLD": (["ADMIN"], "ANYBODY", None),
        "EVALUATION": ([], "ANYBODY", None),
        "ASSIGN": (["CONTRIBUTOR", "REVIEWER"], "ANYBODY", None),
        "SET_DUE_DATE": (["CONTRIBUTOR", "REVIEWER"], "ANYBODY", None),
        "RECORD_STEP": (["CONTRIBUTOR", "REVIEWER"], "ANYBODY", None),
        "EXPIRE": ([], "ANYBODY", "EXPIRED"),
        "REMIND": ([], "ANYBODY", None),
        "ESCALATE": ([], "ANYBODY", None),
    }
    kinds = {name: item["userKind"] for name, item in actions.items() if item["userKind"] is not None}
    people = dict.fromkeys(("REQUEST_OVERRIDE", "ACCEPT", "REFUSE", "REASSIGN"), "PERSON")
    system = dict.fromkeys(("EXPIRE", "REMIND", "ESCALATE"), "SYSTEM")
    assert kinds == people | {"EVALUATION": "SERVICE"} | system
    assert {name: item["requiredInput"] for name, item in actions.items()} == {
        "OPEN": ["subject", "title"],
        "COMMENT": ["caseId", "body"],
        "REQUEST_OVERRIDE": ["caseId", "requestedStatus", "reviewerIds", "reason"],
        "ACCEPT": ["caseId", "overrideId", "expectedVersion"],
        "REFUSE": ["caseId", "overrideId", "expectedVersion"],
        "CANCEL": ["caseId"],
        "CLOSE": ["caseId"],
        "REASSIGN": ["caseId", "overrideId", "reviewerIds"],
        "REDACT": ["caseId", "reason"],
        "HOLD": ["caseId", "held", "reason"],
        "EVALUATION": ["type", "externalRef", "evaluationStatus", "label"],
        "ASSIGN": ["caseId", "assigneeId"],
        "SET_DUE_DATE": ["caseId", "dueAt"],
        "RECORD_STEP": ["caseId", "step", "state", "comment"],
        "EXPIRE": [],
        "REMIND": [],
        "ESCALATE": [],
    }
    assert [(item["status"], item["initial"], item["final"]) for item in reported["states"]] == [
        (status, status == "OPEN", status == "CLOSED") for status in CaseStatus
    ]
    assert reported["mermaid"] == mermaid()
