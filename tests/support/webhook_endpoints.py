"""Endpoints of webhooks on loopback: they keep what they receive, and answer with the bytes that a test gives."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "hooks.example.com"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(slots=True)
class ReceivedRequest:
    """One request as it came."""

    head: bytes
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}

    @property
    def target(self) -> str:
        return self.head.decode("latin-1").split(" ")[1]


@dataclass(slots=True)
class WebhookEndpoint:
    """A server of one address. `answer` returns what is sent back, after so many seconds; None leaves it waiting.

    `before` is done with a request before it is answered.
    """

    answer: Callable[[ReceivedRequest], bytes | None] = lambda _: OK
    requests: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    seconds: float = 0
    before: Callable[[ReceivedRequest], Awaitable[None]] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                request = ReceivedRequest(head, b"")
                request.body = await reader.readexactly(int(request.headers.get("content-length", "0")))
                self.requests.append(request)
                if self.before is not None:
                    await self.before(request)
                answer = self.answer(request)
                await asyncio.sleep(self.seconds)
                if answer is None:
                    await reader.read()
                    return
                writer.write(answer)
                await writer.drain()
                if b"connection: close" in answer.lower():
                    return
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    endpoint: WebhookEndpoint, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[WebhookEndpoint]:
    """Serve *endpoint* on loopback; its port is a free one, if none is given."""
    server = await asyncio.start_server(endpoint.serve, address, port, ssl=tls)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()


@dataclass(slots=True)
class ScriptedResolver:
    """Answers each question with the next of its answers, the last one for ever, and keeps the questions."""

    answers: Sequence[Sequence[str]]
    questions: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.questions.append(host)
        return self.answers[min(len(self.questions), len(self.answers)) - 1]


def server_tls(folder: Path, *names: str) -> ssl.SSLContext:
    """Return the context of a server whose certificate is for *names*, signed by the tests' authority."""
    authority, authority_key = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _certificate(names[0], key.public_key())
        .issuer_name(authority.subject)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .sign(authority_key, SHA256())
    )
    file = folder / f"{names[0].replace(':', '-')}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def client_tls() -> ssl.SSLContext:
    """Return the context of a client that trusts the tests' authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=_authority()[0].public_bytes(Encoding.PEM).decode())
    return context


@cache
def _authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
    certificate = (
        _certificate("Authority of the tests", key.public_key())
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    return certificate, key


def _certificate(name: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
