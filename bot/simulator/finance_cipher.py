"""The simulated cipher of the message archive: what stands in for the vendor's ``DecryptData``.

The real cipher lives inside WeCom's C library and is not published (platform reference 5.6), so
``encrypt_chat_msg`` is opaque to everybody. This one is ours: AES-256-CBC and then HMAC-SHA-256, so
that damage and a wrong key are noticed. Key, IV and HMAC key come from the random key by SHA-256 with
a label each; a random key serves one message, so the IV never meets another text. It proves nothing
about the vendor's library, which production must load. Pure.
"""

import base64
import binascii
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

TAG_BYTES = 32
BLOCK_BYTES = 16


class UndecryptableError(ValueError):
    """The message cannot be read with this random key; the library would return 10006."""


def encrypt(random_key: str, message: bytes) -> str:
    """Base64 of ciphertext ‖ HMAC tag."""
    padder = PKCS7(BLOCK_BYTES * 8).padder()
    encryptor = _cipher(random_key).encryptor()
    sealed = encryptor.update(padder.update(message) + padder.finalize()) + encryptor.finalize()
    return base64.b64encode(sealed + _tag(random_key, sealed)).decode()


def decrypt(random_key: str, encrypt_chat_msg: str) -> bytes:
    """The message's bytes (UTF-8 JSON). Raises UndecryptableError for damage or another message's key."""
    try:
        blob = base64.b64decode(encrypt_chat_msg, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UndecryptableError("encrypt_chat_msg is not base64") from error
    sealed, tag = blob[:-TAG_BYTES], blob[-TAG_BYTES:]
    if not sealed or len(sealed) % BLOCK_BYTES or not hmac.compare_digest(tag, _tag(random_key, sealed)):
        raise UndecryptableError("encrypt_chat_msg is damaged or belongs to another key")
    decryptor = _cipher(random_key).decryptor()
    unpadder = PKCS7(BLOCK_BYTES * 8).unpadder()
    return unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()


def _cipher(random_key: str) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(_derive(random_key, b"key")), modes.CBC(_derive(random_key, b"iv")[:BLOCK_BYTES]))


def _tag(random_key: str, sealed: bytes) -> bytes:
    return hmac.digest(_derive(random_key, b"tag"), sealed, "sha256")


def _derive(random_key: str, label: bytes) -> bytes:
    return hashlib.sha256(label + b"\0" + random_key.encode()).digest()
