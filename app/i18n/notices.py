"""Sentences of notices, of `en.toml` and `fr.toml`."""

from app.domain.model import Language
from app.domain.webhooks import DeliveryFailure, NoticeKind
from app.i18n import WORDS
from app.i18n.labels import LABELS


def notice_text(kind: NoticeKind, language: Language, name: str, failure: DeliveryFailure, status: int | None) -> str:
    """Return what is the matter with the webhook of this name, and why."""
    words, reason = WORDS[language]["notices"], LABELS["WebhookFailure"][failure.name][language]
    if status is not None:
        reason = words["STATUS"].format(reason=reason, status=status)
    return words[kind].format(name=name, reason=reason)
