"""WeCom's Finance SDK, a C library, through ctypes: all 17 symbols of platform reference 5.2.

It can crash, hang and print, so only the decoder process loads it. One handle per process, made once,
used by one thread. Every slice and media buffer is freed on every path. Return codes become the errors
of ``bot.archive.errors``; what the bytes say is for the caller.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.archive.errors import LibraryAbsent, failure

SYSTEM_FAILURE = 10003  # also what "no memory" becomes

_text, _int, _pointer = ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p

# Name: (what it returns, what it takes). Pointers are c_void_p: the default int would cut them to 32 bits.
SYMBOLS: dict[str, tuple[Any, list[Any]]] = {
    "NewSdk": (_pointer, []),
    "Init": (_int, [_pointer, _text, _text]),
    "GetChatData": (_int, [_pointer, ctypes.c_ulonglong, ctypes.c_uint, _text, _text, _int, _pointer]),
    "DecryptData": (_int, [_text, _text, _pointer]),
    "GetMediaData": (_int, [_pointer, _text, _text, _text, _text, _int, _pointer]),
    "DestroySdk": (None, [_pointer]),
    "NewSlice": (_pointer, []),
    "FreeSlice": (None, [_pointer]),
    "GetContentFromSlice": (_pointer, [_pointer]),
    "GetSliceLen": (_int, [_pointer]),
    "NewMediaData": (_pointer, []),
    "FreeMediaData": (None, [_pointer]),
    "GetOutIndexBuf": (_pointer, [_pointer]),
    "GetData": (_pointer, [_pointer]),
    "GetIndexLen": (_int, [_pointer]),
    "GetDataLen": (_int, [_pointer]),
    "IsMediaDataFinish": (_int, [_pointer]),
}


@dataclass(frozen=True, slots=True)
class Account:
    """Whose archive, and the way there. An empty proxy means none."""

    corpid: str
    secret: str
    proxy: str = ""  # http://host:port or socks5://host:port
    proxy_password: str = ""  # user:pass
    timeout_s: int = 20  # of one network call inside the library

    def __repr__(self) -> str:
        return f"Account(corpid={self.corpid!r})"  # neither secret nor proxy password


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file, at most 512 KB. ``next_index`` asks for the one after it."""

    data: bytes
    next_index: str
    finished: bool


class FinanceSdk:
    """One handle. Raises LibraryAbsent when the file is not there or is not this library."""

    def __init__(self, library: Path, account: Account) -> None:
        self._lib = load(library)
        self._account = account
        self._proxy = (account.proxy.encode(), account.proxy_password.encode())  # "" and never NULL
        self._handle: int | None = self._lib.NewSdk()
        if not self._handle:
            raise failure("NewSdk", SYSTEM_FAILURE)
        code = self._lib.Init(self._handle, account.corpid.encode(), account.secret.encode())
        if code:
            self.close()
            raise failure("Init", code)

    def close(self) -> None:
        """Give the handle back; later calls are a mistake of ours."""
        handle, self._handle = self._handle, None
        if handle:
            self._lib.DestroySdk(handle)

    def get_chat_data(self, seq: int, *, limit: int) -> bytes:
        """The answer's JSON as it came: records after ``seq``, at most 1000."""
        handle, (proxy, password) = self._open_handle(), self._proxy
        with self._buffer("NewSlice", "FreeSlice") as buffer:
            code = self._lib.GetChatData(handle, seq, limit, proxy, password, self._account.timeout_s, buffer)
            if code:
                raise failure("GetChatData", code)
            return self._read(buffer, "GetContentFromSlice", "GetSliceLen")

    def decrypt(self, random_key: str, encrypt_chat_msg: str) -> bytes:
        """The message's JSON as it came."""
        with self._buffer("NewSlice", "FreeSlice") as buffer:
            code = self._lib.DecryptData(random_key.encode(), encrypt_chat_msg.encode(), buffer)
            if code:
                raise failure("DecryptData", code)
            return self._read(buffer, "GetContentFromSlice", "GetSliceLen")

    def get_media_data(self, sdkfileid: str, index: str) -> Piece:
        """One piece of a file; ``index`` is "" at first, then the last piece's ``next_index``."""
        handle, (proxy, password) = self._open_handle(), self._proxy
        with self._buffer("NewMediaData", "FreeMediaData") as buffer:
            code = self._lib.GetMediaData(
                handle, index.encode("latin-1"), sdkfileid.encode(), proxy, password, self._account.timeout_s, buffer
            )
            if code:
                raise failure("GetMediaData", code)
            next_index = self._read(buffer, "GetOutIndexBuf", "GetIndexLen")
            return Piece(
                data=self._read(buffer, "GetData", "GetDataLen"),
                next_index=next_index.split(b"\0")[0].decode("latin-1"),
                finished=bool(self._lib.IsMediaDataFinish(buffer)),
            )

    def _open_handle(self) -> int:
        assert self._handle, "the handle was closed"
        return self._handle

    @contextmanager
    def _buffer(self, new: str, free: str) -> Iterator[int]:
        buffer = getattr(self._lib, new)()
        if not buffer:
            raise failure(new, SYSTEM_FAILURE)
        try:
            yield buffer
        finally:
            getattr(self._lib, free)(buffer)

    def _read(self, buffer: int, content: str, length: str) -> bytes:
        """Copy out by length: a NUL byte is content like any other."""
        start: int | None = getattr(self._lib, content)(buffer)
        size: int = getattr(self._lib, length)(buffer)
        return ctypes.string_at(start, size) if start and size > 0 else b""


def load(library: Path) -> ctypes.CDLL:
    """Load the library and declare its symbols. Raises LibraryAbsent."""
    try:
        lib = ctypes.CDLL(str(library))
        for name, (restype, argtypes) in SYMBOLS.items():
            function: Callable[..., Any] = getattr(lib, name)
            function.restype, function.argtypes = restype, argtypes  # type: ignore[attr-defined]  # ctypes functions have both
    except OSError:
        why = "文件打不开或不适合本机" if library.exists() else "文件不存在"
        raise LibraryAbsent(f"{library.name}: {why}") from None
    except AttributeError:
        raise LibraryAbsent(f"{library.name}: 不是会话存档的库") from None
    return lib
