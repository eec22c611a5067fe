"""The HTTP client of webhooks: no way inside, one resolution a connection, verified hosts, bounded answers."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.domain.webhooks import WEBHOOKS_MAX, DeliveryFailure
from app.webhooks.addresses import AddressPolicy
from app.webhooks.client import BODY_MAX, WebhookAnswer, WebhookClient
from app.webhooks.delivery import AT_ONCE
from app.webhooks.failures import SendFailed
from app.webhooks.resolver import SystemResolver
from tests.support.webhook_endpoints import (
    HOST,
    OK,
    ReceivedRequest,
    ScriptedResolver,
    WebhookEndpoint,
    client_tls,
    server_tls,
    serving,
)

PUBLIC = AddressPolicy(ports=frozenset(range(1, 65_536)))
DEVELOPMENT = AddressPolicy(allow_private=True)
LOOPBACK = ["127.0.0.1"]
OUTSIDE = ["93.184.216.34"]


def client(
    answers: Sequence[Sequence[str]] = (LOOPBACK,), policy: AddressPolicy = DEVELOPMENT, answer_s: float = 15
) -> WebhookClient:
    return WebhookClient(policy, ScriptedResolver(answers), client_tls(), answer_s)


@asynccontextmanager
async def tls_endpoint(folder: Path, *names: str) -> AsyncIterator[WebhookEndpoint]:
    async with serving(WebhookEndpoint(), server_tls(folder, *(names or (HOST,)))) as endpoint:
        yield endpoint


async def failure(sender: WebhookClient, url: str, body: bytes = b"{}") -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        async with sender:
            await sender.post(url, {}, body)
    return failed.value


async def test_a_delivery_arrives_with_its_headers_over_verified_tls(tmp_path: Path) -> None:
    async with tls_endpoint(tmp_path) as endpoint, client() as sender:
        answer = await sender.post(f"https://{HOST}:{endpoint.port}/in?x=1", {"webhook-id": "1"}, b'{"a": 1}')

        [request] = endpoint.requests
        assert answer.is_success
        assert answer.body_digest == hashlib.sha256(b"ok").hexdigest()
        assert (request.target, request.body) == ("/in?x=1", b'{"a": 1}')
        assert request.headers == {
            "host": f"{HOST}:{endpoint.port}",
            "user-agent": "Casegate-Webhooks",
            "accept": "*/*",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "content-length": "8",
            "webhook-id": "1",
        }


@pytest.mark.parametrize(
    "found",
    [
        LOOPBACK,
        ["::1"],
        ["0.0.0.0"],
        ["::ffff:127.0.0.1"],
        [*OUTSIDE, *LOOPBACK],
        [*LOOPBACK, *OUTSIDE],
        ["fe80::1%lo"],
    ],
)
async def test_a_name_that_leads_inside_is_refused_before_a_byte_is_sent(found: list[str]) -> None:
    async with serving(WebhookEndpoint()) as endpoint:
        failed = await failure(client([found], PUBLIC), f"https://{HOST}:{endpoint.port}/")

        assert (failed.kind, failed.found) == (DeliveryFailure.REFUSED, f"INSIDE: {HOST}")
        assert endpoint.connections == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::]", "0"]
)
async def test_an_address_inside_is_refused_before_a_byte_is_sent(host: str) -> None:
    resolver = ScriptedResolver([LOOPBACK])
    async with serving(WebhookEndpoint()) as endpoint:
        failed = await failure(WebhookClient(PUBLIC, resolver, client_tls()), f"https://{host}:{endpoint.port}/")

        assert failed.kind is DeliveryFailure.REFUSED
        assert endpoint.connections == 0
        assert resolver.questions == []


async def test_the_system_s_resolver_leads_to_no_service_of_this_machine() -> None:
    async with serving(WebhookEndpoint()) as endpoint:
        for host in ("localhost.example.com", socket.gethostname() or "localhost"):
            sender = WebhookClient(PUBLIC, SystemResolver(is_absolute=False), client_tls())
            failed = await failure(sender, f"https://{host}:{endpoint.port}/")

            assert failed.kind in (DeliveryFailure.REFUSED, DeliveryFailure.RESOLUTION)
        assert endpoint.connections == 0


async def test_a_name_that_changes_after_its_check_is_resolved_once_and_the_checked_address_is_used(
    tmp_path: Path,
) -> None:
    resolver = ScriptedResolver([LOOPBACK, ["127.0.0.2"]])
    tls = server_tls(tmp_path, HOST)
    async with (
        serving(WebhookEndpoint(), tls) as checked,
        serving(WebhookEndpoint(), tls, "127.0.0.2", checked.port) as other,
        WebhookClient(DEVELOPMENT, resolver, client_tls()) as sender,
    ):
        await sender.post(f"https://{HOST}:{checked.port}/", {}, b"{}")

        assert resolver.questions == [HOST]
        assert (checked.connections, other.connections) == (1, 0)


async def test_each_connection_is_checked_anew(tmp_path: Path) -> None:
    policy = AddressPolicy(allow_private=True, denied=(ip_network("93.184.216.34/32"),))
    resolver = ScriptedResolver([LOOPBACK, OUTSIDE])
    async with tls_endpoint(tmp_path) as endpoint, WebhookClient(policy, resolver, client_tls()) as sender:
        endpoint.answer = lambda _: OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        await sender.post(f"https://{HOST}:{endpoint.port}/", {}, b"{}")
        failed = await failure(sender, f"https://{HOST}:{endpoint.port}/")

        assert failed.kind is DeliveryFailure.REFUSED
        assert resolver.questions == [HOST, HOST]
        assert endpoint.connections == 1


async def test_a_connection_that_is_kept_is_used_again_without_another_resolution(tmp_path: Path) -> None:
    resolver = ScriptedResolver([LOOPBACK, OUTSIDE])
    async with tls_endpoint(tmp_path) as endpoint, WebhookClient(DEVELOPMENT, resolver, client_tls()) as sender:
        for _ in range(3):
            await sender.post(f"https://{HOST}:{endpoint.port}/", {}, b"{}")

        assert (endpoint.connections, len(endpoint.requests), resolver.questions) == (1, 3, [HOST])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(tmp_path: Path, status: int) -> None:
    async with tls_endpoint(tmp_path) as endpoint, serving(WebhookEndpoint()) as inside, client() as sender:
        location = f"http://127.0.0.1:{inside.port}/"
        endpoint.answer = lambda _: f"HTTP/1.1 {status} M\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        answer = await sender.post(f"https://{HOST}:{endpoint.port}/", {}, b"{}")

        assert (answer.status, answer.is_success) == (status, False)
        assert (len(endpoint.requests), inside.connections) == (1, 0)


async def test_no_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with tls_endpoint(tmp_path) as endpoint, serving(WebhookEndpoint()) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with client() as sender:
            answer = await sender.post(f"https://{HOST}:{endpoint.port}/", {}, b"{}")

        assert answer.is_success
        assert proxy.connections == 0


async def test_a_certificate_of_another_host_is_refused_before_the_request_is_sent(tmp_path: Path) -> None:
    async with tls_endpoint(tmp_path, "other.example.com", "127.0.0.1") as endpoint:
        failed = await failure(client(), f"https://{HOST}:{endpoint.port}/")

        assert failed.kind is DeliveryFailure.TLS
        assert endpoint.requests == []


async def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    async with tls_endpoint(tmp_path) as endpoint:
        sender = WebhookClient(DEVELOPMENT, ScriptedResolver([LOOPBACK]))
        failed = await failure(sender, f"https://{HOST}:{endpoint.port}/")

        assert failed.kind is DeliveryFailure.TLS
        assert endpoint.requests == []


async def test_the_certificate_of_an_address_is_verified_too(tmp_path: Path) -> None:
    async with tls_endpoint(tmp_path, "127.0.0.1") as endpoint, client() as sender:
        assert (await sender.post(f"https://127.0.0.1:{endpoint.port}/", {}, b"{}")).is_success


async def test_the_next_address_is_tried_where_the_first_does_not_answer(tmp_path: Path) -> None:
    async with tls_endpoint(tmp_path) as endpoint, client([["127.0.0.9", "127.0.0.1"]]) as sender:
        assert (await sender.post(f"https://{HOST}:{endpoint.port}/", {}, b"{}")).is_success


async def test_an_answer_is_read_to_its_first_kibibyte(tmp_path: Path) -> None:
    body = bytes(range(256)) * 4096
    async with tls_endpoint(tmp_path) as endpoint, client() as sender:
        endpoint.answer = lambda _: b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        answer = await sender.post(f"https://{HOST}:{endpoint.port}/", {}, b"{}")
        endpoint.answer = lambda _: OK
        again = await sender.post(f"https://{HOST}:{endpoint.port}/", {}, b"{}")

        assert answer == WebhookAnswer(500, hashlib.sha256(body[:1024]).hexdigest(), answer.seconds)
        assert again.body_digest == hashlib.sha256(b"ok").hexdigest()
        assert endpoint.connections == 2


@pytest.mark.parametrize(
    "answer",
    [None, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"],
    ids=["none", "half a head", "half a body"],
)
async def test_an_answer_that_does_not_end_is_given_up(tmp_path: Path, answer: bytes | None) -> None:
    async with tls_endpoint(tmp_path) as endpoint:
        endpoint.answer = lambda _: answer
        failed = await failure(client(answer_s=0.3), f"https://{HOST}:{endpoint.port}/")

        assert failed.kind is DeliveryFailure.TIMEOUT


async def test_a_resolver_that_does_not_answer_is_given_up() -> None:
    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    failed = await failure(WebhookClient(PUBLIC, silent, client_tls(), 0.1), f"https://{HOST}/")

    assert failed.kind is DeliveryFailure.TIMEOUT


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", DeliveryFailure.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", DeliveryFailure.PROTOCOL),
        (b"Connection: close", DeliveryFailure.PROTOCOL),
    ],
    ids=["not HTTP", "a head without an end", "cut off"],
)
async def test_what_is_no_answer_is_a_failure(tmp_path: Path, answer: bytes, kind: DeliveryFailure) -> None:
    async with tls_endpoint(tmp_path) as endpoint:
        endpoint.answer = lambda _: answer

        assert (await failure(client(), f"https://{HOST}:{endpoint.port}/")).kind is kind


async def test_where_nothing_listens_and_where_no_name_is_found_nothing_is_sent() -> None:
    async with serving(WebhookEndpoint()) as endpoint:
        port = endpoint.port

    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    assert (await failure(client(), f"https://{HOST}:{port}/")).kind is DeliveryFailure.CONNECTION
    assert (await failure(client([[]]), f"https://{HOST}:{port}/")).kind is DeliveryFailure.RESOLUTION
    assert (await failure(WebhookClient(PUBLIC, unknown), f"https://{HOST}/")).kind is DeliveryFailure.RESOLUTION


async def test_a_body_over_the_bound_is_not_sent(tmp_path: Path) -> None:
    async with tls_endpoint(tmp_path) as endpoint, client() as sender:
        url = f"https://{HOST}:{endpoint.port}/"
        assert (await sender.post(url, {}, b" " * BODY_MAX)).is_success
        failed = await failure(sender, url, b" " * (BODY_MAX + 1))

        assert (failed.kind, failed.found) == (DeliveryFailure.TOO_LARGE, "262145")
        assert len(endpoint.requests) == 1


async def test_a_wish_to_be_left_alone_for_a_while_is_passed_on(tmp_path: Path) -> None:
    def busy(_: ReceivedRequest) -> bytes:
        return b"HTTP/1.1 429 Busy\r\nretry-after: 120\r\nContent-Length: 0\r\n\r\n"

    async with tls_endpoint(tmp_path) as endpoint, client() as sender:
        endpoint.answer = busy
        answer = await sender.post(f"https://{HOST}:{endpoint.port}/", {}, b"{}")

        assert (answer.status, answer.retry_after) == (429, "120")


async def test_a_slow_name_server_takes_no_thread_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    questioned, answered = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(*_: object, **__: object) -> list[object]:
        loop.call_soon_threadsafe(questioned.set)
        asyncio.run_coroutine_threadsafe(answered.wait(), loop).result()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    resolver = SystemResolver(threads=1)
    first = asyncio.create_task(resolver("a.example", 443))
    await questioned.wait()
    second = asyncio.create_task(resolver("b.example", 443))

    assert await asyncio.to_thread(lambda: "free") == "free"
    first.cancel()
    await asyncio.sleep(0)
    assert not second.done()
    answered.set()
    assert await second == []


async def test_the_slow_name_servers_of_one_account_keep_no_other_from_being_resolved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names, answered = list[str](), asyncio.Event()
    loop = asyncio.get_running_loop()

    def partly_slow(name: str, *_: object, **__: object) -> list[object]:
        names.append(name)
        if name.startswith("slow"):
            asyncio.run_coroutine_threadsafe(answered.wait(), loop).result()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", partly_slow)
    resolver = SystemResolver()
    waiting = [
        asyncio.create_task(resolver(f"slow{number}.example", 443))
        for number in range(WEBHOOKS_MAX)
        for _ in range(AT_ONCE)
    ]
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        assert await resolver("quick.example", 443) == []

    assert sorted(names) == sorted(["quick.example.", *(f"slow{number}.example." for number in range(WEBHOOKS_MAX))])
    answered.set()
    assert await asyncio.gather(*waiting) == [[]] * len(waiting)
