"""Why a webhook got no answer."""

from app.domain.webhooks import DeliveryFailure


class SendFailed(Exception):
    """There was no answer. `found` says no more than the endpoint's own side shows to anybody."""

    def __init__(self, kind: DeliveryFailure, found: str = "") -> None:
        super().__init__(f"{kind}: {found}" if found else kind.value)
        self.kind = kind
        self.found = found
