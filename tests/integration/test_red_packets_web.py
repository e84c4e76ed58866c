"""The pages under /red-packets as a finance person uses them, without JavaScript."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from test_red_packets_fake import START, FakeWeChatPay, Fault

from bot.console.environment import make_environment
from bot.red_packets.campaigns import CampaignForm, add_campaign, get_switch, list_campaigns, set_switch
from bot.red_packets.eligibility import OrderFacts
from bot.red_packets.sending import Sender
from bot.red_packets.store import Reserved, reserve
from bot.red_packets.tables import RedPacket
from bot.red_packets.web import make_app
from kernel.database import Database
from kernel.pages import Viewer

Client = TestClient[web.Request, web.Application]
TYPED = {
    "name": "冬日回馈",
    "amount": "1.88",
    "budget": "500",
    "min_paid": "30",
    "platforms": "taobao、jd",
    "per_contact_max": "2",
    "requires_finished": "1",
    "hold_days": "7",
    "starts_at": "2026-11-22T00:00",
    "ends_at": "2026-12-31T23:59",
    "enabled": "1",
    "send_name": "小店",
    "wishing": "感谢您的购买",
    "act_name": "购物回馈",
    "remark": "感谢",
    "scene_id": "PRODUCT_1",
}


@pytest.fixture
def roles() -> set[str]:
    return {"finance"}


@pytest.fixture
async def client(database: Database, roles: set[str]) -> AsyncIterator[Client]:
    environment = make_environment(clock=lambda: START)

    def viewer(_request: web.Request) -> Viewer:
        return Viewer(name="小周", roles=frozenset(roles), csrf_token="token-1")

    def render(
        request: web.Request, template: str, context: Mapping[str, object] | None = None, /, *, status: int = 200
    ) -> web.Response:
        shell = SimpleNamespace(theme="", simulated=False, menu=[], toast=None)
        page = environment.get_template(template)
        text = page.render({**(context or {}), "viewer": viewer(request), "request": request, "shell": shell})
        return web.Response(text=text, content_type="text/html", status=status)

    app = web.Application()
    app.add_subapp("/red-packets", make_app(database=database, render=render, viewer=viewer, clock=lambda: START))
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def packet(database: Database) -> RedPacket:
    """One reserved packet of an open campaign."""
    form = CampaignForm("秋日回馈", 200, 1_000, START, START.replace(year=2027), hold_days=0, send_name="小店")
    async with database.write() as db:
        await add_campaign(db, replace(form, enabled=True), by="小周", now=START)
        await set_switch(db, is_open=True, by="小周", now=START)
        outcome = await reserve(
            db,
            order_key="taobao:2233445566778899001",
            claim_id="c1",
            external_userid="wm_li",
            order=OrderFacts("taobao", 5900, 0, "finished", START, START),
            mch_id="1900000001",
            now=START,
        )
    assert isinstance(outcome, Reserved)
    return outcome.packet


async def text_of(client: Client, path: str, status: int = 200) -> str:
    async with client.get(f"/red-packets{path}") as response:
        assert response.status == status, await response.text()
        return await response.text()


async def test_empty_pages_teach_the_first_step(client: Client) -> None:
    assert "新建红包活动" in await text_of(client, "/")
    assert "新建第一个活动" in await text_of(client, "/campaigns")
    assert "请核对活动后打开发放" in await text_of(client, "/"), "without a switch row sending is closed"


async def test_the_list_shows_filters_searches_sums_and_exports(client: Client, packet: RedPacket) -> None:
    assert packet.mch_billno
    page = await text_of(client, "/")
    assert packet.mch_billno in page
    assert "待发放" in page
    assert "金额已预留，单号已定" in page
    assert packet.mch_billno not in await text_of(client, "/?state=received")
    assert packet.mch_billno in await text_of(client, "/?q=8899001")
    sheet = await text_of(client, "/?format=csv")
    assert f"`{packet.mch_billno},taobao:2233445566778899001,wm_li,2.00,待发放" in sheet


async def test_a_packets_page_tells_each_attempt_and_why_without_the_openid(
    client: Client, packet: RedPacket, database: Database
) -> None:
    async def resolve(_external_userid: str) -> str:
        return "oxTWIuGaIt6gTKsQRLau2M0yL16E"

    fake = FakeWeChatPay(clock=lambda: START)
    fake.faults.append(Fault.TIMEOUT_PAID)
    await Sender(database, fake, resolve, lambda: START).send(packet.id)
    page = await text_of(client, f"/{packet.id}")
    assert "结果未知" in page
    assert "绝不换单号" in page
    assert "第 1 次发送，单号不变" in page
    assert "oxTWIuGaIt6gTKsQRLau2M0yL16E" not in page
    await text_of(client, "/999", 404)


async def test_withdrawing_and_reissuing_follow_the_rules(client: Client, packet: RedPacket) -> None:
    async with client.post(f"/red-packets/{packet.id}/reissue", allow_redirects=False) as response:
        assert response.status == 303
    assert "待发放" in await text_of(client, f"/{packet.id}"), "a live packet is not reissued"
    async with client.post(f"/red-packets/{packet.id}/reject") as response:
        assert "已撤回" in await response.text()


async def test_a_campaign_is_saved_changed_and_refused_beside_its_fields(client: Client, database: Database) -> None:
    bad = TYPED | {"amount": "一块八", "wishing": "五星好评返现", "ends_at": ""}
    async with client.post("/red-packets/campaigns/new", data=bad) as response:
        page = await response.text()
        assert response.status == 422
    assert "这不是一个金额" in page
    assert "法律不允许" in page
    assert "一块八" in page, "what was typed stays"
    async with client.post("/red-packets/campaigns/new", data=TYPED) as response:
        assert "冬日回馈" in await response.text()
    async with database.read() as db:
        (campaign,) = await list_campaigns(db)
    assert (campaign.amount_fen, campaign.remaining_fen, campaign.platforms) == (188, 50_000, ["taobao", "jd"])
    assert 'value="1.88"' in await text_of(client, f"/campaigns/{campaign.id}")
    path = f"/red-packets/campaigns/{campaign.id}"
    async with client.post(path, data=TYPED | {"budget": "600"}) as response:
        assert "600.00" in await response.text()
    await text_of(client, "/campaigns/99", 404)


async def test_the_kill_switch_asks_and_turns(client: Client, packet: RedPacket, database: Database) -> None:
    assert "停止发放所有红包？" in await text_of(client, "/")
    async with client.post("/red-packets/switch", data={"open": "0"}) as response:
        assert "红包发放已停用" in await response.text()
    async with database.read() as db:
        switch = await get_switch(db)
    assert switch is not None
    assert (switch.open, switch.changed_by) == (False, "小周")


@pytest.mark.parametrize("roles", [{"operator", "compliance"}])
async def test_pages_need_the_finance_role(client: Client) -> None:
    for path in ("/", "/1", "/campaigns", "/campaigns/new", "/campaigns/1"):
        assert "财务" in await text_of(client, path, 403)
    for path in ("/switch", "/1/reissue", "/campaigns/new", "/campaigns/1"):
        async with client.post(f"/red-packets{path}") as response:
            assert response.status == 403
