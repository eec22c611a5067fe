"""The Desk as people use it: in a real headless Chromium, against a real gateway, with what they see and say.

What the API refuses and why is left to other tests: here an answer only shows that the page sent the right thing and
shows what came back.
"""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, WebSocketRoute, expect
from pypdfium2 import PdfDocument
from reportlab.pdfgen.canvas import Canvas

from tests.support.desk import Window, add_comment, log_of, open_case
from tests.support.gateway import Server

# Elsewhere a warning is an error; this one has to reach the summary.
pytestmark = [pytest.mark.filterwarnings("default:no Chromium"), pytest.mark.long]

OpenWindow = Callable[..., Window]
RETRY_MS = 5_000  # longer than the outbox waits before it tries again
STORED = "JSON.stringify([localStorage, sessionStorage])"


def open_in_form(window: Window, title: str) -> None:
    window.press("Open a case")
    window.dialog.get_by_label("Reference of the check").fill(f"BAC-{title}")
    window.dialog.get_by_label("Supplier").fill("Delmas & Fils")
    window.dialog.get_by_label("What is it about?").fill(title)
    window.press("Open a case")
    expect(window.page.get_by_role("heading", name=title)).to_be_visible()


def request_override(window: Window, reviewer: str, reason: str) -> None:
    window.press("Request an override")
    window.dialog.get_by_label(reviewer).check()
    window.dialog.get_by_label("Reason").fill(reason)
    window.press("Send the request")


def test_two_people_work_a_case_in_two_windows_live(open_window: OpenWindow, demo: Server) -> None:
    ada, rosa = open_window(), open_window()
    ada.enter("Ada Okafor")
    rosa.enter("Rosa Bianchi")

    open_in_form(ada, "A new account in Lithuania")
    expect(rosa.page.locator(".notices")).to_contain_text("Ada Okafor opened the case")
    expect(rosa.rows.first).to_contain_text("A new account in Lithuania")
    rosa.rows.first.get_by_role("link").click()
    expect(rosa.page.get_by_role("heading", name="A new account in Lithuania")).to_be_visible()

    ada.comment("The treasurer confirms it.")
    expect(rosa.entries.first).to_contain_text("The treasurer confirms it.")

    request_override(ada, "Rosa Bianchi", "Called back on the number of the contract.")
    expect(ada.page.locator(".pending")).to_contain_text("Asked to decide: Rosa Bianchi")
    ada.page.get_by_text("What you can’t do now, and why").click()
    expect(ada.page.locator(".reasons")).to_contain_text("Only a reviewer may do this")

    rosa.press("Accept the override")
    expect(rosa.dialog).to_contain_text("Called back on the number of the contract.")
    rosa.dialog.get_by_label("Comment (optional)").fill("Agreed.")
    rosa.press("Accept the override")
    expect(ada.page.locator(".case-head .badge")).to_have_text("Resolved")
    expect(ada.entries.first).to_contain_text("Rosa Bianchi accepted the override")
    expect(ada.page.locator(".case-head .result")).to_have_text("Favorable")

    ada.press("Close the case")
    ada.press("Close the case")
    expect(rosa.page.locator(".case-head .badge")).to_have_text("Closed")
    expect(rosa.entries.first).to_contain_text("Outcome: Override applied")
    expect(rosa.page.locator(".row a[aria-current] .badge")).to_have_text("Closed")
    expect(rosa.page.locator(".comment-form")).to_have_count(0)
    hosts = {urlsplit(url).netloc for url in ada.requests + rosa.requests if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(demo.address).netloc}
    assert ada.complaints + rosa.complaints == []


def test_a_decision_on_an_old_reading_is_refused_with_what_happened_since(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "conflict")
    ada, is_held = open_window(), False

    def follow(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: None if is_held else socket.send(message))

    ada.page.route_web_socket("**/graphql", follow)
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    ada.press("Close the case")
    is_held = True
    add_comment(demo, tokens["Rosa Bianchi"], opened["id"], "Wait, the bank has answered.")
    expect(ada.dialog.locator(".changed")).to_have_count(0)

    ada.press("Close the case")

    expect(ada.dialog.locator(".refusal")).to_contain_text("This was not done")
    expect(ada.dialog.locator(".changed")).to_contain_text("Rosa Bianchi commented")
    expect(ada.dialog.locator(".changed")).to_contain_text("Wait, the bank has answered.")
    expect(ada.page.locator(".case-head .badge")).to_have_text("In progress")
    ada.press("I have read it")
    expect(ada.dialog.locator(".changed")).to_have_count(0)
    ada.press("Close the case")
    expect(ada.page.locator(".case-head .badge")).to_have_text("Closed")
    assert log_of(demo, tokens["Rosa Bianchi"], opened["id"]) == [
        ("OPEN", "Ada Okafor"),
        ("COMMENT", "Rosa Bianchi"),
        ("CLOSE", "Ada Okafor"),
    ]


def test_more_than_the_form_can_show_is_not_acknowledged_in_it(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "much happened")
    ada = open_window()
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    ada.press("Close the case")
    for number in range(31):
        add_comment(demo, tokens["Rosa Bianchi"], opened["id"], f"Comment {number}.")

    expect(ada.dialog.locator(".changed")).to_contain_text("There is more than is shown here (1).")
    expect(ada.dialog.get_by_role("button", name="I have read it")).to_have_count(0)
    assert ada.dialog.locator(".changed").get_by_text("Comment 30.").count() == 1


def test_an_address_with_a_stray_percent_sign_is_refused_and_no_blank_page(open_window: OpenWindow) -> None:
    window = open_window()
    window.enter("Ada Okafor")

    window.go("/cases/%")

    expect(window.page.get_by_text("it must be a reference")).to_be_visible()
    assert window.complaints == []


def test_what_is_done_offline_is_sent_in_order_once_there_is_a_connection(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "offline")
    ada = open_window()
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    ada.context.set_offline(True)
    expect(ada.page.locator(".connection")).to_have_text("Offline")

    ada.comment("First, without a connection.")
    expect(ada.page.locator(".timeline.kept .entry")).to_have_count(1)
    ada.comment("Second, without a connection.")
    ada.press("Close the case")
    ada.press("Close the case")
    expect(ada.page.locator(".timeline.kept .entry")).to_have_count(3)
    expect(ada.page.get_by_role("button", name="Outbox: 3")).to_be_visible()
    assert demo.run(tokens["Rosa Bianchi"], "query($id: ID!) { case(id: $id) { version } }", {"id": opened["id"]}) == {
        "case": {"version": 1}
    }

    ada.context.set_offline(False)

    expect(ada.page.locator(".case-head .badge")).to_have_text("Closed")
    expect(ada.page.locator(".connection")).to_have_text("Live")
    expect(ada.page.locator(".timeline.kept")).to_have_count(0)
    assert [text.split(",")[0] for text in ada.page.locator(".entry-head > span").all_inner_texts()] == [
        "Ada Okafor closed the case",
        "Ada Okafor commented",
        "Ada Okafor commented",
        "Ada Okafor opened the case",
    ]
    assert ada.page.locator(".entry .body").all_inner_texts() == [
        "Second, without a connection.",
        "First, without a connection.",
    ]


def test_what_was_kept_and_is_refused_is_shown_with_what_happened_and_not_sent_again(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "refused later")
    ada = open_window()
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    ada.context.set_offline(True)
    ada.press("Close the case")
    ada.press("Close the case")
    expect(ada.page.get_by_role("button", name="Outbox: 1")).to_be_visible()
    add_comment(demo, tokens["Rosa Bianchi"], opened["id"], "The bank has answered.")

    ada.context.set_offline(False)

    expect(ada.page.locator(".top-bar .alarm")).to_have_text("Outbox: 1")
    ada.press("Outbox: 1")
    expect(ada.dialog.locator(".refusal")).to_contain_text("Rosa Bianchi commented")
    expect(ada.dialog.locator(".refusal")).to_contain_text("The bank has answered.")
    expect(ada.page.locator(".case-head .badge")).to_have_text("In progress")
    ada.dialog.get_by_role("button", name="Remove").click()
    expect(ada.dialog).to_contain_text("Everything is sent.")
    assert log_of(demo, tokens["Rosa Bianchi"], opened["id"]) == [("OPEN", "Ada Okafor"), ("COMMENT", "Rosa Bianchi")]


def test_an_action_whose_answer_was_lost_is_done_once(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "lost answer")
    ada = open_window()
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost or "AddComment" not in (route.request.post_data or ""):
            route.continue_()
            return
        lost.append(route.fetch().text())
        route.abort()

    ada.page.route("**/graphql", lose)
    ada.comment("Written once.")

    expect(ada.page.get_by_role("button", name="Outbox")).to_have_count(0)
    expect(ada.page.locator(".entry .body")).to_have_text(["Written once."])
    assert "Written once." in lost[0]
    log = demo.run(
        tokens["Rosa Bianchi"], "query($id: ID!) { case(id: $id) { actions { nodes { type } } } }", {"id": opened["id"]}
    )
    assert [row["type"] for row in log["case"]["actions"]["nodes"]] == ["COMMENT", "OPEN"]


def test_what_is_older_than_its_key_is_remembered_is_not_sent(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "too old")
    ada = open_window()
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    ada.page.route("**/graphql", lose_comments)
    ada.comment("Words of the day before.")
    expect(ada.page.get_by_role("button", name="Outbox: 1")).to_be_visible()
    ada.page.evaluate(
        'place => localStorage.setItem(place, localStorage.getItem(place).replace(/"at":\\d+/, \'"at":0\'))',
        ada.page.evaluate("Object.keys(localStorage).find(name => name.startsWith('casegate.desk.outbox'))"),
    )

    ada.page.reload()

    expect(ada.page.locator(".top-bar .alarm")).to_have_text("Outbox: 1")
    ada.press("Outbox: 1")
    expect(ada.dialog.locator(".refusal")).to_contain_text("Kept for more than a day")
    version = demo.run(tokens["Rosa Bianchi"], "query($id: ID!) { case(id: $id) { version } }", {"id": opened["id"]})
    assert version == {"case": {"version": 1}}


def test_what_rests_on_an_action_that_was_refused_is_not_sent(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    """The version that it names would else be that of somebody else's action, which its person has not read."""
    opened = open_case(demo, tokens["Ada Okafor"], "rests on it")
    ada = open_window()
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    ada.page.route("**/graphql", lose_comments)
    ada.comment("Words of the day before.")
    expect(ada.page.get_by_role("button", name="Outbox: 1")).to_be_visible()
    ada.press("Close the case")
    ada.press("Close the case")
    expect(ada.page.get_by_role("button", name="Outbox: 2")).to_be_visible()
    add_comment(demo, tokens["Rosa Bianchi"], opened["id"], "Wait, the bank has answered.")
    ada.page.evaluate(
        "place => { const kept = JSON.parse(localStorage.getItem(place)); kept[0].at = 0;"
        " localStorage.setItem(place, JSON.stringify(kept)) }",
        ada.page.evaluate("Object.keys(localStorage).find(name => name.startsWith('casegate.desk.outbox'))"),
    )

    ada.page.reload()

    expect(ada.page.locator(".top-bar .alarm")).to_have_text("Outbox: 2")
    ada.press("Outbox: 2")
    expect(ada.dialog.locator(".refusal")).to_have_count(2)
    expect(ada.dialog.locator(".refusal").last).to_contain_text("decide anew")
    found = demo.run(
        tokens["Rosa Bianchi"], "query($id: ID!) { case(id: $id) { version status } }", {"id": opened["id"]}
    )
    assert found == {"case": {"version": 2, "status": "IN_PROGRESS"}}


def test_the_queue_of_one_person_is_not_sent_by_another(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "whose queue")
    window = open_window()
    window.enter("Ada Okafor", f"/cases/{opened['reference']}")
    window.page.route("**/graphql", lose_comments)
    window.comment("Ada's words.")
    expect(window.page.get_by_role("button", name="Outbox: 1")).to_be_visible()

    window.page.get_by_label("Act as").select_option(label="Rosa Bianchi (reviewer)")
    window.page.unroute("**/graphql")
    expect(window.page.locator(".connection")).to_have_text("Live")
    window.comment("Rosa's words.")
    expect(window.entries.first).to_contain_text("Rosa Bianchi commented")
    expect(window.page.get_by_role("button", name="Outbox")).to_have_count(0)

    window.page.get_by_label("Act as").select_option(label="Ada Okafor (contributor)")
    expect(window.page.locator(".entry .body")).to_have_text(["Ada's words.", "Rosa's words."])
    expect(window.entries.first).to_contain_text("Ada Okafor commented")
    assert log_of(demo, tokens["Rosa Bianchi"], opened["id"]) == [
        ("OPEN", "Ada Okafor"),
        ("COMMENT", "Rosa Bianchi"),
        ("COMMENT", "Ada Okafor"),
    ]


def test_what_ends_late_for_one_person_changes_nothing_for_the_next(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str]
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "late answer")
    window = open_window()
    window.enter("Ada Okafor", f"/cases/{opened['reference']}")
    held: list[Route] = []
    window.page.route("**/graphql", lambda route: hold_comments(route, held))
    window.comment("Ada's words.")
    expect(window.page.get_by_role("button", name="Outbox: 1")).to_be_visible()

    window.page.get_by_label("Act as").select_option(label="Rosa Bianchi (reviewer)")
    expect(window.page.locator(".connection")).to_have_text("Live")
    held[0].fulfill(status=401, json={"errors": [{"message": "No.", "extensions": {"code": "UNAUTHENTICATED"}}]})
    window.page.wait_for_timeout(RETRY_MS)  # nobody says that nothing is sent

    assert len(held) == 1
    expect(window.page.get_by_label("Act as")).to_have_value(re.compile("."))
    window.page.unroute("**/graphql")
    window.page.get_by_label("Act as").select_option(label="Ada Okafor (contributor)")
    expect(window.page.locator(".entry .body")).to_have_text(["Ada's words."])


def hold_comments(route: Route, held: list[Route]) -> None:
    if "AddComment" in (route.request.post_data or ""):
        held.append(route)
    else:
        route.continue_()


def lose_comments(route: Route) -> None:
    if "AddComment" in (route.request.post_data or ""):
        route.abort()
    else:
        route.continue_()


def test_files_are_dropped_or_chosen_and_previewed_without_trust(
    open_window: OpenWindow, demo: Server, tokens: dict[str, str], tmp_path: Path
) -> None:
    opened = open_case(demo, tokens["Ada Okafor"], "files")
    ada = open_window()
    ada.enter("Ada Okafor", f"/cases/{opened['reference']}")
    canvas = Canvas(str(tmp_path / "certificate.pdf"))
    canvas.drawString(100, 700, "The account is theirs.")
    canvas.save()
    ada.page.locator("input[type=file]").set_input_files(tmp_path / "certificate.pdf")
    drop(ada, "notes.txt", "Called at noon.\n")
    drop(ada, "program.exe", "MZ\x90")
    expect(ada.page.locator(".uploads .uploaded")).to_have_count(2)
    expect(ada.page.locator(".uploads .refused")).to_contain_text("program.exe")
    ada.page.get_by_role("button", name="Remove: program.exe").click()
    ada.comment("Two papers.")

    expect(ada.page.locator(".case-side .tile")).to_have_count(2)
    ada.page.locator(".case-side").get_by_role("button", name="certificate.pdf").click()
    frame = ada.dialog.locator("iframe")
    expect(frame).to_have_attribute("src", re.compile("^blob:"))
    expect(ada.dialog.get_by_role("link", name="Download")).to_have_attribute("href", re.compile("^/documents/"))
    ada.page.keyboard.press("Escape")
    expect(ada.dialog).to_have_count(0)
    ada.page.locator(".case-side").get_by_role("button", name="notes.txt").click()
    expect(ada.dialog.get_by_label("Preview of notes.txt")).to_have_value("Called at noon.\n")
    ada.press("Close")
    ada.go("/cases/CASE-000001")
    ada.page.locator(".case-side").get_by_role("button", name="letterhead.png").click()
    expect(ada.dialog.locator("iframe")).to_have_attribute("sandbox", "")
    picture = ada.page.frame_locator("iframe").locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    # Chromium writes each refused request into its console.
    assert [line for line in ada.complaints if "415 (Unsupported Media Type)" not in line] == []


def drop(window: Window, name: str, text: str) -> None:
    """Drop a file on the place for it."""
    data = window.page.evaluate_handle(
        "([name, text]) => { const data = new DataTransfer(); data.items.add(new File([text], name)); return data }",
        [name, text],
    )
    window.page.dispatch_event(".comment-form .drop", "drop", {"dataTransfer": data})


def test_the_case_file_is_saved_in_the_language_of_the_page(open_window: OpenWindow, tmp_path: Path) -> None:
    window = open_window(locale="fr")
    window.enter("Ada Okafor", "/cases/CASE-000020")

    with window.page.expect_download() as begun:
        window.press("Dossier (PDF)")
    begun.value.save_as(tmp_path / "case.pdf")

    assert begun.value.suggested_filename == "CASE-000020.pdf"
    first = PdfDocument(tmp_path / "case.pdf")[0]
    assert "DOSSIER" in first.get_textpage().get_text_range()
    assert window.complaints == []
