"""The simulator's pages for people: act as a customer, press the platform's buttons, from this machine only."""

import json
import random
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from bot.simulator.archive import make_key_pair
from bot.simulator.chat import make_chat
from bot.simulator.config import make_config
from bot.simulator.context import TurnableClock
from bot.simulator.control import make_control, show_index
from bot.simulator.conversations import Note, bubbles_of, happenings, threads_of
from bot.simulator.faults import FaultKind
from bot.simulator.web import WORLD
from bot.simulator.world import World

KFID = "wkKeFu"
_PRIVATE, PUBLIC_PEM = make_key_pair()


@pytest.fixture
def world() -> World:
    """A shop with one member of staff, a channel code and 微信客服; its callbacks go nowhere."""
    rng = random.Random(1)
    config = make_config("http://127.0.0.1:1/wecom/callback/main", rng=rng, archive_public_keys={1: PUBLIC_PEM})
    world = World(config, clock=TurnableClock(), rng=rng)
    world.add_staff("zhangqian", "张倩")
    world.add_contact_way("parcel-card", "zhangqian")
    world.kf_account(KFID, "小店客服")
    world.fund(10_000)
    return world


class Visitor:
    """A browser without scripts."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self.url = session, url

    async def look(self, path: str, **headers: str) -> tuple[int, str]:
        async with self._session.get(self.url + path, headers=headers) as answer:
            return answer.status, await answer.text()

    async def send(self, address: str, /, **fields: str) -> tuple[int, str]:
        """The status and where it leads; for a form that was not taken, the page."""
        return await self.send_as({}, address, **fields)

    async def send_as(self, headers: dict[str, str], address: str, /, **fields: str) -> tuple[int, str]:
        url = URL(self.url + address, encoded=True)
        async with self._session.post(url, data=fields, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()


@pytest.fixture
async def visitor(world: World) -> AsyncIterator[Visitor]:
    app = web.Application()
    app[WORLD] = world
    app.router.add_get("/", show_index)
    app.add_subapp("/control", make_control(world))
    app.add_subapp("/chat", make_chat(world))
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield Visitor(session, str(server.make_url("")).rstrip("/"))


async def test_a_newcomer_scans_the_code_and_stands_in_the_chat(visitor: Visitor, world: World) -> None:
    """What the page does is what the platform does: the callback carries the channel and a welcome code."""
    status, page = await visitor.look("/chat")
    assert (status, "扫渠道码「parcel-card」，加张倩为好友" in page) == (200, True)
    status, address = await visitor.send("/chat/new", name="何小满", way="channel:parcel-card")
    assert (status, address.endswith("?with=staff%3Azhangqian")) == (303, True)
    (push,) = world.callbacks.sent
    assert b"<State><![CDATA[parcel-card]]></State>" in push.xml
    assert b"WelcomeCode" in push.xml
    (external_userid,) = world.contacts.people
    _status, page = await visitor.look(address)
    assert "你添加了 张倩（扫了渠道码 parcel-card）" in page
    assert f'href="http://127.0.0.1:1/contacts/{external_userid}"' in page
    assert "模拟环境" in page


async def test_what_is_written_goes_where_it_would(visitor: Visitor, world: World) -> None:
    """To 微信客服 through its own log; to staff, and from staff, through the archive."""
    _status, staff_chat = await visitor.send("/chat/new", name="何小满", way="staff:zhangqian")
    (external_userid,) = world.contacts.people
    here = f"/chat/{external_userid}"
    await visitor.send(f"{here}/write?with=staff:zhangqian", text="在吗", by="customer")
    await visitor.send(f"{here}/write?with=staff:zhangqian", text="在的亲", by="staff")
    assert len(world.archive.envelopes) == 2
    await visitor.send(f"{here}/write?with=kf:{KFID}", text="<b>订单</b>")
    kinds = [record["msgtype"] for _at, record in world.kf.accounts[KFID].log]
    assert kinds == ["event", "text"], "a customer enters the chat before writing"
    _status, page = await visitor.look(staff_chat)
    said = re.findall(r'<p class="box-text">(.*?)</p>', page)
    assert said == ["在吗", "在的亲"]
    _status, page = await visitor.look(f"{here}?with=kf:{KFID}")
    assert "&lt;b&gt;订单&lt;/b&gt;" in page, "what people write is text"


async def test_the_live_part_is_the_same_as_the_page(visitor: Visitor, world: World) -> None:
    await visitor.send("/chat/new", name="何小满", way="visitor:")
    (external_userid,) = world.contacts.people
    _status, live = await visitor.look(f"/chat/{external_userid}/live?with=kf:{KFID}")
    assert "还没有消息" in json.loads(live)["bubbles"]["html"]
    world.log_request("kf/sync_msg", 0)
    world.log_request("kf/sync_msg", 0)
    _status, page = await visitor.look(f"/chat/{external_userid}?with=kf:{KFID}")
    assert "读取客服消息 ×2" in page


async def test_only_ones_own_packet_is_opened_and_only_once(visitor: Visitor, world: World) -> None:
    await visitor.send("/chat/new", name="甲", way="visitor:")
    await visitor.send("/chat/new", name="乙", way="visitor:")
    first, second = world.contacts.people
    world.pay.send(_packet_params(world, world.contacts.openid_of(first)))
    here = f"with=kf:{KFID}"
    _status, page = await visitor.look(f"/chat/{first}?{here}")
    assert "打开红包" in page
    assert "1.88" not in page, "the sum shows when it is opened"
    assert (await visitor.send(f"/chat/{second}/open?{here}", mch_billno="1"))[0] == 422
    assert (await visitor.send(f"/chat/{first}/open?{here}", mch_billno="1"))[0] == 303
    status, page = await visitor.send(f"/chat/{first}/open?{here}", mch_billno="1")
    assert (status, "已经打开过" in page, "1.88 元" in page) == (422, True, True)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "", "way": "visitor:"}, "起个名字"),
        ({"name": "x" * 31, "way": "visitor:"}, "起个名字"),
        ({"name": "甲", "way": "staff:nobody"}, "请选择怎么来"),
        ({"name": "甲", "way": "channel:none"}, "请选择怎么来"),
        ({"name": "甲", "way": ""}, "请选择怎么来"),
    ],
)
async def test_a_newcomer_without_name_or_way_is_asked_again(
    visitor: Visitor, world: World, fields: dict[str, str], said: str
) -> None:
    status, page = await visitor.send("/chat/new", **fields)
    assert (status, said in page, world.contacts.people) == (422, True, {})


async def test_deleting_staff_ends_the_chat_and_tells_the_bot(visitor: Visitor, world: World) -> None:
    _status, address = await visitor.send("/chat/new", name="甲", way="staff:zhangqian")
    here, which = address.split("?")
    assert (await visitor.send(f"{here}/leave?{which}"))[0] == 303
    assert world.callbacks.sent[-1].name == "change_external_contact.del_follow_user"
    assert (await visitor.send(f"{here}/write?{which}", text="还在吗"))[0] == 422
    assert (await visitor.send(f"{here}/add?{which}", way="staff:zhangqian"))[0] == 303, "one may come back"
    status, page = await visitor.send(f"{here}/add?{which}", way="staff:zhangqian")
    assert (status, "已经加过" in page) == (422, True)
    assert await visitor.look("/chat/wmnobody") == (404, "没有这位客户")


async def test_the_control_page_turns_arms_spoils_and_furnishes(visitor: Visitor, world: World) -> None:
    before = world.clock()
    assert await visitor.send("/control/form/turn_clock", seconds="1200") == (303, "/?done=turn_clock")
    assert world.clock() - before == timedelta(minutes=20)
    fault = {"path": "kf/send_msg", "kind": "cut", "effect": "1", "times": "2", "delay_s": "0"}
    assert (await visitor.send("/control/form/arm_fault", **fault))[0] == 303
    armed = world.faults.take("kf/send_msg")
    assert armed is not None
    assert (armed.kind, armed.effect) == (FaultKind.CUT, True)
    await visitor.send("/control/form/clear_faults")
    assert world.faults.take("kf/send_msg") is None
    await visitor.send("/control/form/knobs", duplicate="0.5", lose="0.0", reorder="1", untrusted="1")
    assert (world.callbacks.knobs.duplicate, world.callbacks.knobs.reorder) == (0.5, True)
    assert not world.door.address_trusted
    await visitor.send("/control/form/furnish")
    assert {one.name for one in world.contacts.staff.values()} == {"张倩", "李想"}
    assert len(world.kf.accounts) == 1, "what is there stays"
    balance = world.pay.balance_fen
    await visitor.send("/control/form/fund", yuan="3")
    assert world.pay.balance_fen == balance + 300
    _status, page = await visitor.look("/?done=fund")
    assert "充值好了" in page
    assert "add_contact(name, " in page, "the JSON verbs are listed"


@pytest.mark.parametrize(
    ("deed", "fields", "said"),
    [
        ("turn_clock", {"seconds": "soon"}, "秒数要是"),
        ("turn_clock", {"seconds": "nan"}, "秒数要是"),
        ("turn_clock", {"seconds": "-5"}, "秒数要是"),
        ("arm_fault", {"path": "gettoken", "kind": "explode", "times": "1", "delay_s": "0"}, "请选择怎么错"),
        ("arm_fault", {"path": "gettoken", "kind": "cut", "times": "0", "delay_s": "0"}, "接下来几次要是"),
        ("fund", {"yuan": "lots"}, "充值金额要是"),
        ("verify", {}, "回调地址没有通过"),
    ],
)
async def test_a_form_filled_in_wrongly_says_what_is_wrong(
    visitor: Visitor, deed: str, fields: dict[str, str], said: str
) -> None:
    status, page = await visitor.send(f"/control/form/{deed}", **fields)
    assert (status, said in page) == (422, True)


@pytest.mark.parametrize("path", ["/", "/chat", "/control/state", "/control/static/box.css"])
async def test_another_name_for_this_machine_opens_nothing(visitor: Visitor, path: str) -> None:
    """A web page that points its own name at 127.0.0.1 must not read what is here."""
    assert (await visitor.look(path, Host="evil.example"))[0] == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_another_web_page_presses_no_button(visitor: Visitor, world: World, headers: dict[str, str]) -> None:
    assert (await visitor.send_as(headers, "/control/form/fund", yuan="5"))[0] == 403
    assert (await visitor.send_as(headers, "/chat/new", name="甲", way="visitor:"))[0] == 403
    assert (world.pay.balance_fen, world.contacts.people) == (10_000, {})


async def test_pages_run_only_our_own_scripts_and_files_are_a_fixed_few(visitor: Visitor) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/", "/chat"):
            async with session.get(visitor.url + path) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                page = await answer.text()
                assert "模拟" in page
                assert not re.search(r"<script(?! src=)|<style| style=| on[a-z]+=", page)
    assert (await visitor.look("/control/static/box.js"))[0] == 200
    assert (await visitor.look("/control/static/app.css"))[0] == 200
    assert (await visitor.look("/control/static/control.py"))[0] == 404


def test_nobody_sees_another_customers_words(world: World) -> None:
    first = world.add_contact("甲", staff="zhangqian")
    second = world.add_contact("乙", staff="zhangqian")
    world.kf_write(first, "甲的话", open_kfid=KFID)
    notes = [Note(first, "zhangqian", by_customer=True, text="甲对张倩", at=world.clock())]
    for thread in threads_of(world, second):
        texts = [bubble.text for bubble in bubbles_of(world, second, thread, notes)]
        assert not [text for text in texts if text.startswith("甲")]


def test_the_strip_shows_the_newest_first_and_not_without_end(world: World) -> None:
    for number in range(300):
        world.log_request(f"call/{number}", 45009)
    rows = happenings(world)
    assert (len(rows), rows[0].detail, rows[0].good) == (40, "call/299", False)


def _packet_params(world: World, openid: str) -> dict[str, str]:
    return {
        "mch_billno": "1",
        "wxappid": world.config.wxappid,
        "re_openid": openid,
        "total_amount": "188",
        "send_name": "小店",
        "wishing": "谢谢",
    }
