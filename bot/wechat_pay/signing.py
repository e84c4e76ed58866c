"""WeChat Pay's signatures and ciphers. Pure: bytes in, bytes out; the clock is an argument.

v2 signs a sorted list of fields with a shared key; v3 signs the exact bytes of a request with RSA
and seals callbacks with AES-GCM. Sign strings contain keys: nothing here logs or keeps them.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FRESHNESS: Final = timedelta(minutes=5)
PROBE_PREFIX: Final = "WECHATPAY/SIGNTEST/"  # WeChat tests merchants with such signatures: they must be refused
WORKWX_FIELDS: Final = (
    "act_name",
    "mch_billno",
    "mch_id",
    "nonce_str",
    "re_openid",
    "total_amount",
    "wxappid",
)


class SignKind(StrEnum):
    MD5 = "MD5"
    HMAC_SHA256 = "HMAC-SHA256"


class NotFromWeChat(Exception):
    """A signature or a sealed text is not WeChat's. Refuse the message and decide nothing from it."""


class SignatureRefused(NotFromWeChat):
    """The signature is wrong, stale, a probe, or made with a key we do not know."""


class CannotDecrypt(NotFromWeChat):
    """The sealed text was not made with our APIv3 key, or was changed on the way."""


def sign_v2(fields: Mapping[str, str | int], key: str, kind: SignKind = SignKind.MD5) -> str:
    """The upper-case hex ``sign`` of a v2 message. Empty values and ``sign`` itself are left out; 0 is not empty."""
    text = f"{_joined(fields)}&key={key}"
    if kind is SignKind.MD5:
        return _md5(text)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest().upper()


def workwx_sign(fields: Mapping[str, str | int], secret: str) -> str:
    """The ``workwx_sign`` of an enterprise red packet: seven fields, WeCom's payment secret, MD5."""
    chosen = {name: fields[name] for name in WORKWX_FIELDS}
    return _md5(f"{_joined(chosen)}&secret={secret}")


def sign_v3(message: bytes, private_key: RSAPrivateKey) -> str:
    """RSA with SHA-256 and PKCS#1 v1.5, base64."""
    return base64.b64encode(private_key.sign(message, PKCS1v15(), hashes.SHA256())).decode()


def request_message(*, method: str, path: str, timestamp: int, nonce: str, body: bytes) -> bytes:
    """The five lines a v3 request is signed over; ``path`` with its query, ``body`` exactly as it is sent."""
    return f"{method}\n{path}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who signs v3 requests. ``serial`` is the merchant certificate's own, not WeChat's."""

    mch_id: str
    serial: str
    private_key: RSAPrivateKey

    def authorization(self, *, method: str, path: str, timestamp: int, nonce: str, body: bytes) -> str:
        """The value of the header ``Authorization``."""
        message = request_message(method=method, path=path, timestamp=timestamp, nonce=nonce, body=body)
        pairs = {
            "mchid": self.mch_id,
            "nonce_str": nonce,
            "signature": sign_v3(message, self.private_key),
            "timestamp": str(timestamp),
            "serial_no": self.serial,
        }
        return "WECHATPAY2-SHA256-RSA2048 " + ",".join(f'{name}="{value}"' for name, value in pairs.items())


def verify_rsa(message: bytes, signature: str, public_key: RSAPublicKey) -> None:
    """Raise SignatureRefused unless ``signature`` (base64) is the key owner's over ``message``."""
    try:
        raw = base64.b64decode(signature, validate=True)
        public_key.verify(raw, message, PKCS1v15(), hashes.SHA256())
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise SignatureRefused("the signature does not fit the message") from error


def verify_v3(headers: Mapping[str, str], body: bytes, keys: Mapping[str, RSAPublicKey], *, now: datetime) -> None:
    """Verify a v3 answer or callback over its raw body, before anything in it is read.

    ``keys`` maps serials to keys: hex serials of platform certificates or ``PUB_KEY_ID_…``; both are
    compared as text. Raises SignatureRefused, also for WeChat's probes and for more than FRESHNESS off.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        timestamp, nonce, signature, serial = (
            given[f"wechatpay-{name}"] for name in ("timestamp", "nonce", "signature", "serial")
        )
    except KeyError as error:
        raise SignatureRefused(f"header {error.args[0]} is missing") from None
    if signature.startswith(PROBE_PREFIX):
        raise SignatureRefused("a signature probe")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureRefused("the time stamp is no number")
    if abs(now.timestamp() - int(timestamp)) > FRESHNESS.total_seconds():
        raise SignatureRefused("the time stamp is more than 5 minutes off")
    key = keys.get(serial)
    if key is None:
        raise SignatureRefused("signed with a key we do not know")
    verify_rsa(f"{timestamp}\n{nonce}\n".encode() + body + b"\n", signature, key)


def decrypt_aead(ciphertext: str, *, key: str, nonce: str, associated_data: str) -> bytes:
    """Open ``AEAD_AES_256_GCM``: base64 text with the 16-byte tag at its end. Raises CannotDecrypt."""
    try:
        sealed = base64.b64decode(ciphertext, validate=True)
        return AESGCM(key.encode()).decrypt(nonce.encode(), sealed, associated_data.encode())
    except (binascii.Error, ValueError, InvalidTag) as error:
        raise CannotDecrypt("the text does not open with our key") from error


def _joined(fields: Mapping[str, str | int]) -> str:
    present = {name: str(value) for name, value in fields.items() if name != "sign" and str(value) != ""}
    return "&".join(f"{name}={present[name]}" for name in sorted(present))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()  # the protocol's choice
