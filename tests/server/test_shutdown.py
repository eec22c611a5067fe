"""The end of a server: it says that it is not ready, finishes what has begun, and exits with 0."""

import http.client
import json
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.gateway import Server, casegate_json, serving
from tests.support.ports import is_listening, wait_until

NAME = "{ viewer { language } }"


def is_ready(server: Server) -> bool:
    return httpx2.get(f"{server.address}/ready").status_code == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_from_sigterm_on_it_is_not_ready_and_still_serves_until_it_stops(
    fresh_url: str, tmp_path: Path, workers: str
) -> None:
    # What is asked meanwhile takes longer on a slow machine.
    assert any(_serves_until_it_stops(fresh_url, tmp_path / f"{drain}", workers, drain) for drain in (1.5, 15))


def _serves_until_it_stops(url: str, folder: Path, workers: str, drain: float) -> bool:
    """Hold a server to it, and return whether all was asked within *drain*."""
    folder.mkdir()
    token = casegate_json("demo", database_url=url)["people"][0]["token"]
    answer: Any = None
    with serving(folder, "--workers", workers, database_url=url, demo="false", drain=str(drain)) as server:
        assert is_ready(server)
        end = time.monotonic() + drain
        server.process.send_signal(signal.SIGTERM)
        with suppress(httpx2.TransportError):
            while is_ready(server):
                time.sleep(0.02)
            answer = server.run(token, NAME)
        is_in_time = time.monotonic() < end
        assert server.process.wait(timeout=60) == 0

    assert "Traceback" not in server.output
    assert not is_in_time or answer["viewer"]["language"]
    return is_in_time


def test_workers_whose_parent_was_killed_leave_the_port_to_the_next_one(fresh_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", database_url=fresh_url, demo="false", drain="60") as server:
        port = int(server.address.rpartition(":")[2])
        server.process.kill()
        server.process.wait()

        assert wait_until(lambda: not is_listening(port), 60)


def test_what_has_begun_is_finished(fresh_url: str, tmp_path: Path) -> None:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]
    body = json.dumps({"query": NAME}).encode()
    with serving(tmp_path, database_url=fresh_url, demo="false") as server:
        host, _, port = server.address.removeprefix("http://").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        connection.putrequest("POST", "/graphql")
        for name, value in {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:5])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        running = server.process.poll() is None
        connection.send(body[5:])
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        code = server.process.wait(timeout=60)

    assert (running, answer.status, code) == (True, 200, 0)
    assert content["data"]["viewer"]["language"]
