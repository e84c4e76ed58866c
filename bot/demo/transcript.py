"""Replay real conversations through the archive: sealed by the simulator, fetched, opened, stored, tagged, scanned."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import func, select

from bot.app import Plant
from bot.archive.tables import Envelope
from bot.conversations.tables import Message
from bot.demo import shop
from bot.demo.checks import Check
from bot.demo.idle import wait_until_idle
from bot.mailbox import Mail, State
from bot.orders.tables import OrderClaim
from bot.simulator.world import World
from compliance import CATEGORY_OF
from compliance.tables import Flag
from tagger.tables import SuggestionRow

REPLAY_S_MAX = 1_800.0
TOP_TAGS = 12


@dataclass(frozen=True, slots=True)
class Spoken:
    """One line of the file."""

    conversation: str
    at_s: float
    role: str  # customer | staff
    text: str


class BadTranscript(Exception):
    """The file is not a transcript; the text names the line."""


def read_transcript(file: Path) -> Iterator[Spoken]:
    """Lines as ``{"conversation","at","from":"customer|staff","text"}``; a line of another shape is an error."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                spoken = Spoken(
                    str(record["conversation"]), float(record["at"]), str(record["from"]), str(record["text"])
                )
            except (ValueError, KeyError, TypeError):
                raise BadTranscript(
                    f'{file.name}, line {number}: not {{"conversation","at","from","text"}}; nothing was replayed'
                ) from None
            if spoken.role not in {"customer", "staff"}:
                raise BadTranscript(
                    f'{file.name}, line {number}: "from" must be customer or staff; nothing was replayed'
                )
            yield spoken


async def replay(world: World, plant: Plant, file: Path, *, terminal: Console) -> list[Check]:
    """Write every line into the simulated archive, wait until the bot has worked through it, and count."""
    spoken = list(read_transcript(file))
    database, clock = plant.services.database, plant.services.clock
    people = _write(world, spoken, start=clock() - timedelta(days=1))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True) as progress:
        task = progress.add_task("经会话存档回放", total=len(spoken))

        async def stored() -> int:
            async with database.read() as db:
                return int(await db.scalar(select(func.count()).select_from(Message)) or 0)

        async def look() -> None:
            progress.update(task, completed=await stored())

        await wait_until_idle(world, database, clock=clock, within_s=REPLAY_S_MAX, every_s=1.0, look=look)
    return await _count(plant, world, spoken, people=people, terminal=terminal)


def _write(world: World, spoken: list[Spoken], *, start: datetime) -> int:
    people: dict[str, str] = {}
    staff = shop.STAFF[0][0]
    for line in spoken:
        if line.conversation not in people:
            # Friends since long ago: nothing to greet, so no welcome code.
            name = f"顾客{line.conversation}"
            people[line.conversation] = world.add_contact(name, staff=staff, welcome_code=False)
        customer = people[line.conversation]
        sender, receiver = (customer, staff) if line.role == "customer" else (staff, customer)
        world.archive_write(sender, [receiver], line.text, at=start + timedelta(seconds=line.at_s))
    return len(people)


async def _count(plant: Plant, world: World, spoken: list[Spoken], *, people: int, terminal: Console) -> list[Check]:
    async with plant.services.database.read() as db:
        stored = int(await db.scalar(select(func.count()).select_from(Message).where(Message.origin == "archive")) or 0)
        envelopes = int(await db.scalar(select(func.count()).select_from(Envelope)) or 0)
        closed = int(await db.scalar(select(func.count()).select_from(Envelope).where(Envelope.state != "opened")) or 0)
        texts = Counter(await db.scalars(select(Message.text).where(Message.origin == "archive")))
        tags = (
            await db.execute(
                select(SuggestionRow.tag, func.count(), func.count(SuggestionRow.external_userid.distinct()))
                .group_by(SuggestionRow.tag)
                .order_by(func.count().desc())
            )
        ).all()
        flags = (
            await db.execute(select(Flag.category, func.count()).group_by(Flag.category).order_by(func.count().desc()))
        ).all()
        claims = int(await db.scalar(select(func.count()).select_from(OrderClaim)) or 0)
        stuck = int(
            await db.scalar(select(func.count()).select_from(Mail).where(Mail.state.in_([State.DEAD, State.EXPIRED])))
            or 0
        )
    marked = sum(len(names) for names in world.marked_tags.values())
    table = Table(title=f"{len(spoken)} 行、{people} 个会话里找到的", title_justify="left")
    for column in ("标签", "命中消息", "客户"):
        table.add_column(column, justify="left" if column == "标签" else "right")
    for tag, messages, customers in tags[:TOP_TAGS]:
        table.add_row(tag, str(messages), str(customers))
    terminal.print(table)
    table = Table(title="质检标记", title_justify="left")
    table.add_column("类别")
    table.add_column("条数", justify="right")
    for category, count in flags:
        table.add_row(CATEGORY_OF[category].name, str(count))
    terminal.print(table)
    found = (sum(row[1] for row in tags), sum(row[2] for row in tags), marked, sum(row[1] for row in flags), claims)
    terminal.print(
        "标签命中 {} 条、客户×标签 {} 个，其中自动同步到企业微信 {} 个；质检标记 {} 条；订单号 {} 个".format(*found)
    )
    lost = sum((Counter(line.text for line in spoken) - texts).values())
    return [
        Check("存档里的信都取回", str(len(spoken)), str(envelopes)),
        Check("每一行都存成消息", str(len(spoken)), str(stored)),
        Check("内容丢失或变样的行", "0", str(lost)),
        Check("没有打开的信", "0", str(closed)),
        Check("没有办不成的事", "0", str(stuck)),
    ]
