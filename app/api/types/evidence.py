"""Comments and the documents that come with them."""

from datetime import datetime

import strawberry

from app import clock
from app.api.context import Info
from app.api.enums import DocumentWarning, Feature, Scope
from app.api.fields import described, object_type, related
from app.api.types.erasures import ERASURE, Erasure
from app.api.types.nodes import Node
from app.api.types.people import User
from app.db.rows import CommentRow, DocumentRow
from app.domain.access import permit_reading

WARNINGS = (
    "What it could do to whoever opens it, as it was found when it came, each once at most; empty where nothing was"
    " found. No virus is looked for."
)


async def document_url(parent: strawberry.Parent[DocumentRow], info: Info) -> str | None:
    """Return a new link for the viewer."""
    permit_reading(info.context.actor, Scope.DOCUMENTS_READ, Feature.CASES)
    if parent.erased_by_id is not None:
        return None
    context = info.context
    base_url = context.request.base_url()
    return await context.services.links.url(base_url, parent.id, context.actor.token_id, clock.now())


@object_type(DocumentRow, "A file that came with a comment: evidence, and from then on immutable.")
class Document(Node):
    filename: str | None = described(
        "What its uploader called it; up to 255 bytes of UTF-8, without a path. Null once it is erased."
    )
    content_type: str = described("What it is by its content, as a media type.")
    size_bytes: int = described("How long it is, up to 10 MiB.")
    sha256: str | None = described(
        "The SHA-256 of its bytes, 64 hexadecimal digits; the log's hash commits to it. Null once it is erased."
    )
    warnings: list[DocumentWarning] = described(WARNINGS)
    uploader: User | None = related("users", "uploader_id", "Who brought it.")
    created_at: datetime = described("When it was uploaded.")
    url: str | None = strawberry.field(
        resolver=document_url,
        description="A link that downloads it for five minutes, for whoever has it: keep it as you would a password. It"
        " ends with the viewer's token, and with their right to read documents. It needs the scope"
        " documents_read. Null once the document is erased.",
        metadata={"needs": ("id", "erased_by_id")},
    )
    erasure: Erasure | None = related("actions", "erased_by_id", ERASURE)


@object_type(CommentRow, "Words that came with an action. Never edited; what is erased leaves its place.")
class Comment(Node):
    body: str | None = described("The text, 1 to 10 000 characters; null once it is erased.")
    author: User | None = related("users", "author_id", "Who wrote it.")
    erasure: Erasure | None = related("actions", "erased_by_id", ERASURE)
    documents: list[Document] = related("documents_by_comment", "id", "The files that came with it, 10 at most.")
    created_at: datetime = described("When.")
