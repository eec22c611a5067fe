"""Entity tags: responses that a client may keep if it revalidates them (RFC 9110, section 13.1.2)."""

import hashlib

from starlette.requests import Request
from starlette.responses import Response


def revalidated(request: Request, response: Response) -> Response:
    """Return *response* with its tag, or 304 where the client has it already. Only the client may keep it.

    The tag is weak, as it is the same whatever the answer is compressed by (RFC 9110, section 8.8.1).
    """
    digest = hashlib.sha256(response.headers["content-type"].encode() + b"\n" + bytes(response.body))
    tag = f'"{digest.hexdigest()[:32]}"'
    response.headers["ETag"] = f"W/{tag}"
    response.headers["Cache-Control"] = "private, no-cache"
    if not is_known(request.headers.get("if-none-match", ""), tag):
        return response
    kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    return Response(status_code=304, headers=kept)


def is_known(if_none_match: str, etag: str) -> bool:
    """Tell whether a client that sends this `If-None-Match` has what *etag*, a strong one, stands for.

    They are compared as weak ones (RFC 9110, section 13.1.2).
    """
    known = [item.strip().removeprefix("W/") for item in if_none_match.split(",")]
    return etag in known or "*" in known
