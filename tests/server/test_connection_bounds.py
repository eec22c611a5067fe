"""The bounds of a connection: of a request in bytes and in time, of what comes after an answer, and of reading it."""

import asyncio
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from app.server.connection_bounds import FILES_BESIDE, Bounds
from app.web.middleware.cors import AllowedOrigins
from app.webhooks import checked_network, resolver, sending
from tests.support.raw_connections import connected, ended, received, wired

GET = b"GET /%d HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST /%d HTTP/1.1\r\nHost: here\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
STRICT = Bounds(
    head_s=0.3,
    body_window_s=0.3,
    body_rate=1_000,
    discard_window_s=0.3,
    discard_rate=1_000,
    write_window_s=0.3,
    write_rate=100,
)
# What is refused for what it is, and not for its time, is so on a slow machine too.
PATIENT = replace(STRICT, head_s=30, body_window_s=30)
LARGE = b"x" * 20_000_000


class App:
    """Reads the whole of a request, and answers with its path and length; notes what it has done."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self.disconnects = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                return
            length, more = length + len(message["body"]), message["more_body"]
        await asyncio.sleep(0)
        self.done.append((scope["path"], length))
        self.headers.append(list(scope["headers"]))
        await respond(send, b"%d of %s" % (length, scope["path"].encode()))


async def respond(send: Send, body: bytes, status: int = 200, *, closes: bool = False) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    if closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer without having read anything, and end the connection."""
    await respond(send, b"no", 401, closes=True)


async def refuse_and_stay(_scope: Scope, _receive: Receive, send: Send) -> None:
    await respond(send, b"no", 404)


async def answer_at_length(_scope: Scope, _receive: Receive, send: Send) -> None:
    await respond(send, LARGE)


async def one(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the status and the body of the next answer."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    return int(head[9:12]), await asyncio.wait_for(reader.readexactly(length), 10)


# --- Requests one after the other ------------------------------------------------------------------------------------


def drawn(rng: random.Random, number: int) -> tuple[bytes, int]:
    """Return a request of a size and a form that were drawn, and the length of its body."""
    form = rng.choice(["get", "length", "chunks"])
    if form == "get":
        return GET % number, 0
    pattern = rng.choice([b"x", b"\r\n", b"0\r\n\r\n", GET % 9])
    length = rng.choice([0, 1, 1_000, 65_535, 65_536, 65_537, 70_000, 150_000])
    body = (pattern * (length // len(pattern) + 1))[:length]
    if form == "length":
        return POST % number + b"Content-Length: %d\r\n\r\n" % length + body, length
    size = rng.choice([4_000, 65_536, 70_000])
    chunks = [body[at : at + size] for at in range(0, length, size)]
    framed = b"".join(b"%x;a=b\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return POST % number + CHUNKED + framed + b"0\r\n" + rng.choice([b"", b"X-T: 1\r\n"]) + b"\r\n", length


def split(rng: random.Random, requests: list[bytes]) -> list[bytes]:
    """Return the requests in pieces, cut anywhere and above all near to where one ends and the next begins."""
    whole, edges = b"".join(requests), [0]
    for request in requests:
        edges.append(edges[-1] + len(request))
    near = [rng.choice(edges) + rng.randint(-6, 60) for _ in range(rng.randint(0, 5))]
    cuts = sorted({min(max(cut, 1), len(whole) - 1) for cut in [*near, rng.randrange(len(whole))]})
    return [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@pytest.mark.parametrize("seed", range(30))
async def test_requests_sent_ahead_are_done_and_answered_once_and_in_order_however_they_are_split(seed: int) -> None:
    rng, app = random.Random(seed), App()
    requests = [drawn(rng, number) for number in range(rng.randint(2, 5))]
    expected = [(f"/{number}", length) for number, (_, length) in enumerate(requests)]

    async def send(writer: asyncio.StreamWriter) -> None:
        for piece in split(rng, [request for request, _ in requests]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(rng.choice([0, 0, 0.002]))

    async with connected(app) as (reader, writer):
        sending = asyncio.create_task(send(writer))
        answers = [await one(reader) for _ in requests]
        await sending

    assert app.done == expected
    assert answers == [(200, b"%d of %s" % (length, path.encode())) for path, length in expected]


async def test_the_end_of_a_large_body_and_the_next_head_may_come_in_one_read() -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(POST % 0 + b"Content-Length: 200000\r\n\r\n" + b"x" * 90_000)
        await asyncio.sleep(0.05)
        writer.write(b"x" * 110_000 + (GET % 1)[:-2])
        first = await one(reader)
        writer.write(b"\r\n")
        second = await one(reader)

    assert (first, second) == ((200, b"200000 of /0"), (200, b"0 of /1"))


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"NO NO NO\r\n\r\n"])
async def test_what_is_no_request_behind_one_that_is_does_not_take_its_answer_s_place(nonsense: bytes) -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(POST % 0 + b"Content-Length: 2\r\n\r\nhi" + nonsense)
        first, second = await one(reader), await one(reader)
        rest = await ended(reader)

    assert (first, second[0], rest) == ((200, b"2 of /0"), 400, b"")
    assert app.done == [("/0", 2)]


@pytest.mark.parametrize(
    ("line", "hosts", "status"),
    [
        (b"GET /0 HTTP/1.1\r\n", b"", 400),
        (b"GET /0 HTTP/1.1\r\n", b"Host: here\r\n", 200),
        (b"GET /0 HTTP/1.1\r\n", b"Host:\r\n", 200),
        (b"GET /0 HTTP/1.1\r\n", b"Host: [::1]:8000\r\n", 200),
        (b"GET /0 HTTP/1.1\r\n", b"Host: xn--bcher-kva.example:\r\n", 200),
        (b"GET /0 HTTP/1.1\r\n", b"Host: here, there\r\n", 400),
        (b"GET /0 HTTP/1.1\r\n", b"Host: user@here\r\n", 400),
        (b"GET /0 HTTP/1.1\r\n", b"Host: http://here\r\n", 400),
        (b"GET /0 HTTP/1.1\r\n", b"Host: here/there\r\n", 400),
        (b"GET /0 HTTP/1.1\r\n", b"Host: here:8o\r\n", 400),
        (b"GET /0 HTTP/1.1\r\n", b"Host: [::1\r\n", 400),
        (b"GET /0 HTTP/1.1\r\n", b"Host: h\xe9re\r\n", 400),
        (b"GET /0 HTTP/1.0\r\n", b"Host: here there\r\n", 400),
        (b"GET /0 HTTP/1.1\r\n", b"Host: here\r\nX-A: b\r\nhost: here\r\n", 400),
        (b"GET /0 HTTP/1.0\r\n", b"", 200),
        (b"GET /0 HTTP/1.0\r\n", b"Host: here\r\nHost: there\r\n", 400),
    ],
)
async def test_a_request_has_exactly_one_host(line: bytes, hosts: bytes, status: int) -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(line + hosts + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        found, _ = await one(reader)
        rest = await ended(reader)

    assert (found, rest) == (status, b"")
    assert app.done == ([("/0", 0)] if status == 200 else [])


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        (b"http://there:81/0?a=b", b"there:81", "/0"),
        (b"HTTPS://there", b"there", "/"),
        (b"http://there?a=b", b"there", "/"),
        (b"http://user@there/0", None, None),
        (b"ftp://there/0", None, None),
        (b"http:///0", None, None),
        (b"*", None, None),
    ],
)
async def test_an_absolute_target_says_of_which_host_it_is(target: bytes, host: bytes | None, path: str | None) -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        status, _ = await one(reader)

    assert (status, app.done) == ((400, []) if path is None else (200, [(path, 0)]))
    assert [value for name, value in app.headers[0] if name == b"host"] == [host] if app.headers else host is None


async def test_a_request_without_a_host_ends_the_connection_behind_the_answer_before_it() -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(GET % 0 + b"GET /1 HTTP/1.1\r\n\r\n" + GET % 2)
        first, (status, body) = await one(reader), await one(reader)
        rest = await ended(reader)

    assert (first, status, rest) == ((200, b"0 of /0"), 400, b"")
    assert json.loads(body)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert app.done == [("/0", 0)]


async def test_thousands_of_requests_sent_ahead_are_read_one_at_a_time() -> None:
    app, queued = App(), []
    async with wired(app) as wire:
        reader, writer = await wire.open()
        writer.write(GET % 1 * 3_000)
        for _ in range(3_000):
            assert await one(reader) == (200, b"0 of /1")
            queued.append(max(len(vars(connection)["pipeline"]) for connection in wire.state.connections))
        writer.close()

    assert max(queued) <= 1
    assert len(app.done) == 3_000


# --- The whole of a request ------------------------------------------------------------------------------------------


async def test_trailers_are_read_and_are_no_headers() -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(POST % 0 + CHUNKED + b"2\r\nhi\r\n0\r\nAuthorization: Bearer other\r\nX-T: t\r\n\r\n" + GET % 1)
        answers = [await one(reader), await one(reader)]

    assert answers == [(200, b"2 of /0"), (200, b"0 of /1")]
    assert [name for name, _ in app.headers[0]] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize(
    "opening",
    [b"0\r\nX-T: ", b"0\r\n", b"1;a=", b"1;a=b\r\n \r\n", b"1\r\n"],
    ids=["one trailer", "trailers", "an extension", "extensions", "small chunks"],
)
async def test_what_is_sent_beside_a_body_has_an_end(opening: bytes) -> None:
    pieces = {b"0\r\n": b"t:\r\n", b"1;a=b\r\n \r\n": b"1;a=b\r\n \r\n", b"1\r\n": b" \r\n1\r\n"}
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(POST % 0 + CHUNKED + opening)
        sent = 0
        while sent < 10_000_000 and not reader.at_eof():
            writer.write(pieces.get(opening, b"t") * 10_000)
            sent += 10_000 * len(pieces.get(opening, b"t"))
            try:
                await writer.drain()
            except ConnectionError:
                break
            await asyncio.sleep(0)
            if reader._buffer:  # type: ignore[attr-defined]  # it has been answered
                break
        status, _ = await one(reader)

    assert (status, app.done, app.disconnects) == (400, [], 1)
    assert sent < 2_000_000


async def test_a_small_body_may_come_in_chunks_of_one_byte() -> None:
    async with connected(App()) as (reader, writer):
        writer.write(POST % 0 + CHUNKED + b"1\r\n \r\n" * 5_000 + b"0\r\n\r\n")
        answer = await one(reader)

    assert answer == (200, b"5000 of /0")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ((GET % 0)[:-2] + b"X-A: " + b"a" * 70_000, 431),
        ((GET % 0)[:-2] + b"a:\r\n" * 129, 431),
        ((GET % 0)[:-2] + b"a:\r\n" * 200 + b"\r\n", 431),
        (b"GET /" + b"a" * 70_000, 431),
        ((GET % 0)[:-2], 408),
        (b"G", 408),
        (b"\r\n", None),
        (b"", None),
    ],
    ids=[
        "a long field",
        "many fields",
        "many fields and an end",
        "a long path",
        "no end",
        "a letter",
        "empty line",
        "-",
    ],
)
async def test_a_head_is_bounded_in_bytes_fields_and_time(head: bytes, status: int | None) -> None:
    app = App()
    async with connected(app, bounds=PATIENT if status == 431 else STRICT) as (reader, writer):
        writer.write(head)
        arrived = await ended(reader)

    assert arrived[9:12] == (b"" if status is None else str(status).encode())
    assert app.done == []


@pytest.mark.parametrize("piece", [b"\r\n", b"X-A: b\r\n"])
async def test_bytes_that_dribble_in_after_an_answer_do_not_keep_the_connection(piece: bytes) -> None:
    async with wired(App(), bounds=STRICT) as wire:
        reader, writer = await wire.open()
        writer.write(GET % 0)
        await one(reader)
        if piece.startswith(b"X"):
            writer.write((GET % 0)[:-2])
        for _ in range(100):
            writer.write(piece)
            await asyncio.sleep(0.05)
            if not wire.state.connections:
                break
        left_over = list(wire.state.connections)
        writer.close()

    assert left_over == []


@pytest.mark.parametrize("framing", [b"Content-Length: 99999\r\n\r\n", CHUNKED])
async def test_a_body_that_dribbles_in_is_given_up(framing: bytes) -> None:
    app = App()
    async with connected(app, bounds=STRICT) as (reader, writer):
        writer.write(POST % 0 + framing)
        for _ in range(100):
            writer.write(b" " if b"Length" in framing else b"1\r\n \r\n")
            await asyncio.sleep(0.05)
            if app.disconnects:
                break
        status, _ = await one(reader)

    assert (status, app.disconnects, app.done) == (408, 1, [])


async def test_a_request_has_an_end_in_time_however_fast_it_comes() -> None:
    app = App()
    async with connected(app, bounds=replace(STRICT, request_s=0.5)) as (reader, writer):
        writer.write(POST % 0 + b"Content-Length: 999999999\r\n\r\n")
        for _ in range(200):
            writer.write(b" " * 1_000)
            await asyncio.sleep(0.02)
            if app.disconnects:
                break
        status, _ = await one(reader)

    assert (status, app.done) == (408, [])


async def test_a_request_has_an_end_in_bytes() -> None:
    app = App()
    async with connected(app, bounds=replace(STRICT, body_bytes=100_000)) as (reader, writer):
        writer.write(POST % 0 + b"Content-Length: 300000\r\n\r\n" + b" " * 300_000)
        status, _ = await one(reader)

    assert (status, app.done) == (413, [])


# --- After an answer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", [b"Content-Length: 20000000\r\n\r\n", CHUNKED])
async def test_who_sends_all_before_reading_gets_the_early_answer(framing: bytes) -> None:
    async with connected(refuse) as (reader, writer):
        writer.write(POST % 0 + framing)
        for _ in range(200):
            writer.write(b"x" * 100_000 if b"Length" in framing else b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
            await writer.drain()
        answer, rest = await one(reader), await ended(reader)

    assert (answer, rest) == ((401, b"no"), b"")


@pytest.mark.parametrize("app", [refuse, refuse_and_stay])
async def test_a_body_that_dribbles_in_after_its_answer_does_not_keep_the_connection(app: Scope) -> None:
    async with wired(app, bounds=STRICT) as wire:  # type: ignore[arg-type]
        reader, writer = await wire.open()
        writer.write(POST % 0 + b"Content-Length: 99999\r\n\r\n")
        await one(reader)
        for _ in range(100):
            writer.write(b" ")
            await asyncio.sleep(0.05)
            if not wire.state.connections:
                break
        left_over = list(wire.state.connections)
        writer.close()

    assert left_over == []


async def test_what_is_discarded_has_an_end_in_bytes() -> None:
    async with wired(refuse, bounds=replace(STRICT, discard_bytes=1_000_000)) as wire:
        _, writer = await wire.open()
        writer.write(POST % 0 + b"Content-Length: 999999999\r\n\r\n")
        sent = 0
        while wire.state.connections or sent == 0:
            writer.write(b"x" * 100_000)
            sent += 100_000
            await asyncio.sleep(0.005)
        writer.close()

    assert sent < 40_000_000  # what the systems' buffers take besides


async def test_a_connection_that_stays_goes_on_with_the_next_request_once_the_body_is_discarded() -> None:
    async with connected(refuse_and_stay) as (reader, writer):
        writer.write(POST % 0 + b"Content-Length: 300000\r\n\r\n")
        first = await one(reader)
        writer.write(b"GET / HTTP/1.1\r\n\r\n " * 15_000)
        assert 15_000 * 19 < 300_000
        writer.write(b"x" * (300_000 - 15_000 * 19) + GET % 1)
        second = await one(reader)

    assert (first, second) == ((404, b"no"), (404, b"no"))


async def test_without_continue_the_next_request_is_not_taken_for_a_body() -> None:
    async with connected(refuse_and_stay) as (reader, writer):
        writer.write(POST % 0 + b"Content-Length: 30\r\nExpect: 100-continue\r\n\r\n")
        first = await one(reader)
        writer.write(GET % 1)
        rest = await ended(reader)

    assert (first, rest) == ((404, b"no"), b"")


async def test_the_oldest_goes_where_too_many_send_after_their_answers() -> None:
    async with wired(refuse, bounds=Bounds(discarding=3)) as wire:
        opened = [await wire.open() for _ in range(6)]
        for reader, writer in opened:
            writer.write(POST % 0 + b"Content-Length: 99999\r\n\r\n")
            await one(reader)
        await asyncio.sleep(0.05)
        number = len(wire.state.connections)
        for _, writer in opened:
            writer.close()

    assert number == 3


# --- Answers that nobody reads ---------------------------------------------------------------------------------------


async def test_a_response_that_is_not_read_is_dropped() -> None:
    async with wired(answer_at_length, bounds=STRICT) as wire:
        _, writer = await wire.open()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(GET % 0)
        for _ in range(100):
            await asyncio.sleep(0.05)
            if not wire.state.connections:
                break
        left_over = list(wire.state.connections)
        writer.close()

    assert left_over == []


async def test_an_answer_that_is_read_slowly_arrives() -> None:
    async with connected(answer_at_length, bounds=STRICT) as (reader, writer):
        writer.write(GET % 0)
        arrived = 0
        while arrived < len(LARGE):
            arrived += len(await received(reader))
            await asyncio.sleep(0.002)

    assert arrived > len(LARGE)


async def test_what_waits_for_slow_readers_fits_into_the_memory() -> None:
    async with wired(answer_at_length, bounds=Bounds(unsent_bytes=45_000_000)) as wire:
        opened = [await wire.open() for _ in range(5)]
        for _, writer in opened:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(GET % 0)
            await asyncio.sleep(0.05)
        unsent = sum(connection.transport.get_write_buffer_size() for connection in wire.state.connections)
        number = len(wire.state.connections)
        for _, writer in opened:
            writer.close()

    assert unsent <= 45_000_000
    assert 1 <= number <= 4


# --- Many connections ------------------------------------------------------------------------------------------------


async def test_where_there_are_too_many_the_one_that_idles_longest_goes_for_the_next() -> None:
    app = App()
    async with wired(app, bounds=Bounds(connections=3)) as wire:
        opened = [await wire.open() for _ in range(3)]
        for reader, writer in (opened[1], opened[2], opened[0]):
            writer.write(GET % 0)
            await one(reader)
        newest = await wire.open()
        newest[1].write(GET % 1)
        answer = await one(newest[0])
        gone = await ended(opened[1][0])
        opened[0][1].write(GET % 2)
        still = await one(opened[0][0])
        for _, writer in [*opened, newest]:
            writer.close()

    assert (answer, gone, still) == ((200, b"0 of /1"), b"", (200, b"0 of /2"))


async def test_no_active_connection_is_closed_and_the_next_gets_retry_after() -> None:
    is_wanted = asyncio.Event()

    async def wait(_scope: Scope, _receive: Receive, send: Send) -> None:
        await is_wanted.wait()
        await respond(send, b"here")

    async with wired(wait, bounds=Bounds(connections=2)) as wire:
        opened = [await wire.open() for _ in range(2)]
        for _, writer in opened:
            writer.write(GET % 0)
        await asyncio.sleep(0.05)
        newest = await wire.open()
        newest[1].write(GET % 0)
        refused = await ended(newest[0])
        is_wanted.set()
        answers = [await one(reader) for reader, _ in opened]
        for _, writer in [*opened, newest]:
            writer.close()

    assert refused.startswith(b"HTTP/1.1 503 ") and b"retry-after: 1\r\n" in refused and b'"OVERLOADED"' in refused
    assert answers == [(200, b"here")] * 2


async def test_a_tick_of_the_event_loop_begins_one_of_the_requests_that_were_sent_ahead() -> None:
    turn, begun = 0, []

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        begun.append(turn)
        await respond(send, scope["path"].encode())

    requests = b"".join(GET % number for number in range(30))
    counting = asyncio.create_task(count_turns())
    try:
        async with wired(app) as wire:
            opened = [await wire.open() for _ in range(20)]
            for _, writer in opened:
                writer.write(requests)
            for reader, writer in opened:
                for number in range(30):
                    assert await one(reader) == (200, b"/%d" % number)
                writer.close()
    finally:
        counting.cancel()

    assert len(begun) == 600
    later = begun[20 * 2 :]  # the first of each connection begins as it arrives
    assert max(map(later.count, set(later))) <= 2


# --- What a refusal looks like that no application has made ----------------------------------------------------------

ORIGIN = b"Origin: https://app.example\r\n"
KNOWN = b"X-Request-ID: mine-1\r\n"
HEAD = b"POST /0 HTTP/1.1\r\nHost: here\r\n"
REFUSED = {
    "a long head": (HEAD + ORIGIN + KNOWN + b"X-A: " + b"a" * 70_000, 431),
    "many fields": (HEAD + ORIGIN + KNOWN + b"a:\r\n" * 130, 431),
    "a head without an end": (HEAD + ORIGIN + KNOWN + b"X-A: a\r\n", 408),
    "a body without an end": (HEAD + ORIGIN + KNOWN + b"Content-Length: 9\r\n\r\nab", 408),
    "extensions": (HEAD + ORIGIN + KNOWN + CHUNKED + b"1;" + b"a" * 200_000, 400),
    "a wrong length": (HEAD + ORIGIN + KNOWN + b"Content-Length: x\r\n\r\n", 400),
    "two lengths": (HEAD + ORIGIN + KNOWN + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a wrong chunk": (HEAD + ORIGIN + KNOWN + CHUNKED + b"x\r\n", 400),
    "too much": (HEAD + ORIGIN + KNOWN + CHUNKED + b"fffff\r\n" + b"a" * 0xFFFFF + b"\r\n", 413),
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("listed", [("https://app.example",), ("*",), ("https://other.example",), ()], ids=str)
async def test_what_the_connection_refuses_has_the_form_of_every_other_refusal(
    sent: tuple[bytes, int], listed: tuple[str, ...]
) -> None:
    bounds = replace(STRICT if sent[1] == 408 else PATIENT, body_bytes=100_000)
    async with connected(App(), bounds=bounds, listed=AllowedOrigins(listed)) as (reader, writer):
        writer.write(sent[0])
        status, headers, body = answered(await ended(reader))

    assert status == sent[1]
    assert headers[b"x-request-id"] == b"mine-1"
    assert headers[b"vary"] == b"Origin"
    is_ours = listed in (("https://app.example",), ("*",))
    assert headers.get(b"access-control-allow-origin") == (b"https://app.example" if is_ours else None)
    assert (b"X-Request-ID" in headers.get(b"access-control-expose-headers", b"")) == is_ours
    (error,) = body["errors"]
    assert error["message"] and error["extensions"] == {"code": "BAD_REQUEST"}


def answered(arrived: bytes) -> tuple[int, dict[bytes, bytes], Any]:
    head, _, body = arrived.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    return int(status[9:12]), headers, json.loads(body)


@pytest.mark.parametrize("garbage", [b"NO HTTP\r\n\r\n", b"\x16\x03\x01\x02", GET % 0 + b"NO HTTP\r\n\r\n"])
async def test_what_is_no_request_gets_an_id_of_its_own_and_nothing_of_another_request(garbage: bytes) -> None:
    async with connected(App(), bounds=STRICT, listed=AllowedOrigins("*")) as (reader, writer):
        writer.write(garbage.replace(b"Host", ORIGIN + KNOWN + b"Host"))
        _, _, last = (await ended(reader)).rpartition(b"HTTP/1.1 400")
        _, headers, body = answered(b"HTTP/1.1 400" + last)

    assert body["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert len(headers[b"x-request-id"]) == 36
    assert b"access-control-allow-origin" not in headers


async def test_a_connection_over_the_bound_gets_retry_after() -> None:
    bounds = replace(STRICT, connections=1)
    async with wired(App(), bounds=bounds) as wire:
        _, writer = await wire.open()
        writer.write(HEAD + b"Content-Length: 9\r\n\r\nab")
        await asyncio.sleep(0.05)
        for connection in wire.state.connections:
            vars(connection)["_answering"].more_body = False  # as while it is answered
        reader, other = await wire.open()
        status, headers, body = answered(await ended(reader))
        for each in (writer, other):
            each.close()

    assert (status, headers[b"retry-after"], len(headers[b"x-request-id"])) == (503, b"1", 36)
    assert body["errors"][0]["extensions"] == {
        "code": "OVERLOADED",
        "seconds": 1,
        "retryable": True,
        "retryAfterMs": 1000,
    }


def test_webhooks_that_all_hang_leave_clients_their_file_handles() -> None:
    webhooks = sending.AT_ONCE + checked_network.KEPT_CONNECTIONS + resolver.THREADS

    assert webhooks + 100 <= FILES_BESIDE
