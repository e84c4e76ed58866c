"""The long-lived objects that workers share; built once in ``bot/app.py``."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from sqlalchemy.ext.asyncio import AsyncSession

from bot.archive.reader import ArchiveReader
from bot.handlers.context import Context
from bot.red_packets.sending import Sender
from bot.settings import Settings
from bot.wecom.client import WeComClient
from compliance import Lexicon
from kernel.database import Database
from tagger import LibraryCache


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    database: Database
    clock: Callable[[], datetime]
    random: Random  # jitter only; nothing that must be secret or repeatable
    worker: str  # this process's name in the mailbox
    wecom: WeComClient
    archive: ArchiveReader | None
    fetch_media: Callable[[], Awaitable[int]] | None  # files of archived messages, where a folder is set
    sender: Sender | None
    tags: LibraryCache
    lexicon: Lexicon

    async def context(self, db: AsyncSession, now: datetime) -> Context:
        """What a handler needs, inside the transaction ``db``."""
        library = await self.tags.get(db)
        return Context(db, now, library, self.lexicon, self.settings.shop_name, self.settings.pay_mch_id)
