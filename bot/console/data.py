"""What the combined pages show, and the one protocol that brings it: the only door from console pages to the rooms.

The rows are already what a page needs; who implements ``ConsoleData`` joins the rooms' stores and words every reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from kernel.pages import Span, TableQuery, Tone

Row = TypeVar("Row")
Side = Literal["customer", "staff", "system"]
Lane = Literal["inbox", "outbox"]


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """One page of a list and how many rows all pages hold."""

    rows: Sequence[Row]
    total: int


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step from friend to paid. ``count`` people reached it today or in the shown period."""

    label: str  # 加好友, 已欢迎, 发来订单号, 已登记, 红包已发, 已领取
    count: int


@dataclass(frozen=True, slots=True)
class TodayNumber:
    """A number on the overview; ``tone`` turns warn or bad when somebody should look."""

    label: str
    value: str  # already written: "3", "¥12.40"
    hint: str = ""
    href: str = ""
    tone: Tone = "neutral"


@dataclass(frozen=True, slots=True)
class NextStep:
    """One thing to do, most urgent first."""

    title: str  # "3 条质检标记等待复核"
    text: str = ""
    href: str = ""
    action: str = "去处理"
    tone: Tone = "info"


@dataclass(frozen=True, slots=True)
class Overview:
    funnel: Sequence[FunnelStep]
    today: Sequence[TodayNumber]
    next_steps: Sequence[NextStep]
    recent: Sequence["DecisionRow"] = ()  # latest automatic decisions


@dataclass(frozen=True, slots=True)
class ContactRow:
    external_userid: str
    name: str
    staff: Sequence[str]  # display names of those who follow
    tags: Sequence[str]
    orders: int
    paid_fen: int  # red packets received
    added_at: datetime | None
    channel: str = ""
    lost: bool = False  # the contact removed us


@dataclass(frozen=True, slots=True)
class FollowRow:
    """Staff member × contact."""

    staff: str
    remark: str
    channel: str
    added_at: datetime | None
    state: str = "跟进中"  # 跟进中, 已流失, 已删除
    tone: Tone = "good"


@dataclass(frozen=True, slots=True)
class TagReceipt:
    """A tag and the proof of it: the sentence, the spans that made it, and the rule in words."""

    group: str
    tag: str
    score: float | None  # [0, 1]; none when a person set it
    why: str
    quote: str = ""
    spans: Sequence[Span] = ()
    at: datetime | None = None
    by: str = "自动"  # 自动, or a staff name
    state: str = ""  # "", or what is still to happen: 待确认
    message_key: str = ""  # the message it came from, while that is kept
    rule_href: str = ""


@dataclass(frozen=True, slots=True)
class OrderRow:
    number: str
    platform: str  # key for the filter `platform`
    amount_fen: int | None
    state: str
    tone: Tone
    why: str
    bound_at: datetime | None = None
    href: str = ""


@dataclass(frozen=True, slots=True)
class PacketRow:
    mch_billno: str
    amount_fen: int
    state: str
    tone: Tone
    why: str
    at: datetime
    order_number: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """An automatic decision, as the timeline shows it."""

    at: datetime
    title: str
    why: str
    text: str = ""
    tone: Tone = "neutral"
    href: str = ""


@dataclass(frozen=True, slots=True)
class ConversationLine:
    """A message. ``spans`` are what an engine found in ``text``; ``note`` says what it was."""

    key: str  # msgid
    side: Side
    speaker: str
    text: str
    at: datetime
    spans: Sequence[Span] = ()
    note: str = ""
    note_tone: Tone = "bad"
    note_href: str = ""
    role_name: str = ""  # instead of 客户 or 员工


@dataclass(frozen=True, slots=True)
class ContactCard:
    external_userid: str
    name: str
    kind: str  # 微信用户, 企业微信用户
    added_at: datetime | None
    follows: Sequence[FollowRow] = ()
    tags: Sequence[TagReceipt] = ()
    orders: Sequence[OrderRow] = ()
    packets: Sequence[PacketRow] = ()
    decisions: Sequence[DecisionRow] = ()  # newest first
    conversation: Sequence[ConversationLine] = ()  # oldest first; empty unless asked for
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)  # more label/value pairs


@dataclass(frozen=True, slots=True)
class EventRow:
    """An item of the mailbox, without its content."""

    id: int
    key: str
    lane: Lane
    kind: str  # in words: 添加客户, 发送欢迎语, …
    state: str  # key: waiting, done, ignored, expired, dead
    attempts: int
    created_at: datetime
    due_at: datetime | None = None
    failure: str = ""  # why the last try failed; empty when none did
    advice: str = ""  # what to do about it


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """A callback that was turned away at the door. There is no content to show, on purpose."""

    at: datetime
    reason: str
    status: int
    address: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ArchiveProgress:
    """How far the message archive is read. ``seq_newest`` is none while WeCom has not said it."""

    seq_done: int
    seq_newest: int | None
    stored: int
    quarantined: int
    last_pull_at: datetime | None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """An envelope that could not be opened. It is kept, and never stops the rest."""

    seq: int
    msgid: str
    key_version: int
    reason: str
    at: datetime
    attempts: int = 1
    advice: str = ""


class ConsoleData(Protocol):
    """Reads for the combined pages. Every function runs inside one read transaction and never writes."""

    async def get_overview(self, db: AsyncSession, *, now: datetime) -> Overview: ...

    async def list_contacts(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[ContactRow]:
        """Sort keys: name, added_at (default newest first), orders, paid_fen. ``query.q``: name, remark or tag.

        Filter ``state``: "" all, "following", "lost". Use ``query.offset`` and ``query.limit``.
        """
        ...

    async def get_contact(
        self, db: AsyncSession, external_userid: str, *, with_conversation: bool, now: datetime
    ) -> ContactCard | None:
        """None when nobody has this id. The conversation is read only when the viewer may see it."""
        ...

    async def list_events(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[EventRow]:
        """Filters ``lane`` (inbox, outbox) and ``state`` (waiting, done, ignored, expired, dead).

        Sort keys: created_at (default newest first), attempts.
        """
        ...

    async def list_refusals(self, db: AsyncSession, *, limit: int) -> Sequence[RefusalRow]:
        """The newest refused callbacks."""
        ...

    async def get_archive(self, db: AsyncSession, *, now: datetime) -> ArchiveProgress: ...

    async def list_quarantined(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[QuarantineRow]:
        """Sort keys: seq, at. Newest first by default."""
        ...
