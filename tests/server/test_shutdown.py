"""The end of a server: it says that it is not ready, finishes what has begun, and exits with 0."""

import http.client
import json
import signal
import time
from pathlib import Path

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
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]
    with serving(tmp_path, "--workers", workers, database_url=fresh_url, demo="false", drain="1.5") as server:
        before = is_ready(server)
        server.process.send_signal(signal.SIGTERM)
        turned = wait_until(lambda: not is_ready(server), 1.4)
        answer = server.run(token, NAME)
        code = server.process.wait(timeout=20)

    assert (before, turned, code) == (True, True, 0)
    assert answer["viewer"]["language"]
    assert "Traceback" not in server.output


def test_workers_whose_parent_was_killed_leave_the_port_to_the_next_one(fresh_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", database_url=fresh_url, demo="false", drain="60") as server:
        port = int(server.address.rpartition(":")[2])
        server.process.kill()
        server.process.wait()

        assert wait_until(lambda: not is_listening(port), 20)


def test_what_has_begun_is_finished(fresh_url: str, tmp_path: Path) -> None:
    token = casegate_json("demo", database_url=fresh_url)["people"][0]["token"]
    body = json.dumps({"query": NAME}).encode()
    with serving(tmp_path, database_url=fresh_url, demo="false") as server:
        host, _, port = server.address.removeprefix("http://").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
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
        code = server.process.wait(timeout=20)

    assert (running, answer.status, code) == (True, 200, 0)
    assert content["data"]["viewer"]["language"]
