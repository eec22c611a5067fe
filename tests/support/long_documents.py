"""Documents that are long, valid, and each another: what a server has to read, check and keep."""

import random

CASE = (
    *("id", "reference", "title", "status", "createdAt", "updatedAt", "version", "headHash", "actionCount"),
    *("resolution", "closedAt", "description", "statusLabel", "resolutionLabel"),
)
USER = ("id", "email", "displayName", "roles", "active")
SUBJECT = ("id", "type", "externalRef", "label", "countryCode", "evaluationStatus", "version")
ACTION = ("id", "seq", "type", "hash", "prevHash", "createdAt", "requestId", "statusBefore", "statusAfter")
OVERRIDE = ("id", "status", "requestedStatus", "version", "createdAt", "decidedAt")


def long_document(dice: random.Random, number: int) -> str:
    """Return one of endlessly many queries of some 6 KB, by the same *dice* always the same.

    A field stands a few times in a selection: of many more, validation says no (a budget for fields that overlap).
    """

    def some(names: tuple[str, ...]) -> str:
        return " ".join(dice.choices(names, k=6 * len(names)))

    def person(name: str) -> str:
        return f"{name} {{ {some(USER)} }}"

    override = f"activeOverride {{ {some(OVERRIDE)} {person('createdBy')} {person('decidedBy')} }}"
    actions = f"actions(first: 1) {{ nodes {{ {some(ACTION)} {person('user')} }} }}"
    case = f"{some(CASE)} subject {{ {some(SUBJECT)} }} {person('createdBy')} {person('closedBy')} {override} {actions}"
    return f"query Q{number} {{ cases(first: 1) {{ nodes {{ {case} }} }} }}"
