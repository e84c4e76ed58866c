"""Answers of the library and frames between the processes: read exactly, or refused, never half."""

import asyncio
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.archive.errors import REACTIONS, Again, advice, failure
from bot.archive.frames import LENGTHS, BrokenFrame, pack, read_frame, receive_frame
from bot.archive.source import Locked, Sealed, read_page
from bot.wecom.errors import OutcomeUnknown, WeComError

heads = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9) | st.booleans(), max_size=4)


def page(*records: object) -> bytes:
    return json.dumps({"errcode": 0, "errmsg": "ok", "chatdata": records}).encode()


@pytest.mark.parametrize("raw", [b'{"errcode":0}', b"{}", b'{"chatdata":[]}', b'{"errcode":0,"chatdata":null}'])
def test_the_head_of_the_stream_is_an_empty_page(raw: bytes) -> None:
    """Missing chatdata crashed other clients, or sent their cursor back to 0."""
    assert read_page(raw) == []


def test_records_come_in_order_of_seq_and_numbers_may_be_strings() -> None:
    full = {"msgid": "m", "encrypt_random_key": "k", "encrypt_chat_msg": "c"}
    raw = page(full | {"seq": 5, "publickey_ver": 2}, full | {"seq": "4", "publickey_ver": "1"})
    assert read_page(raw) == [Sealed(4, "m", 1, "k", "c"), Sealed(5, "m", 2, "k", "c")]


def test_a_record_with_missing_parts_is_kept_for_the_quarantine() -> None:
    assert read_page(page({"seq": 7})) == [Sealed(7, "", 0, "", "")]


def test_a_record_without_a_number_is_left_out_and_shows_as_a_hole() -> None:
    assert [one.seq for one in read_page(page({"seq": 1}, {"msgid": "x"}, 3, {"seq": 3}))] == [1, 3]
    with pytest.raises(OutcomeUnknown):
        read_page(page({"msgid": "x"}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["seq", "msgid", "x"]), inner),
    max_leaves=8,
)


@given(
    raw=st.binary(max_size=50)
    | st.dictionaries(st.sampled_from(["errcode", "chatdata"]), json_values).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_answer_is_a_page_or_a_failure_with_a_name(raw: bytes) -> None:
    try:
        records = read_page(raw)
    except WeComError:
        return
    assert all(0 < one.seq < 2**63 for one in records)


def test_an_unlocked_message_shows_nothing_of_itself() -> None:
    assert "k3y" not in repr(Locked("k3y", "text"))


@pytest.mark.parametrize("code", sorted(REACTIONS))
def test_every_code_has_advice_for_a_person(code: int) -> None:
    assert advice(failure("GetChatData", code))


def test_a_code_nobody_described_is_tried_again() -> None:
    assert isinstance(failure("GetChatData", 424_242), Again)


# -- frames --


@given(head=heads, body=st.binary(max_size=50), more=st.binary(max_size=9))
def test_a_frame_comes_out_as_it_went_in(head: dict[str, object], body: bytes, more: bytes) -> None:
    stream = io.BytesIO(pack(head, body) + more)
    assert read_frame(stream) == (head, body)
    assert stream.read() == more


@given(head=heads, body=st.binary(max_size=50), data=st.data())
def test_a_frame_that_was_cut_is_never_taken_for_a_whole_one(
    head: dict[str, object], body: bytes, data: st.DataObject
) -> None:
    whole = pack(head, body)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(BrokenFrame):
        read_frame(io.BytesIO(cut))


def test_a_closed_pipe_is_the_end() -> None:
    assert read_frame(io.BytesIO(b"")) is None


@pytest.mark.parametrize(
    "noise",
    [b"noise from the library\n", LENGTHS.pack(2**31, 0), LENGTHS.pack(1, 0) + b"{", LENGTHS.pack(2, 0) + b"[]"],
)
async def test_what_is_no_frame_ends_the_conversation(noise: bytes) -> None:
    """Printing into the pipe must never be read as an answer, nor as a length to wait for."""
    stream = asyncio.StreamReader()
    stream.feed_data(noise)
    stream.feed_eof()
    with pytest.raises(BrokenFrame):
        await receive_frame(stream)
    with pytest.raises(BrokenFrame):
        read_frame(io.BytesIO(noise))
