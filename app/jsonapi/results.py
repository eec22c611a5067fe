"""Results of operations: what was refused becomes errors with their places in the request, the rest documents."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.jsonapi.parameters import Filter
from app.jsonapi.problems import Problem, Source, refusal_status
from app.web.statuses import resource_status

Place = Callable[[Sequence[str]], Source]
"""Returns where in the request that is which a path leads to in the operation."""


def read_problems(errors: Sequence[Mapping[str, Any]], place: Place) -> list[Problem]:
    """Return the errors of a query: what is wrong with an argument is wrong with a parameter of the address."""
    return [_read_problem(error, place(error["extensions"].get("argument", ()))) for error in errors]


def _read_problem(error: Mapping[str, Any], source: Source) -> Problem:
    code = error["extensions"]["code"]
    status = resource_status(code)
    return Problem(400 if status == 422 else status, code, error["message"], source)


def action_problems(errors: Sequence[Mapping[str, Any]], place: Place) -> list[Problem]:
    """Return the errors of a mutation's payload."""
    found = []
    for error in errors:
        code, source = error["code"], place(error["path"])
        found.append(Problem(refusal_status(code, error["path"], source), code, error["message"], source))
    return found


def parameter_place(filters: Mapping[str, Filter], sent: Mapping[str, Any], named: Mapping[str, str]) -> Place:
    """Return what finds the parameter that an argument came from.

    *sent* are the arguments of the page that did, and *named* the names of its parameters.
    """

    def place(path: Sequence[str]) -> Source:
        if not path:
            return {}
        names = {"after": "starting_after", "before": "ending_before", "first": "limit", "last": "limit"}
        if path[0] in names:
            return {"parameter": named.get(names[path[0]], names[path[0]])}
        for name, filter_ in filters.items():
            shared = min(len(path), len(filter_.path))
            if list(path[:shared]) == list(filter_.path[:shared]) and _has(sent, filter_.path):
                return {"parameter": f"filter[{name}]"}
        return {}

    return place


def _has(variables: Mapping[str, Any], path: Sequence[str]) -> bool:
    found: Any = variables
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    return True


def page_links(page_info: Mapping[str, Any], address: Callable[[str, str], str]) -> dict[str, str | None]:
    """Return the links to the pages beside this one; *address* makes one of a parameter's name and cursor."""
    start, end = page_info["startCursor"], page_info["endCursor"]
    before = address("ending_before", start) if page_info["hasPreviousPage"] and start else None
    after = address("starting_after", end) if page_info["hasNextPage"] and end else None
    return {"prev": before, "next": after}
