"""Office documents with something in them: what the tests of types and of warnings share."""

import io
import zipfile


def with_part(document: bytes, name: str, content: bytes = b"x") -> bytes:
    """Return an office document with one more part."""
    packed = io.BytesIO(document)
    with zipfile.ZipFile(packed, "a") as opened:
        opened.writestr(name, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def related_to(kind: str, target: str) -> bytes:
    """Return a part of relationships that has one."""
    return f'<Relationships><Relationship Id="x" Type="http://x/{kind}" Target="{target}"/></Relationships>'.encode()
