"""Errors as the client sees them: refusals and the client's own mistakes in full, faults as a request id.

A fault is logged here, once, with its request id.
"""

import re
from collections.abc import Iterable, Sequence

from graphql import GraphQLError

from app.domain.errors import ErrorCode, InputRefused, Refusal, RequestRefused, RetryLater
from app.domain.model import Language
from app.i18n import message, text
from app.web.faults import Formatted, fault_error

WORDS_MAX = 500

_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_JSON = {"None": "null", "True": "true", "False": "false"}
_PYTHON = re.compile(rf"\b(?:{'|'.join(_JSON)})\b")

# graphql-core repeats the whole object that something is wrong with, and all else that is in it, as a number of a bank
# account. What is wrong, and where, is said before.
_FOUND = re.compile(r"(, found| Found|(?<=value)): [\[{].*\Z", re.DOTALL)

# graphql-core guesses at what was meant, from names that the asker may not know of.
_SUGGESTION = re.compile(r" Did you mean .*\?\Z", re.DOTALL)


def format_errors(
    errors: Iterable[GraphQLError], language: Language, request_id: str, *, suggestions: bool = True
) -> list[Formatted]:
    """Return *errors* as they stand in the answer's body (GraphQL specification, section 7.1.2)."""
    formatted = [line for error in errors for line in _format(error, language, request_id)]
    if not suggestions:
        for line in formatted:
            line["message"] = _SUGGESTION.sub("", line["message"])
    return formatted


def refusal_error(refusal: Refusal, language: Language) -> Formatted:
    """Return *refusal* as an error of the operation: for queries, which have no payload to tell it in."""
    extensions: Formatted = {"code": refusal.code}
    if isinstance(refusal, RequestRefused):
        extensions |= refusal.params
    if isinstance(refusal, RetryLater):
        extensions |= {"retryable": True, "retryAfterMs": refusal.seconds * 1000}  # as Retry-After says in seconds
    if refusal.path:
        extensions["argument"] = list(refusal.path)
    return {"message": message(refusal, language), "extensions": extensions}


def request_error(code: ErrorCode, problem: str, language: Language) -> Formatted:
    """Return an error about the request or its document; *problem* is for developers, and in English alone."""
    return {"message": text(code, language, problem=problem), "extensions": {"code": code}}


def _format(error: GraphQLError, language: Language, request_id: str) -> Sequence[Formatted]:
    cause = cause_of(error)
    place = {name: value for name, value in error.formatted.items() if name in ("locations", "path")}
    if isinstance(cause, Refusal):
        return [refusal_error(cause, language) | place]
    if isinstance(cause, InputRefused):
        return [refusal_error(refusal, language) | place for refusal in cause.refusals]
    if _is_the_clients(error, cause):
        is_value = isinstance(cause, GraphQLError) and not cause.locations
        code = ErrorCode.BAD_USER_INPUT if error.path or is_value else ErrorCode.GRAPHQL_INVALID
        return [request_error(code, _clipped(_without_found(in_json_words(error.message, cause))), language) | place]
    return [fault_error(cause, language, request_id, error.path) | place]


def cause_of(error: GraphQLError) -> BaseException:
    """Return what was raised where *error* came from."""
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def in_json_words(words: str, cause: BaseException) -> str:
    """Return *words* of graphql-core with JSON's names of values for Python's, and without what a scalar has raised."""
    words = words.replace(f", but encountered error '{cause}'; found", ", found")
    reported = _QUOTED.split(words)
    for index in range(0, len(reported), 2):  # what lies between is quoted: it is the client's own
        reported[index] = _PYTHON.sub(lambda found: _JSON[found[0]], reported[index])
    return "".join(reported)


def _without_found(words: str) -> str:
    """Return *words* without the object or the list that was sent."""
    return _FOUND.sub(lambda found: "" if found[1] == " Found" else ".", words)


def _clipped(words: str) -> str:
    """Return *words* cut to what a person reads: graphql-core repeats whole literals of the document."""
    return words if len(words) <= WORDS_MAX else f"{words[:WORDS_MAX]}…"


def _is_the_clients(error: GraphQLError, cause: BaseException) -> bool:
    """Tell whether *error* is about the document or its variables: it came before execution, or names a place there.

    Before execution a place is enough, since a value that its scalar can't read raises what it likes. A value of ours
    that its scalar can't write is a GraphQLError too, but one that names no place.
    """
    if error.path is None:
        return isinstance(cause, GraphQLError) or bool(error.locations)
    return isinstance(cause, GraphQLError) and bool(cause.nodes or cause.positions)
