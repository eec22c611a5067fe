"""Attacks below the operations: requests that never end, what comes after an answer, and answers that nobody reads."""

import contextlib
import resource
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.attacks.catalogue import MIB, Attack
from tests.attacks.target import Got, Target

MANY = 1_001
PAUSE_S = 0.002
"""After ten connections: it is about what is held, and not about how fast."""

ENDED = frozenset({0, 400})
HERE = frozenset({200})
TYPENAME = "{ __typename }"
LARGE = "{ __schema { types { name description fields { name description args { name description } } } } }"


def chunked(target: Target, *, token: str | None = None) -> bytes:
    """Return the head of a POST in chunks, and the first of them, which is a whole operation."""
    body = b'{"query": "{ __typename }"}'
    sender = Target(target.address, target.token if token is None else token, target.pid)
    return sender.head("Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(body), body)


def endless(opening: bytes, piece: bytes, most: int) -> Callable[[Target], Got]:
    """Send *opening* behind such a chunk, then *piece* again and again, until the server ends it or *most* bytes."""
    return lambda target: target.raw(chunked(target) + opening, *[piece] * (most // len(piece)))


def endless_after_a_refusal(target: Target) -> Got:
    piece = b"X-T: " + b"t" * 65_000 + b"\r\n"
    return target.raw(chunked(target, token="none") + b"0\r\n", *[piece] * (150 * MIB // len(piece)))


@contextlib.contextmanager
def connected(target: Target, number: int, *, buffer: int = 0) -> Iterator[Sequence[socket.socket]]:
    """Yield so many connections; with a *buffer* the client's system keeps no more than that of an answer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(number + 200, hard), hard))
    connections = []
    for count in range(number):
        if count % 10 == 0:
            time.sleep(PAUSE_S)
        connection = socket.socket()
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(10)
        connection.connect(target.place)
        connections.append(connection)
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def dribbled(connections: Sequence[socket.socket], piece: bytes, seconds: float) -> None:
    """Send *piece* on each again and again, whichever the server has ended already."""
    until = time.monotonic() + seconds
    while True:
        for number, connection in enumerate(connections):
            with contextlib.suppress(OSError):
                connection.sendall(piece)
            if number % 10 == 0:
                time.sleep(PAUSE_S)
        if time.monotonic() >= until:
            return


def held(opening: Callable[[Target], bytes], piece: bytes, seconds: float = 1) -> Callable[[Target], Got]:
    """Hold as many connections as would use up a process's file handles, and ask as somebody else meanwhile."""

    def send(target: Target) -> Got:
        with connected(target, MANY) as connections:
            dribbled(connections, opening(target), 0)
            dribbled(connections, piece, seconds)
            return target.ask(TYPENAME)

    return send


def flooded(target: Target) -> Got:
    """Send 2 MiB of small requests at once on each of 20 connections, and read no answer."""
    requests = b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n" * 70_000
    with connected(target, 20) as connections:
        for connection in connections:
            connection.setblocking(False)
        sent = dict.fromkeys(connections, 0)
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for connection in connections:
                with contextlib.suppress(OSError):
                    sent[connection] += connection.send(requests[sent[connection] :])
            time.sleep(0.05)
        return target.ask(TYPENAME)


def unread(number: int) -> Callable[[Target], Got]:
    """Ask for *number* large answers, and read none of them."""

    def send(target: Target) -> Got:
        body = b'{"query": "%s"}' % LARGE.encode()
        request = target.head(f"Content-Length: {len(body)}") + body
        with connected(target, number, buffer=4_096) as connections:
            for connection in connections:
                connection.sendall(request)
            time.sleep(2)
            return target.ask(TYPENAME)

    return send


ATTACKS: Mapping[str, Attack] = {
    "trailers without an end": Attack(endless(b"0\r\n", b"X-T: " + b"t" * 65_000 + b"\r\n", 150 * MIB), ENDED),
    "small trailers without an end": Attack(endless(b"0\r\n", b"t:\r\n" * 16_000, 150 * MIB), ENDED),
    "one trailer without an end": Attack(endless(b"0\r\nX-T: ", b"t" * 65_000, 150 * MIB), ENDED),
    "trailers without an end or a token": Attack(endless_after_a_refusal, ENDED | {401}),
    "a chunk extension without an end": Attack(endless(b"1;a=", b"b" * 65_000, 150 * MIB), ENDED),
    "extensions on each chunk": Attack(endless(b"", b"1;a=" + b"b" * 100 + b"\r\n \r\n", 20 * MIB), ENDED),
    "chunks of one byte": Attack(endless(b"", b"1\r\n \r\n" * 1_000, 20 * MIB), ENDED | {413}),
    "a body of empty lines": Attack(
        lambda target: target.raw(chunked(target), b"3e800\r\n", *[b"\r\n" * 1_000] * 128, b"\r\n0\r\n\r\n"),
        HERE,
    ),
    "1 001 heads that dribble": Attack(held(lambda target: target.head()[:-2], b"X-A: b\r\n"), HERE),
    "1 001 heads of empty lines": Attack(held(lambda _: b"", b"\r\n"), HERE),
    "1 001 heads of many fields": Attack(held(lambda target: target.head()[:-2], b"a:\r\n" * 120), HERE),
    "1 001 bodies that dribble": Attack(held(lambda target: target.head("Content-Length: 99999"), b" "), HERE),
    "1 001 bodies that dribble after a refusal": Attack(
        held(lambda target: Target(target.address, "none", 0).head("Content-Length: 99999"), b" ", 8), HERE
    ),
    "70 000 requests ahead on 20 connections": Attack(flooded, HERE),
    "5 large answers that nobody reads": Attack(unread(5), HERE),
}
