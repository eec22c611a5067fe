"""GraphQL over HTTP: a request becomes one operation, its result one well-formed body.

After https://graphql.github.io/graphql-over-http/draft/: POST with JSON, GET for queries, `application/json` and
`application/graphql-response+json`. What is refused before execution is a GraphQL body too.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from app.api.context import Context
from app.api.masking import Formatted, fault_error, format_errors, refusal_error, request_error
from app.api.multipart import MultipartError, MultipartRequest
from app.api.schema import SCHEMA
from app.auth import Identity, TokenUse, authenticate, bearer
from app.db.engine import Database
from app.documents.links import Links
from app.documents.store import DocumentStore
from app.domain.errors import DocumentTooLarge, Refusal, Unauthenticated
from app.domain.model import Language
from app.locale import negotiate

JSON = "application/json"
FORM = "multipart/form-data"
RESPONSE_JSON = "application/graphql-response+json"

_ALLOWED = {
    "GET": {OperationType.QUERY},
    "HEAD": {OperationType.QUERY},  # Starlette routes it where it routes GET
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}


class BadRequest(Exception):
    """The request can't become an operation: an HTTP status and words for the developer of the client."""

    def __init__(self, status: int, words: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Operation:
    """What the client asks for, as the specification's request parameters."""

    query: str
    variables: dict[str, Any] | None
    name: str | None


class GraphQLView:
    """The endpoint `/graphql`."""

    def __init__(
        self,
        database: Database,
        token_use: TokenUse,
        store: DocumentStore,
        links: Links,
        *,
        introspection: bool,
        max_body_bytes: int,
    ) -> None:
        self._database = database
        self._token_use = token_use
        self._introspection = introspection
        self._max_body_bytes = max_body_bytes
        self._store = store
        self._links = links

    async def respond(self, request: Request) -> Response:
        """Answer *request*. What fails outside of any field, as authentication may, is told as it would be inside."""
        language = negotiate(request.headers.get("accept-language"))
        try:
            return await self._answer(request, language)
        except Exception as fault:
            error = fault_error(fault, language, request.scope["request_id"])
            return _respond(request, 500, {"errors": [error]}, language)

    async def _answer(self, request: Request, language: Language) -> Response:
        async with AsyncExitStack() as files:
            return await self._answer_with(request, language, files)

    async def _answer_with(self, request: Request, language: Language, files: AsyncExitStack) -> Response:
        try:
            identity = await authenticate(self._database, bearer(request.headers.get("authorization")))
            self._token_use.note(identity.actor.token_id)
            language = _language(request, identity)
            operation = await self._operation(request, files)
        except Unauthenticated as refusal:
            return _unauthenticated(request, refusal, language)
        except DocumentTooLarge as refusal:
            return _respond(request, 413, {"errors": [refusal_error(refusal, language)]}, language)
        except BadRequest as bad:
            body = {"errors": [request_error("BAD_REQUEST", bad.words)]}
            return _respond(request, bad.status, body, language, bad.headers)
        return await self._execute(request, operation, identity, language)

    async def _operation(self, request: Request, files: AsyncExitStack) -> Operation:
        if request.method != "POST":
            parameters: Any = dict(request.query_params)
            for name in ("variables", "extensions"):
                if name in parameters:
                    parameters[name] = _decoded(parameters[name].encode(), name)
        else:
            content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if content_type == FORM:
                return _checked(await self._form(request, files))
            if content_type != JSON:
                raise BadRequest(415, f"Send the request as {JSON}.", {"Accept-Post": JSON})
            parameters = _decoded(await self._body(request), "body")
        return _checked(parameters)

    async def _form(self, request: Request, files: AsyncExitStack) -> Any:
        """Return the parameters of a form. A page elsewhere can't send one: nobody is known by a cookie here."""
        reader = MultipartRequest(files, self._store.incoming, _decoded, self._max_body_bytes)
        try:
            return await reader.read(request.stream(), request.headers["content-type"])
        except MultipartError as error:
            raise BadRequest(400, str(error)) from None
        except ClientDisconnect:
            raise BadRequest(400, "The request was cut off.") from None

    async def _body(self, request: Request) -> bytes:
        """Return the body, read no further than it may be."""
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > self._max_body_bytes:
                    raise BadRequest(413, f"A request can be {self._max_body_bytes} bytes at most.")
        except ClientDisconnect:
            raise BadRequest(400, "The request was cut off.") from None
        return bytes(body)

    async def _execute(
        self, request: Request, operation: Operation, identity: Identity, language: Language
    ) -> Response:
        request_id: str = request.scope["request_id"]
        context = Context(
            database=self._database,
            identity=identity,
            language=language,
            request_id=request_id,
            store=self._store,
            links=self._links,
            base_url=str(request.base_url).rstrip("/"),
            introspection=self._introspection,
        )
        try:
            result = await SCHEMA.execute(
                operation.query,
                variable_values=operation.variables,
                operation_name=operation.name,
                context_value=context,
                allowed_operation_types=_ALLOWED[request.method],
            )
        except (MissingQueryError, CannotGetOperationTypeError):
            errors = [request_error("BAD_REQUEST", "The document has no such operation.")]
            return _respond(request, 400, {"errors": errors}, language)
        except InvalidOperationTypeError:
            errors = [request_error("BAD_REQUEST", "Send mutations by POST.")]
            return _respond(request, 405, {"errors": errors}, language, {"Allow": "POST"})
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = format_errors(result.errors, language, request_id)
        # Where execution began there is data, if only null; an error without a path was raised before.
        began = result.data is not None or any(error.path for error in result.errors or ())
        if began:
            body["data"] = result.data
        return _respond(request, 200 if began or not _wants_response_json(request) else 400, body, language)


def _language(request: Request, identity: Identity) -> Language:
    return negotiate(request.headers.get("accept-language"), identity.user.language, identity.account.default_language)


def _decoded(raw: bytes, what: str) -> Any:
    try:
        return orjson.loads(raw)
    except (orjson.JSONDecodeError, RecursionError):
        raise BadRequest(400, f"The {what} is not valid JSON in UTF-8.") from None


def _checked(parameters: Any) -> Operation:
    """Return *parameters* as an operation. Raises: BadRequest for a parameter of the wrong type."""
    if not isinstance(parameters, dict):
        raise BadRequest(400, "The request must be a JSON object with a query.")
    query, variables, name = (parameters.get(key) for key in ("query", "variables", "operationName"))
    if not isinstance(query, str) or not query:
        raise BadRequest(400, "The query must be a string.")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest(400, "The variables must be an object.")
    if name is not None and not isinstance(name, str):
        raise BadRequest(400, "The operationName must be a string.")
    if not isinstance(parameters.get("extensions") or {}, dict):
        raise BadRequest(400, "The extensions must be an object.")
    return Operation(query, variables, name or None)


def _wants_response_json(request: Request) -> bool:
    return RESPONSE_JSON in request.headers.get("accept", "")


def _unauthenticated(request: Request, refusal: Refusal, language: Language) -> Response:
    """Answer 401 with the challenge of RFC 6750, section 3."""
    errors: list[Formatted] = [refusal_error(refusal, language)]
    return _respond(request, 401, {"errors": errors}, language, {"WWW-Authenticate": 'Bearer realm="casegate"'})


def _respond(
    request: Request, status: int, body: dict[str, Any], language: Language, headers: dict[str, str] | None = None
) -> Response:
    media_type = RESPONSE_JSON if _wants_response_json(request) else JSON
    return Response(
        orjson.dumps(body),
        status,
        media_type=f"{media_type}; charset=utf-8",
        headers={
            "Content-Language": language.lower(),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept, Accept-Language, Authorization",
            **(headers or {}),
        },
    )
