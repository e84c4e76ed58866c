"""The whole day, through a real server and the simulated platform: undisturbed, killed, and lied to."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, MetaData, select

from bot.archive.tables import Envelope
from bot.contacts.tables import Follow
from bot.conversations.tables import Message
from bot.decisions import Decision
from bot.demo.checks import check_day
from bot.demo.day import play
from bot.mailbox import Mail
from bot.orders.tables import OrderBinding, OrderClaim
from bot.red_packets.ledger import check_invariants
from bot.red_packets.tables import RedPacket
from bot.simulator.forgeries import Forgery
from compliance.tables import Flag
from kernel.database import Database
from tagger.tables import SuggestionRow

from .conftest import Story, mortal_story

KILLS = 24
SIGNS_FIRST = 5  # the first signs are the start itself


COMPARED: dict[str, Executable] = {
    "messages": select(Message.external_userid, Message.role, Message.text, Message.origin),
    "follows": select(Follow.external_userid, Follow.userid, Follow.state, Follow.channel_state),
    "claims": select(OrderClaim.external_userid, OrderClaim.number, OrderClaim.state),
    "bindings": select(OrderBinding.order_key, OrderBinding.external_userid),
    "packets": select(RedPacket.order_key, RedPacket.generation, RedPacket.amount_fen, RedPacket.state),
    "tags": select(SuggestionRow.external_userid, SuggestionRow.tag, SuggestionRow.state),
    "flags": select(Flag.external_userid, Flag.category, Flag.word),
    "envelopes": select(Envelope.seq, Envelope.state),
    "decisions": select(Decision.external_userid, Decision.outcome),
    "unfinished": select(Mail.kind, Mail.state, Mail.error).where(Mail.state.in_(["dead", "expired"])),
}


async def end_state(story: Story) -> dict[str, Any]:
    """Everything that may be compared between two runs of one day: what was done, not when or in which row."""
    world, database = story.world, story.database
    async with database.read() as db:
        kept = {
            name: sorted(json.dumps(list(row), ensure_ascii=False) for row in await db.execute(query))
            for name, query in COMPARED.items()
        }
        broken = await check_invariants(db)
    # "Unknown, being queried" is said only when a send was cut off: the one trace a death may leave.
    kept["decisions"] = [one for one in kept["decisions"] if "结果不明" not in one]
    return {
        **kept,
        "ledger": broken,
        "welcomes": sorted((one.external_userid, one.text) for one in world.welcomes),
        "answers": sorted((one.external_userid, one.text) for one in world.kf_sent),
        "marked": sorted((who, sorted(names)) for (_, who), names in world.marked_tags.items() if names),
        "paid": sorted((-flow.amount_fen) for flow in world.fund_flow if flow.kind == "pay"),
        "paid twice": [packet.mch_billno for packet in world.red_packets.values() if packet.times_paid > 1],
    }


def differences(expected: dict[str, Any], state: dict[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """What is missing and what is too much, by name: only what differs, so that a failure can be read."""
    found = {}
    for name, wanted in expected.items():
        missing, extra = Counter(map(str, wanted)), Counter(map(str, state[name]))
        if missing != extra:
            found[name] = {"missing": list((missing - extra).elements()), "extra": list((extra - missing).elements())}
    return found


async def play_day(story: Story) -> dict[str, Any]:
    day = story.day()
    await day.prepare()
    await play(day, pace_s=0, show=lambda _act: None)
    await story.settle()
    return await end_state(story)


async def test_the_day_keeps_every_promise_of_the_story(story: Story) -> None:
    day = story.day()
    await day.prepare()
    await play(day, pace_s=0, show=lambda _act: None)
    await story.settle()
    broken = [check for check in await check_day(day) if not check.holds and "已领取" not in check.what]
    assert broken == []


async def test_a_killed_server_ends_the_day_as_if_nothing_had_happened(
    database_url: str, back_end: str, tmp_path: Path
) -> None:
    """SIGKILL at seeded signs of life over the whole day; the end state equals the undisturbed one's."""
    reference_url = database_url
    async with mortal_story(reference_url, tmp_path / "undisturbed", []) as (story, mortal):
        expected = await play_day(story)
        signs = mortal.signs
    await empty(reference_url)
    deaths = seeded_deaths(f"{back_end}-20261122", signs)
    async with mortal_story(reference_url, tmp_path / "killed", deaths) as (story, mortal):
        state = await play_day(story)
        killed = len(mortal.killed)
    assert differences(expected, state) == {}
    assert killed >= 20, f"only {killed} of {KILLS} deaths came about"


def seeded_deaths(seed: str, signs: int) -> list[int]:
    """One death at a random sign of life in each stretch of the day; spread, so that no welcome's 20 s are eaten up."""
    rng = random.Random(seed)
    stretch = (signs - SIGNS_FIRST) / KILLS
    return [SIGNS_FIRST + int(stretch * (n + rng.random())) for n in range(KILLS)]


async def test_duplicated_reordered_and_forged_callbacks_change_nothing(story: Story, tmp_path: Path) -> None:
    day = story.day()
    await day.prepare()
    knobs = story.world.callbacks.knobs
    knobs.duplicate, knobs.reorder = 0.5, True
    await play(day, pace_s=0, show=lambda _act: None)
    for forgery in Forgery:
        assert await story.world.forge(forgery) != 200, forgery
    for push in list(story.world.callbacks.sent):
        story.world.callbacks.repeat(push)
    await story.settle()
    broken = [check for check in await check_day(day) if not check.holds and "已领取" not in check.what]
    assert broken == []
    assert Counter(one.external_userid for one in story.world.welcomes).most_common(1)[0][1] == 1


async def empty(database_url: str) -> None:
    """Drop every table: the second run begins where the first one did."""
    database = Database(database_url)
    async with database.engine.begin() as connection:
        metadata = MetaData()
        await connection.run_sync(metadata.reflect)
        await connection.run_sync(metadata.drop_all)
    await database.close()
