"""Keys that are derived from one: they are those of HKDF, which others can make too."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from app.domain.derived_keys import derived_key


@given(master=st.binary(min_size=1, max_size=80), purpose=st.binary(max_size=80))
def test_a_derived_key_is_that_of_hkdf_with_sha_256(master: bytes, purpose: bytes) -> None:
    expected = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(master)

    assert derived_key(master, purpose) == expected
