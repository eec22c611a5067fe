"""`GET /case-files/{id}`: the case file of one case as a PDF, made anew for each request.

It is rendered in a process of its own, few at once: one of an account, and two of a gateway's process.
"""

from datetime import datetime
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from app import clock
from app.audit.case_file.content import CHARACTERS_MAX, ROWS_MAX, EvidenceUnfit
from app.audit.case_file.rendering_process import rendered
from app.audit.evidence import evidence_of
from app.db.engines import Database
from app.db.repository.cases import cases_by_id
from app.db.rows import CaseRow
from app.documents.answers import FileRequest, answer
from app.documents.download import HARMLESS
from app.documents.names import attachment
from app.domain.access import permit_reading
from app.domain.errors import Detail, InvalidInput, NotFound, Overloaded, TooLong
from app.domain.facts import Actor
from app.domain.model import Feature, Language, Resource, Scope
from app.domain.validation import parse_id
from app.web.admission import AdmissionController, demand_rate
from app.web.etag import is_known
from app.web.slots import Slots

PATH = "/case-files/{id}"
AT_ONCE = 2
PATIENCE_S = 10
"""Seconds that a request waits until others are rendered."""
RETRY_S = 30


class CaseFileEndpoint:
    """The route for case files. *long_reads* are the slots of what keeps a connection for long."""

    def __init__(self, database: Database, admission: AdmissionController, long_reads: Slots) -> None:
        self._database = database
        self._admission = admission
        self._long_reads = long_reads
        self._renderings = Slots(AT_ONCE, PATIENCE_S)

    async def respond(self, request: Request) -> Response:
        return await answer(request, self._admitted)

    async def _admitted(self, sent: FileRequest) -> Response:
        admission = await sent.authenticate(self._admission)
        demand_rate(admission.standing)
        actor = admission.identity.actor
        permit_reading(actor, Scope.CASES_READ, Feature.CASES)
        return await self._serve(sent.request, actor, _language_of(sent.request) or sent.language)

    async def _serve(self, request: Request, actor: Actor, language: Language) -> Response:
        case = await self._case(request, actor.account_id)
        etag = f'"{case.head_hash[:32]}-{language.lower()}"'
        headers = HARMLESS | {
            "Content-Disposition": attachment(f"{case.reference}.pdf"),
            "Content-Language": language.lower(),
            # The log tells what a case file says, but for the time at which it was made.
            "ETag": f"W/{etag}",
            "Vary": "Accept-Language, Authorization",
        }
        if is_known(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers=headers)
        if request.method == "HEAD":
            return Response(headers=headers, media_type="application/pdf")
        pdf = await self._pdf(actor, case.id, language, clock.now())
        return Response(pdf, headers=headers, media_type="application/pdf")

    async def _case(self, request: Request, account_id: UUID) -> CaseRow:
        """Return the case that is asked for. Raises: NotFound; TooLong, where it has too many rows."""
        case_id, case = parse_id(request.path_params["id"]), None
        if case_id is not None:
            async with self._database.read() as connection:
                (case,) = await cases_by_id(connection, account_id, [case_id])
        if case is None:
            raise NotFound("id", resource=Resource.CASE)
        if case.action_count > ROWS_MAX:
            raise _too_long()
        return case

    async def _pdf(self, actor: Actor, case_id: UUID, language: Language, now: datetime) -> bytes:
        """Return the PDF. Raises: TooLong, Overloaded."""
        holder = actor.account_id, actor.token_id
        try:
            async with self._renderings.one(*holder):
                async with self._long_reads.one(*holder):
                    evidence = await evidence_of(self._database, actor.account_id, case_id, None, now)
                return await rendered(evidence, language)
        except EvidenceUnfit:
            raise _too_long() from None
        except TimeoutError:
            raise Overloaded(seconds=RETRY_S) from None


def _language_of(request: Request) -> Language | None:
    """Return the language that the address names, None where it names none. Raises: InvalidInput."""
    named = request.query_params.get("language")
    if named is None or named.upper() in Language.__members__:
        return None if named is None else Language[named.upper()]
    accepted = ", ".join(language.lower() for language in Language)
    raise InvalidInput("language", detail=Detail("one_of", {"found": named[:40], "accepted": accepted}))


def _too_long() -> TooLong:
    return TooLong("id", max=ROWS_MAX, unit=Detail("rows_of_case_file", {"characters": CHARACTERS_MAX}))
