"""The platform's own pen: event XML, signature, and AES envelope of a callback (platform reference 1.3 and 1.4).

Written apart from ``bot.wecom.envelope`` on purpose: two readings of one protocol check each other.
"""

import base64
import hashlib
import struct
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.simulator.context import XmlValue

PAD_BLOCK = 32  # the cipher's block is 16, the padding's is 32


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Lower-case hex SHA-1 of the four strings, sorted and joined."""
    joined = b"".join(sorted(part.encode() for part in (token, timestamp, nonce, encrypted)))
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()


def encrypt(message: bytes, *, encoding_aes_key: str, receive_id: str, random16: bytes) -> str:
    """Base64 of AES-256-CBC over random ‖ length ‖ message ‖ receive_id, padded to a multiple of 32."""
    assert len(random16) == 16
    plain = random16 + struct.pack(">I", len(message)) + message + receive_id.encode()
    pad = PAD_BLOCK - len(plain) % PAD_BLOCK
    return encrypt_padded(plain + bytes([pad]) * pad, encoding_aes_key=encoding_aes_key)


def encrypt_padded(plain: bytes, *, encoding_aes_key: str) -> str:
    """The cipher alone; forgeries use it to break the rules inside the envelope."""
    key = base64.b64decode(encoding_aes_key + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def event_xml(fields: Mapping[str, XmlValue]) -> bytes:
    """The decrypted body of a push: texts in CDATA, numbers bare, lists as repeated elements."""
    return f"<xml>{_elements(fields)}</xml>".encode()


def outer_xml(encrypted: str, *, to_user: str, agentid: int | None) -> bytes:
    """The request body of a push."""
    agent = "" if agentid is None else f"<AgentID>{_cdata(str(agentid))}</AgentID>"
    body = f"<xml><ToUserName>{_cdata(to_user)}</ToUserName>{agent}<Encrypt>{_cdata(encrypted)}</Encrypt></xml>"
    return body.encode()


def _elements(fields: Mapping[str, XmlValue]) -> str:
    return "".join(_element(name, value) for name, value in fields.items())


def _element(name: str, value: XmlValue) -> str:
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    if isinstance(value, str):
        return f"<{name}>{_cdata(value)}</{name}>"
    if isinstance(value, Mapping):
        return f"<{name}>{_elements(value)}</{name}>"
    return "".join(_element(name, item) for item in value)


def _cdata(text: str) -> str:
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"
