"""The checklist in the Desk: steps are shown and recorded, and what waits for them says so.

What the API refuses and why is left to other tests: here an answer only shows that the page sent the right thing and
shows what came back.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.support.desk import Window, open_case
from tests.support.gateway import Server

# Elsewhere a warning is an error; this one has to reach the summary.
pytestmark = [pytest.mark.filterwarnings("default:no Chromium"), pytest.mark.long]

OpenWindow = Callable[..., Window]
POLICY = "mutation($input: UpdateAccountInput!) { updateAccount(input: $input) { errors { code } change { id } } }"
APPROVE = "mutation($input: ApproveChangeInput!) { approveChange(input: $input) { errors { code } } }"
REQUEST = "mutation($input: RequestOverrideInput!) { requestOverride(input: $input) { errors { code } } }"
REVIEWERS = '{ users(role: REVIEWER, search: "Rosa", first: 1) { nodes { id } } }'
CALL, SOURCE = "Call back to a number", "Second source"


def step(window: Window, label: str) -> Locator:
    return window.page.locator(".step", has_text=label)


@pytest.fixture(scope="module")
def policy(demo: Server, tokens: dict[str, str]) -> None:
    """Let accepting wait for one step, and closing for two; the account has two admins."""
    steps: list[dict[str, Any]] = [
        {"key": "CALL_BACK", "labelEn": CALL, "labelFr": "Rappel", "requiredToAccept": True, "requiredToClose": True},
        {"key": "SECOND_SOURCE", "labelEn": SOURCE, "labelFr": "Seconde source", "requiredToClose": True},
        {"key": "LETTER", "labelEn": "Letter", "labelFr": "Courrier"},
    ]
    changed = demo.run(tokens["Aldo Ferri"], POLICY, {"input": {"checklist": steps}})["updateAccount"]
    approved = demo.run(tokens["Alma Reyes"], APPROVE, {"input": {"changeId": changed["change"]["id"]}})
    assert changed["errors"] == approved["approveChange"]["errors"] == []


def test_a_step_is_recorded_by_the_keyboard_and_others_see_it_live(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "stepped")
    ada, rosa = open_window(), open_window()
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    rosa.enter("Rosa Bianchi", f"/cases/{opened['reference']}")
    expect(step(ada, CALL).locator(".step-state")).to_have_text("Open")
    button = step(ada, CALL).get_by_role("button", name=re.compile(f"^Record: {CALL}"))
    keyboard = ada.page.keyboard

    button.focus()
    keyboard.press("Enter")
    expect(ada.dialog.get_by_role("radio")).to_have_count(2)
    keyboard.press("Escape")
    expect(button).to_be_focused()
    keyboard.press("Enter")
    ada.dialog.get_by_label("Who was reached").focus()
    keyboard.type("Reached the treasurer.")
    keyboard.press("Tab")
    keyboard.press("Enter")

    expect(ada.dialog).to_have_count(0)
    expect(step(rosa, CALL).locator(".step-state")).to_have_text("Done")
    expect(step(rosa, CALL)).to_contain_text("Reached the treasurer.")
    expect(step(rosa, CALL)).to_contain_text("Ada Okafor, ")
    expect(rosa.entries.first).to_contain_text("Ada Okafor recorded a step")
    expect(rosa.entries.first).to_contain_text(": Done")

    step(rosa, CALL).get_by_role("button").click()
    rosa.dialog.get_by_label("Open").check()
    rosa.dialog.get_by_label("Why does it not hold?").fill("That number was new.")
    rosa.press("Record the step")
    expect(step(ada, CALL).locator(".step-state")).to_have_text("Open")
    expect(step(ada, CALL)).to_contain_text("That number was new.")
    assert ada.complaints + rosa.complaints == []


def test_without_a_connection_a_step_is_kept_and_sent_later(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "stepped offline")
    ada = open_window()
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    ada.context.set_offline(True)
    step(ada, SOURCE).get_by_role("button").click()
    ada.dialog.get_by_label("Not needed").check()
    ada.dialog.get_by_label("Why is it not needed?").fill("Known for years.")
    ada.press("Record the step")
    expect(ada.page.locator(".timeline.kept")).to_contain_text("Known for years.")

    ada.context.set_offline(False)

    expect(step(ada, SOURCE).locator(".step-state")).to_have_text("Not needed")
    expect(ada.page.locator(".timeline.kept")).to_have_count(0)


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize(
    ("locale", "scheme", "width"),
    [("en-GB", "light", 1280), ("fr", "dark", 390), pytest.param("en-GB", "dark", 3840, marks=pytest.mark.soak)],
)
def test_what_waits_for_a_step_says_so_until_it_is_taken(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str], locale: str, scheme: str, width: int
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], f"waits for a step, {width}")
    reviewer = demo.run(tokens["Ada Okafor"], REVIEWERS)["users"]["nodes"][0]["id"]
    request = {"caseId": opened["id"], "requestedStatus": "FAVORABLE", "reviewerIds": [reviewer], "reason": "Sure."}
    assert demo.run(tokens["Ada Okafor"], REQUEST, {"input": request})["requestOverride"]["errors"] == []
    rosa = open_window(locale=locale, color_scheme=scheme, viewport={"width": width, "height": 860})
    rosa.enter("Rosa Bianchi", f"/cases/{opened['reference']}")
    is_french = locale == "fr"
    accept = "Accepter la dérogation" if is_french else "Accept the override"
    call = "Rappel" if is_french else CALL

    expect(rosa.page.locator(".held-up")).to_contain_text(accept)
    expect(rosa.page.locator(".held-up")).to_contain_text(call)
    expect(rosa.page.get_by_role("button", name=accept, exact=True)).to_have_count(0)
    expect(step(rosa, call)).to_contain_text("et pour clore" if is_french else "accept an override and to close")
    assert rosa.violations() == []
    assert rosa.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    step(rosa, call).get_by_role("button").click()
    rosa.dialog.get_by_label("Pas nécessaire" if is_french else "Not needed").check()
    rosa.dialog.get_by_role("textbox").fill("Ils sont venus." if is_french else "They came in person.")
    rosa.press("Consigner l’étape" if is_french else "Record the step")

    expect(rosa.page.get_by_role("button", name=accept, exact=True)).to_be_visible()
    expect(rosa.page.locator(".held-up")).to_have_count(0)
    assert rosa.violations() == []
    rosa.press(accept)
    rosa.press(accept)
    close = "Clore le dossier" if is_french else "Close the case"
    expect(rosa.page.locator(".held-up")).to_contain_text(close)
    source = "Seconde source" if is_french else SOURCE
    expect(rosa.entries.first).to_contain_text(f"{source} et Courrier" if is_french else f"{source} and Letter")
    assert rosa.complaints == []
