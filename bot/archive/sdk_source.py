"""The archive through WeCom's own library: pages, messages and files, each by a decoder process of its own.

Three processes, started when first needed: a slow file never delays messages, and a message that
crashes the library takes neither a page nor a file with it.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from bot.archive.decoder import Decoder, Limits
from bot.archive.errors import DecoderDied, TooBig
from bot.archive.finance_sdk import Account, Piece
from bot.archive.source import Locked, Opened, Sealed, read_page

LIMIT_MAX = 1000  # more is 10000


class FinanceSdkSource:
    """An ArchiveSource and a MediaSource. Close it, or use ``async with``."""

    def __init__(
        self,
        library: Path,
        account: Account,
        *,
        limits: Limits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._puller, self._opener, self._filer = (
            Decoder(library, account, limits=limits, monotonic=monotonic) for _ in range(3)
        )
        self._limit = LIMIT_MAX

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        for decoder in (self._puller, self._opener, self._filer):
            await decoder.aclose()

    async def fetch(self, seq: int, *, limit: int) -> list[Sealed]:
        """Records after ``seq``. Asks for fewer while the answer is too big or its size kills the library."""
        while True:
            asked = min(limit, self._limit)
            try:
                page = read_page(await self._puller.fetch(seq, limit=asked))
            except TooBig:
                if asked == 1:
                    raise
                self._limit = asked // 2
                continue
            except DecoderDied:
                self._limit = max(1, asked // 2)
                raise
            self._limit = min(LIMIT_MAX, self._limit * 2)
            return page

    async def decrypt(self, locked: Sequence[Locked]) -> list[Opened]:
        return await self._opener.decrypt(locked) if locked else []

    async def fetch_piece(self, sdkfileid: str, index: str) -> Piece:
        return await self._filer.media(sdkfileid, index)
