"""The answers of the hand-written endpoints: rows in, dictionaries out, with the names that the API has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scripts.benchmarks.decisions import Holder, Written

Json = dict[str, Any]


def case_answer(record: Sequence[Any] | None) -> Json:
    """Return the answer about the case of *record*: id, number, title, status."""
    if record is None:
        return {"case": None}
    id, number, title, status = record
    return {"case": {"id": id, "reference": f"CASE-{number:06}", "title": title, "status": status}}


def worklist_answer(
    records: Iterable[Sequence[Any]],
    documents: Mapping[Any, list[Json]],
    reviewers: Mapping[Any, list[Json]],
    first: int,
) -> Json:
    """Return the page of cases whose lines, one for each action, *records* are; there is one case more if there are."""
    cases: dict[Any, Json] = {}
    for record in records:
        case_id, number, title, status, updated_at, *action = record
        case = cases.get(case_id)
        if case is None:
            case = cases[case_id] = {
                "id": case_id,
                "reference": f"CASE-{number:06}",
                "title": title,
                "status": status,
                "updatedAt": updated_at,
                "actions": {"nodes": []},
            }
        case["actions"]["nodes"].append(_action(action, documents, reviewers))
    nodes = list(cases.values())
    return {"cases": {"nodes": nodes[:first], "pageInfo": {"hasNextPage": len(nodes) > first}}}


def _action(record: list[Any], documents: Mapping[Any, list[Json]], reviewers: Mapping[Any, list[Json]]) -> Json:
    (id, seq, type, created_at, user_id, user_name, comment_id, body, override_id, override_status, requested) = record
    comment = override = None
    if comment_id is not None:
        comment = {"id": comment_id, "body": body, "documents": documents.get(comment_id, [])}
    if override_id is not None:
        override = {
            "id": override_id,
            "status": override_status,
            "requestedStatus": requested,
            "assignedReviewers": reviewers.get(override_id, []),
        }
    return {
        "id": id,
        "seq": seq,
        "type": type,
        "createdAt": created_at,
        "user": {"id": user_id, "displayName": user_name},
        "comment": comment,
        "override": override,
    }


def documents_answer(records: Iterable[Sequence[Any]]) -> dict[Any, list[Json]]:
    """Return by comment the documents of *records*, which are in their order."""
    found: dict[Any, list[Json]] = {}
    for comment_id, id, filename, content_type, size in records:
        line = {"id": id, "filename": filename, "contentType": content_type, "sizeBytes": size}
        found.setdefault(comment_id, []).append(line)
    return found


def reviewers_answer(records: Iterable[Sequence[Any]]) -> dict[Any, list[Json]]:
    """Return by override the reviewers of *records*, which are in their order."""
    found: dict[Any, list[Json]] = {}
    for override_id, id, name in records:
        found.setdefault(override_id, []).append({"id": id, "displayName": name})
    return found


def comment_answer(holder: Holder, action: Written, comment_id: Any, body: str) -> Json:
    return {
        "addComment": {
            "errors": [],
            "case": {"status": action.status_after},
            "action": {
                **_row(action),
                "user": {"id": action.user_id, "displayName": holder.name},
                "comment": {"id": comment_id, "body": body},
            },
        }
    }


def accept_answer(holder: Holder, action: Written, override_id: Any) -> Json:
    decider = {"id": action.user_id, "displayName": holder.name}
    return {
        "acceptOverride": {
            "errors": [],
            "case": {"status": action.status_after},
            "action": _row(action),
            "override": {"id": override_id, "status": "ACCEPTED", "decidedBy": decider},
        }
    }


def _row(action: Written) -> Json:
    return {"id": action.id, "seq": action.seq, "type": action.type, "createdAt": action.created_at}
