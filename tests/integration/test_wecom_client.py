"""Our client and the simulated platform, over real HTTP: tokens, limits, trouble, and every family of methods."""

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.simulator.app import Runner, running
from bot.simulator.archive import make_key_pair
from bot.simulator.config import make_config
from bot.simulator.context import TurnableClock
from bot.simulator.faults import Fault, FaultKind
from bot.simulator.world import World
from bot.wecom import attachments
from bot.wecom.call import Upload
from bot.wecom.client import WeComClient
from bot.wecom.errors import Misconfigured, OutcomeUnknown, Refused, Throttled, Unreachable, WeComError
from bot.wecom.group_sends import SendStatus, TaskStatus
from bot.wecom.groups import GroupStatus
from bot.wecom.intercepts import Action, InterceptRule, Semantics
from bot.wecom.kf import Menu, MenuItem, SessionState
from bot.wecom.limits import FAILURES_MAX, OPEN_FOR, Budget, Limits, shipped_limits
from bot.wecom.moments import CREATED, FINISHED
from bot.wecom.staff_messages import Button
from bot.wecom.tokens import MemoryTokenStore, TokenStore
from bot.wecom.transfers import TransferStatus
from bot.wecom.ways import ContactWay

_PRIVATE, PUBLIC_PEM = make_key_pair()
KF = "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32
DAY = timedelta(days=1)


class Shop:
    """One simulated corp, and clients for it."""

    def __init__(self, runner: Runner, clock: TurnableClock, session: aiohttp.ClientSession) -> None:
        self.world, self.url, self.clock, self.session = runner.world, runner.url, clock, session
        self.wecom = self.client()

    def client(self, *, secret: str = "", store: TokenStore | None = None, limits: Limits | None = None) -> WeComClient:
        config = self.world.config
        return WeComClient(
            self.session,
            base_url=self.url,
            corpid=config.corpid,
            secret=secret or config.secret,
            agentid=config.agentid,
            clock=self.clock,
            store=store,
            limits=limits,
        )

    def count(self, path: str) -> int:
        """How many requests for a path the platform has seen."""
        return sum(record.path == path for record in self.world.requests)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    clock = TurnableClock()
    config = make_config("http://127.0.0.1:1/", rng=random.Random(3), archive_public_keys={1: PUBLIC_PEM})
    config = dataclasses.replace(config, kf_empty_pages=0.0)
    world = World(config, clock=clock, rng=random.Random(7))
    world.add_staff("lisi", "李四")
    world.add_staff("wangwu", "王五")
    world.kf_account(KF, "小二客服", servicers=["lisi"])
    async with running(world, deliver=False) as runner, aiohttp.ClientSession() as session:
        yield Shop(runner, clock, session)


# ---- tokens --------------------------------------------------------------------------------------------------


async def test_many_calls_at_once_fetch_one_token(shop: Shop) -> None:
    await asyncio.gather(*(shop.wecom.get_follow_users() for _ in range(20)))
    assert shop.count("gettoken") == 1


@pytest.mark.parametrize("errcode", [42001, 40014])
async def test_a_token_that_dies_early_is_replaced_once_for_everybody(shop: Shop, errcode: int) -> None:
    """Platform reference 2.2: expired is 42001 or 40014; both mean the same."""
    await shop.wecom.get_follow_users()
    shop.world.access_tokens.invalidate()
    shop.world.access_tokens.dead_token_errcode = errcode
    answers = await asyncio.gather(*(shop.wecom.get_follow_users() for _ in range(10)))
    assert answers == [["lisi", "wangwu"]] * 10
    assert shop.count("gettoken") == 2


async def test_a_token_is_renewed_before_its_end(shop: Shop) -> None:
    await shop.wecom.get_follow_users()
    shop.clock.advance(timedelta(seconds=7000))
    await shop.wecom.get_follow_users()
    assert shop.count("gettoken") == 2
    assert {record.errcode for record in shop.world.requests} == {0}


async def test_two_processes_with_one_store_fetch_one_token_and_replace_it_once(shop: Shop) -> None:
    store = MemoryTokenStore()
    first, second = shop.client(store=store), shop.client(store=store)
    await asyncio.gather(first.get_follow_users(), second.get_follow_users())
    assert shop.count("gettoken") == 1
    shop.world.access_tokens.invalidate()
    await asyncio.gather(first.get_follow_users(), second.get_follow_users())
    assert shop.count("gettoken") == 2


async def test_a_wrong_secret_asks_for_a_person(shop: Shop) -> None:
    wrong = shop.client(secret="wrong-secret-of-43-characters")
    for _ in range(2):
        with pytest.raises(Misconfigured):
            await wrong.get_follow_users()


async def test_a_failed_fetch_leaves_the_next_one_free(shop: Shop) -> None:
    shop.world.faults.arm("gettoken", Fault(FaultKind.HTTP_500))
    with pytest.raises(OutcomeUnknown):
        await shop.wecom.get_follow_users()
    assert await shop.wecom.get_follow_users() == ["lisi", "wangwu"]


async def test_no_secret_and_no_token_shows_in_an_error_or_a_log(shop: Shop) -> None:
    kinds = (FaultKind.CUT, FaultKind.GARBAGE, FaultKind.HTTP_500, FaultKind.EMPTY)
    said: list[str] = []
    with capture_logs() as logs:
        await shop.wecom.get_follow_users()
        token = await shop.wecom.contacts._call._tokens.get()
        for kind in kinds:
            shop.world.faults.arm("externalcontact/get_corp_tag_list", Fault(kind))
            with pytest.raises(WeComError) as failure:
                await shop.wecom.get_corp_tags()
            said.append(repr(failure.value) + str(failure.value.__cause__))
    shown = " ".join([*said, *(str(line) for line in logs)])
    assert shop.world.config.secret not in shown
    assert token not in shown


# ---- limits and trouble --------------------------------------------------------------------------------------


async def test_after_45009_the_path_is_left_alone_for_a_minute_and_others_go_on(shop: Shop) -> None:
    shop.world.faults.arm("user/get", Fault(FaultKind.THROTTLED))
    for _ in range(3):
        with pytest.raises(Throttled) as refusal:
            await shop.wecom.get_staff("lisi")
        assert refusal.value.retry_after == timedelta(seconds=60)
    assert shop.count("user/get") == 1
    await shop.wecom.get_follow_users()
    shop.clock.advance(timedelta(seconds=60))
    assert (await shop.wecom.get_staff("lisi"))["name"] == "李四"


async def test_a_budget_stops_a_call_before_the_platform_does(shop: Shop) -> None:
    base = shipped_limits()
    careful = shop.client(limits=Limits(base.default, {"user/get": Budget(2, 100)}, 8))
    await careful.get_staff("lisi")
    with pytest.raises(Throttled) as refusal:
        await careful.get_staff("lisi")
    assert refusal.value.retry_after is not None
    assert shop.count("user/get") == 1


async def test_too_many_at_once_means_fewer_at_once(shop: Shop) -> None:
    """Platform reference 2.4: 45033."""
    shop.world.door.at_once = 2
    shop.world.faults.sometimes("user/get", Fault(FaultKind.SLOW, delay_s=0.02), 1.0)
    answers = await asyncio.gather(*(shop.wecom.get_staff("lisi") for _ in range(8)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Throttled)]
    assert len(refused) == 6
    assert refused[0].retry_after == timedelta(seconds=5)
    assert shop.wecom.contacts._call._gate.room("user/get") == 4


async def test_a_platform_that_does_not_answer_is_left_alone_for_a_moment(shop: Shop) -> None:
    await shop.wecom.get_follow_users()
    shop.world.faults.arm("user/get", Fault(FaultKind.HTTP_500), times=FAILURES_MAX)
    for _ in range(FAILURES_MAX):
        with pytest.raises(OutcomeUnknown):
            await shop.wecom.get_staff("lisi")
    with pytest.raises(Unreachable) as refusal:
        await shop.wecom.get_follow_users()
    assert refusal.value.retry_after == OPEN_FOR
    shop.clock.advance(OPEN_FOR)
    assert await shop.wecom.get_follow_users() == ["lisi", "wangwu"]
    assert (await shop.wecom.get_staff("lisi"))["name"] == "李四"


async def test_an_untrusted_address_asks_for_a_person(shop: Shop) -> None:
    shop.world.door.address_trusted = False
    with pytest.raises(Misconfigured) as refusal:
        await shop.wecom.get_follow_users()
    assert refusal.value.errcode == 60020


# ---- customers, tags, ways -----------------------------------------------------------------------------------


async def test_customers_are_read_whole_and_by_staff(shop: Shop) -> None:
    wecom, world = shop.wecom, shop.world
    added = [world.add_contact(str(n), staff="lisi") for n in range(3)]
    assert await wecom.contacts.of_staff("lisi") == added
    assert await wecom.contacts.of_staff("wangwu") == []
    rows = [row async for row in wecom.contacts.all_by_staff(["lisi", "wangwu"])]
    assert [row["external_contact"]["external_userid"] for row in rows] == added
    assert len((await wecom.contacts.list_page())["info_list"]) == 3
    await wecom.contacts.remark("lisi", added[0], remark="老客户", mobiles=["13800000000"])
    await wecom.contacts.remark("lisi", added[0], mobiles=[])
    follow = world.contacts.follow("lisi", added[0])
    assert (follow.remark, follow.remark_mobiles) == ("老客户", [])


async def test_a_customer_of_more_staff_than_fit_a_page_is_read_whole(shop: Shop) -> None:
    """Platform reference 3.7: 500 followers a page."""
    li = shop.world.add_contact("李", staff="lisi")
    for number in range(600):
        shop.world.add_staff(f"staff{number}", "同事")
        shop.world.add_contact("李", staff=f"staff{number}", external_userid=li)
    assert len((await shop.wecom.get_external_contact(li))["follow_user"]) == 601


async def test_tags_are_made_marked_renamed_and_deleted(shop: Shop) -> None:
    wecom, li = shop.wecom, shop.world.add_contact("李", staff="lisi")
    group = await wecom.tags.add("意向", ["高", "低"])
    high, low = (tag["id"] for tag in group["tag"])
    await wecom.mark_tag("lisi", li, add=[high, low], remove=[])
    await wecom.tags.edit(high, name="很高")
    await wecom.tags.delete(tag_ids=[low])
    assert shop.world.marked_tags == {("lisi", li): {"很高"}}
    (shown,) = await wecom.tags.groups(tag_ids=[high])
    assert [tag["name"] for tag in shown["tag"]] == ["很高"]


async def test_a_contact_way_is_made_changed_listed_and_deleted(shop: Shop) -> None:
    ways = shop.wecom.ways
    made = await ways.add(ContactWay(("lisi",), "box", remark="包裹卡"))
    assert made.qr_code
    await ways.update(made.config_id, userids=["wangwu"])
    shown = await ways.get(made.config_id)
    assert (shown["user"], shown["state"]) == (["wangwu"], "box")
    assert [one async for one in ways.config_ids()] == [made.config_id]
    await ways.delete(made.config_id)
    with pytest.raises(Refused):
        await ways.get(made.config_id)


# ---- messages and files --------------------------------------------------------------------------------------


async def test_a_welcome_may_carry_a_picture_and_a_link(shop: Shop) -> None:
    world = shop.world
    li = world.add_contact("李", staff="lisi")
    (code,) = world.contacts.welcome_codes
    held = await shop.wecom.media.upload("image", Upload("a.png", PNG, "image/png"))
    extras = [attachments.image(held.media_id), attachments.link("店铺", "https://shop.example")]
    await shop.wecom.send_welcome_msg(code, "你好", extras)
    assert [(sent.external_userid, sent.text, sent.attachments) for sent in world.welcomes] == [
        (li, "你好", ("image", "link"))
    ]


async def test_a_file_is_uploaded_read_back_and_renewed_in_time(shop: Shop) -> None:
    media, picture = shop.wecom.media, Upload("图.png", PNG, "image/png")
    held = await media.upload("image", picture)
    assert held.uploaded_at == shop.clock()
    assert await media.download(held.media_id) == PNG
    assert await media.renewed(held, "image", picture) == held
    shop.clock.advance(timedelta(hours=60))
    fresh = await media.renewed(held, "image", picture)
    assert fresh.media_id != held.media_id
    assert (await media.upload_image(picture)).startswith("https://")
    assert (await media.upload_for_moment("image", picture)).kind == "image"
    with pytest.raises(Refused) as refusal:
        await media.download("gone")
    assert refusal.value.errcode == 40007


async def test_a_big_file_is_sent_without_complaint(shop: Shop) -> None:
    content = bytes(3 * 1024 * 1024)
    held = await shop.wecom.media.upload("file", Upload("a.bin", content))
    assert await shop.wecom.media.download(held.media_id) == content


async def test_staff_get_texts_cards_and_buttons(shop: Shop) -> None:
    messages, world = shop.wecom.staff_messages, shop.world
    sent = await messages.send_text(["LiSi", "NoBody"], "有新订单")
    assert sent.unknown == ("nobody",)
    await messages.send_markdown(["lisi"], "**三**单待核对")
    await messages.send_card(["lisi"], title="待核对", description="三单", url="https://shop.example")
    card = await messages.send_buttons(
        ["lisi"], task_id="claim-1", title="请核对", description="", buttons=[Button("对", "yes")]
    )
    await messages.answer_buttons(card.response_code, text="已核对")
    await messages.recall(sent.msgid)
    assert [shown.msgtype for shown in world.staff_shown] == ["text", "markdown", "textcard", "template_card"]
    assert world.staff_messages.recalled == {sent.msgid}


async def test_a_kf_chat_is_read_answered_handed_over_and_ended(shop: Shop) -> None:
    kf, world = shop.wecom.kf, shop.world
    li = world.add_visitor("李")
    code = world.kf_enter(li, open_kfid=KF)
    menu = Menu("要什么?", (MenuItem("1", "查订单"), MenuItem("2", "找人工")), tail="谢谢")
    await kf.send_on_event(code, menu, msgid="welcome-1")
    world.kf_write(li, "在吗", open_kfid=KF)
    page = await kf.sync(KF, cursor="", token="")
    assert [record["msgtype"] for record in page["msg_list"]] == ["event", "text"]
    assert await kf.session(KF, li) == (SessionState.NEW, "")
    await kf.send_text(KF, li, "您好", msgid="a1")
    await kf.send_menu(KF, li, menu, msgid="a2")
    msg_code = await kf.hand_over(KF, li, SessionState.HUMAN, servicer_userid="lisi")
    assert await kf.session(KF, li) == (SessionState.HUMAN, "lisi")
    await kf.send_on_event(msg_code, "已转人工", msgid="a3")
    assert await kf.hand_over(KF, li, SessionState.ENDED)
    assert [sent.msgid for sent in world.kf_sent] == ["welcome-1", "a1", "a2", "a3"]
    assert [one["nickname"] for one in await kf.customers([li], with_context=True)] == ["李"]


async def test_kf_accounts_and_servicers_are_managed(shop: Shop) -> None:
    kf = shop.wecom.kf
    avatar = await shop.wecom.media.upload("image", Upload("a.png", PNG, "image/png"))
    open_kfid = await kf.add_account("售后", avatar_media_id=avatar.media_id)
    await kf.update_account(open_kfid, name="售后二号")
    assert [row["errcode"] for row in await kf.add_servicers(open_kfid, ["wangwu", "nobody"])] == [0, 60111]
    assert [row["userid"] for row in await kf.servicers(open_kfid)] == ["wangwu"]
    assert await kf.remove_servicers(open_kfid, ["wangwu"])
    assert "poster" in await kf.contact_url(open_kfid, scene="poster")
    assert [row["name"] for row in await kf.accounts()] == ["小二客服", "售后二号"]
    await kf.delete_account(open_kfid)


# ---- groups, group sends, inheritance, rules, moments --------------------------------------------------------


async def test_groups_are_listed_and_read(shop: Shop) -> None:
    li = shop.world.add_contact("李", staff="lisi")
    chat_id = shop.world.create_group("老客户群", "lisi", [li])
    assert [one async for one in shop.wecom.groups.all_ids()] == [chat_id]
    assert [one async for one in shop.wecom.groups.all_ids(owners=["wangwu"])] == []
    assert [one async for one in shop.wecom.groups.all_ids(status=GroupStatus.OWNER_LEFT)] == []
    shown = await shop.wecom.groups.get(chat_id)
    assert [member["name"] for member in shown["member_list"]] == ["李四", "李"]


async def test_a_group_send_waits_for_staff_and_reports_what_became_of_it(shop: Shop) -> None:
    sends, world = shop.wecom.group_sends, shop.world
    li = world.add_contact("李", staff="lisi")
    chat_id = world.create_group("群", "lisi")
    made = await sends.to_customers([li, "wm_nobody"], "上新了")
    in_groups = await sends.to_groups("lisi", [chat_id], "上新了", [attachments.link("店", "https://shop.example")])
    assert made.unreachable == ("wm_nobody",)
    with pytest.raises(WeComError) as early:
        _ = [row async for row in sends.tasks(made.msgid)]
    assert early.value.retry_after == timedelta(seconds=5)
    shop.clock.advance(timedelta(seconds=5))
    assert [row["status"] async for row in sends.tasks(made.msgid)] == [TaskStatus.WAITING]
    await sends.remind(made.msgid)
    world.confirm_group_send(made.msgid, "lisi")
    assert [row["status"] async for row in sends.tasks(made.msgid)] == [TaskStatus.SENT]
    assert [row["status"] async for row in sends.results(made.msgid, "lisi")] == [SendStatus.SENT]
    await sends.cancel(in_groups.msgid)
    end = shop.clock()
    assert [row["msgid"] async for row in sends.made(start=end - DAY, end=end)] == [made.msgid]
    for_groups = sends.made(start=end - DAY, end=end, for_groups=True)
    assert [row["msgid"] async for row in for_groups] == [in_groups.msgid]


async def test_customers_and_groups_are_handed_over(shop: Shop) -> None:
    transfers, world = shop.wecom.transfers, shop.world
    li = world.add_contact("李", staff="lisi")
    chat_id = world.create_group("群", "lisi")
    refused = await transfers.customers("lisi", "wangwu", [li, "wm_nobody"], leaver_gone=False, message="以后我来")
    assert [(one.one_id, one.errcode) for one in refused] == [("wm_nobody", 40096)]
    rows = [row async for row in transfers.results("lisi", "wangwu", leaver_gone=False)]
    assert [row["status"] for row in rows] == [TransferStatus.WAITING]
    shop.clock.advance(DAY)
    rows = [row async for row in transfers.results("lisi", "wangwu", leaver_gone=False)]
    assert [row["status"] for row in rows] == [TransferStatus.DONE]
    world.add_contact("王", staff="lisi")
    world.leave_corp("lisi")
    waiting = [row["external_userid"] async for row in transfers.unassigned()]
    assert await transfers.customers("lisi", "wangwu", waiting, leaver_gone=True) == []
    assert await transfers.groups([chat_id], "wangwu", leaver_gone=True) == []
    assert [one.errcode for one in await transfers.groups([chat_id], "wangwu", leaver_gone=True)] == [90508]


async def test_a_sensitive_word_rule_is_read_back_as_it_was_written(shop: Shop) -> None:
    """The platform's asymmetry (reference 3.15) stays inside the client."""
    intercepts = shop.wecom.intercepts
    rule = InterceptRule(
        "返现", ("返现", "加微信"), Action.WARN, userids=("lisi",), semantics=(Semantics.PHONE_NUMBER,)
    )
    rule_id = await intercepts.add(rule)
    assert await intercepts.get(rule_id) == rule
    changed = InterceptRule(
        "返现", ("返现",), Action.STOP, userids=("wangwu",), semantics=(Semantics.RED_PACKET, Semantics.MAIL_ADDRESS)
    )
    await intercepts.replace(rule_id, changed)
    assert await intercepts.get(rule_id) == changed
    assert [row["rule_name"] for row in await intercepts.all_rules()] == ["返现"]
    await intercepts.delete(rule_id)
    assert await intercepts.all_rules() == []


async def test_a_moment_is_made_followed_and_cancelled(shop: Shop) -> None:
    moments = shop.wecom.moments
    jobid = await moments.add("上新", userids=["lisi"])
    assert (await moments.job(jobid)).status == CREATED
    shop.clock.advance(timedelta(seconds=2))
    job = await moments.job(jobid)
    assert (job.status, job.errcode) == (FINISHED, 0)
    shop.world.publish_moment(job.moment_id, "lisi")
    assert [row["publish_status"] async for row in moments.tasks(job.moment_id)] == [1]
    assert (await moments.comments(job.moment_id, "lisi"))["comment_list"] == []
    span = {"start": shop.clock() - DAY, "end": shop.clock()}
    assert len([row async for row in moments.made(**span)]) == 1
    await moments.cancel(job.moment_id)
    assert [row async for row in moments.made(**span)] == []


# ---- login, tickets, consent ---------------------------------------------------------------------------------


async def test_visitors_are_staff_customers_or_strangers(shop: Shop) -> None:
    li = shop.world.add_contact("李", staff="lisi")
    staff, customer, stranger = [
        await shop.wecom.login.visitor(shop.world.visit_page(who)) for who in ("lisi", li, "x")
    ]
    assert (staff.userid, customer.external_userid) == ("lisi", li)
    assert (stranger.userid, stranger.external_userid) == ("", "")
    assert stranger.openid


async def test_pages_are_signed_with_tickets_that_are_fetched_once(shop: Shop) -> None:
    tickets, url = shop.wecom.tickets, "https://shop.example/side?x=1#top"
    for _ in range(3):
        corp, app = await tickets.sign_for_corp(url, nonce="n1"), await tickets.sign_for_app(url, nonce="n1")
        accepts = shop.world.logins.is_signed
        assert accepts(url=url, nonce="n1", timestamp=corp.timestamp, signature=corp.signature)
        agentid = shop.world.config.agentid
        assert accepts(url=url, nonce="n1", timestamp=app.timestamp, signature=app.signature, agentid=agentid)
    assert (shop.count("get_jsapi_ticket"), shop.count("ticket/get")) == (1, 1)


async def test_consent_is_known_per_pair_and_per_room(shop: Shop) -> None:
    li = shop.world.add_contact("李", staff="lisi")
    assert await shop.wecom.consent.permitted_users() == ["lisi", "wangwu"]
    shop.world.consents.say(li, agrees=True)
    (said,) = await shop.wecom.consent.of_pairs([("lisi", li)])
    assert (said.external_userid, said.status, said.since) == (li, "Agree", shop.clock())
    chat_id = shop.world.create_group("群", "lisi", [li])
    assert [one.status for one in await shop.wecom.consent.of_room(chat_id)] == ["Agree"]
