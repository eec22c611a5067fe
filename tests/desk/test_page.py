"""The Desk as a page: its list, language, keyboard, looks and session, in a real headless Chromium.

What the API refuses and why is left to other tests: here an answer only shows that the page sent the right thing and
shows what came back.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.desk import Window, open_case
from tests.support.gateway import Server, serving

# Elsewhere a warning is an error; this one has to reach the summary.
pytestmark = [pytest.mark.filterwarnings("default:no Chromium"), pytest.mark.long]

OpenWindow = Callable[..., Window]
STORED = "JSON.stringify([localStorage, sessionStorage])"


def test_the_worklist_is_searched_and_paged(open_window: OpenWindow, demo: Server, tokens: dict[str, str]) -> None:
    for number in range(60):
        open_case(demo, tokens["Ada Okafor"], f"Quarry {number:02}")
    ada = open_window()
    ada.enter("Ada Okafor")

    ada.page.get_by_label("Search cases").fill("quarry")
    expect(ada.page.locator(".total")).to_have_text("60 cases")
    expect(ada.rows).to_have_count(50)
    ada.press("Show more")
    expect(ada.rows).to_have_count(60)
    references = ada.page.locator(".row-reference").all_text_contents()
    assert len(set(references)) == 60


def test_the_worklist_is_narrowed_and_the_filter_kept_by_name(open_window: OpenWindow) -> None:
    ada = open_window()
    ada.enter("Ada Okafor")
    ada.page.get_by_label("Pending review").check()
    ada.page.get_by_label("Unfavorable").check()
    expect(ada.page.locator(".rows .badge").first).to_have_text("Pending review")
    assert set(ada.page.locator(".rows .badge").all_text_contents()) == {"Pending review"}
    assert set(ada.page.locator(".rows .result").all_text_contents()) == {"Unfavorable"}
    shown = ada.rows.count()
    facet = ada.page.locator(".choice", has_text="Pending review").locator(".count")
    expect(facet).to_have_text(str(shown))
    ada.page.get_by_label("Name of the filter").fill("Waiting, bad")
    ada.press("Save")

    ada.press("Clear the filters")
    expect(ada.page.locator(".total")).not_to_have_text(re.compile(f"^{shown} "))
    ada.page.reload()
    ada.page.get_by_role("button", name="Waiting, bad", exact=True).click()
    expect(ada.rows).to_have_count(shown)
    ada.rows.first.get_by_role("link").click()
    expect(ada.page).to_have_url(re.compile(r"/desk/cases/CASE-\d+\?status=PENDING_REVIEW&result=UNFAVORABLE$"))
    ada.page.go_back()
    expect(ada.page.locator(".case")).to_have_count(0)
    assert ada.complaints == []


def test_the_page_is_in_french_for_who_prefers_it_and_can_be_changed(open_window: OpenWindow) -> None:
    window = open_window(locale="fr-CA")
    window.enter("Ada Okafor", "/cases/CASE-000020")

    assert window.page.locator("html").get_attribute("lang") == "fr"
    expect(window.page.locator(".case-head .badge")).to_have_text("En attente de validation")
    expect(window.page.locator(".reasons")).to_contain_text("Accepter la dérogation")
    expect(window.page.locator(".reasons")).to_contain_text("valideur")
    window.page.get_by_label("Langue").select_option("EN")

    expect(window.page.get_by_role("heading", name="What you can do")).to_be_visible()
    expect(window.page.locator(".reasons")).to_contain_text("Only a reviewer may do this")
    window.page.reload()
    expect(window.page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 1280),
        ("dark", 390),
        *(pytest.param(*look, marks=pytest.mark.soak) for look in [("dark", 1280), ("light", 390), ("light", 3840)]),
    ],
)
def test_axe_finds_nothing_and_nothing_overflows(open_window: OpenWindow, scheme: str, width: int) -> None:
    window = open_window(color_scheme=scheme, viewport={"width": width, "height": 860})
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        found[name] = window.violations()
        assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name

    window.go()
    window.page.locator(".people button").first.wait_for()
    look("sign-in")
    window.enter("Camille Laurent")
    look("worklist")
    window.go("/cases/CASE-000020")
    expect(window.entries.first).to_be_visible()
    look("case")
    window.press("Accept the override")
    look("decision")
    window.press("Cancel")
    window.go("/cases/CASE-000035")
    window.press("Request an override")
    expect(window.dialog.get_by_label("Rosa Bianchi")).to_be_visible()
    look("request")
    window.press("Cancel")
    window.go("/cases/CASE-000002")
    window.page.locator(".tile-name").first.click()
    expect(window.dialog.locator("iframe")).to_be_visible()
    look("preview")

    assert {name: lines for name, lines in found.items() if lines} == {}


# What a select shows of its longest option, beside its padding and the arrow, which takes 20 pixels.
CUT = """() => [...document.querySelectorAll('select')].filter((select) => select.offsetParent).flatMap((select) => {
  const style = getComputedStyle(select), pen = document.createElement('canvas').getContext('2d')
  pen.font = style.font
  const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 20
  return [...select.options].map((option) => option.text).filter((text) => pen.measureText(text).width > room)
})"""
NARROWED = """() => [...document.querySelectorAll(".row-supplier")]
  .filter((name) => name.scrollWidth > name.clientWidth)
  .map((name) => name.textContent)"""


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_choice_and_no_supplier_is_cut(open_window: OpenWindow, locale: str, width: int) -> None:
    window = open_window(locale=locale, viewport={"width": width, "height": 860})
    window.enter("Camille Laurent")
    expect(window.rows.first).to_be_visible()

    assert (window.page.evaluate(CUT), window.page.evaluate(NARROWED)) == ([], [])


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_a_case_takes_the_height_that_the_bar_leaves(open_window: OpenWindow, locale: str) -> None:
    window = open_window(locale=locale, viewport={"width": 1280, "height": 860})
    window.enter("Camille Laurent", "/cases/CASE-000012")
    expect(window.entries.first).to_be_visible()

    # The words of the bar take two lines in French.
    fits = window.page.wait_for_function("() => document.documentElement.scrollHeight <= innerHeight")
    assert fits.json_value() is True


def test_the_keyboard_reaches_a_case_and_its_dialogs_and_comes_back(open_window: OpenWindow) -> None:
    window = open_window()
    window.enter("Rosa Bianchi", "?status=PENDING_REVIEW")
    keyboard = window.page.keyboard

    window.page.evaluate("document.body.focus()")
    keyboard.press("Tab")
    expect(window.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    window.rows.first.get_by_role("link").focus()
    keyboard.press("Enter")
    expect(window.page.locator("article.case")).to_be_focused()
    accept = window.page.get_by_role("button", name="Accept the override")
    accept.focus()
    keyboard.press("Enter")
    expect(window.dialog).to_be_visible()
    for _ in range(8):
        keyboard.press("Tab")
        # The browser's own bar is part of the round, and then the body has the focus; the page behind has not.
        assert window.page.evaluate("document.activeElement.matches('body, dialog *')")
    keyboard.press("Escape")
    expect(window.dialog).to_have_count(0)
    expect(accept).to_be_focused()


def test_elsewhere_a_token_signs_in_and_is_gone_with_the_tab(
    chromium: Browser, demo: Server, folder: Path, tokens: dict[str, str]
) -> None:
    with serving(folder, demo="false", desk="true") as production:
        window = Window.opened(chromium, production.address)
        window.go()
        assert "cgt_" not in window.page.content()
        window.page.get_by_label("API token").fill("cgt_unknown")
        window.press("Sign in")
        expect(window.page.get_by_role("alert")).to_contain_text("The token is refused")
        window.page.get_by_label("API token").fill(tokens["Rosa Bianchi"])
        window.press("Sign in")
        expect(window.rows.first).to_be_visible()
        assert tokens["Rosa Bianchi"] not in window.page.evaluate("JSON.stringify(localStorage)")
        window.page.reload()
        expect(window.rows.first).to_be_visible()
        window.press("Sign out")
        assert tokens["Rosa Bianchi"] not in window.page.evaluate(STORED)
        window.context.close()


def test_no_token_of_the_demo_is_stored(open_window: OpenWindow, tokens: dict[str, str]) -> None:
    window = open_window()
    window.enter("Rosa Bianchi")

    assert "cgt_" not in window.page.evaluate(STORED)
    window.page.reload()
    expect(window.page.get_by_label("Act as").locator("option:checked")).to_have_text("Rosa Bianchi (reviewer)")
