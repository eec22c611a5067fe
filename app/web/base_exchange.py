"""What the exchanges of all APIs share: a request, and what is known of its response so far."""

from collections.abc import Mapping

from app.i18n import negotiate
from app.web.admission import Admission
from app.web.requests import HttpRequest


class BaseExchange:
    """A request with its id, the language of its response, and headers and codes that the response is to have."""

    def __init__(self, request: HttpRequest, public_url: str = "") -> None:
        self.request = request
        self.request_id: str = request.scope["request_id"]
        self._base_url = public_url
        self._accept_language = request.headers.get("accept-language")
        self.language = negotiate(self._accept_language)
        self.headers: dict[str, str] = {}
        self.codes: list[str] = []

    @property
    def base_url(self) -> str:
        """Where clients reach the gateway."""
        if not self._base_url:
            self._base_url = self.request.root_url
        return self._base_url

    def path_below(self, prefix: str) -> str:
        """Return the path below the prefix."""
        path: str = self.request.scope["path"]
        return path.removeprefix(self.request.scope.get("root_path", "")).removeprefix(prefix)

    def admitted(self, admission: Admission) -> None:
        """Speak the language of who came in, and tell them how they stand with their rate limit."""
        identity = admission.identity
        self.language = negotiate(self._accept_language, identity.user.language, identity.account.default_language)
        if admission.standing is not None:
            self.headers |= admission.standing.headers()

    def closing(self) -> Mapping[str, str]:
        """Return the header that ends the connection, where a body would be waited for that is not wanted."""
        length = self.request.headers.get("content-length", "0")
        is_long = "transfer-encoding" in self.request.headers or not length.isdecimal() or len(length) > 4
        return {"Connection": "close"} if is_long else {}
