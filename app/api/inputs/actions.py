"""The inputs of the mutations of cases, and how each becomes a command: every fault of its shape is found at once."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING
from functools import cache
from typing import TypedDict
from uuid import UUID

import strawberry
from strawberry import ID, UNSET
from strawberry.utils.str_converters import to_camel_case

from app.api.enums import ActionType, EvaluationStatus, RequestedStatus, Resolution, SubjectType
from app.api.inputs.action_input import ActionInput, CommonFields
from app.api.inputs.assignments import AssignCaseInput
from app.api.inputs.checklists import RecordStepInput
from app.api.inputs.due_dates import SetDueDateInput
from app.api.inputs.erasures import EraseContentInput, SetLegalHoldInput
from app.api.inputs.evaluations import RecordEvaluationInput
from app.api.inputs.fields import (
    CASE_ID,
    COMMENT,
    DOCUMENT_IDS,
    DOCUMENTS,
    EXPECTED_VERSION,
    IDEMPOTENCY_KEY,
    OVERRIDE_ID,
    READ_OVERRIDE,
    READ_VERSION,
    dry_run,
    given,
    optional,
)
from app.api.inputs.ibans import IbanText
from app.api.inputs.reassignment import ReassignReviewersInput
from app.api.inputs.uploads import Upload
from app.documents.receive import Received
from app.domain.commands import (
    AcceptOverride,
    AddComment,
    CancelOverride,
    CloseCase,
    Command,
    NewDocument,
    OpenCase,
    RefuseOverride,
    RequestOverride,
    SubjectDetails,
)
from app.domain.errors import Detail, InvalidInput, TooManyDocuments
from app.domain.validation import (
    COMMENT_MAX,
    DESCRIPTION_MAX,
    DOCUMENTS_MAX,
    TITLE_MAX,
    InputValidator,
)


@strawberry.input(description="The check that a case is about.")
class SubjectInput:
    type: SubjectType = given("What kind of check it is.")
    external_ref: str = given("Its reference in the system that made the check, 1 to 200 characters.")
    label: str = given("What to call it, as the supplier's name, 1 to 200 characters. A known subject keeps its own.")
    country_code: str | None = optional("The country, by ISO 3166-1 alpha-2, as in FR. A known subject keeps its own.")
    evaluation_status: EvaluationStatus | None = optional(
        "The result of the check. Without it a known subject keeps its own, and a new one is UNEVALUATED. A known"
        " subject becomes FAVORABLE by an accepted override only."
    )

    def details(self, shape: InputValidator) -> SubjectDetails:
        """Return the subject as a command has it; faults are noted in *shape*."""
        return SubjectDetails(
            type=self.type,
            external_ref=shape.identifier(self.external_ref, "subject", "externalRef", maximum=TITLE_MAX),
            label=shape.line(self.label, "subject", "label", maximum=TITLE_MAX),
            country_code=shape.country_code(self.country_code, "subject", "countryCode"),
            evaluation_status=self.evaluation_status,
        )


@strawberry.input(description="A new case.")
class OpenCaseInput(ActionInput):
    subject: SubjectInput = given("The check it is about.")
    title: str = given("What it is about, in a line of 1 to 200 characters.")
    description: str | None = optional("What it is about, at length: up to 10 000 characters.")
    iban: IbanText | None = optional(
        "The number of the bank account that is checked (IBAN, ISO 13616), with or without blanks. It is not kept: only"
        " what a secret key of this account makes of it is, by which `Case.signals` knows the same number again. It is"
        " not shown, and goes when all content of the case is erased."
    )
    expected_version: int | None = optional("Refuse unless the subject has this version; 0 for one that must be new.")
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        return OpenCase(
            subject=self.subject.details(shape),
            title=shape.line(self.title, "title", maximum=TITLE_MAX),
            description=shape.optional_text(self.description, "description", maximum=DESCRIPTION_MAX),
            iban=shape.iban(self.iban, "iban"),
            **common,
        )


class DocumentFields(TypedDict, total=False):
    """What a command takes of documents, unless they are refused."""

    document_ids: tuple[UUID, ...]
    new_documents: tuple[NewDocument, ...]


class DocumentedInput(ActionInput):
    """What the inputs share whose comment brings documents."""

    document_ids: list[ID] | None
    documents: list[Upload] | None

    @property
    def files(self) -> Sequence[Received]:
        return self.documents or ()

    def _documents(self, shape: InputValidator) -> DocumentFields:
        """Return the documents as a command has them; faults are noted in *shape*."""
        files = self.files
        if len(files) > DOCUMENTS_MAX:
            shape.note(TooManyDocuments(max=DOCUMENTS_MAX), "documents")
            return {}
        for index, file in enumerate(files):
            if file.refusal is not None:
                shape.note(file.refusal, "documents", str(index))
            elif file in files[:index]:
                shape.note(InvalidInput(detail=Detail("twice")), "documents", str(index))
        return {
            "document_ids": shape.documents(self.document_ids or (), "documentIds", len(files)),
            "new_documents": tuple(file.document for file in files if file.document is not None),
        }


@strawberry.input(description="A comment on a case.")
class AddCommentInput(DocumentedInput):
    case_id: ID = given(CASE_ID)
    body: str = given("The text, 1 to 10 000 characters after trimming.")
    document_ids: list[ID] | None = optional(DOCUMENT_IDS)
    documents: list[Upload] | None = optional(DOCUMENTS)
    expected_version: int | None = optional(EXPECTED_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        return AddComment(
            case_id=shape.id(self.case_id, "caseId"),
            comment=shape.text(self.body, "body", maximum=COMMENT_MAX),
            **self._documents(shape),
            **common,
        )


@strawberry.input(description="A request that somebody else sets the subject's result by hand.")
class RequestOverrideInput(DocumentedInput):
    case_id: ID = given(CASE_ID)
    requested_status: RequestedStatus = given("The result that is asked for.")
    reviewer_ids: list[ID] = given("Who is asked to decide: 1 to 10 active reviewers, without you.")
    reason: str = given("Why, 1 to 10 000 characters after trimming; it becomes the action's comment.")
    document_ids: list[ID] | None = optional(DOCUMENT_IDS)
    documents: list[Upload] | None = optional(DOCUMENTS)
    expected_version: int | None = optional(EXPECTED_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        return RequestOverride(
            case_id=shape.id(self.case_id, "caseId"),
            requested_status=self.requested_status,
            reviewer_ids=shape.reviewers(self.reviewer_ids, "reviewerIds"),
            comment=shape.text(self.reason, "reason", maximum=COMMENT_MAX),
            **self._documents(shape),
            **common,
        )


class DecisionFields(CommonFields):
    """What a command takes that is about a pending override."""

    case_id: UUID
    override_id: UUID | None
    comment: str | None


class DecisionInput(ActionInput):
    """What the inputs share that are about a pending override."""

    case_id: ID
    override_id: ID | None
    comment: str | None

    def _decision(self, shape: InputValidator, common: CommonFields) -> DecisionFields:
        override_id = self._named("overrideId", self.override_id)
        return {
            **common,
            "case_id": shape.id(self.case_id, "caseId"),
            "override_id": None if override_id is None else shape.id(override_id, "overrideId"),
            "comment": shape.optional_text(self.comment, "comment", maximum=COMMENT_MAX),
        }


@strawberry.input(description="A reviewer's yes.")
class AcceptOverrideInput(DecisionInput):
    case_id: ID = given(CASE_ID)
    override_id: ID = given(READ_OVERRIDE)
    comment: str | None = optional(COMMENT)
    expected_version: int = given(READ_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        return AcceptOverride(**self._decision(shape, common), requires_version=not self.unnamed)


@strawberry.input(description="A reviewer's no.")
class RefuseOverrideInput(DecisionInput):
    case_id: ID = given(CASE_ID)
    override_id: ID = given(READ_OVERRIDE)
    comment: str | None = optional(COMMENT)
    expected_version: int = given(READ_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        return RefuseOverride(**self._decision(shape, common), requires_version=not self.unnamed)


@strawberry.input(description="The creator takes their request back.")
class CancelOverrideInput(DecisionInput):
    case_id: ID = given(CASE_ID)
    override_id: ID | None = optional(OVERRIDE_ID)
    comment: str | None = optional(COMMENT)
    expected_version: int | None = optional(EXPECTED_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        return CancelOverride(**self._decision(shape, common))


@strawberry.input(description="The end of a case.")
class CloseCaseInput(ActionInput):
    case_id: ID = given(CASE_ID)
    resolution: Resolution | None = optional(
        "How it ended; without it OVERRIDE_APPLIED where an override was accepted, else NOT_CONCLUSIVE."
    )
    comment: str | None = optional(COMMENT)
    expected_version: int | None = optional(EXPECTED_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        return CloseCase(
            case_id=shape.id(self.case_id, "caseId"),
            resolution=self.resolution,
            comment=shape.optional_text(self.comment, "comment", maximum=COMMENT_MAX),
            **common,
        )


INPUTS: Mapping[ActionType, type[ActionInput]] = {
    ActionType.OPEN: OpenCaseInput,
    ActionType.COMMENT: AddCommentInput,
    ActionType.REQUEST_OVERRIDE: RequestOverrideInput,
    ActionType.ACCEPT: AcceptOverrideInput,
    ActionType.REFUSE: RefuseOverrideInput,
    ActionType.CANCEL: CancelOverrideInput,
    ActionType.CLOSE: CloseCaseInput,
    ActionType.REASSIGN: ReassignReviewersInput,
    ActionType.REDACT: EraseContentInput,
    ActionType.HOLD: SetLegalHoldInput,
    ActionType.EVALUATION: RecordEvaluationInput,
    ActionType.ASSIGN: AssignCaseInput,
    ActionType.SET_DUE_DATE: SetDueDateInput,
    ActionType.RECORD_STEP: RecordStepInput,
}


@cache
def required_input(action: ActionType) -> list[str]:
    """Return the names of what the input of *action*'s mutation must have; none where there is no mutation."""
    takes = INPUTS.get(action)
    if takes is None:
        return []
    fields = takes.__strawberry_definition__.fields  # type: ignore[attr-defined]  # strawberry has put it there
    return [to_camel_case(field.python_name) for field in fields if field.default in (MISSING, UNSET)]
