"""Signatures of webhooks: the public library verifies them, each endpoint has keys of its own, rotations overlap."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from app.domain.webhooks import SecretVersions, SignatureScheme
from app.webhooks.signing import HmacKey, SigningKey, derive_key, signed_headers
from tests.support.manual import blocks, page

MASTER = bytes(range(32))
WEBHOOK = UUID("0196a2d0-0000-7000-8000-000000000001")
OTHER = UUID("0196a2d0-0000-7000-8000-000000000002")
ACTION = "0196a2d0-0000-7000-8000-00000000000a"


def hmac_key(version: int = 1, webhook_id: UUID = WEBHOOK) -> SigningKey:
    return derive_key(MASTER, SignatureScheme.HMAC, webhook_id, version)


def ed25519_key(version: int = 1) -> SigningKey:
    return derive_key(MASTER, SignatureScheme.ED25519, WEBHOOK, version)


def headers(*keys: SigningKey, body: bytes = b"{}", message_id: str = ACTION) -> dict[str, str]:
    return signed_headers(keys, message_id, datetime.now(UTC), body)


def assert_signed(public_key: str, sent: dict[str, str], body: bytes) -> None:
    """Verify a `v1a` signature as the specification says. Raises: InvalidSignature."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_"), validate=True))
    signature = next(part for part in sent["webhook-signature"].split(" ") if part.startswith("v1a,"))
    content = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    key.verify(base64.b64decode(signature.removeprefix("v1a,"), validate=True), content)


def test_the_example_of_the_specification_has_its_signature() -> None:
    secret = HmacKey(base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    sent_at = datetime.fromtimestamp(1614265330, UTC)

    sent = signed_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at, b'{"test": 2432232314}')

    assert secret.verifier == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert sent["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(body=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_the_public_library_verifies_any_body(body: str) -> None:
    sent = headers(hmac_key(), body=body.encode())
    library = Webhook(hmac_key().verifier)

    library.verify(body.encode(), sent, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        library.verify(f"{body}.".encode(), sent, json_parse=False)


def test_the_public_library_refuses_what_was_altered() -> None:
    sent = headers(hmac_key(), body=b'{"a": 1}')
    library = Webhook(hmac_key().verifier)
    altered = [
        (b'{"a": 2}', sent),
        (b'{"a": 1}', sent | {"webhook-id": "another"}),
        (b'{"a": 1}', sent | {"webhook-timestamp": str(int(sent["webhook-timestamp"]) + 1)}),
        (b'{"a": 1}', headers(hmac_key(version=2), body=b'{"a": 1}')),
        (b'{"a": 1}', headers(hmac_key(webhook_id=OTHER), body=b'{"a": 1}')),
        (b'{"a": 1}', headers(ed25519_key(), body=b'{"a": 1}')),
    ]

    for body, changed in altered:
        with pytest.raises(WebhookVerificationError):
            library.verify(body, changed)


def test_an_ed25519_signature_is_verified_by_the_public_key_alone() -> None:
    key = ed25519_key()
    sent = headers(key, body=b"{}")

    assert_signed(key.verifier, sent, b"{}")
    with pytest.raises(InvalidSignature):
        assert_signed(key.verifier, sent, b"{ }")
    with pytest.raises(InvalidSignature):
        assert_signed(ed25519_key(version=2).verifier, sent, b"{}")


def test_during_a_rotation_both_secrets_verify_and_the_library_passes_over_other_schemes() -> None:
    old, new, other = hmac_key(1), hmac_key(2), ed25519_key()

    sent = headers(new, other, old)

    for key in (old, new):
        Webhook(key.verifier).verify(b"{}", sent)
    assert_signed(other.verifier, sent, b"{}")
    with pytest.raises(WebhookVerificationError):
        Webhook(hmac_key(3).verifier).verify(b"{}", sent)


def test_each_endpoint_scheme_version_and_server_has_a_key_of_its_own() -> None:
    verifiers = [
        derive_key(master, scheme, webhook_id, version).verifier
        for master in (MASTER, MASTER[::-1])
        for scheme in SignatureScheme
        for webhook_id in (WEBHOOK, OTHER)
        for version in (1, 2, 11)
    ]

    assert len(set(verifiers)) == len(verifiers) == 24
    assert derive_key(MASTER, SignatureScheme.HMAC, WEBHOOK, 1).verifier == verifiers[0]


def test_keys_keep_their_secrets_to_themselves() -> None:
    for key in (hmac_key(), ed25519_key()):
        assert "secret" not in repr(key)
        assert "seed" not in repr(key)


def test_a_short_key_of_the_server_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        derive_key(MASTER[:16], SignatureScheme.HMAC, WEBHOOK, 1)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\nb", "é"])
def test_an_id_that_could_be_taken_for_another_part_is_refused(message_id: str) -> None:
    with pytest.raises(ValueError, match="no id of a message"):
        headers(hmac_key(), message_id=message_id)


def test_the_version_before_signs_until_its_time_has_come() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    versions = SecretVersions().rotated(now + timedelta(hours=24))

    assert SecretVersions().in_use(now) == (1,)
    assert versions.in_use(now) == (2, 1)
    assert versions.in_use(now + timedelta(hours=24) - timedelta(microseconds=1)) == (2, 1)
    assert versions.in_use(now + timedelta(hours=24)) == (2,)
    assert versions.rotated(now + timedelta(hours=25)).in_use(now) == (3, 2)


def test_what_the_manual_verifies_a_public_key_with_takes_what_was_signed_and_nothing_else() -> None:
    (block,) = blocks("python", page=page("webhooks.md"))
    of_manual: dict[str, Callable[..., None]] = {}
    exec(block.text, of_manual)  # noqa: S102  # it is the manual's
    verify, public_key, body = of_manual["verify"], ed25519_key(1).verifier, b'{"type":"ping"}'
    rotated = headers(ed25519_key(2), ed25519_key(1), body=body)
    stale = signed_headers([ed25519_key(1)], ACTION, datetime.now(UTC) - timedelta(minutes=6), body)

    verify(public_key, headers(ed25519_key(1), body=body), body)
    verify(public_key, rotated, body)
    for sent, received in ((rotated, body + b" "), (headers(ed25519_key(2), body=body), body), (stale, body)):
        with pytest.raises(InvalidSignature):
            verify(public_key, sent, received)
