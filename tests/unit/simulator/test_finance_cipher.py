"""The archive's simulated cipher: what goes in comes out, and damage is noticed."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simulator.finance_cipher import UndecryptableError, decrypt, encrypt

random_keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(random_key=random_keys, message=st.binary(max_size=300))
def test_a_message_comes_back_as_it_was(random_key: str, message: bytes) -> None:
    assert decrypt(random_key, encrypt(random_key, message)) == message


@given(message=st.binary(max_size=100), bit=st.integers(min_value=0))
def test_any_flipped_bit_is_noticed(message: bytes, bit: int) -> None:
    blob = bytearray(base64.b64decode(encrypt("key", message)))
    at = bit % (len(blob) * 8)
    blob[at // 8] ^= 1 << at % 8
    with pytest.raises(UndecryptableError):
        decrypt("key", base64.b64encode(blob).decode())


@given(text=st.text(max_size=80))
def test_nonsense_is_refused_and_never_crashes(text: str) -> None:
    """A quarantined envelope must not take the reader down: ValueError is all that may come."""
    with pytest.raises(UndecryptableError):
        decrypt("key", text)


def test_another_messages_key_does_not_open_it() -> None:
    with pytest.raises(UndecryptableError):
        decrypt("other", encrypt("key", b"{}"))
