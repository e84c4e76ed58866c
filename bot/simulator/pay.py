"""WeChat Pay's cash red packets: balances, packets and the fund flow (payments reference A1, A2 and A8).

Money truth is ``fund_flow``: what is not in there did not happen. Amounts are integer fen. The XML
surface is in ``pay_calls``.
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum

from bot.simulator.context import Context

BEIJING = timezone(timedelta(hours=8))
PROCESSING_LIFE = timedelta(minutes=20)
QUERY_HORIZON = timedelta(days=30)
MISLEADING = frozenset({"RCVDAMOUNT_LIMIT", "NOTENOUGH"})
MISLEADING_LIFE = timedelta(hours=24)
NOT_COMPARED = frozenset({"nonce_str", "sign"})


class PacketStatus(StrEnum):
    SENDING = "SENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    RECEIVED = "RECEIVED"
    REFUND = "REFUND"


class PayError(Exception):
    """A business failure: ``result_code`` FAIL with this ``err_code``."""

    def __init__(self, err_code: str, text: str = "") -> None:
        super().__init__(err_code)
        self.err_code, self.text = err_code, text or err_code


@dataclass(frozen=True, slots=True)
class FundFlow:
    """One movement on the merchant's account; ``amount_fen`` is negative when money leaves."""

    at: datetime
    kind: str  # fund | pay | refund
    mch_billno: str
    amount_fen: int
    balance_fen: int


@dataclass(slots=True)
class RedPacket:
    mch_billno: str
    amount_fen: int
    openid: str
    status: PacketStatus
    created_at: datetime
    send_listid: str
    detail_id: str
    params: Mapping[str, str]
    sent_at: datetime | None = None
    opened_at: datetime | None = None
    refunded_at: datetime | None = None
    times_paid: int = 0
    requests: int = 1
    last_request_at: datetime | None = None
    reason: str = ""
    due_at: datetime | None = None  # when time changes its status


@dataclass(slots=True)
class _Tried:
    """A number that was used without a packet coming of it: its parameters are frozen all the same."""

    params: Mapping[str, str]
    first_at: datetime
    last_at: datetime


@dataclass(slots=True)
class _Tally:
    """What one payee, or the merchant, got or spent on one Beijing day."""

    amounts: dict[tuple[str, str], int] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, who: str, day: str, amount_fen: int) -> None:
        self.amounts[who, day] = self.amounts.get((who, day), 0) + amount_fen
        self.counts[who, day] = self.counts.get((who, day), 0) + 1


class Pay:
    def __init__(self, context: Context, external_userid_of: Callable[[str], str | None]) -> None:
        self._context, self._external_userid_of = context, external_userid_of
        self.balance_fen = 0
        self.red_packets: dict[str, RedPacket] = {}
        self.fund_flow: list[FundFlow] = []
        self.processing_succeeds = True  # how a PROCESSING packet ends after 20 minutes
        self._tried: dict[str, _Tried] = {}
        self._tally = _Tally()
        self._recent: deque[datetime] = deque()
        self._due: list[tuple[datetime, str]] = []  # heap: when time changes which packet

    # What people do

    def fund(self, amount_fen: int) -> None:
        """The merchant tops up."""
        assert amount_fen > 0
        self._flow("fund", "", amount_fen)

    def open_packet(self, mch_billno: str) -> None:
        """The customer opens the packet."""
        self.tick()
        packet = self.red_packets[mch_billno]
        if packet.status is not PacketStatus.SENT:
            raise ValueError(f"a packet that is {packet.status} cannot be opened")
        packet.status, packet.opened_at = PacketStatus.RECEIVED, self._context.clock()

    # What the merchant's server asks

    def send(self, params: Mapping[str, str], *, processing: bool = False) -> RedPacket:
        """Pay once per number. The checks come in the order of payments reference A8."""
        self.tick()
        now = self._context.clock()
        number, amount_fen, openid = params["mch_billno"], int(params["total_amount"]), params["re_openid"]
        if params["wxappid"] != self._context.config.wxappid:
            raise PayError("ILLEGAL_APPID", "wxappid与商户号未绑定")
        if self._external_userid_of(openid) is None:
            raise PayError("OPENID_ERROR", "openid和appid不匹配")
        compared = {name: value for name, value in params.items() if name not in NOT_COMPARED}
        known = self._repeat(number, compared, now)
        if known is not None:
            return known
        self._tried.setdefault(number, _Tried(compared, now, now))
        try:
            self._check_limits(amount_fen, openid, params.get("scene_id", ""), now)
        except PayError as error:
            if self._context.config.refusals_look_like_sending and error.err_code in MISLEADING:
                self._add(compared, reason=error.text, due_at=now + MISLEADING_LIFE)
            raise
        self._recent.append(now)
        packet = self._add(compared, due_at=now + PROCESSING_LIFE)
        if processing:
            raise PayError("PROCESSING", "请求已受理，请稍后使用原单号查询发放结果")
        self._pay(packet)
        return packet

    def query(self, mch_billno: str) -> RedPacket:
        self.tick()
        packet = self.red_packets.get(mch_billno)
        if packet is None or self._context.clock() - packet.created_at > QUERY_HORIZON:
            raise PayError("NOT_FOUND", "指定单号数据不存在")
        return packet

    def tick(self) -> None:
        """Let time do its work: processing ends after 20 minutes, unopened packets return after 24 h."""
        now = self._context.clock()
        while self._due and self._due[0][0] <= now:
            due_at, number = heapq.heappop(self._due)
            packet = self.red_packets[number]
            if packet.due_at != due_at:
                continue  # something else became of it meanwhile
            if packet.status is PacketStatus.SENDING:
                self._finish_sending(packet)
            elif packet.status is PacketStatus.SENT:
                packet.status, packet.refunded_at = PacketStatus.REFUND, now
                self._flow("refund", number, packet.amount_fen)

    def _finish_sending(self, packet: RedPacket) -> None:
        if packet.reason:  # it was refused at once; only its status misled
            packet.status, packet.reason = PacketStatus.FAILED, ""
        elif self.processing_succeeds and packet.amount_fen <= self.balance_fen:
            self._pay(packet)
        else:
            packet.status, packet.reason = PacketStatus.FAILED, "发放失败"

    def _add(self, params: Mapping[str, str], *, due_at: datetime, reason: str = "") -> RedPacket:
        """A new packet that is being sent; at ``due_at`` it is decided."""
        now = self._context.clock()
        packet = RedPacket(
            params["mch_billno"],
            int(params["total_amount"]),
            params["re_openid"],
            PacketStatus.SENDING,
            now,
            send_listid="1000" + self._digits(26),
            detail_id="1000" + self._digits(27),
            params=params,
            last_request_at=now,
            reason=reason,
        )
        self.red_packets[packet.mch_billno] = packet
        self._set_due(packet, due_at)
        return packet

    def _set_due(self, packet: RedPacket, due_at: datetime) -> None:
        packet.due_at = due_at
        heapq.heappush(self._due, (due_at, packet.mch_billno))

    def _repeat(self, number: str, params: Mapping[str, str], now: datetime) -> RedPacket | None:
        """What a number that was seen before gets; None when it may still be paid (A1.6)."""
        tried = self._tried.get(number)
        if tried is None:
            return None
        limits = self._context.config.pay_limits
        too_soon = now - tried.last_at < limits.repeat_interval
        tried.last_at = now
        if tried.params != params:
            if tried.params["total_amount"] != params["total_amount"]:
                raise PayError("PARAM_ERROR", "同一商户单号金额不一致")
            raise PayError("FATAL_ERROR", "两次请求参数不一致")
        if now - tried.first_at > limits.number_life:
            raise PayError("SEND_FAILED", "红包单据已过期")
        if too_soon:
            raise PayError("FREQ_LIMIT", "请求过于频繁，请稍后使用原单号重试")
        packet = self.red_packets.get(number)
        if packet is None or (packet.status is PacketStatus.SENDING and packet.reason):
            return None
        packet.requests += 1
        packet.last_request_at = now
        if packet.status is PacketStatus.SENDING:
            raise PayError("PROCESSING", "请求已受理，请稍后使用原单号查询发放结果")
        if packet.status is PacketStatus.FAILED or not self._context.config.repeat_of_paid_number_succeeds:
            raise PayError("SEND_FAILED", "该单号已处理，请更换单号")
        return packet

    def _check_limits(self, amount_fen: int, openid: str, scene_id: str, now: datetime) -> None:
        limits = self._context.config.pay_limits
        low = limits.scene_amount_fen_min if scene_id else limits.amount_fen_min
        high = limits.scene_amount_fen_max if scene_id else limits.amount_fen_max
        if not low <= amount_fen <= high:
            raise PayError("MONEY_LIMIT", "红包金额发放限制")
        while self._recent and now - self._recent[0] >= timedelta(seconds=1):
            self._recent.popleft()
        if len(self._recent) >= limits.per_second:
            raise PayError("FREQ_LIMIT", "超过频率限制，请稍后再试")
        day = now.astimezone(BEIJING).date().isoformat()
        if self._tally.counts.get((openid, day), 0) >= limits.user_day_count_max:
            raise PayError("SENDNUM_LIMIT", "该用户今日领取红包个数超过限制")
        if self._tally.amounts.get((openid, day), 0) + amount_fen > limits.user_day_fen_max:
            raise PayError("RCVDAMOUNT_LIMIT", "该用户今日领取金额达到上限")
        if self._tally.amounts.get(("", day), 0) + amount_fen > limits.merchant_day_fen_max:
            raise PayError("SENDAMOUNT_LIMIT", "您的商户号今日发放金额超过限制")
        if amount_fen > self.balance_fen:
            raise PayError("NOTENOUGH", "帐号余额不足，请到商户平台充值后再重试")

    def _pay(self, packet: RedPacket) -> None:
        now = self._context.clock()
        packet.status, packet.sent_at = PacketStatus.SENT, now
        packet.times_paid += 1
        day = now.astimezone(BEIJING).date().isoformat()
        self._tally.add(packet.openid, day, packet.amount_fen)
        self._tally.add("", day, packet.amount_fen)
        self._flow("pay", packet.mch_billno, -packet.amount_fen)
        self._set_due(packet, now + self._context.config.pay_limits.unopened_life)

    def _flow(self, kind: str, number: str, amount_fen: int) -> None:
        self.balance_fen += amount_fen
        self.fund_flow.append(FundFlow(self._context.clock(), kind, number, amount_fen, self.balance_fen))

    def _digits(self, length: int) -> str:
        return "".join(self._context.rng.choices("0123456789", k=length))
