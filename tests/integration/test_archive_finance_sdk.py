"""The binding of the Finance SDK, on a stand-in library with the same C interface, through real processes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from native import stand_in
from native.stand_in import RANDOM_KEY, Script, sealed

from bot.archive.decoder import Decoder, Limits
from bot.archive.errors import (
    Again,
    Alert,
    DecoderDied,
    DecoderHung,
    DecoderResting,
    Gone,
    LibraryAbsent,
    TooBig,
    WrongArguments,
    advice,
)
from bot.archive.finance_sdk import Account, FinanceSdk
from bot.archive.sdk_source import FinanceSdkSource
from bot.archive.source import Locked, Opened
from bot.wecom.errors import OutcomeUnknown, Throttled, WeComError

pytestmark = pytest.mark.skipif(stand_in.ABSENT is not None, reason=stand_in.ABSENT or "")

SECRET = "archive-secret-nobody-may-see"
IMPATIENT = Limits(decrypt_s=0.5, fetch_s=0.5, media_s=0.5)


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "script")


def account(script: Script) -> Account:
    return Account(script.corpid, SECRET, proxy="http://proxy:1", proxy_password="user:pass", timeout_s=7)


@pytest.fixture
async def decoder(script: Script) -> AsyncIterator[Decoder]:
    async with Decoder(stand_in.library(), account(script)) as decoder:
        yield decoder


@pytest.fixture
async def source(script: Script) -> AsyncIterator[FinanceSdkSource]:
    async with FinanceSdkSource(stand_in.library(), account(script)) as source:
        yield source


def locked(*messages: str) -> list[Locked]:
    return [Locked(RANDOM_KEY, message) for message in messages]


def words(opened: list[Opened]) -> list[str]:
    return [one.decode() if isinstance(one, bytes) else type(one).__name__ for one in opened]


def is_gone(pid: int) -> bool:
    """Neither running nor a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# -- the binding alone --


def test_every_buffer_is_freed_whatever_the_call_answers(script: Script) -> None:
    """A leak of one slice for each failure grows without end (reported of several bindings)."""
    script.page(0, "{}")
    script.media("f", b"x\0y")
    script.plan("GetChatData 10001", "GetMediaData 10005")
    sdk = FinanceSdk(stand_in.library(), account(script))
    with pytest.raises(Again):
        sdk.get_chat_data(0, limit=10)
    with pytest.raises(Gone):
        sdk.get_media_data("f", "")
    for message in ("code:10006", "code:10008"):
        with pytest.raises(WeComError):
            sdk.decrypt(RANDOM_KEY, message)
    assert sdk.get_chat_data(0, limit=10) == b"{}"
    assert sdk.decrypt(RANDOM_KEY, "empty:") == b""
    assert sdk.get_media_data("f", "").data == b"x\0y"
    sdk.close()
    assert script.balance() == "0 0"


def test_a_failed_sign_in_gives_the_handle_back(script: Script) -> None:
    script.plan("Init 10000")
    with pytest.raises(WrongArguments):
        FinanceSdk(stand_in.library(), account(script))
    assert script.balance() == "0 0"


def test_an_account_shows_no_secret() -> None:
    shown = repr(Account("corp", SECRET, proxy="http://p", proxy_password="user:pass"))
    assert SECRET not in shown
    assert "user:pass" not in shown


# -- through the process --


async def test_pages_come_as_the_library_gives_them(source: FinanceSdkSource, script: Script) -> None:
    script.records(0, {1: "ok:", 2: "ok:"})
    assert [one.seq for one in await source.fetch(0, limit=1000)] == [1, 2]
    assert await source.fetch(2, limit=5) == []  # the head: chatdata is missing altogether
    assert script.calls("GetChatData") == [
        "0 1000 [http://proxy:1] [user:pass] 7",
        "2 5 [http://proxy:1] [user:pass] 7",
    ]
    assert script.calls("Init") == [str(len(SECRET))]  # once


@pytest.mark.parametrize(
    ("code", "error"),
    [(10000, WrongArguments), (10001, Again), (10002, Again), (10003, Again), (10009, Alert), (10010, Gone)],
)
async def test_a_return_code_says_what_to_do(
    source: FinanceSdkSource, script: Script, code: int, error: type[WeComError]
) -> None:
    script.plan(f"GetChatData {code}")
    with pytest.raises(error) as failed:
        await source.fetch(0, limit=10)
    assert advice(failed.value)
    assert await source.fetch(0, limit=10) == []  # the next call is a new chance


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ("{", OutcomeUnknown),
        (b"\xff\xfe\x00", OutcomeUnknown),
        ("[]", OutcomeUnknown),
        ('{"chatdata":[{"msgid":"x"}]}', OutcomeUnknown),
        ('{"errcode":41001}', Alert),
        ('{"errcode":301042}', Alert),
        ('{"errcode":301053}', Alert),
        ('{"errcode":45009}', Throttled),
        ('{"errcode":987654}', Again),
    ],
)
async def test_an_answer_that_is_no_page_is_never_taken_for_the_head(
    source: FinanceSdkSource, script: Script, raw: str | bytes, error: type[WeComError]
) -> None:
    script.page(0, raw)
    with pytest.raises(error):
        await source.fetch(0, limit=10)


async def test_a_reply_that_is_too_big_is_asked_for_in_smaller_parts(source: FinanceSdkSource, script: Script) -> None:
    script.records(0, {1: "ok:"})
    script.most(300)
    assert [one.seq for one in await source.fetch(0, limit=1000)] == [1]
    assert [call.split()[1] for call in script.calls("GetChatData")] == ["1000", "500", "250"]
    script.most(0)
    with pytest.raises(TooBig):
        await source.fetch(0, limit=1000)


async def test_a_page_that_crashed_the_library_is_asked_for_again_with_fewer(
    source: FinanceSdkSource, script: Script
) -> None:
    script.records(0, {1: "ok:"})
    script.plan("GetChatData crash")
    with pytest.raises(DecoderDied):
        await source.fetch(0, limit=1000)
    assert [one.seq for one in await source.fetch(0, limit=1000)] == [1]
    assert [call.split()[1] for call in script.calls("GetChatData")] == ["1000", "500"]


async def test_messages_open_in_order_and_what_will_not_is_named(decoder: Decoder) -> None:
    opened = await decoder.decrypt(locked(sealed({"a": 1}), "code:10006", "ok:other key:{}", sealed({"b": "二"})))
    assert words(opened) == ['{"a": 1}', "Undecryptable", "Undecryptable", '{"b": "\\u4e8c"}']
    assert "10006" in str(opened[1])


async def test_a_decryption_that_fails_for_a_moment_is_tried_again(decoder: Decoder, tmp_path: Path) -> None:
    opened = await decoder.decrypt(locked(f"again:{tmp_path / 'seen'}:fine", "code:10003", "empty:"))
    assert words(opened) == ["fine", "Undecryptable", ""]


async def test_a_message_that_crashes_the_library_twice_is_poison_and_the_rest_goes_on(decoder: Decoder) -> None:
    opened = await decoder.decrypt(locked("ok:" + RANDOM_KEY + ":1", "crash:", "ok:" + RANDOM_KEY + ":2", "crash:x"))
    assert words(opened) == ["1", "Undecryptable", "2", "Undecryptable"]
    assert "2 次" in str(opened[1])


async def test_one_crash_is_not_held_against_a_message(decoder: Decoder, tmp_path: Path) -> None:
    """The library also dies for reasons of its own."""
    assert words(await decoder.decrypt(locked(f"once:{tmp_path / 'seen'}:fine", "empty:"))) == ["fine", ""]


async def test_a_message_that_hangs_is_ended_and_put_aside(script: Script) -> None:
    async with Decoder(stand_in.library(), account(script), limits=IMPATIENT) as decoder:
        opened = await decoder.decrypt(locked("hang:", f"ok:{RANDOM_KEY}:next"))
    assert words(opened) == ["Undecryptable", "next"]


async def test_a_fetch_that_hangs_is_ended_and_can_be_repeated(script: Script) -> None:
    script.plan("GetChatData hang")
    async with Decoder(stand_in.library(), account(script), limits=IMPATIENT) as decoder:
        with pytest.raises(DecoderHung):
            await decoder.fetch(0, limit=10)
        assert b'"errcode":0' in await decoder.fetch(0, limit=10)


async def test_a_decoder_that_keeps_dying_rests_and_messages_wait(script: Script) -> None:
    """Otherwise a broken library would be restarted as fast as the machine can."""
    now = 0.0
    limits = Limits(starts_max=3, starts_window_s=60)
    async with Decoder(stand_in.library(), account(script), limits=limits, monotonic=lambda: now) as decoder:
        opened = await decoder.decrypt(locked("crash:1", "crash:2", "empty:"))
        assert words(opened) == ["Undecryptable", "Postponed", "Postponed"]
        with pytest.raises(DecoderResting):
            await decoder.fetch(0, limit=10)
        now = 61.0
        # It remembers that the second message has killed once before it had to rest.
        assert words(await decoder.decrypt(locked("crash:2", "empty:"))) == ["Undecryptable", ""]


async def test_a_process_that_was_killed_from_outside_is_replaced(decoder: Decoder) -> None:
    await decoder.fetch(0, limit=1)
    first = decoder.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert decoder._child is not None
    await decoder._child._process.wait()
    assert isinstance((await decoder.decrypt(locked("empty:")))[0], bytes)
    assert decoder.pid not in {None, first}


async def test_a_handle_is_renewed_after_two_hours(script: Script) -> None:
    now = 0.0
    async with Decoder(stand_in.library(), account(script), monotonic=lambda: now) as decoder:
        await decoder.fetch(0, limit=1)
        first, now = decoder.pid, 7200.0
        await decoder.fetch(0, limit=1)
        assert decoder.pid != first


async def test_a_call_that_is_given_up_does_not_answer_the_next_one(script: Script) -> None:
    script.plan("GetChatData hang")
    script.page(7, "seven")
    async with Decoder(stand_in.library(), account(script)) as decoder:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await decoder.fetch(0, limit=1)
        assert await decoder.fetch(7, limit=1) == b"seven"


async def test_closing_frees_everything_and_leaves_no_process(script: Script) -> None:
    decoder = Decoder(stand_in.library(), account(script))
    await decoder.decrypt(locked("code:10006", "empty:"))
    pid = decoder.pid
    assert pid is not None
    await decoder.aclose()
    assert script.balance() == "0 0"
    assert is_gone(pid)
    assert decoder.pid is None


async def test_dead_decoders_leave_no_zombies(decoder: Decoder) -> None:
    await decoder.fetch(0, limit=1)
    first = decoder.pid
    assert first is not None
    await decoder.decrypt(locked("crash:"))
    assert is_gone(first)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc to look into the process")
async def test_no_secret_stands_in_the_process_list(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIAOER_ARCHIVE_SECRET", SECRET)
    await decoder.fetch(0, limit=1)
    for name in ("environ", "cmdline"):
        shown = Path(f"/proc/{decoder.pid}/{name}").read_bytes()  # noqa: ASYNC240  # /proc does not block
        assert SECRET.encode() not in shown
        assert b"user:pass" not in shown


async def test_a_library_that_is_not_there_says_so(tmp_path: Path, script: Script) -> None:
    not_it = tmp_path / "libother.so"
    not_it.write_bytes(b"not a library")
    for library in (tmp_path / "missing.so", not_it):
        async with Decoder(library, account(script)) as decoder:
            with pytest.raises(LibraryAbsent, match=library.name):
                await decoder.fetch(0, limit=1)
            assert decoder.pid is None


async def test_a_library_that_crashes_while_signing_in_blames_no_message(script: Script) -> None:
    script.plan("Init crash")
    async with Decoder(stand_in.library(), account(script)) as decoder:
        with pytest.raises(DecoderDied):
            await decoder.decrypt(locked("empty:"))
        assert await decoder.decrypt(locked("empty:")) == [b""]


async def test_files_come_in_pieces_with_every_byte(source: FinanceSdkSource, script: Script) -> None:
    content = b"\0\xff\0" * 500_000
    script.media("pic", content)
    data, index, pieces = b"", "", 0
    while True:
        piece = await source.fetch_piece("pic", index)
        data, index, pieces = data + piece.data, piece.next_index, pieces + 1
        if piece.finished:
            break
    assert data == content
    assert pieces == 3
    assert script.calls("GetMediaData")[1] == "pic [Range:bytes=524288-1048575]"
    with pytest.raises(Gone):
        await source.fetch_piece("expired", "")
    with pytest.raises(WrongArguments):
        await source.fetch_piece("", "")
