"""A bucket: a real server that speaks S3, to which the usual AWS variables lead."""

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of a server that speaks S3, with a bucket; the usual variables lead to it."""
    from moto.server import ThreadedMotoServer  # takes its time, of every process that runs a test

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_REGION", "eu-west-1")
        _request(host, port, "PUT", "/evidence")
        yield f"http://{host}:{port}"
    server.stop()


def _request(host: str, port: int, method: str, path: str) -> None:
    with socket.create_connection((host, port)) as connection:
        place = b"<LocationConstraint>eu-west-1</LocationConstraint>"
        body = b"<CreateBucketConfiguration>" + place + b"</CreateBucketConfiguration>"
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        auth = "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/s3/aws4_request\r\n\r\n"
        connection.sendall(head.encode() + auth.encode() + body)
        assert b" 200 " in connection.recv(4096).partition(b"\r\n")[0]
