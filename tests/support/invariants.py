"""The invariants of DOMAIN.md, section 5, as far as rows tell them: held against all that is in the database.

The transition table is written out here once more, so that a wrong row of it can't agree with itself.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from app.audit.verification import verify_log
from app.db.engines import Database
from app.db.repository.cases import cases_by_id
from app.domain.log_chain import Fault, FaultKind
from tests.support.database_contents import Contents

# What an action leaves the case and its override in, whatever they were in; but work moves an open case only.
CASE_AFTER = {
    "OPEN": "OPEN",
    "REQUEST_OVERRIDE": "PENDING_REVIEW",
    "ACCEPT": "RESOLVED",
    "REFUSE": "IN_PROGRESS",
    "CANCEL": "IN_PROGRESS",
    "CLOSE": "CLOSED",
    "REASSIGN": "PENDING_REVIEW",
    "EXPIRE": "IN_PROGRESS",
}
OVERRIDE_AFTER = {"REQUEST_OVERRIDE": "PENDING", "ACCEPT": "ACCEPTED", "REFUSE": "REFUSED", "CANCEL": "CANCELLED"}
OVERRIDE_AFTER |= {"REASSIGN": "PENDING", "EXPIRE": "EXPIRED"}


async def unforeseen_faults(database: Database, account_id: UUID, rechecked: Collection[UUID]) -> list[Fault]:
    """Return all that is wrong with an account's logs, but for the results of subjects that were changed by hand."""
    found: list[Fault] = []
    async for verdict in verify_log(database, account_id):
        async with database.read() as connection:
            (case,) = await cases_by_id(connection, account_id, [verdict.case_id])
        is_rechecked = case is not None and case.subject_id in rechecked
        faults = [fault for fault in (verdict.fault, *verdict.others) if fault is not None]
        found += [fault for fault in faults if not (is_rechecked and is_of_result(fault))]
    return found


def is_of_result(fault: Fault) -> bool:
    """Tell whether it is about the subject's result, or about the override that gave it."""
    beginnings = ("the subject is", "the subject has another override_id")
    return fault.kind is FaultKind.STATE and fault.reason.startswith(beginnings)


def assert_invariants(before: Contents, after: Contents) -> None:
    """See to it that each invariant holds after a step."""
    assert_permanent(before, after)
    logs: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for row in sorted(after["case_actions"].values(), key=lambda row: row["seq"]):
        logs[row["case_id"]].append(row)
    pending = [row for row in after["overrides"].values() if row["status"] == "PENDING"]
    assert len({row["case_id"] for row in pending}) == len({row["subject_id"] for row in pending}) == len(pending)
    for case in after["cases"].values():
        assert_agrees(case, logs[case["id"]], after["overrides"])
        assert (case["status"] == "PENDING_REVIEW") == (case["id"] in {row["case_id"] for row in pending})
    for override in after["overrides"].values():
        namings: dict[int, set[UUID]] = defaultdict(set)
        for table in ("override_reviewers", "reassigned_reviewers"):
            for row in after[table].values():
                if row["override_id"] == override["id"]:
                    namings[row.get("version", 1)].add(row["reviewer_id"])
        assert override["created_by_id"] not in {override["decided_by_id"]}.union(*namings.values())
        assert all(1 <= len(reviewers) <= 10 for reviewers in namings.values())
        version = override["version"] - (override["status"] != "PENDING")
        assert sorted(namings) == list(range(1, version + 1))
    made = [record["action_id"] or record["account_action_id"] for record in after["idempotency_records"].values()]
    made = [id for id in made if id is not None]
    assert len(set(made)) == len(made)


def assert_permanent(before: Contents, after: Contents) -> None:
    """Rows of the log, comments, finished overrides and closed cases stay as they were."""
    finished: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        "case_actions": lambda _row: True,
        "comments": lambda _row: True,
        "override_reviewers": lambda _row: True,
        "reassigned_reviewers": lambda _row: True,
        "overrides": lambda row: row["status"] != "PENDING",
        "cases": lambda row: row["status"] == "CLOSED",
    }
    for table, is_finished in finished.items():
        for key, row in before[table].items():
            if is_finished(row) and not is_erased(table, row, after[table][key]):
                assert after[table][key] == row


TEXTS = {
    "comments": {"body", "salt"},
    "cases": {"title", "description", "title_salt", "description_salt"},
}
LOGGED = {"cases": {"version", "action_count", "head_hash", "updated_at", "held_by_id"}}
"""What a closed case's row may change by a row of its log."""


def is_erased(table: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether a row changed as an erasure or a legal hold changes it: texts go, once, and nothing else."""
    changed = {name for name in before if before[name] != after[name]} - LOGGED.get(table, set())
    texts = TEXTS.get(table, set())
    if "erased_by_id" in changed:
        assert before["erased_by_id"] is None and {after[name] for name in texts} == {None}
        changed -= {*texts, "erased_by_id"}
    return not changed


def assert_agrees(
    case: Mapping[str, Any], log: list[Mapping[str, Any]], overrides: Mapping[Any, Mapping[str, Any]]
) -> None:
    """The log is 1..n, each row begins where the one before ended, and folding it gives what the other rows say."""
    assert [row["seq"] for row in log] == list(range(1, len(log) + 1))
    assert (case["action_count"], case["head_hash"], case["version"]) == (len(log), log[-1]["hash"], len(log))
    status: str | None = None
    prev_hash, folded = "0" * 64, {}
    for row in log:
        assert (row["status_before"], row["prev_hash"]) == (status, prev_hash)
        after_work = "IN_PROGRESS" if status == "OPEN" and row["type"] in ("COMMENT", "RECORD_STEP") else status
        status, prev_hash = CASE_AFTER.get(row["type"], after_work), row["hash"]
        assert row["status_after"] == status
        if row["override_id"] is not None:
            folded[row["override_id"]] = OVERRIDE_AFTER[row["type"]]
    assert case["status"] == status
    assert folded == {row["id"]: row["status"] for row in overrides.values() if row["case_id"] == case["id"]}
