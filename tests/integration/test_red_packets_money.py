"""Reserving, sending and following red packets: one sentence each, on both back ends."""

import asyncio
from collections import deque
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from test_red_packets_fake import START, FakeWeChatPay, Fault

from bot.red_packets.campaigns import CampaignForm, add_campaign, change_campaign, get_campaign, set_switch
from bot.red_packets.eligibility import NotEligible, OrderFacts, Refusal
from bot.red_packets.engine import State
from bot.red_packets.errors import InvalidCampaign, NotAllowed, OpenidImpossible, OpenidPending
from bot.red_packets.ledger import check_invariants
from bot.red_packets.sending import Sender
from bot.red_packets.store import (
    AlreadyReserved,
    PacketFilter,
    Reserved,
    list_packets,
    look_now,
    packets_of,
    reissue,
    reject,
    reserve,
    sums,
    timeline,
)
from bot.red_packets.tables import RedPacket, RedPacketCampaign
from bot.red_packets.words import REASONS, STATES
from bot.wechat_pay.answers import AnswerClass, QueryClass
from kernel.database import Database

FORM = CampaignForm(
    "秋日回馈",
    200,
    1_000,
    START - timedelta(days=30),
    START + timedelta(days=30),
    platforms=("taobao", "jd"),
    hold_days=7,
    enabled=True,
    send_name="小店",
)
ORDER = OrderFacts("taobao", 5900, 0, "finished", START - timedelta(days=20), START - timedelta(days=10))


class Shop:
    """A shop with one open campaign, a switch, a clock and a WeChat Pay that lies on request."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = START
        self.fake = FakeWeChatPay(clock=lambda: self.now)
        self.sender = Sender(database, self.fake, self.resolve, lambda: self.now)
        self.told: list[tuple[int, str]] = []
        self.openid_trouble: Exception | None = None

    async def resolve(self, external_userid: str) -> str:
        if self.openid_trouble:
            raise self.openid_trouble
        return f"openid_of_{external_userid}"

    async def on_change(self, _db: AsyncSession, packet: RedPacket) -> None:
        self.told.append((packet.id, packet.state))

    async def claim(
        self, order_key: str = "taobao:1", contact: str = "wm_li", order: OrderFacts = ORDER
    ) -> Reserved | AlreadyReserved | NotEligible:
        async with self.database.write() as db:
            return await reserve(
                db,
                order_key=order_key,
                claim_id=f"claim {order_key}",
                external_userid=contact,
                order=order,
                mch_id=self.fake.mch_id,
                now=self.now,
            )

    async def reserved(self, order_key: str = "taobao:1", contact: str = "wm_li") -> int:
        outcome = await self.claim(order_key, contact)
        assert isinstance(outcome, Reserved)
        return outcome.packet.id

    async def send(self, packet_id: int, *faults: Fault) -> State:
        self.fake.faults = deque(faults)
        return (await self.sender.send(packet_id, on_change=self.on_change)).state

    async def later(self, **passed: float) -> None:
        self.now += timedelta(**passed)
        while await self.sender.poll_due(self.now, on_change=self.on_change) == 100:
            pass

    async def packet(self, packet_id: int) -> RedPacket:
        async with self.database.read() as db:
            return await db.get_one(RedPacket, packet_id)

    async def remaining_fen(self) -> int:
        async with self.database.read() as db:
            assert await check_invariants(db) == []
            campaigns = await db.scalars(select(RedPacketCampaign).order_by(RedPacketCampaign.id))
            return campaigns.all()[0].remaining_fen

    async def standing(self) -> int:
        """How many packets' money is out there now."""
        await self.remaining_fen()
        self.fake.settle()
        return sum(not payment.returned for payment in self.fake.payments)


@pytest.fixture
async def shop(database: Database) -> Shop:
    async with database.write() as db:
        await add_campaign(db, FORM, by="财务小周", now=START)
        await set_switch(db, is_open=True, by="财务小周", now=START)
    return Shop(database)


async def test_a_claim_reserves_money_and_its_number_before_anything_is_sent(shop: Shop) -> None:
    outcome = await shop.claim()
    assert isinstance(outcome, Reserved)
    packet = outcome.packet
    assert packet.mch_billno == f"1900000001{START:%Y%m%d}{packet.id:08d}01"
    assert (packet.state, packet.amount_fen) == (State.APPROVED, 200)
    assert await shop.remaining_fen() == 800
    assert not shop.fake.sends


async def test_one_order_is_reserved_once_whoever_claims_it(shop: Shop) -> None:
    first = await shop.claim(contact="wm_li")
    again = await shop.claim(contact="wm_wang")
    assert isinstance(first, Reserved)
    assert isinstance(again, AlreadyReserved)
    assert again.packet.id == first.packet.id
    assert again.packet.external_userid == "wm_li"
    assert await shop.remaining_fen() == 800


async def test_thirty_claims_at_once_never_take_more_than_the_budget(shop: Shop) -> None:
    outcomes = await asyncio.gather(*(shop.claim(f"taobao:{n % 15}", f"wm_{n % 15}") for n in range(30)))
    assert sum(isinstance(outcome, Reserved) for outcome in outcomes) == 5
    assert await shop.remaining_fen() == 0


async def test_a_contact_gets_as_many_packets_as_the_campaign_allows_also_at_once(shop: Shop) -> None:
    outcomes = await asyncio.gather(*(shop.claim(f"taobao:{n}", "wm_li") for n in range(4)))
    refused = [outcome.code for outcome in outcomes if isinstance(outcome, NotEligible)]
    assert refused == [Refusal.CONTACT_LIMIT] * 3
    assert await shop.remaining_fen() == 800


async def test_claims_outside_the_campaign_are_refused_with_a_code(shop: Shop) -> None:
    late = await shop.claim(order=replace(ORDER, platform="pdd"))
    assert isinstance(late, NotEligible)
    assert late.code is Refusal.PLATFORM
    shop.now = START + timedelta(days=31)
    over = await shop.claim()
    assert isinstance(over, NotEligible)
    assert over.code is Refusal.NO_CAMPAIGN


async def test_without_a_switch_row_nothing_is_reserved_or_sent(database: Database) -> None:
    """Absent configuration means closed; a restored database starts closed."""
    async with database.write() as db:
        await add_campaign(db, FORM, by="财务小周", now=START)
    outcome = await Shop(database).claim()
    assert isinstance(outcome, NotEligible)
    assert outcome.code is Refusal.SWITCHED_OFF


async def test_a_packet_is_sent_and_settled_when_the_customer_opens_it(shop: Shop) -> None:
    packet_id = await shop.reserved()
    assert await shop.send(packet_id) is State.SENT
    packet = await shop.packet(packet_id)
    assert packet.mch_billno
    shop.fake.open(packet.mch_billno)
    await shop.later(minutes=1)
    assert (await shop.packet(packet_id)).state == State.RECEIVED
    assert await shop.send(packet_id) is State.RECEIVED, "a repeated intent changes nothing"
    assert shop.told == [(packet_id, "sending"), (packet_id, "sent"), (packet_id, "received")]
    assert (len(shop.fake.sends), await shop.standing()) == (1, 1)


async def test_a_packet_nobody_opens_comes_back_and_its_money_with_it(shop: Shop) -> None:
    packet_id = await shop.reserved()
    await shop.send(packet_id)
    await shop.later(hours=25)
    assert (await shop.packet(packet_id)).state == State.RETURNED
    assert await shop.remaining_fen() == 1_000


@pytest.mark.parametrize(
    "fault",
    [
        Fault.TIMEOUT_PAID,
        Fault.TIMEOUT_NOT_PAID,
        Fault.TIMEOUT_PAID_LATER,
        Fault.SYSTEMERROR_PAID,
        Fault.SYSTEMERROR_NOT_PAID,
        Fault.PROCESSING_THEN_PAID,
        Fault.UNKNOWN_CODE_PAID,
        Fault.NOT_CONNECTED,
        Fault.FREQ_LIMIT,
        Fault.NOTENOUGH,
        Fault.SIGN_ERROR,
    ],
)
@pytest.mark.parametrize("echo", [True, False])
async def test_after_any_trouble_the_customer_is_paid_once_under_one_number(
    shop: Shop, fault: Fault, echo: bool
) -> None:
    shop.fake.echo = echo
    packet_id = await shop.reserved()
    await shop.send(packet_id, fault)
    for _ in range(4):
        await shop.later(minutes=21)
    assert (await shop.packet(packet_id)).state == State.SENT
    assert await shop.standing() == 1
    assert len({request.mch_billno for request in shop.fake.sends}) == 1
    assert len({request.digest for request in shop.fake.sends}) == 1


async def test_a_processing_answer_is_not_repeated_meanwhile(shop: Shop) -> None:
    packet_id = await shop.reserved()
    await shop.send(packet_id, Fault.PROCESSING_THEN_PAID)
    for _ in range(3):
        await shop.later(minutes=6)
        await shop.send(packet_id)
    assert len(shop.fake.sends) == 1


async def test_a_failure_is_final_only_after_a_query_agrees_and_then_people_may_reissue(shop: Shop) -> None:
    packet_id = await shop.reserved()
    assert await shop.send(packet_id, Fault.SEND_FAILED_FORGOTTEN) is State.UNKNOWN
    with pytest.raises(NotAllowed):
        async with shop.database.write() as db:
            await reissue(db, packet_id, mch_id=shop.fake.mch_id, by="财务小周", now=shop.now)
    await shop.later(minutes=21)
    assert (await shop.packet(packet_id)).state == State.FAILED_FINAL
    assert await shop.remaining_fen() == 1_000
    async with shop.database.write() as db:
        second = await reissue(db, packet_id, mch_id=shop.fake.mch_id, by="财务小周", now=shop.now)
    await shop.later(seconds=1)
    packet = await shop.packet(second.id)
    assert (packet.generation, packet.state, packet.claim_id) == (2, State.SENT, "claim taobao:1")
    assert packet.mch_billno
    assert packet.mch_billno.endswith("02")
    assert await shop.standing() == 1


async def test_a_paid_number_whose_repeat_says_expired_goes_to_people_and_is_never_replaced(shop: Shop) -> None:
    """F21: paid, unknown, invisible to queries; after a day every repeat says SEND_FAILED."""
    shop.fake.lag = timedelta(days=3)
    shop.fake.echo = False
    packet_id = await shop.reserved()
    await shop.send(packet_id, Fault.TIMEOUT_PAID)
    for _ in range(30):
        await shop.later(hours=1)
    packet = await shop.packet(packet_id)
    assert (packet.state, packet.state_reason) == (State.MANUAL, "unknown_too_long")
    assert await shop.remaining_fen() == 800, "the money stays in flight"
    assert len({request.mch_billno for request in shop.fake.sends}) == 1


async def test_an_answer_about_somebody_else_goes_to_people(shop: Shop) -> None:
    packet_id = await shop.reserved()
    assert await shop.send(packet_id, Fault.MISMATCH_PAID) is State.MANUAL
    await shop.later(hours=30)
    assert (await shop.packet(packet_id)).state == State.MANUAL


async def test_a_limit_holds_the_packet_until_wechat_says_failed(shop: Shop) -> None:
    packet_id = await shop.reserved()
    assert await shop.send(packet_id, Fault.LIMIT_SENDING_THEN_FAILED) is State.HELD
    await shop.later(hours=13)
    assert (await shop.packet(packet_id)).state == State.HELD
    await shop.later(hours=13)
    assert (await shop.packet(packet_id)).state == State.FAILED_FINAL
    assert len(shop.fake.sends) == 1


async def test_the_kill_switch_between_approval_and_send_stops_the_packet(shop: Shop) -> None:
    packet_id = await shop.reserved()
    async with shop.database.write() as db:
        await set_switch(db, is_open=False, by="财务小周", now=shop.now, why="演练")
    result = await shop.sender.send(packet_id)
    assert (result.state, result.reason) == (State.APPROVED, "switched_off")
    assert result.retry_after
    assert not shop.fake.sends
    async with shop.database.write() as db:
        await set_switch(db, is_open=True, by="财务小周", now=shop.now)
    assert await shop.send(packet_id) is State.SENT


async def test_two_senders_of_one_packet_send_it_once(shop: Shop) -> None:
    packet_id = await shop.reserved()
    await asyncio.gather(*(shop.sender.send(packet_id) for _ in range(4)))
    assert len(shop.fake.sends) == 1
    assert (await shop.packet(packet_id)).state == State.SENT


async def test_a_worker_that_slept_through_its_turn_writes_nothing(shop: Shop) -> None:
    """F13: another worker took over, queried and went on; the late answer is kept without effect."""
    packet_id = await shop.reserved()
    gate = shop.fake.gate_after = asyncio.Event()
    sleeper = asyncio.create_task(shop.sender.send(packet_id))
    await asyncio.wait_for(shop.fake.arrived.wait(), timeout=10)
    await shop.later(minutes=10)
    version = (await shop.packet(packet_id)).version
    gate.set()
    assert (await sleeper).state is State.SENT
    assert (await shop.packet(packet_id)).version == version
    async with shop.database.read() as db:
        assert [entry.applied for entry in await timeline(db, packet_id)].count(False) == 1
    assert await shop.standing() == 1


async def test_an_unknown_openid_waits_and_an_impossible_one_gives_the_money_back(shop: Shop) -> None:
    packet_id = await shop.reserved()
    shop.openid_trouble = OpenidPending("客户还没有打开领取页", timedelta(minutes=3))
    result = await shop.sender.send(packet_id)
    assert (result.state, result.retry_after) == (State.APPROVED, timedelta(minutes=3))
    shop.openid_trouble = OpenidImpossible("企业微信用户没有微信身份")
    assert await shop.send(packet_id) is State.REJECTED
    assert await shop.remaining_fen() == 1_000
    assert not shop.fake.sends


async def test_a_lost_intent_to_send_is_found_by_the_poll(shop: Shop) -> None:
    packet_id = await shop.reserved()
    await shop.later(minutes=10)
    assert (await shop.packet(packet_id)).state == State.SENT


async def test_a_changed_campaign_does_not_change_a_request_under_the_same_number(shop: Shop) -> None:
    packet_id = await shop.reserved()
    await shop.send(packet_id, Fault.TIMEOUT_NOT_PAID)
    async with shop.database.write() as db:
        await change_campaign(db, 1, replace(FORM, wishing="改过的祝福语"), by="财务小周", now=shop.now)
    await shop.later(minutes=1)
    assert [request.wishing for request in shop.fake.sends] == [FORM.wishing] * 2


async def test_a_tampered_request_is_never_sent(shop: Shop) -> None:
    packet_id = await shop.reserved()
    await shop.send(packet_id, Fault.TIMEOUT_NOT_PAID)
    async with shop.database.write() as db:
        packet = await db.get_one(RedPacket, packet_id)
        assert packet.request
        packet.request = packet.request | {"total_amount": 20_000}
    await shop.later(minutes=1)
    assert (await shop.packet(packet_id)).state == State.MANUAL
    assert len(shop.fake.sends) == 1
    async with shop.database.read() as db:
        assert await check_invariants(db) == [f"packet {packet_id}: its frozen request was changed"]


async def test_a_contradicting_query_goes_to_people(shop: Shop) -> None:
    packet_id = await shop.reserved()
    await shop.send(packet_id)
    number = next(iter(shop.fake.numbers.values()))
    number.request = replace(number.request, total_amount=300)
    await shop.later(minutes=1)
    assert (await shop.packet(packet_id)).state == State.MANUAL


async def test_a_packet_can_be_withdrawn_only_before_it_is_sent(shop: Shop) -> None:
    packet_id = await shop.reserved()
    async with shop.database.write() as db:
        await reject(db, packet_id, by="财务小周", why="客户退款了", now=shop.now)
    assert await shop.remaining_fen() == 1_000
    assert await shop.send(packet_id) is State.REJECTED
    other = await shop.reserved("taobao:2")
    await shop.send(other)
    with pytest.raises(NotAllowed):
        async with shop.database.write() as db:
            await reject(db, other, by="财务小周", why="晚了", now=shop.now)


async def test_the_database_itself_refuses_a_second_live_generation(shop: Shop) -> None:
    """The unique index is the last lock, below every function."""
    packet_id = await shop.reserved()
    copy = (
        "INSERT INTO red_packet (order_key, claim_id, generation, campaign_id, external_userid, amount_fen,"
        " state, state_reason, reason_detail, version, send_count, created_at)"
        " SELECT order_key, claim_id, 2, campaign_id, external_userid, amount_fen,"
        " state, state_reason, reason_detail, version, send_count, created_at FROM red_packet WHERE id = :id"
    )
    with pytest.raises(IntegrityError):
        async with shop.database.write() as db:
            await db.execute(text(copy), {"id": packet_id})


async def test_a_budget_shrinks_only_by_what_is_still_free(shop: Shop) -> None:
    await shop.reserved()
    for budget_fen, remaining_fen in ((2_000, 1_800), (200, 0)):
        async with shop.database.write() as db:
            await change_campaign(db, 1, replace(FORM, budget_fen=budget_fen), by="财务小周", now=shop.now)
        assert await shop.remaining_fen() == remaining_fen
    await shop.later(minutes=1)
    with pytest.raises(InvalidCampaign) as refused:
        async with shop.database.write() as db:
            await change_campaign(db, 1, replace(FORM, amount_fen=100, budget_fen=150), by="财务小周", now=shop.now)
    assert set(refused.value.errors) == {"budget"}


async def test_one_campaign_pays_at_a_time(shop: Shop) -> None:
    async with shop.database.write() as db:
        second = await add_campaign(db, replace(FORM, name="冬日回馈"), by="财务小周", now=shop.now)
        assert not (await get_campaign(db, 1)).enabled
        assert (await get_campaign(db, second.id)).enabled


async def test_lists_narrow_search_and_sum(shop: Shop) -> None:
    first = await shop.reserved("taobao:1", "wm_li")
    await shop.reserved("jd:2%", "wm_wang")
    await shop.send(first)
    async with shop.database.read() as db:
        assert [packet.id for packet in await list_packets(db, PacketFilter(state="sent"))] == [first]
        assert len(await list_packets(db, PacketFilter(), limit=1)) == 1
        assert [p.order_key for p in await list_packets(db, PacketFilter(search="2%"))] == ["jd:2%"]
        assert {state: (s.count, s.amount_fen) for state, s in (await sums(db, PacketFilter())).items()} == {
            "sent": (1, 200),
            "approved": (1, 200),
        }
        assert [packet.id for packet in await packets_of(db, "wm_li")] == [first]
        story = await timeline(db, first)
    assert [(entry.kind, entry.answer) for entry in story] == [
        ("note", "reserved"),
        ("note", "sending"),
        ("send", "sent"),
    ]
    assert "openid_of_wm_li" not in "".join(entry.summary for entry in story)


async def test_a_person_can_ask_for_a_query_now(shop: Shop) -> None:
    packet_id = await shop.reserved()
    await shop.send(packet_id, Fault.NOTENOUGH)
    async with shop.database.write() as db:
        await look_now(db, packet_id, by="财务小周", now=shop.now)
    await shop.later(seconds=10)
    assert (await shop.packet(packet_id)).state == State.SENT


async def test_a_query_in_trouble_changes_nothing(shop: Shop) -> None:
    packet_id = await shop.reserved()
    await shop.send(packet_id, Fault.TIMEOUT_PAID)
    shop.fake.query_faults = deque([QueryClass.UNKNOWN, QueryClass.BLOCKED_CONFIG])
    await shop.later(minutes=1)
    await shop.later(minutes=5)
    assert (await shop.packet(packet_id)).state == State.UNKNOWN
    assert len(shop.fake.sends) == 1
    await shop.later(minutes=20)
    assert (await shop.packet(packet_id)).state == State.SENT


async def test_one_packets_trouble_does_not_stop_the_others(shop: Shop) -> None:
    first, second = await shop.reserved("taobao:1", "wm_li"), await shop.reserved("taobao:2", "wm_wang")
    resolve = shop.resolve

    async def resolve_some(external_userid: str) -> str:
        if external_userid == "wm_li":
            raise ConnectionError
        return await resolve(external_userid)

    sender = Sender(shop.database, shop.fake, resolve_some, lambda: shop.now)
    shop.now += timedelta(minutes=10)
    with pytest.raises(ConnectionError):
        await sender.poll_due(shop.now)
    assert (await shop.packet(first)).state == State.APPROVED
    assert (await shop.packet(second)).state == State.SENT


async def test_every_state_and_every_reason_the_engine_gives_has_words(shop: Shop) -> None:
    assert set(STATES) == set(State)
    reasons = {f"answer_{kind}" for kind in AnswerClass} | {f"query_{kind}" for kind in QueryClass}
    assert reasons <= set(REASONS)
