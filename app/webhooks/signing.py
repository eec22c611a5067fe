"""Signatures of webhooks, as Standard Webhooks has them (its specification, version 1.0.0).

Secrets are derived from one key of the server, so that none is stored: an endpoint's row has the version of its secret
alone. Each endpoint, each scheme and each version has another one.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from app.domain.derived_keys import derived_key
from app.domain.webhooks import SignatureScheme

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MASTER_BYTES = 32
ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"


PREFIXES = {SignatureScheme.HMAC: "v1", SignatureScheme.ED25519: "v1a"}


class SigningKey(Protocol):
    """What signs deliveries. `verifier` is what the endpoint verifies them with: a secret, or a public key."""

    @property
    def verifier(self) -> str: ...

    def sign(self, content: bytes) -> str: ...


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A secret that both sides have: HMAC with SHA-256."""

    secret: bytes = field(repr=False)

    @property
    def verifier(self) -> str:
        """The secret; whoever has it can sign, too."""
        return f"{SECRET_PREFIX}{_encode(self.secret)}"

    def sign(self, content: bytes) -> str:
        """Return the signature with its prefix."""
        return f"{PREFIXES[SignatureScheme.HMAC]},{_encode(hmac.digest(self.secret, content, hashlib.sha256))}"


SECRET_PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
"""How long a secret is to be that was made elsewhere (Standard Webhooks, "Signature scheme")."""


def read_secret(text: str) -> HmacKey:
    """Return the key that a secret is written as. Raises: ValueError, which says what is accepted."""
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        secret = b""
    if not text.startswith(SECRET_PREFIX) or len(secret) not in SECRET_BYTES:
        raise ValueError("a secret is whsec_ and the base64 of 24 to 64 bytes")
    return HmacKey(secret)


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """A key pair of which the endpoint has the public key: Ed25519 (RFC 8032)."""

    seed: bytes = field(repr=False)

    @property
    def verifier(self) -> str:
        """The public key."""
        return f"whpk_{_encode(self._private.public_key().public_bytes_raw())}"

    @property
    def _private(self) -> "Ed25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # 7 MiB, and few need it

        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def sign(self, content: bytes) -> str:
        """Return the signature with its prefix."""
        return f"{PREFIXES[SignatureScheme.ED25519]},{_encode(self._private.sign(content))}"


def derive_key(master: bytes, scheme: SignatureScheme, webhook_id: UUID, version: int) -> SigningKey:
    """Return an endpoint's key of a version, derived from the server's *master* key (HKDF, RFC 5869).

    Raises: ValueError, for a master key that is too short.
    """
    if len(master) < MASTER_BYTES:
        raise ValueError(f"the key of webhooks has {len(master)} bytes, and not {MASTER_BYTES}")
    info = f"casegate webhook {PREFIXES[scheme]} {webhook_id} {version}".encode()
    derived = derived_key(master, info)
    return HmacKey(derived) if scheme is SignatureScheme.HMAC else Ed25519Key(derived)


def signed_headers(keys: Sequence[SigningKey], message_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery: the same *message_id* at each try, and a signature for each key.

    Raises: ValueError, for an id from which the parts of what is signed could not be told apart.
    """
    if not message_id.isascii() or not message_id.isprintable() or not message_id or {".", " "} & set(message_id):
        raise ValueError(f"{message_id!r} is no id of a message")
    timestamp = str(int(sent_at.timestamp()))
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: " ".join(key.sign(content) for key in keys),
    }


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
