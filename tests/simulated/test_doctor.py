"""The doctor against a running shop: break one thing at a time, and read what a person would be told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy import text as sql

from bot import app, mailbox
from bot.archive.tables import ArchiveCursor, ArchiveGap, Envelope
from bot.demo.box import Box, free_port, open_box
from bot.demo.shop import make_campaign
from bot.doctor import Finding, State, open_services, run_checks, run_doctor
from bot.kinds import OutboxKind
from bot.mailbox import Lane, Mail
from bot.red_packets import campaigns
from bot.red_packets.tables import RedPacketCampaign
from bot.settings import Settings
from bot.simulator.archive import Damage, make_key_pair
from bot.simulator.config import App
from bot.simulator.context import utc_now
from bot.simulator.faults import Fault, FaultKind
from bot.simulator.limits import AccessTokens
from bot.simulator.replies import PlatformError
from kernel.database import Database

from .conftest import Story

on_sqlite = pytest.mark.parametrize("back_end", ["sqlite"], indirect=True)
OTHER_KEY = "Zx" * 21 + "A"


class Refusing(AccessTokens):
    """A platform that refuses some paths whatever the token: trusted addresses and grants live in its admin pages."""

    def __init__(self, healthy: AccessTokens, refused: Mapping[str, int]) -> None:
        super().__init__(healthy._context)
        self._refused = refused

    def check(self, text: str, path: str) -> App:
        for prefix, errcode in self._refused.items():
            if path.startswith(prefix):
                raise PlatformError(errcode)
        return super().check(text, path)


async def examine(story: Story, settings: Settings | None = None) -> dict[str, Finding]:
    """One examination with the shop's settings, or with others; findings by key. No secret may be in them."""
    settings = settings or story.box.settings
    async with open_services(settings, clock=story.world.clock) as services:
        findings = await run_checks(services)
    said = " ".join(finding.seen + finding.advice for finding in findings)
    for secret in (settings.wecom_secret, settings.wecom_aes_key, settings.archive_secret, settings.pay_api_key):
        assert not secret or secret not in said
    return {finding.key: finding for finding in findings}


def failed(findings: Mapping[str, Finding]) -> list[str]:
    return [key for key, finding in findings.items() if finding.state is State.FAIL]


@pytest.fixture
async def shop(story: Story) -> Story:
    """Open for business: staff, 微信客服, campaign, the switch on."""
    await story.day().prepare()
    return story


async def test_a_healthy_shop_has_nothing_to_do(shop: Story) -> None:
    findings = await examine(shop)
    assert {key: one for key, one in findings.items() if one.state in {State.FAIL, State.WARN}} == {}
    assert [key for key, one in findings.items() if one.state is State.SKIPPED] == ["public_url", "pay_certificate"]
    assert findings["contact_permission"].seen == "2 位成员可以联系客户"


@on_sqlite
async def test_wrong_settings_are_named_with_the_page_that_shows_the_right_ones(shop: Story, tmp_path: Path) -> None:
    """One wrong value at a time; what depends on it is skipped, not failed once more."""
    settings = shop.box.settings
    empty, wrong_keys = tmp_path / "empty", tmp_path / "wrong"
    empty.mkdir()
    wrong_keys.mkdir()
    (wrong_keys / "1.pem").write_text("no key", "ascii")
    dead = f"http://127.0.0.1:{free_port()}"
    table = [
        ({"wecom_secret": ""}, "settings", "XIAOER_WECOM_SECRET", "应用管理"),
        ({"wecom_aes_key": "short"}, "settings", "43 位", "EncodingAESKey"),
        ({"archive_keys": str(empty)}, "settings", "1.pem", "XIAOER_ARCHIVE_KEYS"),
        ({"wecom_token": "QDG6eK"}, "secrets", "XIAOER_WECOM_TOKEN", "随机获取"),
        ({"wecom_aes_key": OTHER_KEY}, "callback_echo", "400", "EncodingAESKey"),
        ({"wecom_token": "another-token"}, "callback_echo", "403", "Token"),
        ({"public_url": dead}, "callback_echo", "连接不上", "反向代理"),
        ({"public_url": "shop"}, "public_url", "不是一个网址", "https://"),
        ({"wecom_base_url": dead}, "wecom_address", "连接不上", "443"),
        ({"wecom_secret": "not-the-secret"}, "wecom_token", "40001", "XIAOER_WECOM_SECRET"),
        ({"wecom_corpid": "ww0000000000000000"}, "wecom_token", "40013", "XIAOER_WECOM_CORPID"),
        ({"archive_secret": "not-the-secret"}, "archive_fetch", "41001", "XIAOER_ARCHIVE_SECRET"),
        ({"archive_url": f"{dead}/x"}, "archive_fetch", "Unreachable", "XIAOER_ARCHIVE_URL"),
        ({"archive_keys": str(wrong_keys)}, "archive_keys", "1.pem 读不了", "PEM 私钥"),
        ({"pay_api_key": "x" * 32}, "pay_merchant", "SIGN_ERROR", "XIAOER_PAY_API_KEY"),
        ({"pay_base_url": dead}, "pay_merchant", "连接不上", "443"),
        ({"pay_certificate": str(tmp_path / "none.pem")}, "pay_certificate", "none.pem 读不了", "XIAOER_PAY_CERT"),
        ({"simulated": ""}, "public_url", "没有设置 XIAOER_PUBLIC_URL", "https://"),
        ({"simulated": "", "public_url": "http://127.0.0.1:1"}, "public_url", "内网地址", "公网"),
    ]
    for change, key, seen, advice in table:
        findings = await examine(shop, replace(settings, **change))
        finding = findings[key]
        assert finding.state is State.FAIL, (change, finding)
        assert seen in finding.seen, (change, finding)
        assert advice in finding.advice, (change, finding)
    findings = await examine(shop, replace(settings, wecom_secret="not-the-secret"))
    assert failed(findings) == ["wecom_token"]
    assert findings["trusted_address"].seen == "因为「应用密钥」没有通过"
    assert findings["kf"].seen == "因为「企业可信IP」跳过了"


@on_sqlite
async def test_refusals_of_the_platform_lead_to_the_right_admin_page(shop: Story) -> None:
    healthy = shop.world.access_tokens
    table = [
        ("externalcontact/", 48002, "contact_permission", "48002", "可调用接口的应用"),
        ("externalcontact/", 84074, "contact_permission", "84074", "可调用接口的应用"),
        ("user/get", 60011, "app_scope", "可见范围", "可见范围"),
        ("kf/", 48007, "kf", "48007", "微信客服"),
    ]
    for prefix, errcode, key, seen, advice in table:
        shop.world.access_tokens = Refusing(healthy, {prefix: errcode})
        findings = await examine(shop)
        assert failed(findings) == [key], (errcode, findings)
        assert seen in findings[key].seen
        assert advice in findings[key].advice
    shop.world.access_tokens = healthy
    shop.world.door.address_trusted = False
    finding = (await examine(shop))["trusted_address"]
    assert (finding.state, "127.0.0.1" in finding.seen, "企业可信IP" in finding.advice) == (State.FAIL, True, True)
    shop.world.door.address_trusted = True
    shop.world.faults.arm("gettoken", Fault(FaultKind.GARBAGE), times=1)
    assert "XIAOER_WECOM_BASE_URL" in (await examine(shop))["wecom_address"].advice
    shop.world.kf.accounts.clear()
    shop.world.contacts.staff.clear()
    findings = await examine(shop)
    assert (findings["kf"].state, findings["contact_permission"].state) == (State.WARN, State.WARN)
    assert "使用范围" in findings["contact_permission"].advice


async def test_a_clock_that_runs_away_is_noticed_before_signatures_fail(shop: Story) -> None:
    clock = shop.clock
    assert callable(getattr(clock, "advance", None))
    clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]  # the story's clock can be turned
    findings = await examine(shop)
    assert "快" in findings["wecom_clock"].seen
    assert "NTP" in findings["wecom_clock"].advice
    assert findings["pay_clock"].state is State.FAIL


async def test_archive_troubles_are_told_apart(shop: Story) -> None:
    """A version without a key, a key of another pair, one damaged message, and being behind: four remedies."""
    world, settings = shop.world, shop.box.settings
    customer = world.add_contact("王小米", staff="zhangqian")
    await shop.settle()
    damaged = world.archive_write(customer, ["zhangqian"], "这条会坏")
    world.archive_corrupt(damaged, Damage.BROKEN_BODY)
    world.archive_write(customer, ["zhangqian"], "这条是好的")
    await shop.settle()
    findings = await examine(shop)
    assert failed(findings) == []
    assert (findings["archive_quarantine"].state, "1 条" in findings["archive_quarantine"].seen) == (State.WARN, True)

    private_pem, public_pem = make_key_pair()
    other_private, _public = make_key_pair()
    assert world.archive_upload_key(public_pem) == 2
    world.archive_write(customer, ["zhangqian"], "用第二版公钥加密")
    await shop.settle()
    finding = (await examine(shop))["archive_keys"]
    assert (finding.state, "第 2 版" in finding.seen, "2.pem" in finding.advice) == (State.FAIL, True, True)

    file = Path(settings.archive_keys) / "2.pem"
    await asyncio.to_thread(file.write_text, other_private, "ascii")
    finding = (await examine(shop))["archive_keys"]
    assert (finding.state, "不是一对" in finding.advice) == (State.FAIL, True)
    await asyncio.to_thread(file.write_text, private_pem, "ascii")

    async with shop.database.write() as db:
        hole = {"after_seq": 1, "next_seq": 3, "reason": "expired", "noticed_at": world.clock()}
        db.add(ArchiveGap(**hole))
        await db.execute(delete(Envelope).where(Envelope.seq == 2))
    finding = (await examine(shop))["archive_continuity"]
    assert (finding.state, "第 1 和 3 条之间" in finding.seen) == (State.WARN, True)

    async with shop.database.write() as db:
        long_ago = world.clock() - timedelta(days=4, hours=1)
        await db.execute(update(ArchiveCursor).values(seq=1, pulled_at=long_ago))
    finding = (await examine(shop))["archive_fetch"]
    assert (finding.state, "4 天" in finding.seen, "5 天" in finding.advice) == (State.FAIL, True, True)


@pytest.fixture
async def closed_shop(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Box, Database]]:
    """Everything is set up, and nothing runs: no server, no worker."""
    async with (
        open_box(tmp_path, database_url=database_url, bot_port=free_port(), clock=utc_now, seed=3) as box,
        app.open_plant(box.settings) as plant,
    ):
        await app.prepare(plant.services.database, now=utc_now())
        yield box, plant.services.database


async def look(box: Box) -> dict[str, Finding]:
    async with open_services(box.settings) as services:
        return {finding.key: finding for finding in await run_checks(services)}


async def test_a_shop_nobody_runs_says_what_to_start(closed_shop: tuple[Box, Database]) -> None:
    """No worker, a silent worker, items that wait, items given up, a closed switch, money that does not add up."""
    box, database = closed_shop
    now = utc_now()
    findings = await look(box)
    assert "xiaoer serve" in findings["callback_echo"].advice
    assert "没有工作进程" in findings["workers"].seen
    assert "从来没有打开过" in findings["pay_switch"].seen
    assert findings["ledger"].state is State.OK

    async with database.write() as db:
        await mailbox.beat(db, "w1", host="shop", pid=1, now=now - timedelta(minutes=3))
        await campaigns.set_switch(db, is_open=False, by="财务", now=now, why="查账")
        await campaigns.add_campaign(db, make_campaign(now), by="店长", now=now)
        await db.execute(update(RedPacketCampaign).values(remaining_fen=RedPacketCampaign.remaining_fen - 1))
        for key in ("late", "dead"):
            await mailbox.put(db, Lane.CALLS, OutboxKind.SEND_KF, {}, key=key, now=now - timedelta(hours=2))
        await db.execute(update(Mail).where(Mail.key == "dead").values(state=mailbox.State.DEAD))
    findings = await look(box)
    assert (findings["workers"].state, "3 分钟前" in findings["workers"].seen) == (State.FAIL, True)
    assert "xiaoer work" in findings["workers"].advice
    assert (findings["pay_switch"].state, "打开发放" in findings["pay_switch"].advice) == (State.WARN, True)
    assert findings["waiting"].state is State.FAIL
    assert findings["waiting"].seen == "对外调用 1 件，最久等了 2 小时"
    assert findings["dead_letters"].state is State.WARN
    assert findings["dead_letters"].seen == "被放弃的事项：对外调用 1 件"
    assert (findings["ledger"].state, "紧急停发" in findings["ledger"].advice) == (State.FAIL, True)


@pytest.mark.parametrize(
    ("statement", "seen", "advice"),
    [
        ("DELETE FROM alembic_version", "还没有小二的表", "xiaoer migrate"),
        ("UPDATE alembic_version SET version_num = 'from_the_future'", "比这个程序新", "小二版本"),
    ],
)
async def test_a_database_of_another_age_is_not_asked_further(
    closed_shop: tuple[Box, Database], statement: str, seen: str, advice: str
) -> None:
    box, database = closed_shop
    async with database.write() as db:
        await db.execute(sql(statement))
    findings = await look(box)
    assert (findings["schema"].state, seen in findings["schema"].seen) == (State.FAIL, True)
    assert advice in findings["schema"].advice
    assert findings["workers"].seen == "因为「数据库版本」没有通过"


@on_sqlite
async def test_a_database_that_is_not_there_is_not_made_by_asking(
    closed_shop: tuple[Box, Database], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box, _database = closed_shop
    file = tmp_path / "none.sqlite3"
    settings = replace(box.settings, database_url=f"sqlite+aiosqlite:///{file}")
    assert await run_doctor(settings) == 1
    said = capsys.readouterr().out
    assert "xiaoer migrate" in said.replace("\n", "")
    assert "模拟" in said
    assert not await asyncio.to_thread(file.exists)


async def test_the_command_answers_with_its_exit_code(shop: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run_doctor(shop.box.settings, clock=shop.world.clock) == 0
    assert "0 项不通" in capsys.readouterr().out
    assert await run_doctor(replace(shop.box.settings, wecom_secret="wrong"), clock=shop.world.clock) == 1
    assert "40001" in capsys.readouterr().out


@on_sqlite
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "读不懂"),
        (f"postgresql+asyncpg://shop:geheim@127.0.0.1:{free_port()}/shop", "连不上 postgresql"),
    ],
)
async def test_a_database_that_cannot_be_opened_is_said_without_its_password(
    closed_shop: tuple[Box, Database], url: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    box, _database = closed_shop
    assert await run_doctor(replace(box.settings, database_url=url, host="0.0.0.0")) == 1  # noqa: S104  # nothing is bound
    out = capsys.readouterr().out
    assert said in out.replace("\n", "")
    assert "geheim" not in out
