"""`casegate webhooks listen`: what a webhook would be sent, signed and passed on by a process of its own."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.domain.commands import AddComment
from tests.support.commands import DONE, REFUSED, WRONG, run
from tests.support.gateway import ROOT, Server, environment
from tests.support.gateway import serving as served
from tests.support.ports import free_port
from tests.support.webhook_endpoints import OK, ReceivedRequest, WebhookEndpoint, serving
from tests.support.webhooks import NO, assert_verified, register, until
from tests.support.world import World

PATIENCE_S = 180
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WORDS = 'é\u2028\u0085\r\n"x"'
DOCUMENT = "subscription { actions(types: [COMMENT, OPEN]) { action { comment { body } case { id } } } }"


@contextmanager
def listening(token: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Yield the command as it runs, with its output to be read."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "webhooks", "listen", *arguments],
        cwd=ROOT,
        env=environment(token=token) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def said(process: "subprocess.Popen[str]", words: str) -> str:
    """Return the first line on standard error that has these words."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        while words not in (line := await asyncio.to_thread(process.stderr.readline)):
            assert line, f"it ended without {words!r}"
    return line


async def lines(process: "subprocess.Popen[str]", number: int) -> list[dict[str, Any]]:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        return [json.loads(await asyncio.to_thread(process.stdout.readline)) for _ in range(number)]


def ended(process: "subprocess.Popen[str]", number: signal.Signals) -> int:
    process.send_signal(number)
    return process.wait(PATIENCE_S)


async def comment(world: World, case_id: Any, text: str) -> str:
    return str((await world.do(world.carl, AddComment(case_id=case_id, comment=text))).action.id)


@pytest.fixture
async def local() -> AsyncIterator[WebhookEndpoint]:
    async with serving(WebhookEndpoint()) as opened:
        yield opened


@contextmanager
def gateway_at(port: int, url: str, folder: Path) -> Iterator[Server]:
    with served(
        folder, port=port, database_url=url, demo="false", webhooks_allow_private="true", live_poll="0.2"
    ) as server:
        yield server


async def test_events_are_passed_on_as_a_webhook_delivers_them_over_a_death_of_the_gateway(
    world: World, fresh_url: str, tmp_path: Path, local: WebhookEndpoint, endpoint: WebhookEndpoint
) -> None:
    document, port = tmp_path / "document.graphql", free_port()
    document.write_text(DOCUMENT)
    local.answer = lambda request: NO if b'"second"' in request.body else OK
    hook = await register(world, endpoint, DOCUMENT, cloud_events=True)
    arguments = ["--url", f"http://127.0.0.1:{port}", "--document", str(document), "--cloud-events", "--json"]
    with ExitStack() as stack:
        gateway = await asyncio.to_thread(stack.enter_context, gateway_at(port, fresh_url, tmp_path))
        forward = ["--forward", f"http://127.0.0.1:{local.port}/in", "--secret", SECRET]
        listener = stack.enter_context(listening(world.ada.token, *arguments, *forward))
        assert SECRET in await said(listener, "verify with")
        first = (await world.open_case()).case
        printed = await lines(listener, 1)
        await asyncio.to_thread(gateway.process.kill)
        gateway.process.wait()
        await said(listener, "tried again")
        await comment(world, first.id, WORDS)
        await asyncio.to_thread(stack.enter_context, gateway_at(port, fresh_url, tmp_path))
        await world.request_override(first.id)  # which the document does not want
        await comment(world, first.id, "second")
        printed += await lines(listener, 2)
        assert await asyncio.to_thread(ended, listener, signal.SIGINT) == DONE

        again = stack.enter_context(listening(world.ada.token, *arguments, "--after", printed[0]["cursor"]))
        assert [line["body"] for line in await lines(again, 2)] == [line["body"] for line in printed[1:]]
        for given in (["--token", "unknown"], ["--token", world.ada.token, "--after", "x"]):
            code, errors = await asyncio.to_thread(refusal, *arguments[:2], *given)
            assert (code, "Traceback" in errors, len(errors) < 500) == (REFUSED, False, True), errors
        await until(lambda: len({*hook.actions}) == 3)

    assert "\u2028" in json.loads(printed[1]["body"])["data"]["actions"]["action"]["comment"]["body"]
    assert [line["answer"]["status"] for line in printed] == [200, 200, 500]
    assert_passed_on(printed, local.requests, hook.deliveries)


CHANGING = {"host", "webhook-timestamp", "webhook-signature"}


def assert_passed_on(
    printed: list[dict[str, Any]], requests: list[ReceivedRequest], delivered: list[ReceivedRequest]
) -> None:
    """Check that each event was printed as it was passed on, and passed on as it was delivered."""
    twins = {request.headers["webhook-id"]: request for request in delivered}
    for request, line in zip(requests, printed, strict=True):
        assert_verified(SECRET, request)
        assert request.body.decode() == line["body"]
        assert {name: request.headers[name] for name in line["headers"]} == line["headers"]
        twin = twins[request.headers["webhook-id"]]
        assert request.body == twin.body
        assert request.headers.keys() == twin.headers.keys()
        assert all(twin.headers[name] == value for name, value in request.headers.items() if name not in CHANGING)


def refusal(*arguments: str) -> tuple[int, str]:
    found = run(["webhooks", "listen", *arguments], {})
    return found.code, found.errors


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), WRONG, "CASEGATE_TOKEN"),
        (("--token", "é"), WRONG, "CASEGATE_TOKEN"),
        (("--token", "t", "--secret", "whsec_short"), WRONG, "24 to 64 bytes"),
        (("--token", "t", "--secret", SECRET.removeprefix("whsec_")), WRONG, "24 to 64 bytes"),
        (("--token", "t", "--url", "localhost:8000"), WRONG, "http://"),
        (("--token", "t", "--url", "http://[::1"), REFUSED, "http://[::1"),
        (("--token", "t", "--forward", "http://169.254.169.254/"), WRONG, "169.254.169.254"),
        (("--token", "t", "--forward", "localhost:3000"), WRONG, "--forward"),
        (("--token", "t", "--document", "/nowhere.graphql"), WRONG, "nowhere.graphql"),
        (("--token", "t", "--url", "http://127.0.0.1:1"), REFUSED, "does not answer"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_it_can_t_begin_with_is_refused_in_a_line(arguments: Sequence[str], code: int, words: str) -> None:
    found = refusal(*arguments)

    assert (found[0], words in found[1]) == (code, True), found
    assert "Traceback" not in found[1]


def test_a_document_that_is_no_text_is_refused_in_a_line(tmp_path: Path) -> None:
    document = tmp_path / "document.graphql"
    document.write_bytes(b"subscription \xff")

    code, errors = refusal("--token", "t", "--document", str(document))

    assert (code, "it is not UTF-8" in errors, "Traceback" in errors) == (WRONG, True, False), errors
