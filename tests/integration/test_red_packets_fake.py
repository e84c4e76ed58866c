"""A WeChat Pay that lives in memory, lies on request, and always knows where the money is.

It has the client's interface. ``payments`` is the truth: what really left the merchant's account.
The tests at the end pin what the other files rely on.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

import pytest

from bot.wechat_pay.answers import AnswerClass, QueryAnswer, QueryClass, SendAnswer
from bot.wechat_pay.messages import RedPacketRequest

NUMBER_LIFE = timedelta(hours=24)
START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


class Crash(BaseException):
    """The process dies here. Not an Exception: nothing may catch it."""


class Fault(Enum):
    NONE = auto()
    TIMEOUT_PAID = auto()
    TIMEOUT_NOT_PAID = auto()
    TIMEOUT_PAID_LATER = auto()
    SYSTEMERROR_PAID = auto()
    SYSTEMERROR_NOT_PAID = auto()
    PROCESSING_THEN_PAID = auto()
    PROCESSING_THEN_FAILED = auto()
    UNKNOWN_CODE_PAID = auto()
    MISMATCH_PAID = auto()
    SEND_FAILED_KNOWN = auto()
    SEND_FAILED_FORGOTTEN = auto()
    OPENID_ERROR = auto()
    NOT_CONNECTED = auto()
    FREQ_LIMIT = auto()
    NOTENOUGH = auto()
    SIGN_ERROR = auto()
    LIMIT_SENDING_THEN_FAILED = auto()
    CRASH_BEFORE = auto()
    CRASH_PAID = auto()


# Fault → (answer, the number's status from now on or None for "not known", delay until that status)
_PLAIN: dict[Fault, tuple[AnswerClass, QueryClass | None, timedelta]] = {
    Fault.NONE: (AnswerClass.SENT, QueryClass.SENT, timedelta(0)),
    Fault.TIMEOUT_PAID: (AnswerClass.UNKNOWN, QueryClass.SENT, timedelta(0)),
    Fault.TIMEOUT_NOT_PAID: (AnswerClass.UNKNOWN, None, timedelta(0)),
    Fault.TIMEOUT_PAID_LATER: (AnswerClass.UNKNOWN, QueryClass.SENT, timedelta(seconds=30)),
    Fault.SYSTEMERROR_PAID: (AnswerClass.UNKNOWN, QueryClass.SENT, timedelta(0)),
    Fault.SYSTEMERROR_NOT_PAID: (AnswerClass.UNKNOWN, None, timedelta(0)),
    Fault.PROCESSING_THEN_PAID: (AnswerClass.WAIT, QueryClass.SENT, timedelta(minutes=20)),
    Fault.PROCESSING_THEN_FAILED: (AnswerClass.WAIT, QueryClass.FAILED, timedelta(minutes=20)),
    Fault.UNKNOWN_CODE_PAID: (AnswerClass.UNKNOWN, QueryClass.SENT, timedelta(0)),
    Fault.MISMATCH_PAID: (AnswerClass.MISMATCH, QueryClass.SENT, timedelta(0)),
    Fault.SEND_FAILED_KNOWN: (AnswerClass.FINAL_FAILURE, QueryClass.FAILED, timedelta(0)),
    Fault.SEND_FAILED_FORGOTTEN: (AnswerClass.FINAL_FAILURE, None, timedelta(0)),
    Fault.OPENID_ERROR: (AnswerClass.PAYEE_FINAL, None, timedelta(0)),
    Fault.NOT_CONNECTED: (AnswerClass.SAME_NUMBER_LATER, None, timedelta(0)),
    Fault.FREQ_LIMIT: (AnswerClass.SAME_NUMBER_LATER, None, timedelta(0)),
    Fault.NOTENOUGH: (AnswerClass.BLOCKED_CONFIG, None, timedelta(0)),
    Fault.SIGN_ERROR: (AnswerClass.BLOCKED_CONFIG, None, timedelta(0)),
    Fault.LIMIT_SENDING_THEN_FAILED: (AnswerClass.HOLD, QueryClass.FAILED, timedelta(hours=24)),
}


@dataclass
class Number:
    """One bill number as WeChat knows it."""

    request: RedPacketRequest
    status: QueryClass
    first_at: datetime
    ready_at: datetime
    processing_words: str
    refused_at_door: bool = False


@dataclass
class Payment:
    mch_billno: str
    openid: str
    amount_fen: int
    at: datetime
    returned: bool = False


@dataclass
class FakeWeChatPay:
    clock: Callable[[], datetime]
    mch_id: str = "1900000001"
    wxappid: str = "wx8888888888888888"
    client_ip: str = "127.0.0.1"
    echo: bool = True  # a repeat of a paid number echoes the success; False: it is answered as failed
    faults: deque[Fault] = field(default_factory=deque)
    query_faults: deque[QueryClass] = field(default_factory=deque)
    lag: timedelta = timedelta(0)  # queries see a payment only after this long
    gate: asyncio.Event | None = None  # a send waits here, before anything happens
    gate_after: asyncio.Event | None = None  # a send waits here, when all is done but the answer
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # set when a send reached WeChat
    numbers: dict[str, Number] = field(default_factory=dict)
    payments: list[Payment] = field(default_factory=list)
    sends: list[RedPacketRequest] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)

    async def send_red_packet(self, request: RedPacketRequest, /) -> SendAnswer:
        gate, gate_after = self.gate, self.gate_after
        self.gate = self.gate_after = None
        if gate is not None:
            await gate.wait()
        await asyncio.sleep(0)
        self.sends.append(request)
        self.arrived.set()
        fault = self.faults.popleft() if self.faults else Fault.NONE
        answer = self._send(request, fault)
        if gate_after is not None:
            await gate_after.wait()
        await asyncio.sleep(0)
        return SendAnswer(answer, fault.name, f"err_code={fault.name}")

    async def query_red_packet(self, mch_billno: str, /) -> QueryAnswer:
        self.queries.append(mch_billno)
        await asyncio.sleep(0)
        if self.query_faults:
            return QueryAnswer(self.query_faults.popleft(), "FAULT")
        self.settle()
        number = self.numbers.get(mch_billno)
        if number is None or self.clock() < number.first_at + self.lag:
            return QueryAnswer(QueryClass.NOT_FOUND, "NOT_FOUND")
        status, words = number.status, ""
        if self.clock() < number.ready_at:
            status, words = QueryClass.SENDING, number.processing_words
        return QueryAnswer(status, reason=words, amount_fen=number.request.total_amount)

    def settle(self) -> None:
        """Let everything happen that time has brought: late payments, and packets nobody opened."""
        now = self.clock()
        for mch_billno, number in self.numbers.items():
            paid = self.payment(mch_billno)
            if number.status is QueryClass.SENT and number.ready_at <= now and paid is None:
                self.payments.append(
                    Payment(mch_billno, number.request.re_openid, number.request.total_amount, number.ready_at)
                )
            if number.status is QueryClass.SENT and paid and paid.at + timedelta(hours=24) <= now:
                number.status = QueryClass.RETURNED
                paid.returned = True

    def payment(self, mch_billno: str) -> Payment | None:
        """The payment of a number. A number pays once; the fake insists on it, so a bug here fails loudly."""
        found = [payment for payment in self.payments if payment.mch_billno == mch_billno]
        assert len(found) <= 1
        return found[0] if found else None

    def open(self, mch_billno: str) -> None:
        """The customer opens the packet, if it is there to be opened."""
        self.settle()
        number = self.numbers.get(mch_billno)
        if number and number.status is QueryClass.SENT and self.payment(mch_billno):
            number.status = QueryClass.RECEIVED

    def _send(self, request: RedPacketRequest, fault: Fault) -> AnswerClass:
        now = self.clock()
        self.settle()
        if fault is Fault.CRASH_BEFORE:
            raise Crash
        if fault in {Fault.NOT_CONNECTED, Fault.FREQ_LIMIT, Fault.SIGN_ERROR}:
            return _PLAIN[fault][0]  # refused at the door, also for a number that is known
        known = self.numbers.get(request.mch_billno)
        if known is not None:
            return self._repeat(known, request, fault, now)
        answer, status, delay = _PLAIN[Fault.NONE if fault is Fault.CRASH_PAID else fault]
        if status is not None:
            words = "已达到领取上限" if fault is Fault.LIMIT_SENDING_THEN_FAILED else ""
            self.numbers[request.mch_billno] = Number(request, status, now, now + delay, words)
            self.settle()
        if fault is Fault.CRASH_PAID:
            raise Crash
        return answer

    def _repeat(self, known: Number, request: RedPacketRequest, fault: Fault, now: datetime) -> AnswerClass:
        if fault is Fault.CRASH_PAID:
            raise Crash
        if known.request != request:
            return AnswerClass.CONFLICT
        if fault in {Fault.TIMEOUT_PAID, Fault.TIMEOUT_NOT_PAID, Fault.SYSTEMERROR_PAID}:
            return AnswerClass.UNKNOWN
        if now >= known.first_at + NUMBER_LIFE:
            return AnswerClass.FINAL_FAILURE  # "the bill has expired": says nothing about the first attempt
        if now < known.ready_at:
            return AnswerClass.WAIT
        if known.status is QueryClass.FAILED:
            return AnswerClass.FINAL_FAILURE
        return AnswerClass.SENT if self.echo else AnswerClass.FINAL_FAILURE


def make_request(number: str = "1900000001202611220000000101", amount: int = 200) -> RedPacketRequest:
    return RedPacketRequest(
        mch_billno=number,
        mch_id="1900000001",
        wxappid="wx8888888888888888",
        send_name="小店",
        re_openid="oxTWIuGaIt6gTKsQRLau2M0yL16E",
        total_amount=amount,
        wishing="感谢您的购买",
        client_ip="127.0.0.1",
        act_name="购物回馈",
        remark="感谢",
    )


@pytest.mark.parametrize("echo", [True, False])
async def test_the_fake_pays_a_number_once(echo: bool) -> None:
    fake = FakeWeChatPay(clock=lambda: START, echo=echo, faults=deque([Fault.TIMEOUT_PAID]))
    assert (await fake.send_red_packet(make_request())).kind is AnswerClass.UNKNOWN
    again = (await fake.send_red_packet(make_request())).kind
    assert again is (AnswerClass.SENT if echo else AnswerClass.FINAL_FAILURE)
    assert len(fake.payments) == 1
    assert (await fake.send_red_packet(make_request(amount=300))).kind is AnswerClass.CONFLICT


async def test_the_fake_pays_late_and_takes_back_what_nobody_opened() -> None:
    now = START
    fake = FakeWeChatPay(clock=lambda: now, faults=deque([Fault.TIMEOUT_PAID_LATER]))
    await fake.send_red_packet(make_request())
    assert not fake.payments
    now += timedelta(minutes=1)
    assert (await fake.query_red_packet(make_request().mch_billno)).kind is QueryClass.SENT
    now += timedelta(days=2)
    assert (await fake.query_red_packet(make_request().mch_billno)).kind is QueryClass.RETURNED
    assert fake.payments[0].returned
