"""The enums of webhooks, with their descriptions."""

from app.api.fields import described_enum
from app.domain.webhooks import DeliveryFailure, NoticeKind, SignatureScheme, WebhookState

__all__ = ["DeliveryFailure", "NoticeKind", "SignatureScheme", "WebhookState"]

described_enum(
    WebhookState,
    "Where a webhook stands.",
    {
        WebhookState.UNVERIFIED: "It has not answered a ping yet; nothing else is sent before it does.",
        WebhookState.ACTIVE: "What was sent last was taken.",
        WebhookState.FAILING: "Something was not taken, and is tried again.",
        WebhookState.PAUSED: "Nothing is sent, since an admin has paused it. Its place in the log stays.",
        WebhookState.DISABLED: "Nothing is sent: the last try has failed, or it answered 410. Its place stays.",
    },
)
described_enum(
    SignatureScheme,
    "How deliveries are signed, by Standard Webhooks.",
    {
        SignatureScheme.HMAC: "By a secret that both sides have: `v1`, HMAC with SHA-256.",
        SignatureScheme.ED25519: "By a key pair, of which the endpoint has the public key: `v1a`, Ed25519.",
    },
    name="WebhookSignatureScheme",
)
described_enum(
    DeliveryFailure,
    "Why a delivery was not taken.",
    {
        DeliveryFailure.STATUS: "It was answered with another status than 2xx. Redirects are not followed.",
        DeliveryFailure.REFUSED: "The URL, or an address of its host, is one that nothing is sent to.",
        DeliveryFailure.RESOLUTION: "The host's name has no address.",
        DeliveryFailure.CONNECTION: "There was no connection, or it was cut.",
        DeliveryFailure.TLS: "The certificate is not the host's, or not trusted, or TLS has failed.",
        DeliveryFailure.TIMEOUT: "The answer was not there in time.",
        DeliveryFailure.PROTOCOL: "What came was no HTTP answer.",
        DeliveryFailure.TOO_LARGE: "What the document selects is larger than what is sent.",
        DeliveryFailure.FORBIDDEN: "The webhook's service account may not read it, or not any more.",
        DeliveryFailure.RENDERING: "The document could not be executed.",
    },
    name="WebhookFailure",
)
described_enum(
    NoticeKind,
    "What is the matter, for admins.",
    {
        NoticeKind.WEBHOOK_DISABLED: "Nothing is sent to a webhook any more, until an admin resumes it.",
        NoticeKind.WEBHOOK_FAILING: "A webhook has not taken something, which is tried again.",
        NoticeKind.WEBHOOK_BLOCKED: "A webhook's service account may not read, or its document can't be executed.",
    },
)
