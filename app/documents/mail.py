"""E-mail messages: whether a text begins with the header of one (RFC 5322, section 2.2).

The header is read to its end, within what the caller has read of the file.
"""

import re

NAMES = frozenset(
    {
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "date",
        "subject",
        "message-id",
        "in-reply-to",
        "references",
        "received",
        "return-path",
        "delivered-to",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "dkim-signature",
        "arc-seal",
        "authentication-results",
        "received-spf",
        "list-unsubscribe",
        "x-mailer",
        "x-received",
        "thread-topic",
        "thread-index",
    }
)
"""Fields that messages have."""

_DISTINCTIVE = frozenset(
    {"from", "sender", "received", "message-id", "return-path", "delivered-to", "date", "mime-version"}
)
"""Of these at least one is in every message: the others are in memos too."""

_FIELD = re.compile(r"([!-9;-~]{1,200})[ \t]*:")
# The first line of a message in an mbox file, and the same as another program has quoted it.
_MBOX = re.compile(r">?From \S")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")

LINES_MAX = 20_000


def is_message(text: str, *, certain: bool = False) -> bool:
    """Tell whether *text* begins with a message's header; a *certain* one has more fields than a memo's."""
    found = _fields(text)
    return len(found) >= (4 if certain else 2) and not found.isdisjoint(_DISTINCTIVE)


def _fields(text: str) -> set[str]:
    """Return which of NAMES the header has. It ends at an empty line, or where a line is no field's."""
    found: set[str] = set()
    for number, match in enumerate(_LINE.finditer(text)):
        line = match[0].rstrip("\r\n")
        field = _FIELD.match(line)
        if not line or number >= LINES_MAX:
            break
        if field is not None:
            found.add(field[1].lower())
        elif line[0] not in " \t" and not _MBOX.match(line):
            break
    return found & NAMES
