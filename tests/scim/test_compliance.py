"""A compliance checker of SCIM, as its makers ship it, against a running gateway."""

import re
from typing import Any

# The checker wants to be answered just what it has sent. The gateway adds what its schema calls read-only: the parts of
# a name together, the type of the one address. A name to show is there always, and so is whether somebody may act.
EXPECTED = {
    ("check_add_attribute", "name"),
    ("check_replace_attribute", "name"),
    ("check_replace_attribute", "emails"),
    ("check_remove_attribute", "displayName"),
    ("check_remove_attribute", "active"),
}


def test_the_compliance_checker_finds_no_fault(client: Any) -> None:
    from scim2_tester import Status, check_server  # most of a second of every process that collects tests

    failed = (Status.ERROR, Status.CRITICAL, Status.DEVIATION)
    results = check_server(client, resource_types=["User"])

    faults = {(fault.title, _attribute(fault.reason)) for fault in results if fault.status in failed}
    assert faults == EXPECTED
    assert len([result for result in results if result.status is Status.SUCCESS]) > 20


def _attribute(reason: str | None) -> str:
    """Return the attribute that a fault is about, or all that is said of it."""
    named = re.search(r"'(\w+)'", reason or "")
    return named[1] if named else str(reason)
