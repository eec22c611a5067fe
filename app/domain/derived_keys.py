"""Keys that are derived from one key of the server, so that none of them is stored (HKDF with SHA-256, RFC 5869)."""

import hashlib
import hmac

KEY_BYTES = hashlib.sha256().digest_size


def derived_key(master: bytes, purpose: bytes) -> bytes:
    """Return the key for *purpose*, the `info` of section 2.3, of as many bytes as the hash has; there is no salt."""
    extracted = hmac.digest(bytes(KEY_BYTES), master, hashlib.sha256)
    return hmac.digest(extracted, purpose + b"\x01", hashlib.sha256)
