"""Where archive envelopes come from, and how one is opened.

The real transport is a C library that may not be distributed (platform reference 5.1–5.6). So far
there is one source: the simulated one of WeCom-in-a-box, which speaks HTTP and whose inner cipher is
simulated too, because the vendor's is not published. RSA and key versions are the real thing.
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.wecom.errors import Misconfigured, OutcomeUnknown, Unreachable, refused

TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)


class Undecryptable(Exception):
    """An envelope that cannot be opened, and why: it goes to quarantine and stops nothing."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """One record of ``chatdata`` (platform reference 5.4)."""

    seq: int
    msgid: str
    publickey_ver: int
    encrypt_random_key: str
    encrypt_chat_msg: str


class ArchiveSource(Protocol):
    async def fetch(self, seq: int, *, limit: int) -> list[Sealed]:
        """Records with a ``seq`` greater than the given one, in order; empty at the head of the stream."""

    def decrypt(self, random_key: str, encrypt_chat_msg: str) -> bytes:
        """The message's JSON. Raises ValueError when it cannot be read."""


class InnerCipher(Protocol):
    def __call__(self, random_key: str, encrypt_chat_msg: str, /) -> bytes: ...


class SimulatedSource:
    """Fetches from WeCom-in-a-box over HTTP; simulated, as its address says."""

    def __init__(self, session: aiohttp.ClientSession, *, url: str, secret: str, cipher: InnerCipher) -> None:
        self._session, self._url, self._cipher = session, url, cipher
        self._headers = {"X-Archive-Secret": secret}

    async def fetch(self, seq: int, *, limit: int) -> list[Sealed]:
        try:
            async with self._session.post(
                self._url,
                json={"seq": seq, "limit": limit},
                headers=self._headers,
                timeout=TIMEOUT,
            ) as response:
                if response.status != 200:
                    raise OutcomeUnknown(f"getchatdata: HTTP {response.status}")
                answer: dict[str, Any] = await response.json()
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"getchatdata: {type(error).__name__}") from None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise OutcomeUnknown(f"getchatdata: {type(error).__name__}") from None
        if answer.get("errcode", 0) != 0:
            raise refused("getchatdata", int(answer["errcode"]))
        # At the head of the stream ``chatdata`` may be missing altogether.
        return [
            Sealed(
                int(record["seq"]),
                str(record["msgid"]),
                int(record["publickey_ver"]),
                str(record["encrypt_random_key"]),
                str(record["encrypt_chat_msg"]),
            )
            for record in answer.get("chatdata") or []
        ]

    def decrypt(self, random_key: str, encrypt_chat_msg: str) -> bytes:
        return self._cipher(random_key, encrypt_chat_msg)


class KeyRing:
    """Private keys by ``publickey_ver``; old ones are kept for ever, or old messages are lost."""

    def __init__(self, keys: Mapping[int, rsa.RSAPrivateKey]) -> None:
        self._keys = dict(keys)

    @classmethod
    def from_files(cls, files: Mapping[int, Path]) -> "KeyRing":
        keys = {}
        for version, file in files.items():
            key = load_pem_private_key(file.read_bytes(), password=None)
            if not isinstance(key, rsa.RSAPrivateKey):
                raise Misconfigured(f"archive key {version}", 40211)
            keys[version] = key
        return cls(keys)

    def unwrap(self, publickey_ver: int, encrypt_random_key: str) -> str:
        """The random key inside: RSA PKCS#1 v1.5, a printable string."""
        key = self._keys.get(publickey_ver)
        if key is None:
            raise Undecryptable(f"没有第 {publickey_ver} 版私钥")
        try:
            wrapped = base64.b64decode(encrypt_random_key, validate=True)
            random_key = key.decrypt(wrapped, padding.PKCS1v15()).decode("ascii")
        except (binascii.Error, ValueError):
            raise Undecryptable("随机密钥解不开(私钥与版本不符,或数据损坏)") from None
        if not random_key.isprintable() or not random_key:
            raise Undecryptable("随机密钥不是可打印字符")
        return random_key


def open_sealed(sealed: Sealed, keys: KeyRing, source: ArchiveSource) -> bytes:
    """The message's JSON text. Raises Undecryptable."""
    random_key = keys.unwrap(sealed.publickey_ver, sealed.encrypt_random_key)
    try:
        return source.decrypt(random_key, sealed.encrypt_chat_msg)
    except ValueError:
        raise Undecryptable("消息正文解不开(数据损坏)") from None


async def open_many(
    sealed: list[Sealed], keys: KeyRing, source: ArchiveSource
) -> list[tuple[Sealed, bytes | Undecryptable]]:
    """Open a batch off the event loop: one RSA decryption each, about 0.4 ms."""

    def work() -> list[tuple[Sealed, bytes | Undecryptable]]:
        opened: list[tuple[Sealed, bytes | Undecryptable]] = []
        for one in sealed:
            try:
                opened.append((one, open_sealed(one, keys, source)))
            except Undecryptable as reason:
                opened.append((one, reason))
        return opened

    return await asyncio.to_thread(work)
