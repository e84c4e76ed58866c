"""Every public vector of the platform reference, and what must be refused."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.wecom.envelope import (
    BadCiphertext,
    BadSignature,
    EnvelopeError,
    WrongReceiver,
    decode_aes_key,
    open_envelope,
    seal,
    sign,
)

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
SIGNED = [vector for vector in VECTORS if "msg_signature" in vector]
KEY = decode_aes_key("jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")


def opened(encrypt: str, *, token: str = "QDG6eK", receive_id: str = "ww1", signature: str | None = None) -> bytes:
    signature = sign(token, "1", "2", encrypt) if signature is None else signature
    return open_envelope(
        encrypt,
        msg_signature=signature,
        timestamp="1",
        nonce="2",
        token=token,
        aes_key=KEY,
        receive_id=receive_id,
    )


@pytest.mark.parametrize("vector", SIGNED, ids=lambda v: v["id"])
def test_every_public_vector_opens_to_its_message(vector: dict[str, str]) -> None:
    message = open_envelope(
        vector["encrypt"],
        msg_signature=vector["msg_signature"],
        timestamp=vector["timestamp"],
        nonce=vector["nonce"],
        token=vector["token"],
        aes_key=decode_aes_key(vector["aes_key"]),
        receive_id=vector["receive_id"],
    )
    assert message.decode() == vector["message"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_sealing_a_public_vector_again_gives_the_same_bytes(vector: dict[str, str]) -> None:
    """Also proves the 32-byte padding: the vectors' pad values run from 1 to 32."""
    sealed = seal(
        vector["message"].encode(),
        token=vector.get("token", ""),
        aes_key=decode_aes_key(vector["aes_key"]),
        receive_id=vector["receive_id"],
        timestamp=vector.get("timestamp", ""),
        nonce=vector.get("nonce", ""),
        random16=bytes.fromhex(vector["random_hex"]),
    )
    assert sealed.encrypt == vector["encrypt"]
    if "msg_signature" in vector:
        assert sealed.msg_signature == vector["msg_signature"]


@given(message=st.binary(max_size=2000), receive_id=st.text(max_size=20), random16=st.binary(min_size=16, max_size=16))
def test_what_is_sealed_opens_again(message: bytes, receive_id: str, random16: bytes) -> None:
    sealed = seal(message, token="t", aes_key=KEY, receive_id=receive_id, timestamp="1", nonce="2", random16=random16)
    assert opened(sealed.encrypt, token="t", receive_id=receive_id) == message


@given(encrypt=st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda b: base64.b64encode(b).decode())))
def test_no_input_raises_anything_but_an_envelope_error(encrypt: str) -> None:
    with pytest.raises(EnvelopeError):
        opened(encrypt)


def test_a_forged_signature_is_refused_before_anything_is_decrypted() -> None:
    sealed = seal(b"x", token="t", aes_key=KEY, receive_id="ww1", timestamp="1", nonce="2", random16=bytes(16))
    for signature in ("", "0" * 40, sealed.msg_signature.upper(), "é"):
        with pytest.raises(BadSignature):
            opened(sealed.encrypt, token="t", signature=signature)


def test_another_corps_message_is_refused() -> None:
    sealed = seal(b"x", token="QDG6eK", aes_key=KEY, receive_id="ww2", timestamp="1", nonce="2", random16=bytes(16))
    with pytest.raises(WrongReceiver):
        opened(sealed.encrypt)


def test_a_signed_but_cut_ciphertext_is_refused() -> None:
    sealed = seal(b"x" * 99, token="t", aes_key=KEY, receive_id="ww1", timestamp="1", nonce="2", random16=bytes(16))
    with pytest.raises(BadCiphertext):
        opened(base64.b64encode(base64.b64decode(sealed.encrypt)[:-16]).decode(), token="t")


@pytest.mark.parametrize("key", ["", "short", "x" * 44, "!" * 43])
def test_an_impossible_aes_key_is_named(key: str) -> None:
    with pytest.raises(ValueError, match="43"):
        decode_aes_key(key)
