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
    wanted = [item.strip().removeprefix("W/") for item in request.headers.get("if-none-match", "").split(",")]
    if tag not in wanted and "*" not in wanted:
        return response
    kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    return Response(status_code=304, headers=kept)
