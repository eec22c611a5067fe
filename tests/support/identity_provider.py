"""An identity provider: keys of several kinds, tokens signed with them, and a real HTTP server for its key set."""

import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.support.api import Api
from tests.support.world import World

ISSUER = "https://login.example"
AUDIENCE = "casegate"


@cache
def _first_key() -> rsa.RSAPrivateKey:
    """Return the key that each provider begins with, made once: that takes longer than most tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class IdentityProvider:
    """Signs tokens; what it publishes, and whether it answers, can be changed."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, Any]] = {}
        self.published: list[str] = []
        self.is_up = True
        self.fetches = 0
        self.url = ""
        self.keys["rsa-1"] = "RS256", _first_key()
        self.published.append("rsa-1")

    def add(self, key_id: str, algorithm: str, *, publish: bool = True) -> None:
        """Make a key of the kind that *algorithm* needs."""
        match algorithm[0]:
            case "R" | "P":
                key: Any = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            case "E" if algorithm != "EdDSA":
                key = ec.generate_private_key(ec.SECP256R1())
            case _:
                key = ed25519.Ed25519PrivateKey.generate()
        self.keys[key_id] = (algorithm, key)
        if publish:
            self.published.append(key_id)

    def public_pem(self, key_id: str) -> bytes:
        pem: bytes = (
            self.keys[key_id][1]
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return pem

    def key_set(self) -> bytes:
        listed = []
        for key_id in self.published:
            algorithm, key = self.keys[key_id]
            kind = jwt.get_algorithm_by_name(algorithm)
            listed.append(json.loads(kind.to_jwk(key.public_key())) | {"kid": key_id, "use": "sig", "alg": algorithm})
        return json.dumps({"keys": listed}).encode()

    def token(self, key_id: str = "rsa-1", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a token for Ada that is good for a minute, but for what *claims* say; None leaves a claim out.

        Each address is another subject's, and verified.
        """
        now = int(time.time())
        email = claims.get("email", "ada@acme.example")
        standard = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 60, "email": email}
        standard |= {"sub": f"subject of {email}", "email_verified": True}
        algorithm, key = self.keys[key_id]
        payload = {name: value for name, value in (standard | claims).items() if value is not None}
        return jwt.encode(payload, key, algorithm, headers={"kid": key_id} | (header or {}))


@contextmanager
def running_provider() -> Iterator[IdentityProvider]:
    """Yield a provider whose key set can be fetched from `url`."""
    provider = IdentityProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.fetches += 1
            self.send_response(200 if provider.is_up else 500)
            self.end_headers()
            if provider.is_up:
                self.wfile.write(provider.key_set())

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_address[1]}/keys"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with running_provider() as running:
        yield running


@asynccontextmanager
async def opened(url: str, world: World, provider: IdentityProvider, **settings: Any) -> AsyncIterator[Api]:
    """Open the gateway's app with *provider* as its identity provider, whose new subjects become people."""
    given = {
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
        "jwt_jwks_url": provider.url,
        "jwt_account": world.account_id,
        "jwt_create_users": True,
    } | settings
    async with Api.opened(url, **given) as api:
        yield api
