"""The server's side of a connection, on real sockets: how an answer is sent, whatever there is of a body."""

import asyncio
import socket
from pathlib import Path

from starlette.types import Receive, Scope, Send

from tests.support.gateway import serving
from tests.support.raw_connections import connected, received

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\n"
BODY = b"the answer"
NOTHING = b""


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the path behind what was sent; without a body to HEAD, and where none is allowed."""
    sent = (await receive())["body"]
    body = b"" if scope["path"] == "/none" else sent + scope["path"].encode()
    status = 204 if scope["path"] == "/none" else 200
    headers = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def test_an_answer_s_head_and_body_arrive_together(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        host, port = server.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 10) as client:
            arrived = []
            for _ in range(100):
                client.sendall(b"GET /live HTTP/1.1\r\nHost: here\r\n\r\n")
                arrived.append(client.recv(65_536))

    assert {packet[:12] for packet in arrived} == {b"HTTP/1.1 200"}
    assert NOTHING not in {packet.partition(b"\r\n\r\n")[2] for packet in arrived}


async def test_a_head_is_not_kept_back_for_a_body_that_is_late() -> None:
    is_wanted = asyncio.Event()

    async def hesitate(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await is_wanted.wait()
        await send({"type": "http.response.body", "body": BODY})

    async with connected(hesitate) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        head = await received(reader)
        is_wanted.set()
        body = await received(reader)

    assert (head[-4:], body) == (b"\r\n\r\n", BODY)


async def test_an_answer_without_a_body_is_sent_all_the_same() -> None:
    async with connected(answer) as (reader, writer):
        arrived = []
        for line in (b"HEAD / HTTP/1.1", b"GET /none HTTP/1.1"):
            writer.write(line + b"\r\nHost: here\r\n\r\n")
            arrived.append(await received(reader))

    assert [packet[9:12] for packet in arrived] == [b"200", b"204"]
    assert [packet[-4:] for packet in arrived] == [b"\r\n\r\n"] * 2


async def test_expect_continue_is_answered_before_the_response() -> None:
    async with connected(answer) as (reader, writer):
        writer.write(HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        reported = await received(reader)
        writer.write(b"hi")
        arrived = await received(reader)

    assert reported == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert arrived.endswith(b"\r\n\r\nhi/")


async def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    async with connected(answer) as (reader, writer):
        requested = b"".join(b"GET /%d HTTP/1.1\r\nHost: here\r\n\r\n" % number for number in range(5))
        writer.write(requested)
        arrived = b""
        while arrived.count(b"HTTP/1.1 200") < 5 or not arrived.endswith(b"/4"):
            arrived += await received(reader)

    assert [part[-2:] for part in arrived.split(b"HTTP/1.1 200")[1:]] == [b"/0", b"/1", b"/2", b"/3", b"/4"]


async def test_a_head_without_a_body_is_sent_before_a_shutdown_closes_the_connection() -> None:
    async with connected(answer, shuts_down=True) as (reader, writer):
        writer.write(b"HEAD / HTTP/1.1\r\nHost: here\r\n\r\n")
        arrived = await received(reader)
        end = await received(reader)

    assert (arrived[9:12], end) == (b"200", NOTHING)


async def test_an_answer_that_ends_the_connection_arrives_before_its_end() -> None:
    async with connected(answer) as (reader, writer):
        writer.write(b"HEAD / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        arrived = await received(reader)
        end = await received(reader)

    assert (arrived[9:12], end) == (b"200", NOTHING)
