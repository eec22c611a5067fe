"""The fields that several inputs have, and the ways to declare a field of an input."""

from typing import Any

import strawberry


def optional(description: str) -> Any:
    """Return a field that may be left out, which is null then."""
    return strawberry.field(default=None, description=description)


def given(description: str) -> Any:
    """Return a field that must be there, unless its type is nullable."""
    return strawberry.field(description=description)


def dry_run() -> Any:
    """Return the field that asks for a dry run."""
    return strawberry.field(default=False, description=DRY_RUN)


CASE_ID = "The case."
KEPT_REASON = (
    "Why, 1 to 10 000 characters after trimming. It stands in the log for ever and can't be erased: put no personal"
    " data into it."
)
COMMENT = "A comment to go with it, 1 to 10 000 characters."
OVERRIDE_ID = (
    "The override you read; without it the pending one, whichever that is. Name it, so that you decide on no other."
)
READ_OVERRIDE = (
    "The override that you read, whose id is `Case.activeOverride.id`: so nobody decides on another request than that."
)
READ_VERSION = (
    "`Case.version` as you read it. Where anything was done to the case since then, a comment or a document too, it is"
    " refused with VERSION_CONFLICT."
)
DOCUMENT_IDS = (
    "Your documents, uploaded before to `/documents` and attached to nothing yet; with `documents` 10 at most."
)
DOCUMENTS = "Files that come along in a multipart form, 10 MiB each."
EXPECTED_VERSION = "Refuse with VERSION_CONFLICT unless the case has this version."
IDEMPOTENCY_KEY = (
    "1 to 128 of A-Z a-z 0-9 _ -. For 24 hours, or as it is set, the same key with the same input does nothing again"
    " and answers with what was made, `replayed`; with another input it is refused. Without a key a retry is another"
    " action, so that a comment whose answer was lost is written twice."
)

DRY_RUN = (
    "Only show what would be: all is checked and answered as otherwise, and then undone. Nothing is kept and no key is"
    " used; new ids, times and hashes will be others."
)
