"""``ConsoleData`` over the real tables: joins the rooms' stores for the combined pages and words every reason."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, String, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

import compliance.store
import tagger
from bot import decisions
from bot.archive.tables import ArchiveCursor, Envelope
from bot.console.data import (
    ArchiveProgress,
    ContactCard,
    ContactRow,
    ConversationLine,
    DecisionRow,
    EventRow,
    FollowRow,
    FunnelStep,
    Listing,
    NextStep,
    OrderRow,
    Overview,
    PacketRow,
    QuarantineRow,
    RefusalRow,
    TagReceipt,
    TodayNumber,
)
from bot.console.words import (
    CLAIM_WORDS,
    EVENT_WORDS,
    FOLLOW_WORDS,
    LANE_ADVICE,
    PACKET_WORDS,
    quarantine_advice,
)
from bot.contacts import store as contacts
from bot.contacts.tables import Contact, Follow
from bot.conversations import store as conversations
from bot.conversations.tables import Message
from bot.decisions import Decision
from bot.mailbox import INBOX, OUTBOX, Mail, State
from bot.orders import store as orders
from bot.orders.claims import REASONS
from bot.orders.tables import OrderBinding, OrderClaim, OrderRecord
from bot.red_packets import store as red_packets
from bot.red_packets.tables import RedPacket
from bot.server import Refusal
from compliance.flags import Line
from compliance.tables import Flag
from kernel.pages import Span, TableQuery
from tagger.tables import SuggestionRow

Row = TypeVar("Row")
Columns = Mapping[str, SQLColumnExpression[Any]]

BEIJING = timezone(timedelta(hours=8))
RECENT_DECISIONS = 8
LANES = {"inbox": INBOX, "outbox": OUTBOX}
SENT_STATES = ("sent", "received", "returned")


async def context_lines(db: AsyncSession, message_key: str) -> Sequence[Line]:
    """Up to ten lines around a message, for the reviewer."""
    messages = await conversations.lines_around(db, message_key)
    names = await _speakers(db, messages)
    return [
        Line(one.key, one.sent_at, names[one.id], "customer" if one.role == "customer" else "staff", one.text)
        for one in messages
    ]


class RoomsData:
    """See ``ConsoleData`` for what each function promises."""

    async def get_overview(self, db: AsyncSession, *, now: datetime) -> Overview:
        since = now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
        steps = (
            ("加好友", select(func.count()).select_from(Follow).where(Follow.added_at >= since)),
            ("已欢迎", _count(Mail, Mail.kind == "send_welcome", Mail.state == State.DONE, Mail.created_at >= since)),
            ("发来订单号", _count_people(OrderClaim.external_userid, OrderClaim.created_at >= since)),
            ("已绑定", _count_people(OrderBinding.external_userid, OrderBinding.bound_at >= since)),
            (
                "红包已发",
                _count_people(
                    RedPacket.external_userid, RedPacket.created_at >= since, RedPacket.state.in_(SENT_STATES)
                ),
            ),
            (
                "已领取",
                _count_people(RedPacket.external_userid, RedPacket.created_at >= since, RedPacket.state == "received"),
            ),
        )
        funnel = [FunnelStep(label, int(await db.scalar(query) or 0)) for label, query in steps]
        flags = int(await db.scalar(_count(Flag, Flag.state == "open")) or 0)
        quarantined = int(await db.scalar(_count(Envelope, Envelope.state == "quarantined")) or 0)
        dead = int(await db.scalar(_count(Mail, Mail.state == State.DEAD)) or 0)
        late = int(await db.scalar(_count(Mail, Mail.state == State.EXPIRED, Mail.kind == "send_welcome")) or 0)
        manual = int(await db.scalar(_count(RedPacket, RedPacket.state == "manual")) or 0)
        tagged = int(
            await db.scalar(_count_people(SuggestionRow.external_userid, SuggestionRow.created_at >= since)) or 0
        )
        paid = int(
            await db.scalar(
                select(func.sum(RedPacket.amount_fen)).where(
                    RedPacket.created_at >= since, RedPacket.state.in_(SENT_STATES)
                )
            )
            or 0
        )
        today = [
            TodayNumber("今日发出红包", f"¥{paid / 100:.2f}", href="/red-packets"),
            TodayNumber("今日打上标签的客户", str(tagged), href="/contacts"),
            TodayNumber("待质检", str(flags), href="/flags", tone="warn" if flags else "neutral"),
            TodayNumber("未解密", str(quarantined), href="/archive", tone="warn" if quarantined else "neutral"),
            TodayNumber("死信", str(dead), href="/events?state=dead", tone="bad" if dead else "neutral"),
        ]
        steps_next = []
        if manual:
            steps_next.append(
                NextStep(
                    f"{manual} 个红包需要人工核对",
                    "结果不明或与记录不符,钱不会自动再发",
                    "/red-packets?state=manual",
                    tone="bad",
                )
            )
        if dead:
            steps_next.append(
                NextStep(f"{dead} 件事重试多次仍没办成", "看看原因,处理后可以重放", "/events?state=dead", tone="bad")
            )
        if late:
            steps_next.append(
                NextStep(
                    f"{late} 位新好友没赶上欢迎语", "话术已备好,请员工手动问候", "/events?state=expired", tone="warn"
                )
            )
        if flags:
            steps_next.append(NextStep(f"{flags} 条标记等待复核", "用键盘 1 / 2 / 3 就能判完", "/flags", "去复核"))
        if quarantined:
            steps_next.append(
                NextStep(
                    f"{quarantined} 条存档消息解不开",
                    "补上对应版本的私钥后会自动重试",
                    "/archive",
                    "去看看",
                    tone="warn",
                )
            )
        recent = await db.scalars(
            select(Decision).order_by(Decision.at.desc(), Decision.id.desc()).limit(RECENT_DECISIONS)
        )
        return Overview(funnel, today, steps_next, [_decision_row(one) for one in recent])

    async def list_contacts(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[ContactRow]:  # noqa: ARG002  # the protocol's
        order_count = (
            select(func.count()).where(OrderBinding.external_userid == Contact.external_userid).scalar_subquery()
        )
        paid_fen = (
            select(func.coalesce(func.sum(RedPacket.amount_fen), 0))
            .where(RedPacket.external_userid == Contact.external_userid, RedPacket.state == "received")
            .scalar_subquery()
        )
        rows = select(Contact, order_count.label("orders"), paid_fen.label("paid_fen"))
        for condition in _contact_conditions(query):
            rows = rows.where(condition)
        total = int(await db.scalar(select(func.count()).select_from(rows.subquery())) or 0)
        columns: Columns = {
            "name": cast(Contact.name, String),
            "added_at": Contact.first_seen_at,
            "orders": order_count,
            "paid_fen": paid_fen,
        }
        column = columns.get(query.sort, Contact.first_seen_at)
        ordered = rows.order_by(column.desc() if query.descending else column.asc(), Contact.external_userid)
        found = (await db.execute(ordered.offset(query.offset).limit(query.limit))).all()
        ids = [contact.external_userid for contact, _, _ in found]
        follows = await contacts.follows_of(db, ids)
        staff = await contacts.staff_names(db, [follow.userid for follow in follows])
        tags = await _tag_names(db, ids)
        listed = []
        for contact, count, paid in found:
            mine = [follow for follow in follows if follow.external_userid == contact.external_userid]
            listed.append(
                ContactRow(
                    external_userid=contact.external_userid,
                    name=contact.name or "(还没有昵称)",
                    staff=[staff.get(follow.userid, follow.userid) for follow in mine],
                    tags=tags.get(contact.external_userid, []),
                    orders=int(count),
                    paid_fen=int(paid),
                    added_at=contact.first_seen_at,
                    channel=next((follow.channel_state for follow in mine if follow.channel_state), ""),
                    lost=bool(mine) and all(follow.state == "lost" for follow in mine),
                )
            )
        return Listing(listed, total)

    async def get_contact(
        self,
        db: AsyncSession,
        external_userid: str,
        *,
        with_conversation: bool,
        now: datetime,  # noqa: ARG002  # the protocol's
    ) -> ContactCard | None:
        contact = await contacts.get_contact(db, external_userid)
        if contact is None:
            return None
        follows = await contacts.follows_of(db, [external_userid])
        staff = await contacts.staff_names(db, [follow.userid for follow in follows])
        messages = await conversations.messages_of(db, external_userid) if with_conversation else []
        return ContactCard(
            external_userid=external_userid,
            name=contact.name or "(还没有昵称)",
            kind="企业微信用户" if external_userid.startswith("wo") else "微信用户",
            added_at=contact.first_seen_at,
            follows=[
                FollowRow(
                    staff.get(one.userid, one.userid),
                    one.remark,
                    one.channel_state,
                    one.added_at,
                    *FOLLOW_WORDS.get(one.state, (one.state, "neutral")),
                )
                for one in follows
            ],
            tags=await _receipts(db, external_userid),
            orders=await _orders(db, external_userid),
            packets=await _packets(db, external_userid),
            decisions=[_decision_row(one) for one in await decisions.list_of_contact(db, external_userid)],
            conversation=await _conversation(db, external_userid, messages),
        )

    async def list_events(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[EventRow]:  # noqa: ARG002  # the protocol's
        rows = select(Mail)
        if lanes := LANES.get(query.filters.get("lane", "")):
            rows = rows.where(Mail.lane.in_(lanes))
        if state := query.filters.get("state"):
            rows = rows.where(Mail.state == state)
        if query.q:
            rows = rows.where(
                or_(Mail.key.contains(query.q, autoescape=True), Mail.kind.contains(query.q, autoescape=True))
            )
        found, total = await _page(db, rows, query, {"created_at": Mail.created_at, "attempts": Mail.attempts}, Mail.id)
        return Listing(
            [
                EventRow(
                    key=one.key,
                    lane="outbox" if one.lane in OUTBOX else "inbox",
                    kind=EVENT_WORDS.get(one.kind, one.kind),
                    state=one.state,
                    attempts=one.attempts,
                    created_at=one.created_at,
                    due_at=one.due_at if one.state == State.WAITING else None,
                    failure=one.error or "",
                    advice=LANE_ADVICE.get(one.state, ""),
                )
                for one in found
            ],
            total,
        )

    async def list_refusals(self, db: AsyncSession, *, limit: int) -> Sequence[RefusalRow]:
        rows = await db.scalars(select(Refusal).order_by(Refusal.id.desc()).limit(limit))
        return [RefusalRow(one.at, one.reason, one.status, one.peer, one.body_bytes) for one in rows]

    async def get_archive(self, db: AsyncSession, *, now: datetime) -> ArchiveProgress:  # noqa: ARG002  # the protocol's
        cursor = await db.get(ArchiveCursor, 1)
        counts = {
            state: int(n)
            for state, n in await db.execute(select(Envelope.state, func.count()).group_by(Envelope.state))
        }
        pull = await db.scalar(select(Mail).where(Mail.kind == "msgaudit_notify").order_by(Mail.id.desc()).limit(1))
        return ArchiveProgress(
            seq_done=cursor.seq if cursor else 0,
            seq_newest=None,
            stored=sum(counts.values()),
            quarantined=counts.get("quarantined", 0),
            last_pull_at=cursor.pulled_at if cursor else None,
            failure=(pull.error or "") if pull is not None and pull.state != State.DONE else "",
        )

    async def list_quarantined(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[QuarantineRow]:  # noqa: ARG002  # the protocol's
        rows = select(Envelope).where(Envelope.state == "quarantined")
        found, total = await _page(db, rows, query, {"seq": Envelope.seq, "at": Envelope.fetched_at}, Envelope.seq)
        return Listing(
            [
                QuarantineRow(
                    one.seq, one.msgid, one.publickey_ver, one.reason, one.fetched_at, 1, quarantine_advice(one.reason)
                )
                for one in found
            ],
            total,
        )


# -- parts of the card ----------------------------------------------------------------------------


async def _receipts(db: AsyncSession, external_userid: str) -> list[TagReceipt]:
    receipts = []
    for tag in await tagger.tags_of(db, external_userid):
        if tag.state in {"rejected", "removed"} or not tag.receipts:
            continue
        newest = tag.receipts[0]
        message = await conversations.get_message(db, newest.message_key)
        words = "、".join(dict.fromkeys(f"「{proof['matched']}」" for proof in newest.evidence))
        folds = "、".join(dict.fromkeys(how for proof in newest.evidence for how in proof.get("how", [])))
        more = f",另有 {len(tag.receipts) - 1} 条消息也命中" if len(tag.receipts) > 1 else ""
        receipts.append(
            TagReceipt(
                group=tag.group,
                tag=tag.tag,
                score=tag.score,
                why=f"命中规则 {newest.rule_id} 的词 {words}{f'(识别方式:{folds})' if folds else ''}{more}",
                quote=message.text if message else "",
                spans=[(int(proof["start"]), int(proof["end"])) for proof in newest.evidence],
                at=newest.created_at,
                state="" if tag.state == "applied" else "建议,未同步",
            )
        )
    return receipts


async def _orders(db: AsyncSession, external_userid: str) -> list[OrderRow]:
    bound = {binding.claim_id: (binding, record) for binding, record in await orders.bindings_of(db, external_userid)}
    rows = []
    for claim in await orders.claims_of(db, external_userid):
        binding, record = bound.get(claim.id, (None, None))
        state, tone = CLAIM_WORDS.get(claim.state, (claim.state, "neutral"))
        why = [*claim.reading, *([REASONS[claim.reason]] if REASONS.get(claim.reason) else [])]
        platform = record.platform if record else claim.keys[0].partition(":")[0] if claim.keys else ""
        rows.append(
            OrderRow(
                number=claim.number,
                platform=platform,
                amount_fen=record.paid_fen if record else None,
                state=state,
                tone=tone,
                why=";".join(why),
                bound_at=binding.bound_at if binding else None,
            )
        )
    return rows


async def _packets(db: AsyncSession, external_userid: str) -> list[PacketRow]:
    packets = await red_packets.packets_of(db, external_userid)
    numbers = await _order_numbers(db, [packet.order_key for packet in packets])
    return [
        PacketRow(
            mch_billno=packet.mch_billno or "",
            amount_fen=packet.amount_fen,
            state=PACKET_WORDS.get(packet.state, (packet.state, "neutral"))[0],
            tone=PACKET_WORDS.get(packet.state, (packet.state, "neutral"))[1],
            why=packet.reason_detail or "订单已绑定且符合活动条件",
            at=packet.created_at,
            order_number=numbers.get(packet.order_key, ""),
            href=f"/red-packets/{packet.id}",
        )
        for packet in packets
    ]


async def _order_numbers(db: AsyncSession, keys: Sequence[str]) -> dict[str, str]:
    rows = await db.execute(select(OrderRecord.key, OrderRecord.number).where(OrderRecord.key.in_(keys)))
    return dict(rows.tuples().all())


async def _conversation(db: AsyncSession, external_userid: str, messages: Sequence[Message]) -> list[ConversationLine]:
    names = await _speakers(db, messages)
    marks: dict[str, list[tuple[Span, str]]] = {}
    for claim in await orders.claims_of(db, external_userid):
        marks.setdefault(claim.message_key, []).append(((claim.span_start, claim.span_end), "订单号"))
    for tag in await tagger.tags_of(db, external_userid):
        for receipt in tag.receipts:
            for proof in receipt.evidence:
                span = (int(proof["start"]), int(proof["end"]))
                marks.setdefault(receipt.message_key, []).append((span, f"标签 {tag.tag}"))
    found = select(Flag).where(Flag.external_userid == external_userid)
    for flag in await db.scalars(found):
        name = compliance.CATEGORY_OF[flag.category].name if flag.category in compliance.CATEGORY_OF else flag.category
        marks.setdefault(flag.message_key, []).append(((flag.matched_start, flag.matched_end), f"质检 {name}"))
    return [
        ConversationLine(
            key=one.key,
            side="customer" if one.role == "customer" else "system" if one.role == "system" else "staff",
            speaker=names[one.id],
            text=one.text,
            at=one.sent_at,
            spans=[span for span, _ in marks.get(one.key, [])],
            note=";".join(
                [*dict.fromkeys(note for _, note in marks.get(one.key, [])), *(["已撤回"] if one.recalled else [])]
            ),
        )
        for one in messages
    ]


async def _speakers(db: AsyncSession, messages: Sequence[Message]) -> dict[int, str]:
    """Who said it, as a page names them, by message id."""
    staff = await contacts.staff_names(db, [one.partner for one in messages])
    people = await contacts.contact_names(db, [one.external_userid for one in messages])
    names = {}
    for one in messages:
        if one.role == "customer":
            names[one.id] = people.get(one.external_userid, "客户")
        elif one.role == "bot":
            names[one.id] = "小二(自动)"
        else:
            names[one.id] = staff.get(one.partner, one.partner or "员工")
    return names


async def _tag_names(db: AsyncSession, external_userids: Sequence[str]) -> dict[str, list[str]]:
    rows = await db.execute(
        select(SuggestionRow.external_userid, SuggestionRow.tag)
        .where(SuggestionRow.external_userid.in_(external_userids), SuggestionRow.state == "applied")
        .distinct()
        .order_by(SuggestionRow.external_userid, SuggestionRow.tag)
    )
    names: dict[str, list[str]] = {}
    for external_userid, tag in rows:
        names.setdefault(external_userid, []).append(tag)
    return names


# -- queries --------------------------------------------------------------------------------------


def _contact_conditions(query: TableQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.q:
        tagged = select(SuggestionRow.external_userid).where(SuggestionRow.tag.contains(query.q, autoescape=True))
        remarked = select(Follow.external_userid).where(Follow.remark.contains(query.q, autoescape=True))
        conditions.append(
            or_(
                Contact.name.contains(query.q, autoescape=True),
                Contact.external_userid == query.q,
                Contact.external_userid.in_(tagged),
                Contact.external_userid.in_(remarked),
            )
        )
    state = query.filters.get("state", "")
    if state == "following":
        conditions.append(Contact.external_userid.in_(select(Follow.external_userid).where(Follow.state == "active")))
    elif state == "lost":
        conditions.append(Contact.external_userid.in_(select(Follow.external_userid).where(Follow.state == "lost")))
    return conditions


async def _page(
    db: AsyncSession,
    rows: Select[Row],
    query: TableQuery,
    columns: Columns,
    last: SQLColumnExpression[Any],
) -> tuple[Sequence[Row], int]:
    total = int(await db.scalar(select(func.count()).select_from(rows.subquery())) or 0)
    column = columns.get(query.sort, last)
    ordered = rows.order_by(column.desc() if query.descending else column.asc(), last.desc())
    return (await db.scalars(ordered.offset(query.offset).limit(query.limit))).all(), total


def _count(table: type[object], *conditions: ColumnElement[bool]) -> Select[int]:
    return select(func.count()).select_from(table).where(*conditions)


def _count_people(column: SQLColumnExpression[str], *conditions: ColumnElement[bool]) -> Select[int]:
    return select(func.count(column.distinct())).where(*conditions)


def _decision_row(one: Decision) -> DecisionRow:
    return DecisionRow(
        at=one.at,
        title=one.outcome,
        why=";".join(one.because),
        href=f"/contacts/{one.external_userid}",
    )
