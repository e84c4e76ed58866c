"""What a packet's states are and what each answer means for it. Pure: no clock, no database, no network.

Three rules carry the whole design:

- No answer to a send is a final failure by itself. A failure on a repeat proves nothing about the
  first attempt, and even a first failure must be confirmed by a query before the money is released.
- Unknown is a state. It is left by a query, or by sending the same frozen request under the same
  number again. A new number exists only as a new generation, after FAILED_FINAL or RETURNED.
- Time never turns unknown into failed. It turns it into MANUAL, where the money stays in flight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

from bot.wechat_pay.answers import AnswerClass, QueryClass

BEIJING: Final = timezone(timedelta(hours=8))
GENERATIONS_MAX: Final = 3
LEASE: Final = timedelta(seconds=60)  # a sender is alone this long; longer than connect + read limits
PAUSE_MAX: Final = timedelta(seconds=10)  # a sender that was paused longer than this does not send
RESEND_SOONEST: Final = timedelta(seconds=5)
PROOF_WAIT: Final = timedelta(minutes=20)  # "no data" and "processing" say nothing before
SAME_NUMBER_MAX: Final = timedelta(hours=20)  # a number lives about 24 h: stop repeating well before
MANUAL_AFTER: Final = timedelta(hours=25)
QUERY_HORIZON: Final = timedelta(days=30)
BLOCKED_PAUSE: Final = timedelta(minutes=30)
QUERY_PLAN: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=20),
    timedelta(hours=2),
    timedelta(hours=25),
)
# Repeats of an unknown send need more chances inside the life of the number.
REPEAT_PLAN: Final = (
    RESEND_SOONEST,
    *QUERY_PLAN[:4],
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=19),
    QUERY_PLAN[4],
)


class State(StrEnum):
    CREATED = "created"
    APPROVED = "approved"
    REJECTED = "rejected"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    RECEIVED = "received"
    RETURNED = "returned"
    FAILED_FINAL = "failed_final"
    HELD = "held"
    BLOCKED_CONFIG = "blocked_config"
    MANUAL = "manual"


class Account(StrEnum):
    """Where money stands in the ledger."""

    FUNDING = "funding"
    BUDGET = "campaign_budget"
    RESERVED = "reserved"
    IN_FLIGHT = "in_flight"
    PAID = "paid"


UNSETTLED: Final = frozenset({State.SENDING, State.UNKNOWN, State.HELD, State.BLOCKED_CONFIG})  # query, maybe repeat
RELEASED: Final = frozenset({State.REJECTED, State.FAILED_FINAL, State.RETURNED})  # the money went back
REISSUABLE: Final = frozenset({State.FAILED_FINAL, State.RETURNED})
FINAL: Final = RELEASED | {State.RECEIVED}
LIVE: Final = frozenset(State) - RELEASED  # at most one generation of an order may be live

_FOUND_OUT = frozenset(
    {State.SENT, State.RECEIVED, State.RETURNED, State.FAILED_FINAL, State.UNKNOWN, State.HELD, State.MANUAL}
)
TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    State.CREATED: frozenset({State.APPROVED, State.REJECTED}),
    State.APPROVED: frozenset({State.SENDING, State.REJECTED}),
    State.SENDING: _FOUND_OUT | {State.BLOCKED_CONFIG},
    State.UNKNOWN: (_FOUND_OUT | {State.SENDING}) - {State.UNKNOWN},
    State.HELD: (_FOUND_OUT | {State.SENDING}) - {State.HELD},
    State.BLOCKED_CONFIG: _FOUND_OUT | {State.SENDING},
    State.SENT: frozenset({State.RECEIVED, State.RETURNED, State.FAILED_FINAL, State.MANUAL}),
    State.MANUAL: frozenset(),  # two persons decide; the product has no automatic way out
    State.RECEIVED: frozenset(),
    State.RETURNED: frozenset(),
    State.FAILED_FINAL: frozenset(),
    State.REJECTED: frozenset(),
}


def money_of(state: State, send_count: int) -> Account:
    """The account a packet's money stands in. BLOCKED_CONFIG on the first attempt is proven not to have moved."""
    if state in RELEASED:
        return Account.BUDGET
    if state in {State.CREATED, State.APPROVED} or (state is State.BLOCKED_CONFIG and send_count <= 1):
        return Account.RESERVED
    return Account.PAID if state is State.RECEIVED else Account.IN_FLIGHT


def postings(before: Account, after: Account) -> list[tuple[Account, Account]]:
    """The (debit, credit) pairs that move money from ``before`` to ``after``; what is paid was in flight first."""
    if before is after:
        return []
    if (before, after) == (Account.RESERVED, Account.PAID):
        return [(Account.IN_FLIGHT, Account.RESERVED), (Account.PAID, Account.IN_FLIGHT)]
    return [(after, before)]


@dataclass(frozen=True, slots=True)
class Sending:
    """What the rules need to know of a packet that has left, or may have left, this machine."""

    state: State
    send_count: int  # attempts begun, also those that never answered
    first_sent_at: datetime
    last_sent_at: datetime
    last_answer: AnswerClass | None  # None: the latest attempt never answered


@dataclass(frozen=True, slots=True)
class Decision:
    state: State
    reason: str  # a key of REASONS
    look_at: datetime | None  # when to query next; None for never
    resend: bool = False  # the same request may be sent again under the same number, now


def after_send(  # noqa: PLR0911  # one return for each class of answer
    sending: Sending, answer: AnswerClass, now: datetime
) -> Decision:
    """What the answer to attempt number ``send_count`` means."""
    reason = f"answer_{answer}"
    match answer:
        case AnswerClass.SENT:
            return Decision(State.SENT, reason, next_query_at(sending.first_sent_at, now))
        case AnswerClass.MISMATCH | AnswerClass.CONFLICT:
            return Decision(State.MANUAL, reason, None)
        case AnswerClass.HOLD:
            return Decision(State.HELD, reason, next_beijing_day(now))
        case AnswerClass.BLOCKED_CONFIG:
            return Decision(State.BLOCKED_CONFIG, reason, now + BLOCKED_PAUSE)
        case AnswerClass.WAIT:
            return Decision(State.UNKNOWN, reason, now + PROOF_WAIT)
        case AnswerClass.FINAL_FAILURE | AnswerClass.PAYEE_FINAL if sending.send_count == 1:
            return Decision(State.UNKNOWN, reason, now + PROOF_WAIT)
        case AnswerClass.FINAL_FAILURE | AnswerClass.PAYEE_FINAL:
            return Decision(State.UNKNOWN, "failed_on_repeat", next_repeat_at(sending.first_sent_at, now))
    return Decision(State.UNKNOWN, reason, next_repeat_at(sending.first_sent_at, now))


def after_query(  # noqa: C901, PLR0911  # one return for each class of answer
    sending: Sending, answer: QueryClass, now: datetime, *, with_reason: bool = False, contradicts: bool = False
) -> Decision:
    """What a query's answer means; ``with_reason``: WeChat gave words, ``contradicts``: another sum or person."""
    stay = State.UNKNOWN if sending.state is State.SENDING else sending.state
    later = next_query_at if sending.state is State.SENT else next_repeat_at
    look_at = later(sending.first_sent_at, now)
    reason = f"query_{answer}"
    if contradicts or answer is QueryClass.MISMATCH:
        return Decision(State.MANUAL, "query_mismatch", None)
    match answer:
        case QueryClass.RECEIVED:
            return Decision(State.RECEIVED, reason, None)
        case QueryClass.RETURNED:
            return Decision(State.RETURNED, reason, None)
        case QueryClass.FAILED:
            return Decision(State.FAILED_FINAL, reason, None)
    if now - sending.first_sent_at >= QUERY_HORIZON:
        return Decision(State.MANUAL, "query_horizon", None)
    match answer:
        case QueryClass.SENT | QueryClass.RETURNING:
            return Decision(State.SENT, reason, next_query_at(sending.first_sent_at, now))
        case QueryClass.SENDING:
            if sending.state is State.SENT:
                return Decision(State.SENT, reason, look_at)
            # With words beside it, merchants saw a limit: no money moved, FAILED about a day later.
            return Decision(State.HELD if with_reason else State.UNKNOWN, reason, look_at)
        case QueryClass.NOT_FOUND:
            return _nothing_known(sending, stay, now)
    too_old = stay is State.UNKNOWN and now - sending.first_sent_at >= MANUAL_AFTER
    if too_old:
        return Decision(State.MANUAL, "unknown_too_long", None)
    return Decision(stay, reason, now + BLOCKED_PAUSE if stay is State.BLOCKED_CONFIG else look_at)


def _nothing_known(sending: Sending, stay: State, now: datetime) -> Decision:
    """WeChat has no data for the number: no proof of anything, but often permission to repeat it."""
    age = now - sending.first_sent_at
    look_at = next_repeat_at(sending.first_sent_at, now)
    only_attempt_failed = sending.send_count == 1 and sending.last_answer in {
        AnswerClass.FINAL_FAILURE,
        AnswerClass.PAYEE_FINAL,
    }
    wait_until = sending.last_sent_at + RESEND_SOONEST
    if only_attempt_failed or sending.last_answer is AnswerClass.WAIT:
        wait_until = sending.last_sent_at + PROOF_WAIT
    elif stay is State.HELD:
        wait_until = next_beijing_day(sending.last_sent_at)
    if stay is State.SENT:
        return Decision(State.SENT, "query_not_found", next_query_at(sending.first_sent_at, now))
    if now < wait_until:
        return Decision(stay, "query_not_found", wait_until)
    if only_attempt_failed:
        return Decision(State.FAILED_FINAL, "failed_and_not_found", None)
    never_clear = stay is State.BLOCKED_CONFIG and sending.send_count == 1  # such a number never began to live
    if age < SAME_NUMBER_MAX or never_clear:
        return Decision(stay, "query_not_found", look_at, resend=True)
    if age < MANUAL_AFTER:
        return Decision(stay, "query_not_found", sending.first_sent_at + MANUAL_AFTER)
    return Decision(State.MANUAL, "unknown_too_long", None)


def next_query_at(first_sent_at: datetime, now: datetime) -> datetime:
    """The first moment of QUERY_PLAN after ``now``, then daily."""
    return _next_of(QUERY_PLAN, first_sent_at, now)


def next_repeat_at(first_sent_at: datetime, now: datetime) -> datetime:
    """The first moment of REPEAT_PLAN after ``now``, then daily."""
    return _next_of(REPEAT_PLAN, first_sent_at, now)


def next_beijing_day(now: datetime) -> datetime:
    """Ten past midnight: WeChat's daily limits follow the Beijing day."""
    midnight = now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1, minutes=10)


def bill_number(*, mch_id: str, created_at: datetime, packet_id: int, generation: int) -> str:
    """``mch_billno``, computed once and stored: merchant (10) + Beijing date (8) + packet (8) + generation (2)."""
    assert mch_id.isascii(), "a merchant id is digits"
    assert mch_id.isalnum(), "a merchant id is digits"
    assert len(mch_id) <= 10, "a merchant id has at most ten characters"
    assert 0 < packet_id < 10**8, "the bill number would be longer than 28"
    assert 0 < generation < 100, "the bill number would be longer than 28"
    return f"{mch_id}{created_at.astimezone(BEIJING):%Y%m%d}{packet_id:08d}{generation:02d}"


def merchant_of(mch_billno: str) -> str:
    """The merchant a bill number was made for."""
    return mch_billno[:-18]


def _next_of(plan: tuple[timedelta, ...], start: datetime, now: datetime) -> datetime:
    for offset in plan:
        if start + offset > now:
            return start + offset
    return now + timedelta(days=1)
