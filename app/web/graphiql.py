"""The GraphiQL page: where it is served, and what it may do."""

from collections.abc import Sequence
from pathlib import Path

from starlette.routing import BaseRoute

from app.web.built_pages import BuiltPage, DemoPerson, page_routes

DIST = Path(__file__).parent.parent / "graphiql" / "dist"
CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    # The code editor writes each line's place and colour into style attributes, and makes style elements as it runs.
    "style-src": "'self' 'unsafe-inline'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}


def graphiql_routes(people: Sequence[DemoPerson], dist: Path = DIST) -> list[BaseRoute]:
    """Return the routes of `/graphiql` and its assets; *people* is empty outside demo mode."""
    return page_routes(BuiltPage("GraphiQL", "/graphiql", dist, CONTENT_SECURITY_POLICY), people)
