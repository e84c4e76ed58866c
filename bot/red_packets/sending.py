"""Send packets and follow them until the money is settled.

The order of steps is the safety: the number and the frozen request are committed before the first
byte, results are written by compare-and-set, and whoever finds a packet whose last attempt has no
result queries first and repeats only the same request. A process may die between any two lines.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import select

from bot.red_packets.campaigns import get_campaign, is_sending_open
from bot.red_packets.engine import LEASE, PAUSE_MAX, UNSETTLED, Decision, Sending, State, after_query, after_send
from bot.red_packets.errors import OpenidImpossible, OpenidPending
from bot.red_packets.moves import Entry, OnChange, get_packet, move
from bot.red_packets.tables import RedPacket, RedPacketCampaign
from bot.wechat_pay.answers import AnswerClass, QueryAnswer, QueryClass, SendAnswer
from bot.wechat_pay.errors import InvalidRequest
from bot.wechat_pay.messages import RedPacketRequest, digest
from kernel.database import Database

SWITCH_PAUSE = timedelta(minutes=5)
REPAIR_PAUSE = timedelta(minutes=30)
POLL_BATCH_MAX = 100

_log = structlog.get_logger()


class Pay(Protocol):
    """What sending needs of a WeChat Pay client."""

    @property
    def mch_id(self) -> str: ...
    @property
    def wxappid(self) -> str: ...
    @property
    def client_ip(self) -> str: ...
    async def send_red_packet(self, request: RedPacketRequest, /) -> SendAnswer: ...
    async def query_red_packet(self, mch_billno: str, /) -> QueryAnswer: ...


@dataclass(frozen=True, slots=True)
class SendResult:
    """Where the packet stands now. ``retry_after``: call ``send`` again then; None: nothing left to send."""

    state: State
    reason: str
    retry_after: timedelta | None


@dataclass(frozen=True, slots=True)
class Sender:
    database: Database
    pay: Pay
    resolve_openid: Callable[[str], Awaitable[str]]  # external_userid → openid; OpenidPending, OpenidImpossible
    clock: Callable[[], datetime]

    async def send(self, packet_id: int, *, on_change: OnChange | None = None) -> SendResult:
        """Take the packet one step further, whatever state it is in. Safe to repeat, safe to run twice at once."""
        async with self.database.read() as db:
            packet = await get_packet(db, packet_id)
        now = self.clock()
        state = State(packet.state)
        if state is State.APPROVED:
            return await self._send_first(packet, on_change)
        if state in UNSETTLED and packet.look_at is not None and packet.look_at <= now:
            return await self._settle(packet, on_change)
        return self._result(packet)

    async def poll_due(self, now: datetime, *, on_change: OnChange | None = None) -> int:
        """Follow every packet whose time has come; the number looked at. A full batch means: call again."""
        async with self.database.read() as db:
            due = select(RedPacket.id, RedPacket.state).where(RedPacket.look_at <= now)
            rows = (await db.execute(due.order_by(RedPacket.look_at).limit(POLL_BATCH_MAX))).all()
        troubles: list[Exception] = []
        for packet_id, state in rows:
            try:
                await self._follow(packet_id, State(state), on_change)
            except Exception as trouble:  # noqa: BLE001  # one packet's trouble must not stop the others' money
                # No trace in the log: it may quote a request.
                _log.error("red_packet_follow_failed", packet=packet_id, trouble=type(trouble).__name__)
                troubles.append(trouble)
        if troubles:
            raise troubles[0]
        return len(rows)

    async def _follow(self, packet_id: int, state: State, on_change: OnChange | None) -> None:
        if state is not State.SENT:
            await self.send(packet_id, on_change=on_change)
            return
        async with self.database.read() as db:
            packet = await get_packet(db, packet_id)
        if State(packet.state) is State.SENT:
            await self._settle(packet, on_change)

    async def _send_first(self, packet: RedPacket, on_change: OnChange | None) -> SendResult:
        try:
            openid = await self.resolve_openid(packet.external_userid)
        except OpenidPending as pending:
            return await self._wait(packet, "openid_pending", pending.why, pending.retry_after)
        except OpenidImpossible as impossible:
            async with self.database.write() as db:
                moved = await move(
                    db,
                    packet,
                    to=State.REJECTED,
                    reason="openid_impossible",
                    entry=Entry("note", "openid_impossible", summary=impossible.why),
                    now=self.clock(),
                    look_at=None,
                    values={"reason_detail": impossible.why},
                    on_change=on_change,
                )
                return self._result(moved or await get_packet(db, packet.id))
        async with self.database.read() as db:
            campaign = await get_campaign(db, packet.campaign_id)
        try:
            request = self._make_request(packet, campaign, openid)
        except InvalidRequest as invalid:
            return await self._wait(packet, "request_invalid", str(invalid), REPAIR_PAUSE)
        return await self._transmit(packet, request, on_change)

    async def _settle(self, packet: RedPacket, on_change: OnChange | None) -> SendResult:
        """Query; then, where the rules allow it, repeat the same request under the same number."""
        request = _frozen_request(packet)
        if request is None:
            entry = Entry("note", "request_changed", summary="写定的请求与校验值不符，没有发送，也没有查询")
            decision = Decision(State.MANUAL, "request_changed", None)
            await self._apply(packet, decision, entry, now=self.clock(), values={}, on_change=on_change)
            return await self._now(packet.id)
        if request.mch_id != self.pay.mch_id:
            return await self._wait(packet, "other_merchant", "商户号与当时发放的不同", REPAIR_PAUSE)
        answer = await self.pay.query_red_packet(request.mch_billno)
        now = self.clock()
        decision = after_query(
            _sending(packet),
            answer.kind,
            now,
            with_reason=bool(answer.reason),
            contradicts=answer.contradicts(request),
        )
        entry = Entry("query", answer.kind, answer.err_code, answer.summary)
        values: dict[str, object] = {"reason_detail": answer.reason}
        if answer.kind is QueryClass.SENDING:
            values["last_answer"] = None  # WeChat knows the number: an earlier "failed" is no proof any more
        moved = await self._apply(packet, decision, entry, now=now, values=values, on_change=on_change)
        if moved is None or not decision.resend:
            return await self._now(packet.id) if moved is None else self._result(moved)
        return await self._transmit(moved, request, on_change)

    async def _transmit(self, packet: RedPacket, request: RedPacketRequest, on_change: OnChange | None) -> SendResult:
        """Commit SENDING with the frozen request, then send it once, then write down the answer."""
        began_at = self.clock()
        moved = None
        async with self.database.write() as db:
            is_open = await is_sending_open(db)
            if is_open:
                values: dict[str, object] = {
                    "send_count": packet.send_count + 1,
                    "last_sent_at": began_at,
                    "last_answer": None,
                }
                if packet.request is None:
                    values |= {
                        "openid": request.re_openid,
                        "request": request.fields,
                        "request_sha256": request.digest,
                        "sending_at": began_at,
                    }
                moved = await move(
                    db,
                    packet,
                    to=State.SENDING,
                    reason="sending",
                    entry=Entry("note", "sending", summary=f"第 {packet.send_count + 1} 次发送，单号不变"),
                    now=began_at,
                    look_at=began_at + LEASE,
                    values=values,
                    on_change=on_change,
                )
        if not is_open:
            return await self._wait(packet, "switched_off", "紧急停发中", SWITCH_PAUSE)
        if moved is None:
            return await self._now(packet.id)
        if self.clock() - began_at > PAUSE_MAX:
            return self._result(moved)  # this process was asleep: somebody else may hold the packet by now
        answer = await self.pay.send_red_packet(request)
        now = self.clock()
        decision = after_send(_sending(moved), answer.kind, now)
        entry = Entry("send", answer.kind, answer.err_code, answer.summary)
        settled = await self._apply(
            moved, decision, entry, now=now, values={"last_answer": answer.kind}, on_change=on_change
        )
        if decision.state is State.MANUAL:
            _log.error("red_packet_needs_people", packet=packet.id, reason=decision.reason)
        return await self._now(packet.id) if settled is None else self._result(settled)

    def _make_request(self, packet: RedPacket, campaign: RedPacketCampaign, openid: str) -> RedPacketRequest:
        assert packet.mch_billno is not None, "the number is committed with the reservation"
        if not packet.mch_billno.startswith(self.pay.mch_id):
            raise InvalidRequest("mch_id", "is not the merchant of the bill number")
        return RedPacketRequest(
            mch_billno=packet.mch_billno,
            mch_id=self.pay.mch_id,
            wxappid=self.pay.wxappid,
            send_name=campaign.send_name,
            re_openid=openid,
            total_amount=packet.amount_fen,
            wishing=campaign.wishing,
            client_ip=self.pay.client_ip,
            act_name=campaign.act_name,
            remark=campaign.remark,
            scene_id=campaign.scene_id,
        )

    async def _apply(
        self,
        packet: RedPacket,
        decision: Decision,
        entry: Entry | None,
        *,
        now: datetime,
        values: dict[str, object],
        on_change: OnChange | None,
    ) -> RedPacket | None:
        async with self.database.write() as db:
            moved = await move(
                db,
                packet,
                to=decision.state,
                reason=decision.reason,
                entry=entry,
                now=now,
                look_at=decision.look_at,
                values=values,
                on_change=on_change,
            )
        if moved is None:
            _log.warning("red_packet_stale_answer_refused", packet=packet.id, decided=decision.state)
        return moved

    async def _wait(self, packet: RedPacket, reason: str, why: str, pause: timedelta) -> SendResult:
        """Nothing was sent: keep the state, remember why, look again later."""
        now = self.clock()
        decision = Decision(State(packet.state), reason, now + pause)
        again = (packet.state_reason, packet.reason_detail) == (reason, why)  # said already: no second line
        entry = None if again else Entry("note", reason, summary=why)
        moved = await self._apply(packet, decision, entry, now=now, values={"reason_detail": why}, on_change=None)
        return await self._now(packet.id) if moved is None else self._result(moved)

    async def _now(self, packet_id: int) -> SendResult:
        async with self.database.read() as db:
            return self._result(await get_packet(db, packet_id))

    def _result(self, packet: RedPacket) -> SendResult:
        state = State(packet.state)
        retry_after = None
        if state in UNSETTLED | {State.APPROVED} and packet.look_at is not None:
            retry_after = max(packet.look_at - self.clock(), timedelta(seconds=1))
        return SendResult(state, packet.state_reason, retry_after)


def _sending(packet: RedPacket) -> Sending:
    assert packet.sending_at is not None, "set with the first attempt"
    assert packet.last_sent_at is not None, "set with the first attempt"
    return Sending(
        state=State(packet.state),
        send_count=packet.send_count,
        first_sent_at=packet.sending_at,
        last_sent_at=packet.last_sent_at,
        last_answer=AnswerClass(packet.last_answer) if packet.last_answer else None,
    )


def _frozen_request(packet: RedPacket) -> RedPacketRequest | None:
    """The request as it was first sent, or None when the row was changed since: such a request is never sent."""
    assert packet.request is not None, "frozen with the first attempt"
    if digest(packet.request) != packet.request_sha256:
        return None
    return RedPacketRequest.of(packet.request)
