"""The platform's rules, as a contract: what WeCom and WeChat Pay promise, checked over real HTTP.

Each test names the section of the platform reference (or the payments reference) it stands for. The
suite runs against WeCom-in-a-box; whatever claims to be the platform must pass it.
"""

import asyncio
import base64
import dataclasses
import json
import random
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.simulator.app import running
from bot.simulator.archive import Damage, make_key_pair
from bot.simulator.callbacks import Push
from bot.simulator.config import PayLimits, WorldConfig
from bot.simulator.context import TurnableClock
from bot.simulator.faults import Fault, FaultKind
from bot.simulator.finance_cipher import UndecryptableError, decrypt
from bot.simulator.forgeries import Forgery
from bot.simulator.pay import PacketStatus
from bot.simulator.world import World

from .platform_kit import (  # noqa: F401  # pytest finds fixtures by their presence
    KF,
    PRIVATE_PEM,
    QUICK,
    Caller,
    Shop,
    api_fixture,
    clock_fixture,
    config_fixture,
    shop_fixture,
    world_fixture,
)

# ---- manners: platform reference 0.3 -------------------------------------------------------------------------


async def test_a_business_error_is_http_200_with_the_code_in_body_and_headers(api: Caller) -> None:
    """Platform reference 0.3: judge by errcode; the text carries a hint and changes each time."""
    params = {"access_token": api.access_token, "userid": "nobody"}
    async with api.session.get(f"{api.url}/cgi-bin/user/get", params=params) as answer:
        body = await answer.json()
        assert (answer.status, body["errcode"], answer.headers["Error-Code"]) == (200, 60111, "60111")
    assert ", hint: [" in body["errmsg"]
    assert "from ip: " in body["errmsg"]
    assert body["errmsg"].endswith("more info at https://open.work.weixin.qq.com/devtool/query?e=60111")


async def test_replies_carry_fields_nobody_has_heard_of(api: Caller) -> None:
    """Platform reference 0.3, last row: parsers must ignore what they do not know."""
    replies = [await api.get("externalcontact/get_follow_user_list") for _ in range(40)]
    assert any(any(name.startswith("new_field_") for name in reply) for reply in replies)


@pytest.mark.parametrize(
    ("body", "errcode"), [(b"{", 47001), (b"[]", 47001), (b'{"tag_id": "et1"}', 40058), (b"{}", 0)]
)
async def test_a_body_that_is_not_the_documented_json_is_refused(api: Caller, body: bytes, errcode: int) -> None:
    """Platform reference 0.3 and 10."""
    assert await api.code("externalcontact/get_corp_tag_list", body) == errcode


async def test_the_wrong_verb_is_a_business_error(api: Caller) -> None:
    """Platform reference 0.3: GET for reads with few parameters, POST with JSON for the rest."""
    assert await api.code("user/get") == 43001
    assert (await api.get("externalcontact/mark_tag"))["errcode"] == 43002


# ---- tokens and limits: platform reference 2 -----------------------------------------------------------------


async def test_a_token_stays_the_same_while_it_lives_and_dies_after_7200_s(api: Caller, clock: TurnableClock) -> None:
    """Platform reference 2.1 and 2.2: an expired token is 42001 or 40014."""
    first = await api.sign_in()
    clock.advance(timedelta(seconds=7000))
    again = await api.sign_in()
    assert (first["access_token"], first["expires_in"]) == (again["access_token"], 7200)
    assert again["expires_in"] == 200
    clock.advance(timedelta(seconds=200))
    assert (await api.get("getcallbackip"))["errcode"] in {40014, 42001}
    assert (await api.sign_in())["access_token"] != first["access_token"]
    assert (await api.get("getcallbackip"))["ip_list"] == ["127.0.0.1"]


async def test_a_token_may_die_early(api: Caller, world: World) -> None:
    """Platform reference 2.1: a call must be able to refresh and repeat."""
    world.access_tokens.invalidate()
    world.access_tokens.dead_token_errcode = 42001
    assert (await api.get("getcallbackip"))["errcode"] == 42001


@pytest.mark.parametrize(
    ("query", "errcode"),
    [
        ({"corpid": "CORP", "corpsecret": "wrong"}, 40001),
        ({"corpid": "wwffffffffffffffff", "corpsecret": "SECRET"}, 40013),
        ({"corpsecret": "SECRET"}, 41002),
        ({"corpid": "CORP"}, 41004),
    ],
)
async def test_gettoken_names_what_is_wrong(api: Caller, query: dict[str, str], errcode: int) -> None:
    """Platform reference 2.1."""
    real = {"CORP": api.config.corpid, "SECRET": api.config.secret}
    assert (await api.get("gettoken", **{k: real.get(v, v) for k, v in query.items()}))["errcode"] == errcode


async def test_a_missing_or_unknown_token_is_refused(api: Caller) -> None:
    """Platform reference 2.2."""
    assert (await api.get("getcallbackip", access_token=""))["errcode"] == 41001
    assert (await api.get("getcallbackip", access_token="nonsense"))["errcode"] == 40014


async def test_a_token_works_only_for_what_its_app_may_do(api: Caller) -> None:
    """Platform reference 2.1 (scope) and 2.2: 48002."""
    await api.sign_in("kf-secret")
    assert await api.code("kf/account/list") == 0
    assert (await api.get("externalcontact/get_follow_user_list"))["errcode"] == 48002


async def test_too_many_calls_in_a_minute_are_blocked_for_a_minute(config: WorldConfig, clock: TurnableClock) -> None:
    """Platform reference 2.4: 45009, block length 60 s."""
    tight = dataclasses.replace(config, calls_per_minute_by_path={"getcallbackip": 2})
    tight_world = World(tight, clock=clock, rng=random.Random(1))
    async with running(tight_world, deliver=False) as runner, aiohttp.ClientSession() as session:
        api = Caller(runner.url, session, tight)
        await api.sign_in()
        codes = [(await api.get("getcallbackip"))["errcode"] for _ in range(3)]
        clock.advance(timedelta(seconds=59))
        codes.append((await api.get("getcallbackip"))["errcode"])
        clock.advance(timedelta(seconds=1))
        codes.append((await api.get("getcallbackip"))["errcode"])
    assert codes == [0, 0, 45009, 45009, 0]


# ---- callbacks: platform reference 1 -------------------------------------------------------------------------


async def test_the_url_is_verified_by_an_echo_that_must_match_byte_for_byte(world: World, shop: Shop) -> None:
    """Platform reference 1.2."""
    assert (await world.verify_callback_url()).ok
    shop.echo_suffix = b"\n"
    assert (await world.verify_callback_url()).reason == "body"


async def test_a_new_contact_is_pushed_as_a_sealed_event_from_sys(world: World, shop: Shop) -> None:
    """Platform reference 1.3, 1.4, 1.6 and 3.2."""
    external_userid = world.add_contact("李女士", staff="zhangsan", channel_state="spring")
    await world.deliver_all()
    (event,) = shop.got
    assert external_userid.startswith("wm")
    assert len(external_userid) == 32
    assert (
        event.items()
        >= {
            "ToUserName": world.config.corpid,
            "FromUserName": "sys",
            "CreateTime": str(int(world.clock().timestamp())),
            "MsgType": "event",
            "Event": "change_external_contact",
            "ChangeType": "add_external_contact",
            "UserID": "ZhangSan",
            "ExternalUserID": external_userid,
            "State": "spring",
        }.items()
    )
    assert event["WelcomeCode"]


async def test_two_customers_in_one_second_differ_only_in_their_ids(world: World, shop: Shop) -> None:
    """Platform reference 1.5: FromUserName and CreateTime name nobody."""
    world.add_contact("甲", staff="lisi")
    world.add_contact("乙", staff="lisi")
    await world.deliver_all()
    assert len({(event["FromUserName"], event["CreateTime"]) for event in shop.got}) == 1
    assert len({event["ExternalUserID"] for event in shop.got}) == 2


async def test_a_push_without_an_answer_is_repeated_with_equal_content(world: World, shop: Shop) -> None:
    """Platform reference 1.5: at least three tries; whether a repeat is sealed anew is not promised."""
    shop.drop_next = 2
    world.add_contact("甲", staff="lisi")
    await world.deliver_all()
    assert [delivery.accepted for delivery in world.deliveries] == [False, False, True]
    assert len(shop.got) == 1


async def test_a_push_answered_too_late_is_repeated(config: WorldConfig, clock: TurnableClock, shop: Shop) -> None:
    """Platform reference 1.5, time limit: five seconds on the platform, a blink here."""
    hasty = dataclasses.replace(config, retry=dataclasses.replace(QUICK, timeout_s=0.1))
    hasty_world = World(hasty, clock=clock, rng=random.Random(1))
    hasty_world.callbacks.callback_url = shop.url
    hasty_world.add_staff("lisi", "李四")
    hasty_world.add_contact("甲", staff="lisi")
    shop.hang_next = 1
    await hasty_world.deliver_all()
    await hasty_world.close()
    assert [delivery.accepted for delivery in hasty_world.deliveries] == [False, True]


async def test_a_running_simulator_delivers_by_itself(world: World, shop: Shop) -> None:
    """Without being asked: the demo only plays the people."""
    async with running(world):
        world.add_contact("甲", staff="lisi")
        await asyncio.wait_for(shop.arrived.wait(), timeout=5)
        await world.deliver_all()
    assert len(shop.got) == 1


async def test_a_push_that_is_never_answered_is_given_up(world: World, shop: Shop) -> None:
    """Platform reference 1.5: then the event is lost, and only reading again finds it."""
    shop.drop_next = 99
    world.add_contact("甲", staff="lisi")
    await world.deliver_all()
    assert len(world.deliveries) == QUICK.attempts
    assert len(world.callbacks.given_up) == 1


@pytest.mark.parametrize(("retry_on_status", "arrivals"), [(False, 1), (True, 2)])
async def test_a_500_is_repeated_only_by_the_older_rule(
    config: WorldConfig, clock: TurnableClock, shop: Shop, retry_on_status: bool, arrivals: int
) -> None:
    """Platform reference 1.5, "what counts as failure": the documents contradict each other."""
    retry = dataclasses.replace(QUICK, retry_on_status=retry_on_status)
    stubborn = World(dataclasses.replace(config, retry=retry), clock=clock, rng=random.Random(1))
    stubborn.callbacks.callback_url = shop.url
    stubborn.add_staff("lisi", "李四")
    stubborn.add_contact("甲", staff="lisi")
    shop.statuses = [500]
    await stubborn.deliver_all()
    await stubborn.close()
    assert len(shop.got) == arrivals


async def test_pushes_may_come_twice_and_out_of_order(world: World, shop: Shop) -> None:
    """Platform reference 1.5, "order" and "attempts"."""
    world.callbacks.knobs.duplicate = 1.0
    world.callbacks.knobs.reorder = True
    world.callbacks.knobs.parallel = 1
    added = [world.add_contact(str(n), staff="lisi") for n in range(8)]
    await world.deliver_all()
    arrived = [event["ExternalUserID"] for event in shop.got]
    assert sorted(arrived) == sorted(added * 2)
    assert arrived[::2] != added


async def test_a_story_can_hold_an_attempt_back(world: World, shop: Shop) -> None:
    """Tests wait here until a killed server is up again."""
    seen: list[tuple[str, int]] = []

    async def note(push: Push, attempt: int) -> None:
        seen.append((push.name, attempt))
        await asyncio.sleep(0)

    world.callbacks.before_attempt = note
    shop.drop_next = 1
    world.add_contact("甲", staff="lisi")
    await world.deliver_all()
    assert seen == [("change_external_contact.add_external_contact", n) for n in (1, 2)]


@pytest.mark.parametrize("kind", list(Forgery))
async def test_a_forgery_never_reaches_a_careful_receiver(world: World, shop: Shop, kind: Forgery) -> None:
    """Platform reference 1.4: signature, length, padding, receive id, and the query's timestamp are checked."""
    status = await world.forge(kind)
    assert status is None or status >= 400
    assert shop.got == []


# ---- contacts: platform reference 3 --------------------------------------------------------------------------


async def test_changes_made_by_the_api_send_no_callback(api: Caller, world: World, shop: Shop) -> None:
    """Platform reference 1.5, "own API calls"."""
    li = world.add_contact("李", staff="lisi")
    added = await api.post("externalcontact/add_corp_tag", {"group_name": "意向", "tag": [{"name": "高"}]})
    tag_id = added["tag_group"]["tag"][0]["id"]
    assert await api.code("externalcontact/mark_tag", _mark(li, add=[tag_id])) == 0
    await world.deliver_all()
    assert [event["Event"] for event in shop.got] == ["change_external_contact"]


async def test_deleting_works_in_both_directions_and_differently(api: Caller, world: World, shop: Shop) -> None:
    """Platform reference 3.1 and 3.2: a customer who left stays listed, one who was removed does not."""
    li = world.add_contact("李", staff="lisi")
    wang = world.add_contact("王", staff="lisi")
    world.delete_follow(li, staff="lisi")
    world.remove_contact(wang, staff="lisi")
    await world.deliver_all()
    changes = [event["ChangeType"] for event in shop.got[2:]]
    assert sorted(changes) == ["del_external_contact", "del_follow_user"]
    assert (await api.get("externalcontact/list", userid="LISI"))["external_userid"] == [li]
    assert (await api.get("externalcontact/get", external_userid=wang))["errcode"] == 84061


async def test_a_half_added_contact_is_no_contact_until_accepted(api: Caller, world: World, shop: Shop) -> None:
    """Platform reference 3.2: add_external_contact follows, without a code when the first one was used."""
    li = world.add_contact("李", staff="lisi", half=True)
    await world.deliver_all()
    code = shop.got[0]["WelcomeCode"]
    assert shop.got[0]["ChangeType"] == "add_half_external_contact"
    assert await api.code("externalcontact/remark", {"userid": "lisi", "external_userid": li}) == 84061
    assert await api.code("externalcontact/send_welcome_msg", _welcome(code)) == 0
    world.accept_contact(li, staff="lisi")
    await world.deliver_all()
    assert shop.got[1]["ChangeType"] == "add_external_contact"
    assert "WelcomeCode" not in shop.got[1]
    assert await api.code("externalcontact/remark", {"userid": "lisi", "external_userid": li}) == 0


async def test_a_contact_of_another_corp_brings_no_welcome_code(world: World, shop: Shop) -> None:
    """Platform reference 3.2, "absent when"."""
    world.add_contact("同行", staff="lisi", external_userid="wo" + "a" * 30)
    await world.deliver_all()
    assert "WelcomeCode" not in shop.got[0]


async def test_a_welcome_code_lives_20_s_and_works_once(
    api: Caller, world: World, shop: Shop, clock: TurnableClock
) -> None:
    """Platform reference 3.6: 41050 when late, 41051 when used."""
    li, wang = world.add_contact("李", staff="lisi"), world.add_contact("王", staff="lisi")
    await world.deliver_all()
    codes = {event["ExternalUserID"]: event["WelcomeCode"] for event in shop.got}
    clock.advance(timedelta(seconds=20))
    assert await api.code("externalcontact/send_welcome_msg", _welcome(codes[li])) == 0
    assert await api.code("externalcontact/send_welcome_msg", _welcome(codes[li])) == 41051
    clock.advance(timedelta(milliseconds=1))
    assert await api.code("externalcontact/send_welcome_msg", _welcome(codes[wang])) == 41050
    assert [(w.external_userid, w.text) for w in world.welcomes] == [(li, "你好")]


async def test_a_customer_who_has_written_first_gets_no_welcome(api: Caller, world: World, shop: Shop) -> None:
    """Platform reference 3.6: 41051, the chat has begun."""
    li = world.add_contact("李", staff="lisi")
    await world.deliver_all()
    world.archive_write(li, ["lisi"], "在吗")
    assert await api.code("externalcontact/send_welcome_msg", _welcome(shop.got[0]["WelcomeCode"])) == 41051


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"text": {"content": "你好"}}, 41049),
        ({"welcome_code": "unknown", "text": {"content": "你好"}}, 41050),
        ({"welcome_code": "CODE", "text": {"content": "好" * 1334}}, 45002),
        ({"welcome_code": "CODE"}, 40063),
        ({"welcome_code": "CODE", "attachments": [{"msgtype": "poem", "poem": {}}]}, 41065),
        ({"welcome_code": "CODE", "attachments": [{"msgtype": "file", "file": {"media_id": "m"}}] * 10}, 41064),
        ({"welcome_code": "CODE", "attachments": [{"msgtype": "link", "link": {"title": "t"}}]}, 40058),
        ({"welcome_code": "CODE", "text": {"content": "好" * 1333}}, 0),
    ],
)
async def test_a_welcome_message_is_checked_before_it_is_sent(
    api: Caller, world: World, shop: Shop, body: dict[str, Any], errcode: int
) -> None:
    """Platform reference 3.6: 4000 bytes of text, at most 9 attachments; a refusal does not use the code up."""
    world.add_contact("李", staff="lisi")
    await world.deliver_all()
    code = shop.got[0]["WelcomeCode"]
    sent = {key: code if value == "CODE" else value for key, value in body.items()}
    assert await api.code("externalcontact/send_welcome_msg", sent) == errcode
    expected = 41051 if errcode == 0 else 0
    assert await api.code("externalcontact/send_welcome_msg", _welcome(code)) == expected


async def test_staff_without_customers_answer_84061_with_an_empty_list(api: Caller) -> None:
    """Platform reference 3.7 and 0.3 (empty defaults in error bodies): treat as an empty list."""
    answer = await api.get("externalcontact/list", userid="lisi")
    assert (answer["errcode"], answer["external_userid"]) == (84061, [])


async def test_reading_a_customer_shows_every_follow_with_its_tags(api: Caller, world: World) -> None:
    """Platform reference 3.7."""
    li = world.add_contact("李", staff="lisi", channel_state="box")
    world.add_contact("李", staff="zhangsan", external_userid=li)
    world.add_tag_group("意向", ["高"])
    tag_id = next(iter(world.tags.tags))
    await api.code("externalcontact/mark_tag", _mark(li, add=[tag_id]))
    answer = await api.get("externalcontact/get", external_userid=li)
    assert answer["external_contact"].items() >= {"name": "李", "type": 1, "external_userid": li}.items()
    shown = {follow["userid"]: follow for follow in answer["follow_user"]}
    assert shown["lisi"]["state"] == "box"
    assert shown["lisi"]["tags"] == [{"group_name": "意向", "tag_name": "高", "tag_id": tag_id, "type": 1}]
    assert shown["ZhangSan"]["tags"] == []
    assert (await api.get("externalcontact/get", external_userid="wm_nobody"))["errcode"] == 40096


async def test_customers_are_read_in_pages_until_the_cursor_is_empty(api: Caller, world: World) -> None:
    """Platform reference 0.3 (paging) and 3.7; a cursor nobody issued is 50100."""
    added = {world.add_contact(str(n), staff="lisi") for n in range(5)}
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        body = {"userid_list": ["lisi"], "limit": 2, "cursor": cursor}
        answer = await api.post("externalcontact/batch/get_by_user", body)
        seen += [row["external_contact"]["external_userid"] for row in answer["external_contact_list"]]
        cursor = answer["next_cursor"]
    assert cursor == ""
    assert sorted(seen) == sorted(added)
    bad = {"userid_list": ["lisi"], "cursor": "made-up"}
    assert await api.code("externalcontact/batch/get_by_user", bad) == 50100
    assert await api.code("externalcontact/batch/get_by_user", {"userid_list": ["lisi"] * 101}) == 40058


async def test_tags_have_unique_names_and_die_with_their_group(api: Caller) -> None:
    """Platform reference 3.8."""
    first = (await api.post("externalcontact/add_corp_tag", _group("意向", "高", "低")))["tag_group"]
    second = (await api.post("externalcontact/add_corp_tag", _group("意向", "中")))["tag_group"]
    assert second["group_id"] == first["group_id"]
    assert await api.code("externalcontact/add_corp_tag", _group("意向", "高")) == 40071
    assert await api.code("externalcontact/add_corp_tag", _group("意向", "长" * 31)) == 40072
    high, low = (tag["id"] for tag in first["tag"])
    assert await api.code("externalcontact/edit_corp_tag", {"id": high, "name": "低"}) == 40071
    assert await api.code("externalcontact/edit_corp_tag", {"id": "et_unknown", "name": "x"}) == 40068
    assert await api.code("externalcontact/edit_corp_tag", {"id": high, "name": "很高"}) == 0
    middle = second["tag"][0]["id"]
    assert await api.code("externalcontact/del_corp_tag", {"tag_id": [high, low, middle]}) == 0
    assert (await api.post("externalcontact/get_corp_tag_list"))["tag_group"] == []


async def test_marking_is_harmless_to_repeat_and_strict_about_ids(api: Caller, world: World) -> None:
    """Platform reference 3.8: 84061 for no contact, 40068 for an unknown tag, nothing done by half."""
    li = world.add_contact("李", staff="lisi")
    group = (await api.post("externalcontact/add_corp_tag", _group("意向", "高")))["tag_group"]
    tag_id = group["tag"][0]["id"]
    for _ in range(2):
        assert await api.code("externalcontact/mark_tag", _mark(li, add=[tag_id])) == 0
    assert world.marked_tags == {("lisi", li): {"高"}}
    assert await api.code("externalcontact/mark_tag", _mark(li, add=["et_unknown"])) == 40068
    assert await api.code("externalcontact/mark_tag", _mark(li)) == 40063
    assert await api.code("externalcontact/mark_tag", _mark(li, userid="zhangsan", add=[tag_id])) == 84061
    assert await api.code("externalcontact/mark_tag", _mark("wm_nobody", add=[tag_id])) == 40096
    assert await api.code("externalcontact/mark_tag", _mark(li, remove=[tag_id])) == 0
    assert world.marked_tags == {}


async def test_a_new_tag_group_sends_several_events_and_its_deletion_one(world: World, shop: Shop) -> None:
    """Platform reference 3.4."""
    group_id = world.add_tag_group("意向", ["高", "低"])
    world.tags.delete_tag_group(group_id)
    await world.deliver_all()
    assert sorted((event["ChangeType"], event["TagType"]) for event in shop.got) == [
        ("create", "tag"),
        ("create", "tag"),
        ("create", "tag_group"),
        ("delete", "tag_group"),
    ]


async def test_a_remark_changes_only_the_fields_present(api: Caller, world: World) -> None:
    """Platform reference 3.9."""
    li = world.add_contact("李", staff="lisi")
    pair = {"userid": "lisi", "external_userid": li}
    assert await api.code("externalcontact/remark", pair | {"remark": "李女士", "remark_mobiles": ["138"]}) == 0
    assert await api.code("externalcontact/remark", pair | {"remark_mobiles": [""]}) == 0
    follow = world.contacts.follow("lisi", li)
    assert (follow.remark, follow.remark_mobiles) == ("李女士", [])
    assert await api.code("externalcontact/remark", pair | {"remark": "长" * 21}) == 40058


async def test_a_contact_way_names_its_people_and_its_state(api: Caller) -> None:
    """Platform reference 3.10: type 1 has exactly one user; an unknown config_id is 41044."""
    body = {"type": 1, "scene": 2, "user": ["lisi"], "state": "box"}
    made = await api.post("externalcontact/add_contact_way", body)
    shown = await api.post("externalcontact/get_contact_way", {"config_id": made["config_id"]})
    assert shown["contact_way"].items() >= {"state": "box", "user": ["lisi"], "qr_code": made["qr_code"]}.items()
    assert await api.code("externalcontact/add_contact_way", body | {"user": ["lisi", "zhangsan"]}) == 40058
    assert await api.code("externalcontact/add_contact_way", body | {"type": 3}) == 41039
    assert await api.code("externalcontact/add_contact_way", body | {"state": "x" * 31}) == 40058
    assert await api.code("externalcontact/get_contact_way", {"config_id": "0" * 32}) == 41044


async def test_only_wechat_users_have_an_openid(api: Caller, world: World) -> None:
    """Platform reference 3.11; payments reference A3.4."""
    li = world.add_contact("李", staff="lisi")
    peer = world.add_contact("同行", staff="lisi", external_userid="wo" + "b" * 30)
    first = await api.post("externalcontact/convert_to_openid", {"external_userid": li})
    again = await api.post("externalcontact/convert_to_openid", {"external_userid": li})
    assert first["openid"] == again["openid"]
    assert await api.code("externalcontact/convert_to_openid", {"external_userid": peer}) == 43004


# ---- customer service: platform reference 4 ------------------------------------------------------------------


async def test_a_kf_push_has_a_token_and_no_sender_and_the_message_is_pulled(
    api: Caller, world: World, shop: Shop
) -> None:
    """Platform reference 4.2, 4.3 and 4.4."""
    li = world.add_visitor("李")
    msgid = world.kf_write(li, "订单号 123", open_kfid=KF)
    await world.deliver_all()
    (push,) = shop.got
    assert "FromUserName" not in push
    assert (push["Event"], push["OpenKfId"]) == ("kf_msg_or_event", KF)
    answer = await api.post("kf/sync_msg", {"open_kfid": KF, "token": push["Token"]})
    (record,) = answer["msg_list"]
    assert record.items() >= {"msgid": msgid, "external_userid": li, "origin": 3, "msgtype": "text"}.items()
    assert record["text"] == {"content": "订单号 123"}
    assert answer["has_more"] == 0


async def test_the_kf_cursor_goes_on_where_it_stopped(api: Caller, world: World) -> None:
    """Platform reference 4.3: monotonic per account; own sends are never returned; a foreign cursor is 50100."""
    li = world.add_visitor("李")
    sent = [world.kf_write(li, str(n), open_kfid=KF) for n in range(5)]
    assert await api.code("kf/send_msg", _kf(li)) == 0
    cursor, got, more = "", [], 1
    while more:
        page = await api.post("kf/sync_msg", {"open_kfid": KF, "cursor": cursor, "limit": 2})
        got += [record["msgid"] for record in page["msg_list"]]
        cursor, more = page["next_cursor"], page["has_more"]
    assert got == sent
    assert (await api.post("kf/sync_msg", {"open_kfid": KF, "cursor": cursor}))["msg_list"] == []
    assert await api.code("kf/sync_msg", {"open_kfid": KF, "cursor": "made-up"}) == 50100
    assert await api.code("kf/sync_msg", {"open_kfid": KF, "limit": 1001}) == 40058
    assert await api.code("kf/sync_msg", {"open_kfid": "wk_unknown"}) == 95004
    assert await api.code("kf/sync_msg", {}) == 95000


async def test_an_empty_kf_page_can_have_more_behind_it(config: WorldConfig, clock: TurnableClock) -> None:
    """Platform reference 4.3: never stop on an empty page."""
    odd = dataclasses.replace(config, kf_empty_pages=0.6)
    odd_world = World(odd, clock=clock, rng=random.Random(5))
    odd_world.kf_account(KF, "客服")
    li = odd_world.add_visitor("李")
    sent = [odd_world.kf_write(li, str(n), open_kfid=KF) for n in range(6)]
    async with running(odd_world, deliver=False) as runner, aiohttp.ClientSession() as session:
        api = Caller(runner.url, session, odd)
        await api.sign_in()
        pages = [await api.post("kf/sync_msg", {"open_kfid": KF, "limit": 1})]
        while pages[-1]["has_more"]:
            body = {"open_kfid": KF, "limit": 1, "cursor": pages[-1]["next_cursor"]}
            pages.append(await api.post("kf/sync_msg", body))
    assert any(page["has_more"] and not page["msg_list"] for page in pages)
    assert [record["msgid"] for page in pages for record in page["msg_list"]] == sent


async def test_kf_messages_are_kept_three_days_and_a_push_token_ten_minutes(
    api: Caller, world: World, shop: Shop, clock: TurnableClock
) -> None:
    """Platform reference 4.3: 95007 for a stale token."""
    li = world.add_visitor("李")
    world.kf_write(li, "早", open_kfid=KF)
    await world.deliver_all()
    with_token = {"open_kfid": KF, "token": shop.got[0]["Token"]}
    clock.advance(timedelta(minutes=10))
    assert len((await api.post("kf/sync_msg", with_token))["msg_list"]) == 1
    clock.advance(timedelta(seconds=1))
    assert await api.code("kf/sync_msg", with_token) == 95007
    clock.advance(timedelta(days=3))
    await api.sign_in()
    assert (await api.post("kf/sync_msg", {"open_kfid": KF}))["msg_list"] == []


async def test_one_customer_message_allows_five_answers_within_48_hours(
    api: Caller, world: World, clock: TurnableClock
) -> None:
    """Platform reference 4.6: 95001 for the sixth, 95002 after 48 h."""
    li = world.add_visitor("李")
    world.kf_write(li, "在吗", open_kfid=KF)
    assert [await api.code("kf/send_msg", _kf(li)) for _ in range(6)] == [0, 0, 0, 0, 0, 95001]
    world.kf_write(li, "还在吗", open_kfid=KF)
    assert await api.code("kf/send_msg", _kf(li)) == 0
    clock.advance(timedelta(hours=48, seconds=1))
    await api.sign_in()
    assert await api.code("kf/send_msg", _kf(li)) == 95002
    assert len(world.kf_sent) == 6


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"touser": "wm_nobody"}, 40096),
        ({"open_kfid": "wk_unknown"}, 95004),
        ({"msgtype": "poem"}, 40008),
        ({"text": {"content": ""}}, 44004),
        ({"text": {"content": "好" * 683}}, 45002),
        ({"msgid": "has space"}, 40058),
        ({"msgid": "x" * 33}, 40058),
        ({"text": {"content": "好" * 682}}, 0),
    ],
)
async def test_a_kf_message_is_checked(api: Caller, world: World, change: dict[str, Any], errcode: int) -> None:
    """Platform reference 4.6: 2048 bytes of text, msgid of at most 32 plain characters."""
    li = world.add_visitor("李")
    world.kf_write(li, "在吗", open_kfid=KF)
    assert await api.code("kf/send_msg", _kf(li) | change) == errcode


async def test_a_kf_msgid_is_used_once(api: Caller, world: World) -> None:
    """Platform reference 4.6: unique per account; so a repeat after a lost answer sends nothing twice."""
    li = world.add_visitor("李")
    world.kf_write(li, "在吗", open_kfid=KF)
    answer = await api.post("kf/send_msg", _kf(li) | {"msgid": "reply-1"})
    assert answer["msgid"] == "reply-1"
    assert await api.code("kf/send_msg", _kf(li) | {"msgid": "reply-1"}) != 0
    assert [sent.text for sent in world.kf_sent] == ["您好"]


async def test_the_api_is_silent_while_a_human_serves(api: Caller, world: World) -> None:
    """Platform reference 4.6 and 4.8: 95018, and the moves the platform allows."""
    li = world.add_visitor("李")
    world.kf_write(li, "转人工", open_kfid=KF)
    pair = {"open_kfid": KF, "external_userid": li}
    assert (await api.post("kf/service_state/get", pair))["service_state"] == 0
    assert await api.code("kf/service_state/trans", pair | {"service_state": 3, "servicer_userid": "zhang"}) == 95014
    moved = await api.post("kf/service_state/trans", pair | {"service_state": 3, "servicer_userid": "lisi"})
    assert moved["errcode"] == 0
    assert await api.code("kf/send_msg", _kf(li)) == 95018
    assert await api.code("kf/service_state/trans", pair | {"service_state": 1}) == 95016
    text = {"code": moved["msg_code"], "msgtype": "text", "text": {"content": "客服来了"}}
    assert await api.code("kf/send_msg_on_event", text) == 0
    assert await api.code("kf/send_msg_on_event", text) == 41050
    assert await api.code("kf/service_state/trans", pair | {"service_state": 4}) == 0
    assert await api.code("kf/send_msg", _kf(li)) == 95013
    world.kf_write(li, "又来了", open_kfid=KF)
    assert await api.code("kf/send_msg", _kf(li)) == 0


async def test_event_records_carry_their_ids_inside_and_a_welcome_code_of_20_s(
    api: Caller, world: World, clock: TurnableClock
) -> None:
    """Platform reference 4.5 and 4.7."""
    li = world.add_visitor("李")
    world.kf_enter(li, open_kfid=KF)
    (record,) = (await api.post("kf/sync_msg", {"open_kfid": KF}))["msg_list"]
    assert (record["msgtype"], record["origin"], record["event"]["event_type"]) == ("event", 4, "enter_session")
    assert "external_userid" not in record
    clock.advance(timedelta(seconds=21))
    late = {"code": record["event"]["welcome_code"], "msgtype": "text", "text": {"content": "您好"}}
    assert await api.code("kf/send_msg_on_event", late) == 41050


async def test_kf_accounts_and_customers_can_be_listed(api: Caller, world: World) -> None:
    """Platform reference 4.9."""
    li = world.add_visitor("李")
    world.kf_write(li, "你好", open_kfid=KF)
    assert [row["open_kfid"] for row in (await api.post("kf/account/list"))["account_list"]] == [KF]
    answer = await api.post("kf/customer/batchget", {"external_userid_list": [li, "wm_nobody"]})
    assert [row["nickname"] for row in answer["customer_list"]] == ["李"]
    assert answer["invalid_external_userid"] == ["wm_nobody"]


# ---- archive: platform reference 5 ---------------------------------------------------------------------------


def _opened(record: dict[str, Any]) -> dict[str, Any]:
    key = load_pem_private_key(PRIVATE_PEM.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    random_key = key.decrypt(base64.b64decode(record["encrypt_random_key"]), padding.PKCS1v15()).decode()
    return dict(json.loads(decrypt(random_key, record["encrypt_chat_msg"])))


async def test_an_archived_message_opens_with_the_key_of_its_version(api: Caller, world: World) -> None:
    """Platform reference 5.4 and 5.8."""
    li = world.add_contact("李", staff="lisi")
    seq = world.archive_write(li, ["lisi"], "什么时候发货")
    (record,) = (await api.pull(0))["chatdata"]
    assert (record["seq"], record["publickey_ver"]) == (seq, 1)
    message = _opened(record)
    assert (
        message.items()
        >= {
            "msgid": record["msgid"],
            "action": "send",
            "from": li,
            "tolist": ["lisi"],
            "roomid": "",
            "msgtime": int(world.clock().timestamp() * 1000),
            "msgtype": "text",
            "text": {"content": "什么时候发货"},
        }.items()
    )
    assert message["msgid"].endswith("_external")


async def test_a_pull_goes_on_after_seq_and_ends_without_chatdata(api: Caller, world: World) -> None:
    """Platform reference 5.2 (seq, limit) and 5.4 step 1: missing or empty at the head; keep the old seq."""
    for n in range(5):
        world.archive_write("lisi", ["zhangsan"], str(n))
    assert [record["seq"] for record in (await api.pull(1, limit=2))["chatdata"]] == [2, 3]
    heads = [await api.pull(5) for _ in range(20)]
    assert all(head["errcode"] == 0 and not head.get("chatdata") for head in heads)
    assert {"chatdata" in head for head in heads} == {True, False}
    assert (await api.pull(0, limit=1001))["errcode"] == 10000
    assert (await api.pull(0, secret="wrong"))["errcode"] == 41001


async def test_after_five_days_messages_are_silently_gone(api: Caller, world: World, clock: TurnableClock) -> None:
    """Platform reference 5.1, gap rule: no error, only a jump in seq."""
    world.archive_write("lisi", ["zhangsan"], "旧")
    clock.advance(timedelta(days=5, seconds=1))
    new = world.archive_write("lisi", ["zhangsan"], "新")
    assert [record["seq"] for record in (await api.pull(0))["chatdata"]] == [new]


async def test_the_same_message_can_come_again_under_a_new_seq(api: Caller, world: World) -> None:
    """Platform reference 5.1, duplicates."""
    seq = world.archive_write("lisi", ["zhangsan"], "一次")
    world.archive_repeat(seq)
    records = (await api.pull(0))["chatdata"]
    assert [record["seq"] for record in records] == [1, 2]
    assert len({record["msgid"] for record in records}) == 1


async def test_a_new_key_counts_from_its_upload_and_old_messages_keep_theirs(api: Caller, world: World) -> None:
    """Platform reference 5.1, public key."""
    world.archive_write("lisi", ["zhangsan"], "旧")
    _private, public = make_key_pair()
    assert world.archive_upload_key(public) == 2
    world.archive_write("lisi", ["zhangsan"], "新")
    assert [record["publickey_ver"] for record in (await api.pull(0))["chatdata"]] == [1, 2]


@pytest.mark.parametrize("how", list(Damage))
async def test_a_damaged_envelope_cannot_be_opened_and_stops_nothing(api: Caller, world: World, how: Damage) -> None:
    """Platform reference 5.3 (10006, 10008) and 5.4 step 6."""
    world.archive_write("lisi", ["zhangsan"], "坏", damage=how)
    world.archive_write("lisi", ["zhangsan"], "好")
    bad, good = (await api.pull(0))["chatdata"]
    if how is Damage.UNKNOWN_KEY:
        assert bad["publickey_ver"] != 1
    else:
        with pytest.raises((UndecryptableError, ValueError)):
            _opened(bad)
    assert _opened(good)["text"] == {"content": "好"}


async def test_archive_notices_are_at_least_15_s_apart(world: World, shop: Shop, clock: TurnableClock) -> None:
    """Platform reference 5.10: a wake-up without a seq, for AgentID 2000004."""
    for _ in range(3):
        world.archive_write("lisi", ["zhangsan"], "一")
    await world.deliver_all()
    assert [(event["Event"], event["AgentID"]) for event in shop.got] == [("msgaudit_notify", "2000004")]
    clock.advance(timedelta(seconds=14))
    await world.deliver_all()
    assert len(shop.got) == 1
    clock.advance(timedelta(seconds=1))
    await world.deliver_all()
    assert len(shop.got) == 2


# ---- messages to staff: platform reference 6.1 ---------------------------------------------------------------


async def test_an_app_message_names_invalid_receivers_in_lower_case(api: Caller, world: World) -> None:
    """Platform reference 6.1: part failures are errcode 0; all invalid is 81013; a foreign agentid 301002."""
    body = {"agentid": api.config.agentid, "msgtype": "text", "text": {"content": "有新订单"}}
    answer = await api.post("message/send", body | {"touser": "LiSi|NoBody"})
    assert (answer["errcode"], answer["invaliduser"]) == (0, "nobody")
    assert [(message.userid, message.text) for message in world.staff_shown] == [("lisi", "有新订单")]
    assert await api.code("message/send", body | {"touser": "NoBody"}) == 81013
    assert await api.code("message/send", body) == 82001
    assert await api.code("message/send", body | {"touser": "lisi", "agentid": 1}) == 301002
    assert await api.code("message/send", body | {"touser": "lisi", "text": {"content": "好" * 683}}) == 45002


async def test_more_than_30_app_messages_a_minute_vanish_without_an_error(api: Caller, world: World) -> None:
    """Platform reference 6.1: excess is dropped silently."""
    body = {"touser": "lisi", "agentid": api.config.agentid, "msgtype": "text", "text": {"content": "响"}}
    assert {await api.code("message/send", body) for _ in range(31)} == {0}
    assert len(world.staff_shown) == 30


# ---- red packets: payments reference A1, A2, A8 --------------------------------------------------------------


@pytest.fixture
async def openid(api: Caller, world: World) -> str:
    """The openid of a customer, in a shop with 100 yuan."""
    world.fund(10_000)
    li = world.add_contact("李", staff="lisi")
    return str((await api.post("externalcontact/convert_to_openid", {"external_userid": li}))["openid"])


async def test_a_packet_is_paid_once_however_often_its_number_is_sent(
    api: Caller, world: World, clock: TurnableClock, openid: str
) -> None:
    """Payments reference A1.6: the number is the idempotency key; at least one second between repeats."""
    first = await api.send_packet(re_openid=openid)
    assert (first["return_code"], first["result_code"], first["total_amount"]) == ("SUCCESS", "SUCCESS", "200")
    assert (await api.send_packet(re_openid=openid))["err_code"] == "FREQ_LIMIT"
    clock.advance(timedelta(seconds=1))
    again = await api.send_packet(re_openid=openid, nonce_str="another")
    assert again["send_listid"] == first["send_listid"]
    clock.advance(timedelta(hours=24))
    assert (await api.send_packet(re_openid=openid))["err_code"] == "SEND_FAILED"  # expired: proves nothing
    assert [flow.amount_fen for flow in world.fund_flow if flow.kind == "pay"] == [-200]


async def test_a_repeat_may_also_be_answered_with_a_failure(config: WorldConfig, clock: TurnableClock) -> None:
    """Payments reference A1.6 and R3a: a failure on a repeat says nothing about the first attempt."""
    other = World(dataclasses.replace(config, repeat_of_paid_number_succeeds=False), clock=clock, rng=random.Random(2))
    async with running(other, deliver=False) as runner, aiohttp.ClientSession() as session:
        api = Caller(runner.url, session, other.config)
        other.fund(1000)
        payee = other.contacts.openid_of(other.add_visitor("李"))
        await api.send_packet(re_openid=payee)
        clock.advance(timedelta(seconds=1))
        assert (await api.send_packet(re_openid=payee))["err_code"] == "SEND_FAILED"
        assert (await api.query_packet())["status"] == "SENT"


@pytest.mark.parametrize(
    ("change", "err_code"), [({"total_amount": "300"}, "PARAM_ERROR"), ({"wishing": "别的话"}, "FATAL_ERROR")]
)
async def test_another_parameter_under_the_same_number_is_an_error(
    api: Caller, clock: TurnableClock, openid: str, change: dict[str, str], err_code: str
) -> None:
    """Payments reference A1.6 and R6."""
    await api.send_packet(re_openid=openid)
    clock.advance(timedelta(seconds=1))
    assert (await api.send_packet(**({"re_openid": openid} | change)))["err_code"] == err_code


@pytest.mark.parametrize(
    ("change", "err_code"),
    [
        ({"send_name": ""}, "PARAM_ERROR"),
        ({"act_name": "十一个汉字的活动名称呀"}, "PARAM_ERROR"),
        ({"mch_billno": "with-hyphen"}, "PARAM_ERROR"),
        ({"mch_billno": "1" * 29}, "PARAM_ERROR"),
        ({"total_num": "2"}, "PARAM_ERROR"),
        ({"total_amount": "2.00"}, "PARAM_ERROR"),
        ({"client_ip": "::1"}, "PARAM_ERROR"),
        ({"wxappid": "wx0000000000000000"}, "ILLEGAL_APPID"),
        ({"re_openid": "o" * 28}, "OPENID_ERROR"),
        ({"total_amount": "99"}, "MONEY_LIMIT"),
        ({"total_amount": "20001"}, "MONEY_LIMIT"),
        ({"total_amount": "10001"}, "NOTENOUGH"),
        ({"total_amount": "99", "scene_id": "PRODUCT_1"}, ""),
    ],
)
async def test_a_packet_is_checked_before_it_is_paid(
    api: Caller, world: World, openid: str, change: dict[str, str], err_code: str
) -> None:
    """Payments reference A1.1, A1.2, A1.5 and A1.7."""
    answer = await api.send_packet(**({"re_openid": openid} | change))
    assert answer.get("err_code", "") == err_code
    assert len(world.red_packets) == (0 if err_code else 1)


async def test_a_wrong_key_and_a_broken_document_are_told_apart(api: Caller) -> None:
    """Payments reference A1.3 and A1.5."""
    assert (await api.pay("sendredpack", {"mch_billno": "1"}, key="x" * 32))["err_code"] == "SIGN_ERROR"
    for body in (b"", b"{}", b"<xml><a>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><xml><a>&a;</a></xml>"):
        assert (await api.pay_raw("sendredpack", body))["err_code"] == "XML_ERROR"


async def test_an_empty_balance_is_temporary(api: Caller, world: World, clock: TurnableClock) -> None:
    """Payments reference A8, F16: top up and repeat the same number."""
    payee = world.contacts.openid_of(world.add_visitor("李"))
    assert (await api.send_packet(re_openid=payee))["err_code"] == "NOTENOUGH"
    assert (await api.query_packet())["err_code"] == "NOT_FOUND"
    world.fund(500)
    clock.advance(timedelta(seconds=1))
    assert (await api.send_packet(re_openid=payee))["result_code"] == "SUCCESS"


async def test_a_refused_number_may_look_as_if_it_were_being_sent(config: WorldConfig, clock: TurnableClock) -> None:
    """Payments reference A2.3 and A8, F10: SENDING with a reason, no money moved, FAILED a day later."""
    murky = World(dataclasses.replace(config, refusals_look_like_sending=True), clock=clock, rng=random.Random(2))
    async with running(murky, deliver=False) as runner, aiohttp.ClientSession() as session:
        api = Caller(runner.url, session, murky.config)
        payee = murky.contacts.openid_of(murky.add_visitor("李"))
        assert (await api.send_packet(re_openid=payee))["err_code"] == "NOTENOUGH"
        shown = await api.query_packet()
        assert (shown["status"], bool(shown["reason"])) == ("SENDING", True)
        clock.advance(timedelta(hours=24))
        assert (await api.query_packet()).get("reason") is None
        assert (await api.query_packet())["status"] == "FAILED"
    assert murky.fund_flow == []


async def test_one_person_gets_ten_packets_a_beijing_day(
    api: Caller, world: World, clock: TurnableClock, openid: str
) -> None:
    """Payments reference A1.7."""
    answers = [await api.send_packet(re_openid=openid, mch_billno=f"B{n}") for n in range(11)]
    assert [answer.get("err_code", "") for answer in answers] == [""] * 10 + ["SENDNUM_LIMIT"]
    clock.advance(timedelta(hours=15))  # from 9:00 to midnight
    assert (await api.send_packet(re_openid=openid, mch_billno="B99"))["result_code"] == "SUCCESS"


async def test_the_rate_is_limited_per_second(config: WorldConfig, clock: TurnableClock) -> None:
    """Payments reference A1.7: FREQ_LIMIT, same number after a pause."""
    slow = World(dataclasses.replace(config, pay_limits=PayLimits(per_second=1)), clock=clock, rng=random.Random(2))
    async with running(slow, deliver=False) as runner, aiohttp.ClientSession() as session:
        api = Caller(runner.url, session, slow.config)
        slow.fund(1000)
        payee = slow.contacts.openid_of(slow.add_visitor("李"))
        codes = [(await api.send_packet(re_openid=payee, mch_billno=f"B{n}")).get("err_code") for n in range(2)]
        clock.advance(timedelta(seconds=1))
        codes.append((await api.send_packet(re_openid=payee, mch_billno="B1")).get("err_code"))
    assert codes == [None, "FREQ_LIMIT", None]


async def test_a_packet_is_opened_or_comes_back_after_a_day(
    api: Caller, world: World, clock: TurnableClock, openid: str
) -> None:
    """Payments reference A1.7 (expiry), A2.2 and A2.4: a good query carries err_code SUCCESS."""
    for number in ("B1", "B2"):
        await api.send_packet(re_openid=openid, mch_billno=number)
    world.open_packet("B1")
    opened = await api.query_packet("B1")
    assert (opened["status"], opened["err_code"], opened["amount"]) == ("RECEIVED", "SUCCESS", "200")
    clock.advance(timedelta(hours=24))
    returned = await api.query_packet("B2")
    assert (returned["status"], returned["refund_amount"]) == ("REFUND", "200")
    assert world.pay.balance_fen == 10_000 - 200
    assert (await api.query_packet("B3"))["err_code"] == "NOT_FOUND"


# ---- faults: payments reference A8; all of them off by default -----------------------------------------------


@pytest.mark.parametrize("effect", [False, True])
@pytest.mark.parametrize(
    "kind", [FaultKind.CUT, FaultKind.BUSY, FaultKind.GARBAGE, FaultKind.EMPTY, FaultKind.HTTP_500]
)
async def test_money_moves_or_not_whatever_the_answer_says(
    api: Caller, world: World, clock: TurnableClock, openid: str, kind: FaultKind, effect: bool
) -> None:
    """Payments reference A8, F2 to F7: afterwards the query tells, and a repeat pays at most once."""
    world.faults.arm("mmpaymkttransfers/sendredpack", Fault(kind, effect=effect))
    try:
        assert (await api.send_packet(re_openid=openid))["err_code"] == "SYSTEMERROR"
    except (aiohttp.ClientError, SyntaxError, KeyError):
        assert kind is not FaultKind.BUSY
    answer = await api.query_packet()
    assert answer.get("status", answer["err_code"]) == ("SENT" if effect else "NOT_FOUND")
    clock.advance(timedelta(seconds=1))
    assert (await api.send_packet(re_openid=openid))["result_code"] == "SUCCESS"
    assert [flow.amount_fen for flow in world.fund_flow if flow.kind == "pay"] == [-200]


@pytest.mark.parametrize(("succeeds", "status"), [(True, "SENT"), (False, "FAILED")])
async def test_processing_is_decided_after_twenty_minutes(
    api: Caller, world: World, clock: TurnableClock, openid: str, succeeds: bool, status: str
) -> None:
    """Payments reference A1.5 and A8, F6."""
    world.pay.processing_succeeds = succeeds
    world.faults.arm("mmpaymkttransfers/sendredpack", Fault(FaultKind.PROCESSING))
    assert (await api.send_packet(re_openid=openid))["err_code"] == "PROCESSING"
    assert (await api.query_packet())["status"] == "SENDING"
    clock.advance(timedelta(minutes=20))
    assert (await api.query_packet())["status"] == status
    assert world.red_packets["1000000000202603020000000001"].times_paid == int(succeeds)
    assert world.red_packets["1000000000202603020000000001"].status is PacketStatus(status)


async def test_a_success_may_speak_of_another_amount(api: Caller, world: World, openid: str) -> None:
    """Payments reference A8, F9: the packet was paid as asked; a person has to look."""
    world.faults.arm("mmpaymkttransfers/sendredpack", Fault(FaultKind.MISMATCH))
    assert (await api.send_packet(re_openid=openid))["total_amount"] == "1"
    assert [flow.amount_fen for flow in world.fund_flow if flow.kind == "pay"] == [-200]


@pytest.mark.parametrize("effect", [False, True])
async def test_a_slow_answer_is_the_right_one(api: Caller, world: World, openid: str, effect: bool) -> None:
    """Payments reference A8, F3: with a shorter patience the caller would have given up, paid or not yet paid."""
    world.faults.arm("mmpaymkttransfers/sendredpack", Fault(FaultKind.SLOW, effect=effect, delay_s=0.01))
    assert (await api.send_packet(re_openid=openid))["result_code"] == "SUCCESS"
    assert [flow.amount_fen for flow in world.fund_flow if flow.kind == "pay"] == [-200]


@pytest.mark.parametrize(("kind", "errcode"), [(FaultKind.BUSY, -1), (FaultKind.THROTTLED, 45009)])
async def test_the_wecom_api_is_busy_on_request(api: Caller, world: World, kind: FaultKind, errcode: int) -> None:
    """Platform reference 2.2 and 2.4; a fault strikes as often as it was armed."""
    world.faults.arm("getcallbackip", Fault(kind), times=2)
    assert [(await api.get("getcallbackip"))["errcode"] for _ in range(3)] == [errcode, errcode, 0]


async def test_a_connection_can_be_cut_after_the_effect(api: Caller, world: World, shop: Shop) -> None:
    """Platform reference 3.6 under a fault: the customer has the welcome, the caller has no answer."""
    li = world.add_contact("李", staff="lisi")
    await world.deliver_all()
    world.faults.arm("externalcontact/send_welcome_msg", Fault(FaultKind.CUT, effect=True))
    with pytest.raises(aiohttp.ClientError):
        await api.post("externalcontact/send_welcome_msg", _welcome(shop.got[0]["WelcomeCode"]))
    assert [welcome.external_userid for welcome in world.welcomes] == [li]
    assert [record.errcode for record in world.requests if record.path.endswith("welcome_msg")] == ["cut"]


async def test_a_story_is_asked_before_and_after_every_request(api: Caller, world: World) -> None:
    """Story tests kill the product here, on either side of the effect."""
    seen: list[tuple[str, str, int]] = []

    async def note(path: str, moment: str) -> None:
        seen.append((path, moment, len(world.tags.groups)))
        await asyncio.sleep(0)

    world.on_request = note
    await api.post("externalcontact/add_corp_tag", _group("意向", "高"))
    assert seen == [("externalcontact/add_corp_tag", "before", 0), ("externalcontact/add_corp_tag", "after", 1)]


# ---- the control surface ------------------------------------------------------------------------------------


async def test_a_person_can_play_from_outside(api: Caller, world: World) -> None:
    """``xiaoer simulate`` stands alone; its verbs are reached over HTTP, from this machine only."""
    url = f"{api.url}/control"
    async with api.session.post(f"{url}/add_contact", json={"name": "李", "staff": "lisi"}) as answer:
        external_userid = (await answer.json())["result"]
    async with api.session.post(f"{url}/turn_clock", json={"seconds": 60}) as answer:
        assert answer.status == 200
    async with api.session.get(f"{url}/state") as answer:
        state = await answer.json()
    assert [person["external_userid"] for person in state["contacts"]] == [external_userid]
    assert world.config.secret not in json.dumps(state)
    async with api.session.get(api.url) as answer:
        assert "模拟 WeCom" in await answer.text()


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("add_contact", b'{"name": "x", "staff": "nobody"}', {}, 422),
        ("add_contact", b'{"nome": "x"}', {}, 422),
        ("add_contact", b"[1]", {}, 422),
        ("add_contact", b"{", {}, 422),
        ("no_such_verb", b"{}", {}, 404),
        ("fund", b'{"amount_fen": 1}', {"Content-Type": "text/plain"}, 415),
        ("fund", b'{"amount_fen": 1}', {"Host": "evil.example"}, 403),
    ],
)
async def test_the_control_surface_refuses_what_it_should(
    api: Caller, world: World, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    """No web page may press these buttons: JSON only, loopback name only."""
    headers = {"Content-Type": "application/json"} | headers
    async with api.session.post(f"{api.url}/control/{path}", data=body, headers=headers) as answer:
        assert answer.status == status
    assert world.fund_flow == []


# ---- bodies --------------------------------------------------------------------------------------------------


def _welcome(code: str) -> dict[str, Any]:
    return {"welcome_code": code, "text": {"content": "你好"}}


def _group(name: str, *tag_names: str) -> dict[str, Any]:
    return {"group_name": name, "tag": [{"name": tag_name} for tag_name in tag_names]}


def _mark(
    external_userid: str, *, userid: str = "lisi", add: list[str] | None = None, remove: list[str] | None = None
) -> dict[str, Any]:
    return {"userid": userid, "external_userid": external_userid, "add_tag": add or [], "remove_tag": remove or []}


def _kf(external_userid: str) -> dict[str, Any]:
    return {"touser": external_userid, "open_kfid": KF, "msgtype": "text", "text": {"content": "您好"}}
