"""The simulated WeChat Pay keeps its books: whatever is asked of it, the fund flow is the truth."""

import dataclasses
import random
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.simulator.config import make_config
from bot.simulator.context import Context, TurnableClock
from bot.simulator.pay import PacketStatus, Pay, PayError

numbers = st.sampled_from(["B1", "B2", "B3", "B4"])
amounts = st.sampled_from([100, 200, 5000])


class Books(RuleBasedStateMachine):
    """Random merchants, customers and clocks, with honest and with misleading statuses."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = TurnableClock()
        self.funded_fen = 0
        self.set_up_books(misleading=False)

    @initialize(misleading=st.booleans())
    def set_up_books(self, misleading: bool) -> None:
        config = make_config("http://127.0.0.1:1/", rng=random.Random(1))
        config = dataclasses.replace(config, refusals_look_like_sending=misleading)
        context = Context(config, self.clock, random.Random(2), emit=lambda *_args, **_kwargs: None)
        self.pay = Pay(context, external_userid_of=lambda openid: "wm_li" if openid == "o_li" else None)
        self.appid = config.wxappid

    @rule(amount_fen=st.integers(min_value=1, max_value=10_000))
    def fund(self, amount_fen: int) -> None:
        self.pay.fund(amount_fen)
        self.funded_fen += amount_fen

    @rule(number=numbers, amount_fen=amounts, processing=st.booleans())
    def send(self, number: str, amount_fen: int, processing: bool) -> None:
        params = {
            "mch_billno": number,
            "total_amount": str(amount_fen),
            "re_openid": "o_li",
            "wxappid": self.appid,
        }
        try:
            packet = self.pay.send(params, processing=processing)
        except PayError:
            return
        assert packet.amount_fen == amount_fen
        assert packet.times_paid == 1

    @rule(number=numbers)
    def open(self, number: str) -> None:
        packet = self.pay.red_packets.get(number)
        self.pay.tick()
        if packet is not None and packet.status is PacketStatus.SENT:
            self.pay.open_packet(number)

    @rule(minutes=st.sampled_from([0, 1, 19, 20, 60, 24 * 60]))
    def wait(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=minutes))
        self.pay.tick()

    @rule()
    def turn_luck(self) -> None:
        self.pay.processing_succeeds = not self.pay.processing_succeeds

    @invariant()
    def each_number_pays_at_most_once(self) -> None:
        paid = [flow.mch_billno for flow in self.pay.fund_flow if flow.kind == "pay"]
        assert len(paid) == len(set(paid))
        assert all(packet.times_paid <= 1 for packet in self.pay.red_packets.values())

    @invariant()
    def the_balance_is_the_sum_of_the_flow_and_never_negative(self) -> None:
        assert self.pay.balance_fen == sum(flow.amount_fen for flow in self.pay.fund_flow)
        assert all(flow.balance_fen >= 0 for flow in self.pay.fund_flow)

    @invariant()
    def money_is_with_the_merchant_or_in_a_packet(self) -> None:
        out = (PacketStatus.SENT, PacketStatus.RECEIVED)
        in_packets = sum(p.amount_fen for p in self.pay.red_packets.values() if p.status in out)
        assert self.pay.balance_fen + in_packets == self.funded_fen


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
