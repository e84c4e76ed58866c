"""What each answer means, given state, attempt number and age."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.red_packets.engine import (
    FINAL,
    QUERY_PLAN,
    RELEASED,
    TRANSITIONS,
    UNSETTLED,
    Account,
    Sending,
    State,
    after_query,
    after_send,
    bill_number,
    money_of,
    next_beijing_day,
    next_query_at,
    postings,
)
from bot.wechat_pay.answers import AnswerClass as A
from bot.wechat_pay.answers import QueryClass as Q

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
FIRST = Sending(State.SENDING, 1, NOW, NOW, None)
UNKNOWN = replace(FIRST, state=State.UNKNOWN, last_answer=A.UNKNOWN)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("answer", "attempt", "state", "money"),
    [
        (A.SENT, 1, State.SENT, Account.IN_FLIGHT),
        (A.SENT, 2, State.SENT, Account.IN_FLIGHT),
        (A.UNKNOWN, 1, State.UNKNOWN, Account.IN_FLIGHT),
        (A.WAIT, 1, State.UNKNOWN, Account.IN_FLIGHT),
        (A.SAME_NUMBER_LATER, 1, State.UNKNOWN, Account.IN_FLIGHT),
        (A.FINAL_FAILURE, 1, State.UNKNOWN, Account.IN_FLIGHT),
        (A.FINAL_FAILURE, 2, State.UNKNOWN, Account.IN_FLIGHT),
        (A.PAYEE_FINAL, 1, State.UNKNOWN, Account.IN_FLIGHT),
        (A.HOLD, 1, State.HELD, Account.IN_FLIGHT),
        (A.BLOCKED_CONFIG, 1, State.BLOCKED_CONFIG, Account.RESERVED),
        (A.BLOCKED_CONFIG, 2, State.BLOCKED_CONFIG, Account.IN_FLIGHT),
        (A.CONFLICT, 1, State.MANUAL, Account.IN_FLIGHT),
        (A.MISMATCH, 1, State.MANUAL, Account.IN_FLIGHT),
    ],
)
def test_an_answer_to_a_send(answer: A, attempt: int, state: State, money: Account) -> None:
    decision = after_send(replace(FIRST, send_count=attempt), answer, NOW)
    assert decision.state is state
    assert money_of(decision.state, attempt) is money
    assert (decision.look_at is None) == (state is State.MANUAL), "nothing is forgotten, nothing stuck is retried"


@given(answer=st.sampled_from(A), attempt=st.integers(1, 9))
def test_no_answer_to_a_send_ever_releases_money_or_asks_for_a_repeat(answer: A, attempt: int) -> None:
    """Also a first SEND_FAILED waits for a query that agrees; after a repeat (R3a) only the query decides."""
    decision = after_send(replace(FIRST, send_count=attempt), answer, NOW)
    assert decision.state not in RELEASED
    assert not decision.resend


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Q.SENT, State.SENT),
        (Q.RETURNING, State.SENT),
        (Q.RECEIVED, State.RECEIVED),
        (Q.RETURNED, State.RETURNED),
        (Q.FAILED, State.FAILED_FINAL),
        (Q.SENDING, State.UNKNOWN),
        (Q.UNKNOWN, State.UNKNOWN),
        (Q.BLOCKED_CONFIG, State.UNKNOWN),
        (Q.MISMATCH, State.MANUAL),
    ],
)
def test_a_query_resolves_an_unknown_packet(answer: Q, state: State) -> None:
    decision = after_query(UNKNOWN, answer, NOW + MINUTE)
    assert decision.state is state
    assert not decision.resend


def test_no_data_allows_the_same_number_again_while_the_number_lives() -> None:
    assert after_query(UNKNOWN, Q.NOT_FOUND, NOW + MINUTE).resend
    assert not after_query(UNKNOWN, Q.NOT_FOUND, NOW + timedelta(seconds=1)).resend, "a second is too soon"
    assert after_query(UNKNOWN, Q.NOT_FOUND, NOW + 19 * HOUR).resend
    late = after_query(UNKNOWN, Q.NOT_FOUND, NOW + 21 * HOUR)
    assert (late.state, late.resend) == (State.UNKNOWN, False)
    assert after_query(UNKNOWN, Q.NOT_FOUND, NOW + 25 * HOUR).state is State.MANUAL


def test_a_processing_answer_forbids_a_repeat_for_twenty_minutes() -> None:
    waiting = replace(UNKNOWN, last_answer=A.WAIT)
    assert not after_query(waiting, Q.NOT_FOUND, NOW + 19 * MINUTE).resend
    assert after_query(waiting, Q.NOT_FOUND, NOW + 20 * MINUTE).resend


@pytest.mark.parametrize("answer", [A.FINAL_FAILURE, A.PAYEE_FINAL])
def test_a_failure_of_the_only_attempt_is_final_when_a_later_query_knows_nothing(answer: A) -> None:
    failed = replace(UNKNOWN, last_answer=answer)
    assert after_query(failed, Q.NOT_FOUND, NOW + 19 * MINUTE).state is State.UNKNOWN
    assert after_query(failed, Q.NOT_FOUND, NOW + 20 * MINUTE).state is State.FAILED_FINAL
    repeated = replace(failed, send_count=2)
    assert after_query(repeated, Q.NOT_FOUND, NOW + 20 * MINUTE).state is State.UNKNOWN


def test_an_expired_number_never_becomes_a_failure_by_itself() -> None:
    """F21: the first call paid, the repeat after a day says SEND_FAILED because the number expired."""
    repeated = replace(FIRST, send_count=2, last_sent_at=NOW + 24 * HOUR)
    assert after_send(repeated, A.FINAL_FAILURE, NOW + 24 * HOUR).state is State.UNKNOWN
    asked = replace(repeated, state=State.UNKNOWN, last_answer=A.FINAL_FAILURE)
    assert after_query(asked, Q.NOT_FOUND, NOW + 26 * HOUR).state is State.MANUAL


def test_sending_with_words_beside_it_is_held_until_wechat_says_failed() -> None:
    """F10: after a limit, merchants saw SENDING with the limit's text and FAILED a day later."""
    held = after_query(UNKNOWN, Q.SENDING, NOW + MINUTE, with_reason=True)
    assert held.state is State.HELD
    asked = replace(UNKNOWN, state=State.HELD)
    assert after_query(asked, Q.FAILED, NOW + 25 * HOUR).state is State.FAILED_FINAL


def test_a_held_packet_is_repeated_on_the_next_beijing_day_and_not_before() -> None:
    held = replace(UNKNOWN, state=State.HELD, last_answer=A.HOLD)
    tomorrow = next_beijing_day(NOW)
    assert tomorrow == datetime(2026, 11, 22, 16, 10, tzinfo=UTC)
    assert not after_query(held, Q.NOT_FOUND, tomorrow - MINUTE).resend
    assert after_query(held, Q.NOT_FOUND, tomorrow).resend


def test_a_blocked_packet_waits_for_people_and_keeps_its_number() -> None:
    blocked = replace(UNKNOWN, state=State.BLOCKED_CONFIG, last_answer=A.BLOCKED_CONFIG)
    assert after_query(blocked, Q.NOT_FOUND, NOW + 40 * HOUR).resend, "this number never began to live"
    assert not after_query(replace(blocked, send_count=2), Q.NOT_FOUND, NOW + 21 * HOUR).resend
    assert after_query(blocked, Q.BLOCKED_CONFIG, NOW + HOUR).state is State.BLOCKED_CONFIG


@pytest.mark.parametrize("answer", [Q.RECEIVED, Q.SENT, Q.FAILED])
def test_a_query_about_another_sum_or_person_goes_to_people(answer: Q) -> None:
    assert after_query(UNKNOWN, answer, NOW, contradicts=True).state is State.MANUAL


sendings = st.builds(
    Sending,
    state=st.sampled_from(sorted(UNSETTLED | {State.SENT})),
    send_count=st.integers(1, 5),
    first_sent_at=st.just(NOW),
    last_sent_at=st.timedeltas(timedelta(0), timedelta(days=2)).map(lambda age: NOW + age),
    last_answer=st.sampled_from([None, *A]),
)
ages = st.timedeltas(timedelta(hours=-3), timedelta(days=40))  # clocks jump back as well


@given(sending=sendings, answer=st.sampled_from(Q), age=ages, words=st.booleans(), contradicts=st.booleans())
def test_every_decision_after_a_query_is_a_known_way_and_keeps_unknown_money(
    sending: Sending, answer: Q, age: timedelta, words: bool, contradicts: bool
) -> None:
    decision = after_query(sending, answer, NOW + age, with_reason=words, contradicts=contradicts)
    assert decision.state is sending.state or decision.state in TRANSITIONS[sending.state]
    if decision.resend:
        assert answer is Q.NOT_FOUND
        assert decision.state in UNSETTLED
        assert State.SENDING in TRANSITIONS[decision.state]
    if decision.state in RELEASED:
        proof = {Q.FAILED, Q.RETURNED}
        only_attempt = sending.send_count == 1 and sending.last_answer in {A.FINAL_FAILURE, A.PAYEE_FINAL}
        assert answer in proof or (answer is Q.NOT_FOUND and only_attempt)
    if decision.state not in FINAL | {State.MANUAL}:
        assert decision.look_at is not None
        assert decision.look_at > NOW + age


def test_the_query_plan_is_one_five_twenty_minutes_two_and_twenty_five_hours_then_daily() -> None:
    at, seen = NOW, []
    for _ in range(7):
        at = next_query_at(NOW, at)
        seen.append(at - NOW)
    assert seen == [*QUERY_PLAN, timedelta(hours=49), timedelta(hours=73)]


@given(
    packet_id=st.integers(1, 10**8 - 1),
    generation=st.integers(1, 99),
    other=st.tuples(st.integers(1, 10**8 - 1), st.integers(1, 99)),
)
def test_bill_numbers_fit_the_field_and_never_meet(packet_id: int, generation: int, other: tuple[int, int]) -> None:
    number = bill_number(mch_id="1900000001", created_at=NOW, packet_id=packet_id, generation=generation)
    assert len(number) == 28
    assert number.isdigit()
    again = bill_number(mch_id="1900000001", created_at=NOW, packet_id=other[0], generation=other[1])
    assert (number == again) == ((packet_id, generation) == other)


def test_the_date_in_a_bill_number_is_beijings() -> None:
    late = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
    assert bill_number(mch_id="1900000001", created_at=late, packet_id=7, generation=1) == (
        "1900000001" + "20261123" + "00000007" + "01"
    )


@given(before=st.sampled_from(Account), after=st.sampled_from(Account))
def test_postings_move_exactly_from_one_account_to_the_other(before: Account, after: Account) -> None:
    balance = dict.fromkeys(Account, 0) | {before: 1}
    for debit, credit in postings(before, after):
        balance[debit] += 1
        balance[credit] -= 1
    assert balance == dict.fromkeys(Account, 0) | {after: 1}


def test_final_states_have_no_way_out_and_manual_has_no_automatic_one() -> None:
    assert all(not TRANSITIONS[state] for state in FINAL | {State.MANUAL})
