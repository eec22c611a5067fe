"""Delegations in the Desk: a reviewer names who decides in their place, and the log shows in whose place it was.

What the API refuses and why is left to other tests: here an answer only shows that the page sent the right thing and
shows what came back.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from app import clock
from tests.support.desk import Window, open_case
from tests.support.gateway import Server

# Elsewhere a warning is an error; this one has to reach the summary.
pytestmark = [pytest.mark.filterwarnings("default:no Chromium"), pytest.mark.long]

OpenWindow = Callable[..., Window]


def test_a_reviewer_names_who_decides_in_their_place_and_the_log_says_so(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "delegated")
    ada, rosa, priya = open_window(), open_window(), open_window()
    rosa.enter("Rosa Bianchi")
    rosa.press("Delegations")
    expect(rosa.dialog).to_contain_text("Nobody has named you.")
    rosa.dialog.get_by_label("Reviewer").select_option(label="Priya Nair")
    rosa.dialog.get_by_label("Last day").fill((clock.now() + timedelta(days=7)).date().isoformat())

    rosa.press("Let them decide")

    expect(rosa.dialog).to_contain_text("Priya Nair decides in your place, from ")
    assert rosa.violations() == []
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    expect(ada.page.get_by_role("button", name="Delegations")).to_have_count(0)
    ada.press("Request an override")
    ada.dialog.get_by_label("Rosa Bianchi").check()
    ada.dialog.get_by_label("Reason").fill("Called back.")
    ada.press("Send the request")
    expect(ada.page.locator(".pending")).to_be_visible()
    priya.enter("Priya Nair", f"/cases/{opened['reference']}")
    priya.press("In the place of Rosa Bianchi")
    expect(priya.dialog).to_contain_text("Rosa Bianchi, until ")
    priya.press("Close")
    priya.press("Accept the override")
    priya.press("Accept the override")
    expect(ada.entries.first).to_contain_text("Priya Nair accepted the override")
    expect(ada.entries.first).to_contain_text("In the place of Rosa Bianchi")

    rosa.press("End it")

    expect(rosa.dialog.get_by_label("Reviewer")).to_be_visible()
    priya.page.reload()
    expect(priya.page.get_by_role("button", name="Delegations")).to_be_visible()
    assert ada.complaints + rosa.complaints + priya.complaints == []


def test_a_refusal_is_shown_in_the_language_of_the_page(open_window: OpenWindow) -> None:
    priya = open_window(locale="fr")
    priya.enter("Priya Nair")
    priya.press("Délégations")
    priya.dialog.get_by_label("Valideur").select_option(label="Rosa Bianchi")
    priya.dialog.get_by_label("Dernier jour").fill("2020-01-31")

    priya.press("Lui confier mes décisions")

    expect(priya.dialog.locator(".refusal")).to_contain_text("Ceci n’a pas été fait")
    expect(priya.dialog.get_by_label("Valideur")).to_be_visible()
    assert priya.complaints == []
