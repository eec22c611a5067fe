"""The Desk: where it is served, and what it may do."""

from collections.abc import Sequence
from pathlib import Path

from starlette.routing import BaseRoute

from app.web.built_pages import BuiltPage, DemoPerson, page_routes

DIST = Path(__file__).parent.parent / "desk" / "dist"
CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    # Previews of documents: the page fetches the bytes, and shows them by a type that it chooses from a short list.
    "img-src": "'self' data:",
    "frame-src": "'self' blob:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}


def desk_routes(people: Sequence[DemoPerson], dist: Path = DIST, *, has_case_files: bool = False) -> list[BaseRoute]:
    """Return the routes of `/desk`, what is below it, and its assets; *people* is empty outside demo mode."""
    page = BuiltPage("Desk", "/desk", dist, CONTENT_SECURITY_POLICY, {"hasCaseFiles": has_case_files})
    return page_routes(page, people, has_views=True)
