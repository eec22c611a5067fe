"""Results of checks as resources: one or several requests become one mutation, and its payload becomes the answer."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from graphql import GraphQLInputObjectType
from starlette.responses import Response

from app.api.inputs.evaluations import EVALUATIONS_MAX
from app.api.schema import CORE
from app.domain.errors import Detail
from app.jsonapi.answers import Visit, answered
from app.jsonapi.bodies import pointer_to
from app.jsonapi.members import TOP_LEVEL, MemberReader, required_fields
from app.jsonapi.operations import TranslatedOperation
from app.jsonapi.parameters import ResourceQuery
from app.jsonapi.problems import Source, error_objects, header_finding, quoted
from app.jsonapi.resource_objects import CompoundDocument
from app.jsonapi.results import action_problems
from app.jsonapi.selections import KEPT, Wanted, selection
from app.jsonapi.translation import RequestHeaders, key_of

TYPE = "evaluation"
MEMBERS: Mapping[str, str] = {
    "subject_type": "type",
    "external_ref": "externalRef",
    "evaluation_status": "evaluationStatus",
    "label": "label",
    "country_code": "countryCode",
    "expected_version": "expectedVersion",
    "idempotency_key": "idempotencyKey",
}
"""The attributes, and the field of the input that each is."""

_KNOWN = {field: name for name, field in MEMBERS.items()}
_RESULT = (
    "errors { code message path } replayed changed case { id } action { id }"
    " evaluation { statusBefore statusAfter subjectVersion changed replacedOverride { id } }"
)


class EvaluationRequest(NamedTuple):
    """What a body asks for, as far as it could be read.

    `is_list`: several results, of which each has its own errors. `by_header`: the key came as a header.
    """

    reader: MemberReader
    inputs: Sequence[Mapping[str, Any]]
    is_list: bool
    by_header: bool = False

    @property
    def mutation(self) -> str:
        return "recordEvaluations" if self.is_list else "recordEvaluation"

    def operation(self, wanted: Wanted, *, may_read: bool) -> TranslatedOperation:
        """Return the operation that it is. Raises: ProblemsFound."""
        text = _text(wanted, is_list=self.is_list, may_read=may_read)
        given = {"evaluations": self.inputs} if self.is_list else dict(self.inputs[0])
        return TranslatedOperation(text, {"input": given}, writes=True)

    def source(self, path: Sequence[str]) -> Source:
        """Return where in the request that is which *path* leads to in the operation."""
        place, rest = ["data"], list(path[1:])
        if self.is_list and rest:
            place, rest = [*place, *rest[1:2]], rest[2:]
        if self.by_header and rest == ["idempotencyKey"]:
            return {"header": "Idempotency-Key"}
        members = [_KNOWN.get(name, name) for name in rest]
        return {"pointer": pointer_to(self.reader.body, [*place, *(["attributes", *members] if members else [])])}


def input_type(*, is_list: bool) -> GraphQLInputObjectType:
    """Return the input of one result."""
    found = CORE.type_map["EvaluationInput" if is_list else "RecordEvaluationInput"]
    assert isinstance(found, GraphQLInputObjectType)
    return found


@lru_cache(KEPT)
def _text(wanted: Wanted, *, is_list: bool, may_read: bool) -> str:
    shown = f"{_RESULT} subject {{ {selection('subject', wanted, may_read=may_read)} }}"
    if not is_list:
        head = "mutation JsonApi_recordEvaluation($input: RecordEvaluationInput!)"
        return f"{head} {{ recordEvaluation(input: $input) {{ {shown} }} }}"
    inside = f"errors {{ code message path }} results {{ {shown} }}"
    head = "mutation JsonApi_recordEvaluations($input: RecordEvaluationsInput!)"
    return f"{head} {{ recordEvaluations(input: $input) {{ {inside} }} }}"


# --- Requests --------------------------------------------------------------------------------------------------------


def translated_evaluations(body: Any, headers: RequestHeaders) -> EvaluationRequest:
    """Return the request; what is wrong with its members is in its reader's findings."""
    reader = MemberReader(body)
    top = reader.part_at([], body, ["data"], TOP_LEVEL)
    if "data" not in top:
        if isinstance(body, dict):
            reader.note_missing([], "data")
        return EvaluationRequest(reader, (), is_list=False)
    data = top["data"]
    if not isinstance(data, list):
        inputs = [_input(reader, ["data"], data, is_list=False)]
    elif 1 <= len(data) <= EVALUATIONS_MAX:
        inputs = [_input(reader, ["data", str(index)], item, is_list=True) for index, item in enumerate(data)]
    else:
        inputs = []
        reader.note(["data"], Detail("items", {"actual": len(data), "minimum": 1, "maximum": EVALUATIONS_MAX}))
    by_header = _take_headers(reader, inputs, headers, is_list=isinstance(data, list))
    return EvaluationRequest(reader, inputs, isinstance(data, list), by_header)


def _input(reader: MemberReader, path: Sequence[str], value: Any, *, is_list: bool) -> dict[str, Any]:
    """Return one result as the mutation takes it."""
    found = reader.resource_at(path, value, ["attributes"])
    if not isinstance(value, dict):
        return {}
    if "type" not in found:
        reader.note_missing(path, "type")
    elif found["type"] != TYPE:
        reader.note([*path, "type"], Detail("one_of", {"found": quoted(str(found["type"])), "accepted": TYPE}), 409)
    if "id" in found:
        reader.note([*path, "id"], Detail("client_id"), 403)
    if "attributes" not in found:
        reader.note_missing(path, "attributes")
        return {}
    inside, type_ = [*path, "attributes"], input_type(is_list=is_list)
    attributes = reader.object_at(inside, found["attributes"], MEMBERS)
    for field in required_fields(type_):
        if _KNOWN[field] not in attributes and isinstance(found["attributes"], dict):
            reader.note_missing(inside, _KNOWN[field])
    return {
        MEMBERS[name]: reader.value([*inside, name], item, type_.fields[MEMBERS[name]].type, {})
        for name, item in attributes.items()
    }


def _take_headers(
    reader: MemberReader, inputs: Sequence[dict[str, Any]], headers: RequestHeaders, *, is_list: bool
) -> bool:
    """Take the key that is a header's, and say whether there is one: of several results each has its own."""
    if headers.if_match is not None:
        reader.add(lambda: header_finding("If-Match", Detail("no_tag")))
    key = headers.idempotency_key
    if key is None:
        return False
    if is_list:
        reader.add(lambda: header_finding("Idempotency-Key", Detail("key_of_each")))
    elif any(item.get("idempotencyKey") is not None for item in inputs):
        reader.add(lambda: header_finding("Idempotency-Key", Detail("one_of_both")))
    else:
        for item in inputs:
            item["idempotencyKey"] = key_of(key)
    return True


# --- Answers ---------------------------------------------------------------------------------------------------------


async def recorded(
    visit: Visit, query: ResourceQuery, request: EvaluationRequest, payload: Mapping[str, Any]
) -> Response:
    """Return the answer: the subjects as they are now, and under `meta` what was changed, or refused, of each."""
    if payload["errors"]:
        return visit.exchange.errors(action_problems(payload["errors"], request.source))
    compound = CompoundDocument(query.wanted, visit.exchange.base_url)
    if not request.is_list:
        resource = compound.one("subject", payload["subject"])
        address = resource["links"]["self"]
        document: dict[str, Any] = {"links": {"self": address}, "data": resource, "meta": _result(payload)}
        is_new = payload["changed"] and not payload["replayed"] and payload["evaluation"]["statusBefore"] is None
        return await answered(
            visit, 201 if is_new else 200, document, compound, {"Location": address} if is_new else {}
        )
    results = payload["results"]
    latest = {result["subject"]["id"]: result["subject"] for result in results if result["subject"] is not None}
    meta = {"results": [_item(visit, request, index, result) for index, result in enumerate(results)]}
    # Without a link to itself: nothing is read at this address.
    whole: dict[str, Any] = {"data": compound.many("subject", list(latest.values())), "meta": meta}
    return await answered(visit, 200, whole, compound, {})


def _item(visit: Visit, request: EvaluationRequest, index: int, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what became of one of several."""
    exchange, subject = visit.exchange, result["subject"]
    problems = action_problems(result["errors"], request.source)
    exchange.codes.extend(problem.code for problem in problems)
    errors = error_objects(problems, exchange.language, f"{exchange.request_id}.{index}", exchange.base_url)
    return {"subject": subject and str(subject["id"]), "errors": errors, **_result(result)}


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    said, meta = result["evaluation"], {"replayed": result["replayed"], "changed": result["changed"]}
    meta |= {name: result[name] and str(result[name]["id"]) for name in ("case", "action")}
    if said is None:
        return meta | {"evaluation": None}
    replaced = said["replacedOverride"]
    return meta | {
        "evaluation": {
            "status_before": said["statusBefore"],
            "status_after": said["statusAfter"],
            "subject_version": said["subjectVersion"],
            "changed": [_KNOWN[name] for name in said["changed"]],
            "replaced_override": replaced and str(replaced["id"]),
        }
    }
