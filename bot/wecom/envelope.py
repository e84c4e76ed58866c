"""Open and seal WeCom's callback envelope: signature, AES, length, receive id. Pure.

Rules: SHA-1 over the four sorted strings; AES-256-CBC with the IV taken from the key; PKCS#7 with a
32-byte block; plaintext = 16 random bytes, 4-byte big-endian length, message, receive id
(platform reference 1.4, documents 90968 and 90930).
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_BYTES = 32  # WeCom pads to 32, not to AES's 16
AES_KEY_CHARS = 43
RANDOM_BYTES = 16
HEAD_BYTES = RANDOM_BYTES + 4


class EnvelopeError(Exception):
    """The envelope cannot be trusted or read. ``code`` is the official libraries' return code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class BadSignature(EnvelopeError):
    """Somebody else's message, or a wrong token: refuse and keep a trace."""


class BadCiphertext(EnvelopeError):
    """Signed but unreadable: the EncodingAESKey is wrong or the body is damaged."""


class WrongReceiver(EnvelopeError):
    """Meant for another corp or suite."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What goes over the wire: the base64 ciphertext and the query values that sign it."""

    encrypt: str
    msg_signature: str
    timestamp: str
    nonce: str


def decode_aes_key(encoding_aes_key: str) -> bytes:
    """The 32-byte key behind the 43 characters of the admin page; ValueError when it is not one."""
    if not re.fullmatch(rf"[A-Za-z0-9+/]{{{AES_KEY_CHARS}}}", encoding_aes_key):
        raise ValueError("EncodingAESKey must be 43 characters of A-Z a-z 0-9")
    # Its two spare bits need not be zero, so decode leniently, as the platform does.
    return base64.b64decode(encoding_aes_key + "=")


def sign(token: str, timestamp: str, nonce: str, encrypt: str) -> str:
    parts = sorted(part.encode() for part in (token, timestamp, nonce, encrypt))
    return hashlib.sha1(b"".join(parts)).hexdigest()


def open_envelope(  # the five values of one push, each from a different place
    encrypt: str, *, msg_signature: str, timestamp: str, nonce: str, token: str, aes_key: bytes, receive_id: str
) -> bytes:
    """Return the message inside. Raises BadSignature, BadCiphertext or WrongReceiver; nothing else."""
    expected = sign(token, timestamp, nonce, encrypt)
    if not hmac.compare_digest(expected.encode(), msg_signature.encode()):
        raise BadSignature(-40001, "signature does not match")
    plaintext = _decrypt(encrypt, aes_key)
    size = int.from_bytes(plaintext[RANDOM_BYTES:HEAD_BYTES], "big")
    if HEAD_BYTES + size > len(plaintext):
        raise BadCiphertext(-40008, "length field points past the end: wrong EncodingAESKey?")
    message, receiver = plaintext[HEAD_BYTES : HEAD_BYTES + size], plaintext[HEAD_BYTES + size :]
    if not hmac.compare_digest(receiver, receive_id.encode()):
        raise WrongReceiver(-40005, "receive id is not ours")
    return message


def seal(
    message: bytes, *, token: str, aes_key: bytes, receive_id: str, timestamp: str, nonce: str, random16: bytes
) -> Sealed:
    """Encrypt and sign a message: the passive reply, and what the simulator sends."""
    if len(random16) != RANDOM_BYTES:
        raise ValueError("random16 must be 16 bytes")
    plaintext = random16 + len(message).to_bytes(4, "big") + message + receive_id.encode()
    pad = BLOCK_BYTES - len(plaintext) % BLOCK_BYTES
    encryptor = Cipher(algorithms.AES(aes_key), modes.CBC(aes_key[:16])).encryptor()
    ciphertext = encryptor.update(plaintext + bytes([pad]) * pad) + encryptor.finalize()
    encrypt = base64.b64encode(ciphertext).decode()
    return Sealed(encrypt, sign(token, timestamp, nonce, encrypt), timestamp, nonce)


def _decrypt(encrypt: str, aes_key: bytes) -> bytes:
    try:
        ciphertext = base64.b64decode(encrypt, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadCiphertext(-40010, "not base64") from error
    if len(ciphertext) < BLOCK_BYTES or len(ciphertext) % 16:
        raise BadCiphertext(-40008, "ciphertext length is impossible")
    decryptor = Cipher(algorithms.AES(aes_key), modes.CBC(aes_key[:16])).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    pad = padded[-1]
    if not 1 <= pad <= BLOCK_BYTES or padded[-pad:] != bytes([pad]) * pad:
        raise BadCiphertext(-40007, "padding is wrong: wrong EncodingAESKey?")
    plaintext = padded[:-pad]
    if len(plaintext) < HEAD_BYTES:
        raise BadCiphertext(-40008, "plaintext too short")
    return plaintext
