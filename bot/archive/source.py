"""Where archive envelopes come from, and how they are opened.

Two sources keep one protocol: ``bot.archive.sdk_source`` drives the vendor's C library, which may not be
distributed (platform reference 5.1–5.6); ``SimulatedSource``, here, speaks HTTP with WeCom-in-a-box, and
its inner cipher is simulated too, because the vendor's is not published. RSA and key versions are ours
and the same for both.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiohttp
import structlog
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.archive.errors import Undecryptable, failure
from bot.wecom.errors import Misconfigured, OutcomeUnknown, Unreachable

__all__ = [
    "ArchiveSource",
    "KeyRing",
    "Locked",
    "Opened",
    "Postponed",
    "Sealed",
    "SimulatedSource",
    "Undecryptable",
    "open_many",
    "read_page",
]

TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sealed:
    """One record of ``chatdata`` (platform reference 5.4)."""

    seq: int
    msgid: str
    publickey_ver: int
    encrypt_random_key: str
    encrypt_chat_msg: str


@dataclass(frozen=True, slots=True)
class Locked:
    """A message behind the library's own cipher: RSA is undone, the random key is known."""

    random_key: str
    encrypt_chat_msg: str

    def __repr__(self) -> str:
        return "Locked(…)"  # with the key, the message is readable


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not opened this time, and not its fault: the envelope keeps waiting."""


Opened = bytes | Undecryptable | Postponed  # the message's JSON, or why there is none


class ArchiveSource(Protocol):
    async def fetch(self, seq: int, *, limit: int) -> list[Sealed]:
        """Records with a ``seq`` greater than the given one, in order; empty at the head of the stream."""

    async def decrypt(self, locked: Sequence[Locked]) -> list[Opened]:
        """One answer for each, in order. No single message makes it fail; raises WeComError for all of them."""


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
                return read_page(await response.read())
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"getchatdata: {type(error).__name__}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OutcomeUnknown(f"getchatdata: {type(error).__name__}") from None

    async def decrypt(self, locked: Sequence[Locked]) -> list[Opened]:
        return await asyncio.to_thread(lambda: [self._decrypt_one(one) for one in locked])

    def _decrypt_one(self, locked: Locked) -> Opened:
        try:
            return self._cipher(locked.random_key, locked.encrypt_chat_msg)
        except ValueError:
            return Undecryptable("消息正文解不开（数据损坏）")


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
            raise Undecryptable("随机密钥解不开（私钥与版本不符，或数据损坏）") from None
        if not random_key.isprintable() or not random_key:
            raise Undecryptable("随机密钥不是可打印字符")
        return random_key


async def open_many(sealed: Sequence[Sealed], keys: KeyRing, source: ArchiveSource) -> list[tuple[Sealed, Opened]]:
    """Open a batch. RSA off the event loop (about 0.4 ms each), then the source's cipher for what is left."""

    def unwrap() -> list[Locked | Undecryptable]:
        return [_unwrap(one, keys) for one in sealed]

    unwrapped = await asyncio.to_thread(unwrap)
    answers = iter(await source.decrypt([one for one in unwrapped if isinstance(one, Locked)]))
    return [
        (one, next(answers) if isinstance(inner, Locked) else inner)
        for one, inner in zip(sealed, unwrapped, strict=True)
    ]


def read_page(raw: bytes) -> list[Sealed]:
    """The records of an answer, in order of ``seq``.

    At the head of the stream ``chatdata`` may be empty or missing altogether. A record without a number
    cannot be kept: it is left out, and its number shows as a hole. Raises WeComError.
    """
    try:
        answer = json.loads(raw)
        errcode = int(answer.get("errcode") or 0)
        records = list(answer.get("chatdata") or ())
    except (AttributeError, RecursionError, TypeError, ValueError):
        raise OutcomeUnknown("getchatdata: an answer that cannot be read") from None
    if errcode != 0:
        raise failure("getchatdata", errcode)
    page = [sealed for record in records if (sealed := _to_sealed(record)) is not None]
    if len(page) < len(records):
        _log.warning("archive.records_unreadable", count=len(records) - len(page))
        if not page:
            raise OutcomeUnknown("getchatdata: records without seq")
    return sorted(page, key=lambda one: one.seq)


def _to_sealed(record: object) -> Sealed | None:
    if not isinstance(record, Mapping):
        return None
    seq = _to_int(record.get("seq"), below=2**63)
    if seq <= 0:
        return None
    version = _to_int(record.get("publickey_ver"), below=2**31)
    msgid, random_key, message = (
        _storable(record.get(name)) for name in ("msgid", "encrypt_random_key", "encrypt_chat_msg")
    )
    return Sealed(seq, msgid, version, random_key, message)


def _to_int(value: object, *, below: int) -> int:
    """Numbers may come as strings; 0 when it is none, or larger than its column holds."""
    try:
        number = int(value) if isinstance(value, int | str) else 0
    except ValueError:
        return 0
    return number if 0 <= number < below else 0


def _storable(value: object) -> str:
    """A string every database takes: one odd record must not stop the page it came in."""
    return str(value or "").encode("utf-8", "replace").decode().replace("\0", "")


def _unwrap(sealed: Sealed, keys: KeyRing) -> Locked | Undecryptable:
    try:
        return Locked(keys.unwrap(sealed.publickey_ver, sealed.encrypt_random_key), sealed.encrypt_chat_msg)
    except Undecryptable as reason:
        return reason
