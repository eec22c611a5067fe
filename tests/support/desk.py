"""The Desk in a browser: one window of one person."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.support.gateway import Server
from tests.support.paths import ROOT

DESK = ROOT / "app/desk"
OPEN = "mutation($input: OpenCaseInput!) { openCase(input: $input) { errors { code } case { id reference } } }"
COMMENT = "mutation($input: AddCommentInput!) { addComment(input: $input) { errors { code } } }"
LOG = "query($id: ID!) { case(id: $id) { actions(first: 100) { nodes { type user { displayName } } } } }"
AXE = DESK / "node_modules/axe-core/axe.min.js"
EXPECT_MS = 30_000
expect.set_options(timeout=EXPECT_MS)


def require_build() -> Path:
    """Return the folder of the Desk's source and build.

    Where set-up has not built it the test is skipped, loudly, or fails where CI demands it.
    """
    if not (DESK / "dist/index.html").is_file() or not AXE.is_file():
        reason = "the Desk is not built: run scripts/setup test"
        if os.environ.get("CASEGATE_REQUIRE_NODE") == "1":
            pytest.fail(reason)
        sys.stderr.write(f"\nNOT TESTED: {reason}\n")
        pytest.skip(reason)
    return DESK


@dataclass
class Window:
    """A browser window that has never seen the Desk, with storage of its own."""

    context: BrowserContext
    page: Page
    server: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def opened(cls, browser: Browser, server: str, **options: Any) -> "Window":
        context = browser.new_context(
            **({"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", "reduced_motion": "reduce"} | options)
        )
        context.set_default_timeout(EXPECT_MS)
        window = cls(context, context.new_page(), server)
        page = window.page
        page.on("request", lambda request: window.requests.append(request.url))
        page.on("websocket", lambda socket: window.requests.append(socket.url))
        page.on("pageerror", lambda error: window.complaints.append(str(error)))
        page.on("console", lambda line: window.complaints.append(line.text) if line.type == "error" else None)
        return window

    def go(self, path: str = "") -> None:
        self.page.goto(f"{self.server}/desk{path}")

    def enter(self, person: str, path: str = "") -> None:
        """Open the Desk as one of the demo's people, and wait until it follows the log."""
        self.go(path)
        self.page.locator(".people").get_by_role("button", name=person).click()
        expect(self.page.locator(".connection")).to_have_class("connection live")
        expect(self.rows.first).to_be_attached()

    @property
    def rows(self) -> Locator:
        return self.page.locator(".rows .row")

    @property
    def entries(self) -> Locator:
        return self.page.locator(".timeline:not(.kept) .entry")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def press(self, name: str) -> None:
        """Press a button, in the dialog if one is open."""
        place = self.dialog if self.dialog.count() else self.page
        place.get_by_role("button", name=name, exact=True).click()

    def comment(self, body: str) -> None:
        self.page.get_by_label("Your comment").fill(body)
        self.press("Comment")

    def violations(self) -> list[str]:
        """Return what axe finds wrong by WCAG 2.2 AA and its best practices, a line for each element."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations)"
        )
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def open_case(server: Server, token: str, name: str) -> dict[str, str]:
    """Open a case by the API, and return its id and reference."""
    subject = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": name, "label": name, "evaluationStatus": "ANOMALY"}
    payload = server.run(token, OPEN, {"input": {"subject": subject, "title": f"About {name}"}})["openCase"]
    assert payload["errors"] == []
    opened: dict[str, str] = payload["case"]
    return opened


def add_comment(server: Server, token: str, case_id: str, body: str) -> None:
    payload = server.run(token, COMMENT, {"input": {"caseId": case_id, "body": body}})["addComment"]
    assert payload["errors"] == []


def log_of(server: Server, token: str, case_id: str) -> list[tuple[str, str]]:
    """Return the rows that the gateway has of a case, the oldest first: what was done, and by whom."""
    rows = server.run(token, LOG, {"id": case_id})["case"]["actions"]["nodes"]
    return [(row["type"], row["user"]["displayName"]) for row in reversed(rows)]
