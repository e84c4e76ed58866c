"""What a handler may use: the open transaction, the time, the engines' libraries. No network."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from compliance import Lexicon
from tagger import Library


@dataclass(frozen=True, slots=True)
class Context:
    db: AsyncSession
    now: datetime
    tags: Library
    lexicon: Lexicon
    shop_name: str
    mch_id: str  # the merchant that pays red packets; empty: nobody does
