"""What registering a webhook needs: where it may go, what it may send, and the keys that it is signed with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.domain.errors import Detail, InvalidInput
from app.webhooks.addresses import URL_MAX, AddressPolicy, UrlFault, UrlRefused, parse_endpoint_url
from app.webhooks.keys import SigningKeys


@dataclass(frozen=True, slots=True)
class WebhookRegistration:
    """Checks what is registered. `document_fault` returns what is wrong with a document, None for a good one."""

    policy: AddressPolicy
    document_fault: Callable[[str], Awaitable[Detail | None]]
    keys: SigningKeys

    def url(self, given: str, *path: str) -> str:
        """Return the URL in its one form. Raises: InvalidInput, about *path*."""
        try:
            return str(parse_endpoint_url(given, self.policy))
        except UrlRefused as refused:
            raise InvalidInput(*path, detail=url_detail(refused, self.policy)) from None

    async def document(self, given: str, *path: str) -> None:
        """Refuse a document that can't be registered. Raises: InvalidInput, about *path*."""
        fault = await self.document_fault(given)
        if fault is not None:
            raise InvalidInput(*path, detail=fault)


def url_detail(refused: UrlRefused, policy: AddressPolicy) -> Detail:
    """Return what was found and what would be accepted."""
    found = {"found": refused.found}
    match refused.fault:
        case UrlFault.MALFORMED:
            return Detail("webhook_url", {"maximum": URL_MAX})
        case UrlFault.CREDENTIALS:
            return Detail("webhook_credentials")
        case UrlFault.PORT:
            accepted = "1-65535" if policy.allow_private else ", ".join(map(str, sorted(policy.ports)))
            return Detail("webhook_port", found | {"accepted": accepted})
    return Detail(f"webhook_{refused.fault.lower()}", found)
