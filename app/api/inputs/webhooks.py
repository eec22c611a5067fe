"""The inputs on webhooks, and how each becomes a command; what needs the settings or the schema is checked after."""

import strawberry
from strawberry import ID

from app.api.inputs.administration import KEY, AdminFields, AdminInput
from app.api.inputs.fields import dry_run, given, optional
from app.api.webhook_enums import SignatureScheme
from app.db.repository.log_tail import BEGINNING
from app.domain.admin_commands import AdminCommand
from app.domain.errors import Detail, InvalidInput
from app.domain.validation import DESCRIPTION_MAX, TITLE_MAX, InputValidator
from app.domain.webhook_commands import (
    CreateWebhook,
    DeleteWebhook,
    PauseWebhook,
    ReplayWebhook,
    ResumeWebhook,
    RotateWebhookSecret,
    TestWebhook,
    UpdateWebhook,
)
from app.domain.webhooks import DEFAULT_DOCUMENT, DOCUMENT_MAX, GRACE_HOURS, GRACE_HOURS_MAX

CLOUD_EVENTS = (
    "Whether deliveries have the headers of CloudEvents 1.0.2, too: `ce-id`, `ce-source`, `ce-type`, `ce-specversion`"
    " and `ce-time`. Bodies stay as they are."
)
WEBHOOK_ID = "The webhook, as in `webhooks`."
DOCUMENT = (
    f"What is sent: a subscription of `actions` alone, up to {DOCUMENT_MAX} characters, without variables, as in"
    " `subscription { actions(types: [ACCEPT]) { action { id type case { id reference } } } }`. It selects only what"
    " a row of the log fixes for good, so that each try sends the same."
)


def _document(shape: InputValidator, value: str) -> str:
    if len(value) > DOCUMENT_MAX:
        detail = Detail.of_length(len(value), DOCUMENT_MAX)
        shape.note(InvalidInput(detail=detail), "document")
    return value


@strawberry.input(description="A new webhook. A second admin has to approve it.")
class CreateWebhookInput(AdminInput):
    name: str = given("What it is called, 1 to 200 characters.")
    url: str = given("Where deliveries are sent: an HTTPS URL on the public internet, up to 2048 characters.")
    document: str | None = optional(f"{DOCUMENT} Without it, a short form of every row.")
    description: str | None = optional("What it is for, up to 10 000 characters.")
    scheme: SignatureScheme | None = strawberry.field(
        default=SignatureScheme.HMAC, description="How deliveries are signed. It stays."
    )
    cloud_events: bool | None = strawberry.field(default=False, description=CLOUD_EVENTS)
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return CreateWebhook(
            name=shape.line(self.name, "name", maximum=TITLE_MAX),
            url=self.url,
            document=DEFAULT_DOCUMENT if self.document is None else _document(shape, self.document),
            description=shape.optional_text(self.description, "description", maximum=DESCRIPTION_MAX),
            scheme=self.scheme or SignatureScheme.HMAC,
            cloud_events=bool(self.cloud_events),
            **common,
        )


@strawberry.input(
    description="What to change of a webhook; what is left out stays as it is. A second admin has to approve another"
    " URL, which has to answer a ping then."
)
class UpdateWebhookInput(AdminInput):
    endpoint_id: ID = given(WEBHOOK_ID)
    name: str | None = optional("Another name, 1 to 200 characters.")
    url: str | None = optional("Another URL.")
    document: str | None = optional(f"Another document. {DOCUMENT}")
    description: str | None = optional("What it is for, up to 10 000 characters.")
    cloud_events: bool | None = optional(CLOUD_EVENTS)
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        command = UpdateWebhook(
            webhook_id=shape.id(self.endpoint_id, "endpointId"),
            name=None if self.name is None else shape.line(self.name, "name", maximum=TITLE_MAX),
            url=self.url,
            document=None if self.document is None else _document(shape, self.document),
            description=shape.optional_text(self.description, "description", maximum=DESCRIPTION_MAX),
            cloud_events=self.cloud_events,
            **common,
        )
        if not command.given:
            shape.note(InvalidInput(detail=Detail("nothing_given")))
        return command


@strawberry.input(description="A webhook that is to have another secret.")
class RotateWebhookSecretInput(AdminInput):
    endpoint_id: ID = given(WEBHOOK_ID)
    grace_hours: int | None = strawberry.field(
        default=GRACE_HOURS,
        description=f"Hours, 0 to {GRACE_HOURS_MAX}, in which deliveries have a signature by the secret before, too.",
    )
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        hours = GRACE_HOURS if self.grace_hours is None else self.grace_hours
        if not 0 <= hours <= GRACE_HOURS_MAX:
            shape.note(InvalidInput(detail=Detail.of_range(0, GRACE_HOURS_MAX)), "graceHours")
        webhook_id = shape.id(self.endpoint_id, "endpointId")
        return RotateWebhookSecret(webhook_id=webhook_id, grace_hours=hours, **common)


@strawberry.input(description="A webhook that nothing more is to be sent to.")
class PauseWebhookInput(AdminInput):
    endpoint_id: ID = given(WEBHOOK_ID)
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return PauseWebhook(webhook_id=shape.id(self.endpoint_id, "endpointId"), **common)


@strawberry.input(description="A webhook, paused or disabled, that is to be sent to again.")
class ResumeWebhookInput(AdminInput):
    endpoint_id: ID = given(WEBHOOK_ID)
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return ResumeWebhook(webhook_id=shape.id(self.endpoint_id, "endpointId"), **common)


@strawberry.input(description="From where a webhook is to be sent the log again.")
class ReplayWebhookInput(AdminInput):
    endpoint_id: ID = given(WEBHOOK_ID)
    after: str | None = optional(
        "The cursor of a row, of here or of `Query.actions`: what comes after it is sent again, with the same ids."
        " Without it, the whole log."
    )
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        position, position_id = BEGINNING  # `after` is read by who knows whose log it is of
        webhook_id = shape.id(self.endpoint_id, "endpointId")
        return ReplayWebhook(webhook_id=webhook_id, position=position, position_id=position_id, **common)


@strawberry.input(description="A webhook that is to be sent a ping.")
class TestWebhookInput(AdminInput):
    endpoint_id: ID = given(WEBHOOK_ID)
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return TestWebhook(webhook_id=shape.id(self.endpoint_id, "endpointId"), **common)


@strawberry.input(description="A webhook that is to go, with its place in the log.")
class DeleteWebhookInput(AdminInput):
    endpoint_id: ID = given(WEBHOOK_ID)
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        return DeleteWebhook(webhook_id=shape.id(self.endpoint_id, "endpointId"), **common)
