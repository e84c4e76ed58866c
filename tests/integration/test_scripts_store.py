"""Scripts in the database: versions, restoring, choosing, on both back ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kernel.database import Database
from scripts_library import store
from scripts_library.choose import Script
from scripts_library.defaults import DEFAULTS
from scripts_library.errors import ChangedMeanwhile, CodeTaken, UnknownPlaceholder

NOW = datetime(2025, 6, 1, 4, 0, tzinfo=UTC)
SPRING = Script("welcome-spring", "welcome", "春季包裹卡", "{客户昵称}您好", channel_state="spring")


async def test_the_shipped_scripts_come_in_once_and_never_overwrite_a_shops_own(database: Database) -> None:
    async with database.write() as db:
        assert await store.seed_default_scripts(db, NOW) == len(DEFAULTS)
        assert await store.seed_default_scripts(db, NOW) == 0
        row = await store.get_script(db, "welcome-default")
        assert row is not None
        mine = replace(store.to_script(row), body="{客户昵称}，欢迎光临，请发订单编号")
        await store.save_script(db, mine, expected_version=1, by="小何", now=NOW)
        await store.seed_default_scripts(db, NOW)
        choice = await store.current(db, "welcome", "spring", NOW)
    assert choice.script is not None
    assert choice.script.body.startswith("{客户昵称}，欢迎光临")
    assert choice.why[0] == "渠道 spring 没有可用的专用话术，使用默认话术"


async def test_every_save_keeps_a_version_and_an_old_one_can_come_back(database: Database) -> None:
    async with database.write() as db:
        await store.add_script(db, SPRING, by="小何", now=NOW)
        await store.save_script(db, replace(SPRING, body="第二版"), expected_version=1, by="小李", now=NOW)
        restored = await store.restore_version(db, SPRING.code, 1, by="小何", now=NOW + timedelta(minutes=1))
        assert restored is not None
        assert (restored.body, restored.version) == (SPRING.body, 3)
        versions = await store.versions_of(db, SPRING.code)
    assert [(one.version, one.body, one.note, one.saved_by) for one in versions] == [
        (3, SPRING.body, "恢复到第 1 版", "小何"),
        (2, "第二版", "修改", "小李"),
        (1, SPRING.body, "新建", "小何"),
    ]


async def test_saving_without_a_change_makes_no_version(database: Database) -> None:
    async with database.write() as db:
        await store.add_script(db, SPRING, by="小何", now=NOW)
        row = await store.save_script(db, SPRING, expected_version=1, by="小李", now=NOW)
        assert row.version == 1


async def test_two_people_editing_do_not_overwrite_each_other(database: Database) -> None:
    async with database.write() as db:
        await store.add_script(db, SPRING, by="小何", now=NOW)
        await store.save_script(db, replace(SPRING, body="小李的"), expected_version=1, by="小李", now=NOW)
        with pytest.raises(ChangedMeanwhile, match="小李"):
            await store.save_script(db, replace(SPRING, body="小何的"), expected_version=1, by="小何", now=NOW)


async def test_a_script_that_cannot_be_rendered_is_never_stored(database: Database) -> None:
    async with database.write() as db:
        with pytest.raises(UnknownPlaceholder):
            await store.add_script(db, replace(SPRING, body="{没有的}"), by="小何", now=NOW)
        assert await store.get_script(db, SPRING.code) is None
        await store.add_script(db, SPRING, by="小何", now=NOW)
        with pytest.raises(CodeTaken):
            await store.add_script(db, SPRING, by="小何", now=NOW)


async def test_switching_off_takes_a_script_out_of_the_choice(database: Database) -> None:
    async with database.write() as db:
        await store.seed_default_scripts(db, NOW)
        await store.add_script(db, SPRING, by="小何", now=NOW)
        assert (await store.current(db, "welcome", "spring", NOW)).script == SPRING
        await store.set_enabled(db, SPRING.code, enabled=False, by="小何", now=NOW)
        choice = await store.current(db, "welcome", "spring", NOW)
        assert choice.script is not None
        assert choice.script.code == "welcome-default"
        assert "已停用" in choice.why[1]
        assert await store.set_enabled(db, "nothing", enabled=False, by="小何", now=NOW) is None
