"""Play the day at the shop once, as fast as it goes, and keep its database."""

from datetime import timedelta
from pathlib import Path

import tagger
from bot import app
from bot.demo.box import free_port, open_box
from bot.demo.day import Day, play
from bot.demo.idle import wait_until_idle
from bot.schema import METADATA
from bot.simulator.context import TurnableClock, utc_now
from scripts_library import store as scripts

SEED = 5
SETTLE_S = 90.0
AFTER_HOURS = timedelta(minutes=2)  # then WeChat Pay is asked whether the packets were opened


async def play_day(folder: Path) -> Path:
    """The path of the SQLite file with everything that happened."""
    file = folder / "day.sqlite3"
    clock = TurnableClock(base=utc_now)
    async with (
        open_box(
            folder,
            database_url=f"sqlite+aiosqlite:///{file}",
            bot_port=free_port(),
            clock=clock,
            seed=SEED,
            hurried=True,
        ) as box,
        app.open_plant(box.settings, clock=clock) as plant,
    ):
        database = plant.services.database
        async with database.engine.begin() as connection:
            for metadata in METADATA:
                await connection.run_sync(metadata.create_all)
        async with database.write() as db:
            await scripts.seed_default_scripts(db, now=clock())
            await tagger.seed_shipped_rules(db, now=clock())

        async def settle() -> None:
            await wait_until_idle(box.world, database, clock=clock, within_s=SETTLE_S)

        async with app.serving(plant, with_workers=True):
            day = Day(box.world, database, clock=clock, settle=settle)
            await day.prepare()
            await play(day, pace_s=0, show=lambda _act: None)
            await settle()
            clock.advance(AFTER_HOURS)
            await settle()
    return file
