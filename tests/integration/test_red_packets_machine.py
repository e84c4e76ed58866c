"""Any mix of faults, crashes, duplicates and clock jumps: paid at most once, and every fen accounted for.

A crash is an exception nothing catches, raised at any reading of the clock (before and after each
commit and each call), inside a call, or inside the transaction that writes a result.
"""

import asyncio
import itertools
import shutil
import tempfile
from collections import Counter, deque
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from test_red_packets_fake import START, Crash, FakeWeChatPay, Fault

from bot.red_packets.campaigns import CampaignForm, add_campaign, set_switch
from bot.red_packets.eligibility import OrderFacts
from bot.red_packets.engine import FINAL, RELEASED, State
from bot.red_packets.errors import NotAllowed
from bot.red_packets.ledger import check_invariants
from bot.red_packets.sending import Sender
from bot.red_packets.store import Reserved, look_now, reissue, reject, reserve
from bot.red_packets.tables import RedPacket
from bot.tables import Base
from bot.wechat_pay.answers import QueryClass
from kernel.database import Database

AMOUNT_FEN, BUDGET_FEN = 200, 900  # room for four packets of two yuan
ORDERS = [f"taobao:{n}" for n in range(6)]
# How long queries say NOT_FOUND for a number that exists: the honest case, minutes, and more than a day.
LAGS = st.sampled_from([timedelta(0), timedelta(minutes=10), timedelta(hours=30)])


class RedPacketMachine(RuleBasedStateMachine):
    packets = Bundle("packets")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.now = START
        self.crash_in: int | None = None
        self.crash_in_commit = False
        self.fake = FakeWeChatPay(clock=lambda: self.now)
        self.paused: list[tuple[asyncio.Event, asyncio.Task[object]]] = []
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.database = Database(f"sqlite+aiosqlite:///{self.folder / 'machine.sqlite3'}")
        async with self.database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        self.sender = Sender(self.database, self.fake, self._resolve, self._clock)
        form = CampaignForm(
            "回馈",
            AMOUNT_FEN,
            BUDGET_FEN,
            START - timedelta(days=30),
            START + timedelta(days=365),
            per_contact_max=4,
            hold_days=0,
            enabled=True,
            send_name="小店",
        )
        async with self.database.write() as db:
            await add_campaign(db, form, by="财务", now=START)
            await set_switch(db, is_open=True, by="财务", now=START)

    async def _resolve(self, external_userid: str) -> str:
        return f"openid_of_{external_userid}"

    def _clock(self) -> datetime:
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in < 0:
                self.crash_in = None
                raise Crash
        return self.now

    async def _on_change(self, _db: AsyncSession, _packet: RedPacket) -> None:
        if self.crash_in_commit:
            self.crash_in_commit = False
            raise Crash

    async def _send(self, packet_id: int) -> None:
        with suppress(Crash):
            await self.sender.send(packet_id, on_change=self._on_change)

    @rule(target=packets, order_key=st.sampled_from(ORDERS), contact=st.sampled_from(["wm_li", "wm_wang"]))
    def claim(self, order_key: str, contact: str) -> int | None:
        return self.runner.run(self._claim(order_key, contact))

    async def _claim(self, order_key: str, contact: str) -> int | None:
        facts = OrderFacts("taobao", 5900, 0, "finished", START, START)
        async with self.database.write() as db:
            outcome = await reserve(
                db,
                order_key=order_key,
                claim_id=f"claim {order_key}",
                external_userid=contact,
                order=facts,
                mch_id=self.fake.mch_id,
                now=self.now,
            )
            return outcome.packet.id if isinstance(outcome, Reserved) else None

    @rule(
        target=packets,
        order_key=st.sampled_from(ORDERS),
        fault=st.sampled_from(Fault),
        again=st.sampled_from([Fault.NONE, Fault.NONE, *Fault]),
        echo=st.booleans(),
        lag=LAGS,
    )
    def claim_and_send_into_trouble(
        self, order_key: str, fault: Fault, again: Fault, echo: bool, lag: timedelta
    ) -> int | None:
        """The day's usual bad luck: the first send goes wrong, and so may its repeat."""
        packet_id = self.runner.run(self._claim(order_key, "wm_li"))
        if packet_id:
            self.wechat_will_misbehave([fault, again], echo, lag)
            self.runner.run(self._send(packet_id))
        return packet_id

    @rule(
        target=packets,
        order_key=st.sampled_from(ORDERS),
        fault=st.sampled_from([Fault.TIMEOUT_PAID, Fault.SYSTEMERROR_PAID, Fault.CRASH_PAID, Fault.TIMEOUT_PAID_LATER]),
        passed=st.sampled_from([timedelta(minutes=1), timedelta(minutes=21), timedelta(hours=19)]),
    )
    def a_paid_number_is_repeated_and_called_failed(
        self, order_key: str, fault: Fault, passed: timedelta
    ) -> int | None:
        """F21, F22: the first call paid, no query sees it, and the repeat is answered with a failure."""
        packet_id = self.runner.run(self._claim(order_key, "wm_wang"))
        if packet_id:
            self.wechat_will_misbehave([fault], echo=False, lag=timedelta(hours=30))
            self.runner.run(self._send(packet_id))
            self.time_passes(passed)
        return packet_id

    @rule(faults=st.lists(st.sampled_from(Fault), max_size=3), echo=st.booleans(), lag=LAGS)
    def wechat_will_misbehave(self, faults: list[Fault], echo: bool, lag: timedelta) -> None:
        self.fake.faults = deque(faults)
        self.fake.echo, self.fake.lag = echo, lag

    @rule(answers=st.lists(st.sampled_from([QueryClass.UNKNOWN, QueryClass.BLOCKED_CONFIG]), max_size=3))
    def queries_will_fail(self, answers: list[QueryClass]) -> None:
        self.fake.query_faults = deque(answers)

    @rule(after=st.integers(0, 6), in_commit=st.booleans())
    def the_process_will_die(self, after: int, in_commit: bool) -> None:
        self.crash_in, self.crash_in_commit = (None, True) if in_commit else (after, False)

    @rule(packet_id=packets)
    def send(self, packet_id: int | None) -> None:
        if packet_id:
            self.runner.run(self._send(packet_id))

    @rule(packet_id=packets)
    def two_senders_at_once(self, packet_id: int | None) -> None:
        async def both(one: int) -> None:
            await asyncio.gather(self._send(one), self._send(one))

        if packet_id:
            self.runner.run(both(packet_id))

    @precondition(lambda self: len(self.paused) < 2)
    @rule(packet_id=packets, after_paying=st.booleans())
    def a_sender_falls_asleep(self, packet_id: int | None, after_paying: bool) -> None:
        async def start(one: int) -> None:
            gate = asyncio.Event()
            if after_paying:
                self.fake.gate_after = gate
            else:
                self.fake.gate = gate
            task: asyncio.Task[object] = asyncio.ensure_future(self._send(one))
            self.paused.append((gate, task))
            await asyncio.wait([task], timeout=0.05)
            self.fake.gate = self.fake.gate_after = None

        if packet_id:
            self.runner.run(start(packet_id))

    @precondition(lambda self: bool(self.paused))
    @rule()
    def a_sleeping_sender_wakes(self) -> None:
        async def wake() -> None:
            gate, task = self.paused.pop(0)
            gate.set()
            await task

        self.runner.run(wake())

    @rule()
    def poll(self) -> None:
        self.runner.run(self._poll())

    async def _poll(self) -> None:
        with suppress(Crash):
            await self.sender.poll_due(self.now, on_change=self._on_change)

    @rule(
        passed=st.sampled_from(
            [
                timedelta(seconds=5),
                timedelta(minutes=1),
                timedelta(minutes=21),
                timedelta(hours=5),
                timedelta(hours=23),
                timedelta(hours=26),
                -timedelta(minutes=30),
            ]
        )
    )
    def time_passes(self, passed: timedelta) -> None:
        self.now += passed
        self.runner.run(self._poll())

    @rule(is_open=st.booleans())
    def kill_switch(self, is_open: bool) -> None:
        async def turn() -> None:
            async with self.database.write() as db:
                await set_switch(db, is_open=is_open, by="财务", now=self.now)

        sends = len(self.fake.sends)
        self.runner.run(turn())
        if not is_open and not self.paused:
            self.crash_in, self.crash_in_commit = None, False
            self.runner.run(self._poll())
            assert len(self.fake.sends) == sends, "nothing is sent while the switch is off"

    @rule(packet_id=packets, deed=st.sampled_from(["reissue", "reject", "look", "open"]))
    def people_act(self, packet_id: int | None, deed: str) -> None:
        if packet_id:
            self.runner.run(self._act(packet_id, deed))

    async def _act(self, packet_id: int, deed: str) -> None:
        async with self.database.write() as db:
            packet = await db.get_one(RedPacket, packet_id)
            key, number = packet.order_key, packet.mch_billno
            assert number
            with suppress(NotAllowed):
                if deed == "reissue":
                    newest = await db.scalars(select(RedPacket.id).where(RedPacket.order_key == key))
                    await reissue(db, max(newest.all()), mch_id=self.fake.mch_id, by="财务", now=self.now)
                elif deed == "reject":
                    await reject(db, packet_id, by="财务", why="客户退款了", now=self.now)
                elif deed == "look":
                    await look_now(db, packet_id, by="财务", now=self.now)
                else:
                    self.fake.open(number)

    @invariant()
    def paid_at_most_once_and_accounted_for(self) -> None:
        self.runner.run(self._check())

    async def _check(self) -> None:
        self.fake.settle()
        async with self.database.read() as db:
            assert await check_invariants(db) == []
            packets = (await db.scalars(select(RedPacket))).all()
        by_number = {packet.mch_billno: packet for packet in packets}
        standing = [payment for payment in self.fake.payments if not payment.returned]
        per_order = Counter(by_number[payment.mch_billno].order_key for payment in standing)
        assert all(count <= 1 for count in per_order.values()), per_order
        assert sum(payment.amount_fen for payment in standing) <= BUDGET_FEN
        for packet in packets:
            payment = self.fake.payment(packet.mch_billno or "")
            if State(packet.state) in RELEASED:
                assert payment is None or payment.returned, f"released, but paid: {packet.state_reason}"
            if State(packet.state) is State.RECEIVED:
                assert payment is not None
                assert not payment.returned
            if payment is not None:
                assert payment.amount_fen == packet.amount_fen
                assert payment.openid == f"openid_of_{packet.external_userid}"

    def teardown(self) -> None:
        self.runner.run(self._finish())
        self.runner.close()
        shutil.rmtree(self.folder)

    async def _finish(self) -> None:
        """Faults end, everyone wakes, days pass: nothing may be stuck without a reason."""
        self.crash_in, self.crash_in_commit = None, False
        self.fake.faults.clear()
        self.fake.query_faults.clear()
        for gate, task in self.paused:
            gate.set()
            await task
        async with self.database.write() as db:
            await set_switch(db, is_open=True, by="财务", now=self.now)
        for hours in itertools.repeat(7, 20):
            await self._poll()
            await self._poll()
            self.now += timedelta(hours=hours)
        await self._check()
        async with self.database.read() as db:
            for packet in (await db.scalars(select(RedPacket))).all():
                assert State(packet.state) in FINAL | {State.MANUAL}, (packet.state, packet.state_reason)
                assert packet.state_reason
        await self.database.close()


TestRedPackets = RedPacketMachine.TestCase
TestRedPackets.settings = settings(
    max_examples=18,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
