"""Problems: refusals with their place in an HTTP request, as error objects of JSON:API 1.1."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from app.api.errors import ERRORS_MAX
from app.domain.errors import Detail, ErrorCode, InvalidInput, Refusal, Required
from app.domain.model import Language
from app.i18n import WORDS, message
from app.web.statuses import resource_status

Source = Mapping[str, str]
"""What an error is about: a pointer into the body, a parameter or a header; nothing, where it is the request."""

NOWHERE: Source = MappingProxyType({})

_IN_ADDRESS = ("input", "caseId")
_OF_RELATED = frozenset({ErrorCode.DOCUMENT_UNAVAILABLE, ErrorCode.INVALID_ASSIGNEE, ErrorCode.INVALID_REVIEWER})
"""What is refused that is not there: it is not told from what is there and can't be used."""

NAME_MAX = 100
"""In characters: a longer name of what was sent is not repeated."""


class Problem(NamedTuple):
    """One error of an answer."""

    status: int
    code: str
    detail: str
    source: Source = NOWHERE


class ProblemsFound(Exception):
    """All that is wrong with a request: refusals, each with its status and its place."""

    def __init__(self, findings: Sequence["Finding"]) -> None:
        super().__init__(", ".join(finding.refusal.code for finding in findings))
        self.findings = tuple(findings[:ERRORS_MAX])


class Finding(NamedTuple):
    """A refusal that was found here: its place in the request, and its status and code where they are not the usual."""

    refusal: Refusal
    source: Source
    status: int | None = None
    code: ErrorCode | None = None

    def problem(self, language: Language) -> Problem:
        """Return it in words."""
        status = self.status or resource_status(self.refusal.code)
        return Problem(status, self.code or self.refusal.code, message(self.refusal, language), self.source)


def parameter_finding(name: str, detail: Detail | None = None, refusal: Refusal | None = None) -> Finding:
    """Return what is wrong with a parameter of the address: *detail* of its value, or another *refusal*."""
    return Finding(refusal or InvalidInput(detail=detail), {"parameter": name}, 400)


def header_finding(name: str, detail: Detail) -> Finding:
    return Finding(InvalidInput(detail=detail), {"header": name}, 400)


def member_finding(pointer: str, detail: Detail | None, status: int | None = None) -> Finding:
    """Return what is wrong with a member of the body; without *detail* it is null and can't be."""
    return Finding(Required() if detail is None else InvalidInput(detail=detail), {"pointer": pointer}, status)


def missing_finding(pointer: str, name: str) -> Finding:
    """Return that the object at *pointer* lacks a member."""
    detail = Detail("missing_member", {"name": quoted(name)})
    return Finding(InvalidInput(detail=detail), {"pointer": pointer}, code=ErrorCode.REQUIRED)


def refusal_status(code: str, path: Sequence[str], source: Source = NOWHERE) -> int:
    """Return the status of a refusal that *path* leads to in an operation's input, and *source* in the request."""
    status, pointer = resource_status(code), source.get("pointer", "")
    if status == 422 and tuple(path[:2]) == _IN_ADDRESS:
        return 400
    if code in _OF_RELATED and pointer.startswith("/data/relationships/"):
        return 404  # JSON:API 1.1, section 8.1.2.5: a related resource that is not there
    if code == ErrorCode.VERSION_CONFLICT and "header" in source:
        return 412  # RFC 9110, section 13.1.1
    return status


def quoted(name: str) -> str:
    """Return a name of the client's as it stands in a message, cut to what somebody reads."""
    return f"“{name if len(name) <= NAME_MAX else name[:NAME_MAX] + '…'}”"


def common_status(problems: Sequence[Problem]) -> int:
    """Return the status of an answer with these errors: theirs, or of several the one that fits them all."""
    statuses = {problem.status for problem in problems}
    if len(statuses) == 1:
        return statuses.pop()
    return 500 if max(statuses) >= 500 else 400


def error_objects(
    problems: Sequence[Problem], language: Language, request_id: str, base_url: str
) -> list[dict[str, Any]]:
    """Return the errors of an answer as they stand in it."""
    titles = WORDS[language]["titles"]
    return [
        {
            "id": f"{request_id}.{index}",
            "status": str(problem.status),
            "code": problem.code,
            "title": titles[str(problem.status)],
            "detail": problem.detail,
            **({"source": dict(problem.source)} if problem.source else {}),
            "links": dict.fromkeys(("about", "type"), about(problem.code, base_url)),
        }
        for index, problem in enumerate(problems[:ERRORS_MAX])
    ]


def about(code: str, base_url: str) -> str:
    """Return the address of what the manual says of a code."""
    return f"{base_url}/docs/errors#{ErrorCode(code).lower()}"
