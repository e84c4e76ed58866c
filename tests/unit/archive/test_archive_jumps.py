"""When a jump in ``seq`` means lost messages, and what the ledger says about ranges and holes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.archive.ledger import EXPIRED, JUMP, Hole, Ledger, Progress, Range, judge_jump, make_ledger, to_ranges

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
LONG = NOW - timedelta(days=6)
LATELY = NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("progress", "first_seq", "reason"),
    [
        (Progress(), 100, None),  # the first pull starts wherever WeCom does
        (Progress(10, LATELY, LATELY), 11, None),
        (Progress(10, LATELY, LATELY), 13, JUMP),  # numbers may jump by themselves
        (Progress(10, LONG, LONG), 11, None),  # a long silence, and nothing is missing
        (Progress(10, LONG, LONG), 13, EXPIRED),
        (Progress(10, LATELY, LONG), 13, EXPIRED),  # we pulled, but were days behind
        (Progress(10, LONG, None), 13, EXPIRED),
        (Progress(10, LATELY, LATELY, silent_since=LONG), 13, EXPIRED),  # an empty answer settled nothing
        (Progress(10), 13, JUMP),
    ],
)
def test_a_jump_is_lost_messages_only_after_five_days_of_silence(
    progress: Progress, first_seq: int, reason: str | None
) -> None:
    hole = judge_jump(progress, first_seq, now=NOW)
    assert (hole.reason if hole else None) == reason
    if hole is not None:
        assert hole.missing == first_seq - 11
        assert (hole.silent_since is not None) == (reason == EXPIRED)


def ledger(seqs: set[int], *, shown: int = 1000) -> Ledger:
    ordered = sorted(seqs)
    jumps = [(left, right) for left, right in pairwise(ordered) if right > left + 1]
    return make_ledger(
        Progress(max(seqs, default=0), LATELY, LATELY),
        counts={"opened": len(seqs)},
        seqs=(ordered[0], ordered[-1]) if ordered else None,
        jumps=jumps[-shown:],
        jumps_total=len(jumps),
        known=[],
        quarantined=[],
        now=NOW,
    )


@given(seqs=st.sets(st.integers(1, 60)))
def test_ranges_and_holes_together_are_every_number_once(seqs: set[int]) -> None:
    book = ledger(seqs)
    stored = {seq for one in book.ranges for seq in range(one.first, one.last + 1)}
    missing = {seq for hole in book.holes for seq in range(hole.after_seq + 1, hole.next_seq)}
    assert stored == seqs
    assert not stored & missing
    assert sum(one.count for one in book.ranges) + sum(hole.missing for hole in book.holes) == len(stored | missing)


@given(seqs=st.sets(st.integers(1, 60), min_size=1), shown=st.integers(1, 3))
def test_older_holes_may_be_hidden_and_no_range_then_covers_one(seqs: set[int], shown: int) -> None:
    book = ledger(seqs, shown=shown)
    assert {seq for one in book.ranges for seq in range(one.first, one.last + 1)} <= seqs
    assert book.holes_hidden == max(len(ledger(seqs).holes) - shown, 0)


def test_without_a_hole_there_is_one_range() -> None:
    assert to_ranges(3, 9, []) == (Range(3, 9),)
    assert to_ranges(3, 9, [Hole(4, 8)]) == (Range(3, 4), Range(8, 9))


def test_a_day_behind_is_an_alarm() -> None:
    """Four days are left then to mend it; after that messages are gone for ever."""
    book = ledger({1})
    assert not book.alarm
    late = make_ledger(
        Progress(1, NOW, NOW - timedelta(hours=25)),
        counts={},
        seqs=None,
        jumps=[],
        jumps_total=0,
        known=[],
        quarantined=[],
        now=NOW,
    )
    assert late.alarm
    assert late.ranges == ()
