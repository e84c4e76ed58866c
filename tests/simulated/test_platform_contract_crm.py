"""The platform's rules, second part: groups, group sends, inheritance, rules, moments, files, login, consent.

Same terms as ``test_platform_contract.py``: each test names the section of the platform reference it stands for.
"""

import asyncio
import io
import json
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from bot.simulator.config import WorldConfig
from bot.simulator.context import TurnableClock
from bot.simulator.faults import Fault, FaultKind
from bot.simulator.groups import BY_QR_CODE
from bot.simulator.world import World
from bot.wecom.tickets import sign

from .platform_kit import (  # noqa: F401  # pytest finds fixtures by their presence
    KF,
    Caller,
    Shop,
    api_fixture,
    clock_fixture,
    config_fixture,
    shop_fixture,
    world_fixture,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32
DAY = timedelta(days=1)


async def upload(api: Caller, content: bytes, *, kind: str = "image", path: str = "media/upload") -> dict[str, Any]:
    form = aiohttp.FormData()
    form.add_field("media", io.BytesIO(content), filename="a.bin", content_type="application/octet-stream")
    query = {"access_token": api.access_token, "type": kind}
    async with api.session.post(f"{api.url}/cgi-bin/{path}", params=query, data=form) as answer:
        return dict(await answer.json())


# ---- the door: platform reference 2 --------------------------------------------------------------------------


async def test_an_address_that_is_not_trusted_is_told_so_after_gettoken(api: Caller, world: World) -> None:
    """Platform reference 2.1: 60020, usually only from the later calls."""
    world.door.address_trusted = False
    assert (await api.sign_in())["errcode"] == 0
    assert (await api.get("getcallbackip"))["errcode"] == 60020


async def test_too_many_calls_at_once_are_refused(api: Caller, world: World) -> None:
    """Platform reference 2.4: 45033."""
    world.door.at_once = 2
    world.faults.sometimes("getcallbackip", Fault(FaultKind.SLOW, delay_s=0.05), 1.0)
    answers = await asyncio.gather(*(api.get("getcallbackip") for _ in range(4)))
    assert sorted(answer["errcode"] for answer in answers) == [0, 0, 45033, 45033]


async def test_a_body_that_is_too_big_is_refused(api: Caller) -> None:
    """Platform reference 2.4: 40206."""
    url, query = f"{api.url}/cgi-bin/externalcontact/get_corp_tag_list", {"access_token": api.access_token}
    body = io.BytesIO(b" " * (2 * 1024 * 1024 + 1))
    async with api.session.post(url, params=query, data=body) as answer:
        assert (await answer.json())["errcode"] == 40206


# ---- files: platform reference 6.4 ---------------------------------------------------------------------------


async def test_a_file_lives_three_days_and_then_its_id_is_invalid(api: Caller, clock: TurnableClock) -> None:
    """Platform reference 6.4; 40007 in section 10."""
    made = await upload(api, PNG)
    assert made["created_at"] == str(int(clock().timestamp()))
    url = f"{api.url}/cgi-bin/media/get"
    query = {"access_token": api.access_token, "media_id": made["media_id"]}
    async with api.session.get(url, params=query) as answer:
        assert await answer.read() == PNG
        assert "attachment" in answer.headers["Content-Disposition"]
    async with api.session.get(url, params=query, headers={"Range": "bytes=2-5"}) as answer:
        assert (answer.status, await answer.read()) == (206, PNG[2:6])
    clock.advance(3 * DAY)
    await api.sign_in()
    assert (await api.get("media/get", media_id=made["media_id"]))["errcode"] == 40007


@pytest.mark.parametrize(
    ("content", "kind", "errcode"),
    [
        (b"12345", "file", 40006),
        (b"123456", "file", 0),
        (b"GIF89a-not-taken", "image", 40005),
        (b"RIFF-no-amr", "voice", 301017),
        (b"#!AMR" + bytes(2 * 1024 * 1024), "voice", 45001),
        (PNG, "poem", 40004),
        (b"", "file", 44001),
    ],
    ids=["too small", "just enough", "no picture", "no amr", "too big", "no kind", "empty"],
)
async def test_a_file_is_checked(api: Caller, content: bytes, kind: str, errcode: int) -> None:
    """Platform reference 6.4: more than 5 bytes, formats, sizes."""
    assert (await upload(api, content, kind=kind))["errcode"] == errcode


async def test_a_picture_from_a_customer_can_be_fetched(api: Caller, world: World) -> None:
    """Platform reference 4.4 and 6.4."""
    li = world.add_visitor("李")
    world.kf_write_picture(li, PNG, open_kfid=KF)
    (record,) = (await api.post("kf/sync_msg", {"open_kfid": KF}))["msg_list"]
    query = {"access_token": api.access_token, "media_id": record["image"]["media_id"]}
    async with api.session.get(f"{api.url}/cgi-bin/media/get", params=query) as answer:
        assert await answer.read() == PNG


async def test_a_message_with_a_dead_file_is_refused(api: Caller, world: World, shop: Shop) -> None:
    """Platform reference 3.6 and 4.6: 40007; the welcome code is not used up."""
    li = world.add_contact("李", staff="lisi")
    await world.deliver_all()
    image = {"msgtype": "image", "image": {"media_id": "gone"}}
    body = {"welcome_code": shop.got[0]["WelcomeCode"], "attachments": [image]}
    assert await api.code("externalcontact/send_welcome_msg", body) == 40007
    image["image"] = {"media_id": (await upload(api, PNG))["media_id"]}
    assert await api.code("externalcontact/send_welcome_msg", body) == 0
    world.kf_write(li, "在吗", open_kfid=KF)
    message = {"touser": li, "open_kfid": KF, "msgtype": "image", "image": {"media_id": "gone"}}
    assert await api.code("kf/send_msg", message) == 40007


# ---- contact ways: platform reference 3.10 -------------------------------------------------------------------


async def test_a_contact_way_changes_but_not_its_kind_and_can_be_deleted(api: Caller) -> None:
    """Platform reference 3.10: type, scene and is_temp cannot change."""
    way = {"type": 1, "scene": 2, "user": ["lisi"], "state": "box"}
    config_id = (await api.post("externalcontact/add_contact_way", way))["config_id"]
    one = {"config_id": config_id}
    assert await api.code("externalcontact/update_contact_way", one | {"user": ["zhangsan"]}) == 0
    assert await api.code("externalcontact/update_contact_way", one | {"scene": 1}) == 40058
    assert await api.code("externalcontact/update_contact_way", one | {"user": ["lisi", "zhangsan"]}) == 40058
    shown = (await api.post("externalcontact/get_contact_way", one))["contact_way"]
    assert (shown["user"], shown["state"]) == (["ZhangSan"], "box")
    assert await api.code("externalcontact/del_contact_way", one) == 0
    assert await api.code("externalcontact/get_contact_way", one) == 41044


async def test_the_list_shows_ways_made_by_api_in_its_span(api: Caller, world: World, clock: TurnableClock) -> None:
    """Platform reference 3.10: by default the last 90 days."""
    world.add_contact_way("admin-made", "lisi")
    made = await api.post("externalcontact/add_contact_way", {"type": 1, "scene": 2, "user": ["lisi"]})
    rows = (await api.post("externalcontact/list_contact_way"))["contact_way"]
    assert rows == [{"config_id": made["config_id"]}]
    clock.advance(91 * DAY)
    await api.sign_in()
    assert (await api.post("externalcontact/list_contact_way"))["contact_way"] == []


# ---- groups: platform reference 3.3 and 3.12 -----------------------------------------------------------------


async def test_group_events_carry_versions_and_the_members_are_readable_a_moment_later(
    api: Caller, world: World, shop: Shop, clock: TurnableClock
) -> None:
    """Platform reference 3.3 and 3.12: LastMemVer tells a client that it missed an event."""
    li = world.add_contact("李", staff="lisi")
    chat_id = world.create_group("老客户群", "lisi")
    first = (await api.post("externalcontact/groupchat/get", {"chat_id": chat_id}))["group_chat"]
    world.join_group(chat_id, li, scene=BY_QR_CODE, channel_state="poster")
    late = (await api.post("externalcontact/groupchat/get", {"chat_id": chat_id}))["group_chat"]
    assert late["member_version"] == first["member_version"]
    clock.advance(timedelta(seconds=2))
    body = {"chat_id": chat_id, "need_name": 1}
    shown = (await api.post("externalcontact/groupchat/get", body))["group_chat"]
    assert [(one["userid"], one["type"], one["join_scene"], one["name"]) for one in shown["member_list"]] == [
        ("lisi", 1, 1, "李四"),
        (li, 2, 3, "李"),
    ]
    assert shown["member_list"][1]["state"] == "poster"
    world.leave_group(chat_id, li, removed=True)
    world.dismiss_group(chat_id)
    await world.deliver_all()
    events = [event for event in shop.got if event["Event"] == "change_external_chat"]
    assert [event["ChangeType"] for event in events] == ["create", "update", "update", "dismiss"]
    assert (events[1]["UpdateDetail"], events[1]["JoinScene"]) == ("add_member", "3")
    assert (events[1]["LastMemVer"], events[1]["CurMemVer"]) == (first["member_version"], shown["member_version"])
    assert (events[2]["UpdateDetail"], events[2]["QuitScene"]) == ("del_member", "1")
    assert await api.code("externalcontact/groupchat/get", {"chat_id": chat_id}) == 40050


async def test_groups_are_listed_by_owner_and_by_whether_the_owner_left(api: Caller, world: World) -> None:
    """Platform reference 3.12: status 1, the owner has left."""
    mine, other = world.create_group("一", "lisi"), world.create_group("二", "zhangsan")
    world.leave_corp("ZhangSan")
    rows = (await api.post("externalcontact/groupchat/list", {"limit": 1000}))["group_chat_list"]
    assert rows == [{"chat_id": mine, "status": 0}, {"chat_id": other, "status": 1}]
    body = {"status_filter": 1, "owner_filter": {"userid_list": ["zhangsan"]}, "limit": 10}
    assert len((await api.post("externalcontact/groupchat/list", body))["group_chat_list"]) == 1


# ---- group sends: platform reference 3.14 --------------------------------------------------------------------


async def test_nothing_is_sent_until_the_staff_member_confirms(api: Caller, world: World, clock: TurnableClock) -> None:
    """Platform reference 3.14: 41063 right after creation, status 0 until confirmed; the last contact sends."""
    li = world.add_contact("李", staff="lisi")
    clock.advance(timedelta(minutes=1))
    world.add_contact("李", staff="zhangsan", external_userid=li)
    body = {"external_userid": [li, "wm_nobody"], "text": {"content": "上新了"}}
    made = await api.post("externalcontact/add_msg_template", body)
    assert made["fail_list"] == ["wm_nobody"]
    task, result = {"msgid": made["msgid"]}, {"msgid": made["msgid"], "userid": "zhangsan"}
    assert await api.code("externalcontact/get_groupmsg_task", task) == 41063
    clock.advance(timedelta(seconds=2))
    rows = (await api.post("externalcontact/get_groupmsg_task", task))["task_list"]
    assert rows == [{"userid": "ZhangSan", "status": 0}]
    assert [row["status"] for row in await send_list(api, result)] == [0]
    assert world.group_sent == []
    world.confirm_group_send(made["msgid"], "ZhangSan")
    assert [(sent.receiver, sent.userid, sent.text) for sent in world.group_sent] == [(li, "ZhangSan", "上新了")]
    assert (await api.post("externalcontact/get_groupmsg_task", task))["task_list"][0]["status"] == 2
    assert [(row["external_userid"], row["status"]) for row in await send_list(api, result)] == [(li, 1)]


async def send_list(api: Caller, body: dict[str, Any]) -> list[dict[str, Any]]:
    return list((await api.post("externalcontact/get_groupmsg_send_result", body))["send_list"])


async def test_a_customer_gets_only_so_many_group_sends_a_month(
    api: Caller, world: World, config: WorldConfig, clock: TurnableClock
) -> None:
    """Platform reference 3.14: status 3 beyond the quota, 2 for who left."""
    li, wang = world.add_contact("李", staff="lisi"), world.add_contact("王", staff="lisi")
    body = {"sender": "lisi", "text": {"content": "早"}}
    made = [
        (await api.post("externalcontact/add_msg_template", body))["msgid"]
        for _ in range(config.group_sends_per_customer_month + 1)
    ]
    world.delete_follow(wang, staff="lisi")
    for msgid in made:
        world.confirm_group_send(msgid, "lisi")
    clock.advance(timedelta(seconds=2))
    rows = await send_list(api, {"msgid": made[-1], "userid": "lisi"})
    assert {row["external_userid"]: row["status"] for row in rows} == {li: 3, wang: 2}


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"external_userid": ["wm_nobody"]}, 41048),
        ({"external_userid": ["x"] * 10_001}, 40032),
        ({"text": {"content": "好" * 1334}}, 45002),
        ({"text": None}, 40063),
        ({"chat_type": "group"}, 40058),
        ({"sender": "nobody"}, 60111),
        ({"attachments": [{"msgtype": "link", "link": {"title": "t", "url": "u"}}] * 10}, 41064),
        ({}, 0),
    ],
)
async def test_a_group_send_is_checked(api: Caller, world: World, change: dict[str, Any], errcode: int) -> None:
    """Platform reference 3.14."""
    li = world.add_contact("李", staff="lisi")
    body = {"external_userid": [li], "text": {"content": "早"}} | change
    assert await api.code("externalcontact/add_msg_template", body) == errcode


async def test_a_task_is_reminded_three_times_a_day_and_cancelled_once(api: Caller, world: World) -> None:
    """Platform reference 3.14: 41094 and 41093."""
    li = world.add_contact("李", staff="lisi")
    task = {"external_userid": [li], "text": {"content": "早"}}
    body = {"msgid": (await api.post("externalcontact/add_msg_template", task))["msgid"]}
    codes = [await api.code("externalcontact/remind_groupmsg_send", body) for _ in range(4)]
    assert codes == [0, 0, 0, 41094]
    assert [await api.code("externalcontact/cancel_groupmsg_send", body) for _ in range(2)] == [0, 41093]
    with pytest.raises(ValueError, match="nothing to confirm"):
        world.confirm_group_send(body["msgid"], "lisi")


# ---- sensitive words: platform reference 3.15 ----------------------------------------------------------------


def rule(**changes: object) -> dict[str, object]:
    return {
        "rule_name": "返现",
        "word_list": ["返现"],
        "semantics_list": [1],
        "intercept_type": 2,
        "applicable_range": {"user_list": ["lisi"]},
    } | changes


async def test_semantics_stand_at_the_top_in_add_and_inside_in_get_and_update(api: Caller) -> None:
    """Platform reference 3.15, the asymmetry."""
    rule_id = (await api.post("externalcontact/add_intercept_rule", rule()))["rule_id"]
    shown = (await api.post("externalcontact/get_intercept_rule", {"rule_id": rule_id}))["rule"]
    assert shown["extra_rule"] == {"semantics_list": [1]}
    assert "semantics_list" not in shown
    change = {"rule_id": rule_id, "semantics_list": [3]}
    assert await api.code("externalcontact/update_intercept_rule", change) == 0
    change = {
        "rule_id": rule_id,
        "extra_rule": {"semantics_list": [2]},
        "add_applicable_range": {"user_list": ["zhangsan"]},
    }
    assert await api.code("externalcontact/update_intercept_rule", change) == 0
    shown = (await api.post("externalcontact/get_intercept_rule", {"rule_id": rule_id}))["rule"]
    assert shown["extra_rule"] == {"semantics_list": [2]}
    assert shown["applicable_range"]["user_list"] == ["lisi", "ZhangSan"]
    listed = (await api.get("externalcontact/get_intercept_rule_list"))["rule_list"]
    assert [row["rule_name"] for row in listed] == ["返现"]
    assert await api.code("externalcontact/del_intercept_rule", {"rule_id": rule_id}) == 0
    assert await api.code("externalcontact/get_intercept_rule", {"rule_id": rule_id}) == 41071


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"rule_name": "长" * 21}, 40058),
        ({"word_list": []}, 41068),
        ({"word_list": ["词"] * 301}, 41068),
        ({"word_list": ["词" * 33]}, 41083),
        ({"semantics_list": [4]}, 41084),
        ({"intercept_type": 3}, 40058),
        ({"applicable_range": {}}, 41076),
        ({"applicable_range": {"user_list": ["lisi"] * 1001}}, 41076),
        ({"rule_name": "已有"}, 41077),
    ],
)
async def test_a_rule_is_checked(api: Caller, change: dict[str, object], errcode: int) -> None:
    """Platform reference 3.15 and its codes in section 10."""
    await api.post("externalcontact/add_intercept_rule", rule(rule_name="已有"))
    assert await api.code("externalcontact/add_intercept_rule", rule(**change)) == errcode


async def test_a_corp_has_at_most_a_hundred_rules(api: Caller) -> None:
    """Platform reference 3.15: 41069."""
    for number in range(100):
        assert await api.code("externalcontact/add_intercept_rule", rule(rule_name=str(number))) == 0
    assert await api.code("externalcontact/add_intercept_rule", rule()) == 41069


# ---- inheritance: platform reference 3.13 --------------------------------------------------------------------

PAIR = {"handover_userid": "lisi", "takeover_userid": "zhangsan"}


async def transfer_statuses(api: Caller, *, prefix: str = "") -> list[int]:
    rows = (await api.post(f"externalcontact/{prefix}transfer_result", PAIR))["customer"]
    return [row["status"] for row in rows]


async def test_a_customer_changes_hands_after_24_hours_and_both_sides_hear_of_it(
    api: Caller, world: World, shop: Shop, clock: TurnableClock
) -> None:
    """Platform reference 3.13; events of 3.2 (DELETE_BY_TRANSFER)."""
    li = world.add_contact("李", staff="lisi")
    body = PAIR | {"external_userid": [li, "wm_nobody"], "transfer_success_msg": "以后我来"}
    rows = (await api.post("externalcontact/transfer_customer", body))["customer"]
    assert [row["errcode"] for row in rows] == [0, 40096]
    rows = (await api.post("externalcontact/transfer_customer", body))["customer"]
    assert rows[0]["errcode"] == 40100
    assert await transfer_statuses(api) == [2]
    clock.advance(DAY)
    await api.sign_in()
    assert await transfer_statuses(api) == [1]
    assert (await api.get("externalcontact/list", userid="zhangsan"))["external_userid"] == [li]
    assert (await api.get("externalcontact/list", userid="lisi"))["errcode"] == 84061
    await world.deliver_all()
    assert [(event["ChangeType"], event["UserID"], event.get("Source")) for event in shop.got[1:]] == [
        ("del_external_contact", "lisi", "DELETE_BY_TRANSFER"),
        ("add_external_contact", "ZhangSan", None),
    ]


async def test_a_refusal_and_a_full_colleague_are_reported(
    api: Caller, world: World, shop: Shop, clock: TurnableClock
) -> None:
    """Platform reference 3.13 (statuses 3 and 4) and 3.2 (transfer_fail)."""
    li, wang = world.add_contact("李", staff="lisi"), world.add_contact("王", staff="lisi")
    await api.post("externalcontact/transfer_customer", PAIR | {"external_userid": [li, wang]})
    world.refuse_transfer(li)
    world.transfers.full.add("ZhangSan")
    clock.advance(DAY)
    await api.sign_in()
    assert await transfer_statuses(api) == [3, 4]
    await world.deliver_all()
    reasons = [event["FailReason"] for event in shop.got if event["ChangeType"] == "transfer_fail"]
    assert reasons == ["customer_refused", "customer_limit_exceed"]


async def test_a_customer_is_handed_over_twice_in_90_days(api: Caller, world: World, clock: TurnableClock) -> None:
    """Platform reference 3.13: 40128, counted from each request; 40130 and 40131."""
    li = world.add_contact("李", staff="lisi")
    codes = []
    for handover, takeover in (("lisi", "zhangsan"), ("zhangsan", "lisi"), ("lisi", "zhangsan")):
        body = {"handover_userid": handover, "takeover_userid": takeover, "external_userid": [li]}
        codes.append((await api.post("externalcontact/transfer_customer", body))["customer"][0]["errcode"])
        clock.advance(DAY)
        world.tick()
        await api.sign_in()
    assert codes == [0, 0, 40128]
    same = {"handover_userid": "lisi", "takeover_userid": "LISI", "external_userid": [li]}
    assert await api.code("externalcontact/transfer_customer", same) == 40130
    stranger = world.add_contact("王", staff="zhangsan")
    rows = (await api.post("externalcontact/transfer_customer", PAIR | {"external_userid": [stranger]}))["customer"]
    assert rows[0]["errcode"] == 40131


async def test_customers_of_who_left_wait_to_be_assigned(
    api: Caller, world: World, shop: Shop, clock: TurnableClock
) -> None:
    """Platform reference 3.13: 40097 while still here; the list names who left and when."""
    li = world.add_contact("李", staff="lisi")
    body = PAIR | {"external_userid": [li]}
    assert await api.code("externalcontact/resigned/transfer_customer", body) == 40097
    world.leave_corp("lisi")
    listed = await api.post("externalcontact/get_unassigned_list")
    assert listed["info"] == [
        {"handover_userid": "lisi", "external_userid": li, "dimission_time": int(clock().timestamp())}
    ]
    assert listed["is_last"] is True
    assert await api.code("externalcontact/resigned/transfer_customer", body) == 0
    clock.advance(DAY)
    await api.sign_in()
    assert await transfer_statuses(api, prefix="resigned/") == [1]
    assert (await api.post("externalcontact/get_unassigned_list"))["info"] == []
    await world.deliver_all()
    assert ("change_contact", "delete_user") in {(event["Event"], event["ChangeType"]) for event in shop.got}


async def test_groups_go_to_a_new_owner_at_once(api: Caller, world: World) -> None:
    """Platform reference 3.13: 90500 while the owner is here, 90501 for no group, 90508 when done, 40128 too often."""
    chat_id = world.create_group("群", "lisi")
    body = {"chat_id_list": [chat_id, "wr_unknown"], "new_owner": "zhangsan"}
    failed = (await api.post("externalcontact/groupchat/transfer", body))["failed_chat_list"]
    assert [row["errcode"] for row in failed] == [90500, 90501]
    world.leave_corp("lisi")
    for expected in ([], [90508]):
        one = {"chat_id_list": [chat_id], "new_owner": "zhangsan"}
        failed = (await api.post("externalcontact/groupchat/transfer", one))["failed_chat_list"]
        assert [row["errcode"] for row in failed] == expected
    world.add_staff("wangwu", "王五")
    onjob = "externalcontact/groupchat/onjob_transfer"
    codes = []
    for owner in ("wangwu", "zhangsan"):
        failed = (await api.post(onjob, {"chat_id_list": [chat_id], "new_owner": owner}))["failed_chat_list"]
        codes.append([row["errcode"] for row in failed])
    assert codes == [[], [40128]]


# ---- moments: platform reference 3.16 ------------------------------------------------------------------------


async def test_a_moment_is_made_in_the_background_and_published_by_staff(
    api: Caller, world: World, clock: TurnableClock
) -> None:
    """Platform reference 3.16."""
    body = {"text": {"content": "上新"}, "visible_range": {"sender_list": {"user_list": ["lisi"]}}}
    jobid = (await api.post("externalcontact/add_moment_task", body))["jobid"]
    assert (await api.get("externalcontact/get_moment_task_result", jobid=jobid))["status"] == 1
    clock.advance(timedelta(seconds=2))
    done = await api.get("externalcontact/get_moment_task_result", jobid=jobid)
    moment_id = done["result"]["moment_id"]
    one = {"moment_id": moment_id}
    rows = (await api.post("externalcontact/get_moment_task", one))["task_list"]
    assert rows == [{"userid": "lisi", "publish_status": 0}]
    world.publish_moment(moment_id, "lisi")
    assert (await api.post("externalcontact/get_moment_task", one))["task_list"][0]["publish_status"] == 1
    span = {"start_time": int(clock().timestamp()) - 60, "end_time": int(clock().timestamp())}
    assert len((await api.post("externalcontact/get_moment_list", span))["moment_list"]) == 1
    assert await api.code("externalcontact/cancel_moment_task", one) == 0
    assert (await api.post("externalcontact/get_moment_list", span))["moment_list"] == []
    clock.advance(DAY)
    await api.sign_in()
    assert (await api.get("externalcontact/get_moment_task_result", jobid=jobid))["errcode"] == 40058


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({}, 41089),
        ({"text": {"content": "字" * 2001}}, 40058),
        ({"attachments": [{"msgtype": "link", "link": {"title": "t", "url": "u"}}] * 2}, 41065),
        ({"attachments": [{"msgtype": "link", "link": {"title": "t", "url": "u"}}]}, 0),
    ],
)
async def test_a_moment_is_checked(api: Caller, body: dict[str, Any], errcode: int) -> None:
    """Platform reference 3.16: nine images, or one video, or one link."""
    assert await api.code("externalcontact/add_moment_task", body) == errcode


# ---- login and tickets: platform reference 7 -----------------------------------------------------------------


async def test_a_login_code_works_once_for_five_minutes(api: Caller, world: World, clock: TurnableClock) -> None:
    """Platform reference 7.1: staff have a userid, others an openid; 40029, 42022, 42003."""
    li = world.add_contact("李", staff="lisi")
    staff, customer, stranger, late = (world.visit_page(who) for who in ("LISI", li, "somebody", "lisi"))
    assert (await api.get("auth/getuserinfo", code=staff))["userid"] == "lisi"
    assert (await api.get("auth/getuserinfo", code=staff))["errcode"] == 42022
    seen = await api.get("auth/getuserinfo", code=customer)
    assert (seen["external_userid"], "userid" in seen) == (li, False)
    assert "external_userid" not in await api.get("auth/getuserinfo", code=stranger)
    assert (await api.get("auth/getuserinfo", code="made-up"))["errcode"] == 40029
    clock.advance(timedelta(minutes=5))
    assert (await api.get("auth/getuserinfo", code=late))["errcode"] == 42003


async def test_a_ticket_stays_the_same_for_7200_s_and_signs_pages(
    api: Caller, world: World, clock: TurnableClock
) -> None:
    """Platform reference 7.3: corp and app have tickets of their own."""
    corp = await api.get("get_jsapi_ticket")
    app = await api.get("ticket/get", type="agent_config")
    assert corp["ticket"] != app["ticket"]
    assert (await api.get("get_jsapi_ticket"))["ticket"] == corp["ticket"]
    assert (await api.get("ticket/get", type="poem"))["errcode"] == 40058
    page = {"url": "https://shop.example/side?x=1", "nonce": "n", "timestamp": 1}
    signature = sign(app["ticket"], nonce="n", timestamp=1, url=page["url"] + "#top")  # type: ignore[operator]  # the url is a text
    agentid = api.config.agentid
    assert world.logins.is_signed(**page, signature=signature, agentid=agentid)  # type: ignore[arg-type]  # as above
    assert not world.logins.is_signed(**page, signature=signature)  # type: ignore[arg-type]  # as above
    clock.advance(timedelta(seconds=7200))
    await api.sign_in()
    assert (await api.get("get_jsapi_ticket"))["ticket"] != corp["ticket"]


# ---- consent: platform reference 5.10 ------------------------------------------------------------------------


async def test_consent_is_asked_in_the_platforms_own_spelling(api: Caller, world: World) -> None:
    """Platform reference 5.10: exteranalopenid; at most 100 pairs (301060)."""
    li = world.add_contact("李", staff="lisi")
    assert (await api.post("msgaudit/get_permit_user_list"))["ids"] == ["ZhangSan", "lisi"]
    pair = {"userid": "lisi", "exteranalopenid": li}
    statuses = []
    for _ in range(2):
        rows = (await api.post("msgaudit/check_single_agree", {"info": [pair]}))["agreeinfo"]
        statuses.append(rows[0]["agree_status"])
        world.consents.say(li, agrees=False)
    assert statuses == ["Default_Agree", "Disagree"]
    assert await api.code("msgaudit/check_single_agree", {"info": [pair] * 101}) == 301060
    chat_id = world.create_group("群", "lisi", [li])
    rows = (await api.post("msgaudit/check_room_agree", {"roomid": chat_id}))["agreeinfo"]
    assert [(row["exteranalopenid"], row["agree_status"]) for row in rows] == [(li, "Disagree")]


async def test_agreeing_to_archiving_brings_a_welcome_code(api: Caller, world: World, shop: Shop) -> None:
    """Platform reference 3.2: msg_audit_approved."""
    li = world.add_contact("李", staff="lisi", welcome_code=False)
    world.contacts.agree_to_archiving(li, staff="lisi")
    await world.deliver_all()
    assert shop.got[1]["ChangeType"] == "msg_audit_approved"
    body = {"welcome_code": shop.got[1]["WelcomeCode"], "text": {"content": "你好"}}
    assert await api.code("externalcontact/send_welcome_msg", body) == 0


# ---- customer service: platform reference 4.7 to 4.9 ---------------------------------------------------------


async def test_accounts_and_servicers_are_managed_by_api(api: Caller) -> None:
    """Platform reference 4.9: one result per servicer; 95006 for a long name."""
    media_id = (await upload(api, PNG))["media_id"]
    body = {"name": "售后", "media_id": media_id}
    assert await api.code("kf/account/add", body | {"name": "长" * 17}) == 95006
    assert await api.code("kf/account/add", body | {"media_id": "gone"}) == 40007
    open_kfid = (await api.post("kf/account/add", body))["open_kfid"]
    account = {"open_kfid": open_kfid}
    assert await api.code("kf/account/update", account | {"name": "售后二号"}) == 0
    added = await api.post("kf/servicer/add", account | {"userid_list": ["zhangsan", "nobody"]})
    assert [row["errcode"] for row in added["result_list"]] == [0, 60111]
    listed = await api.get("kf/servicer/list", open_kfid=open_kfid)
    assert listed["servicer_list"] == [{"userid": "ZhangSan", "status": 0}]
    assert "enc_scene=poster" in (await api.post("kf/add_contact_way", account | {"scene": "poster"}))["url"]
    assert await api.code("kf/add_contact_way", account | {"scene": "海报"}) == 40058
    assert await api.code("kf/account/del", account) == 0
    assert await api.code("kf/account/update", account) == 95004


async def test_a_servicer_who_has_stopped_takes_nobody(api: Caller, world: World) -> None:
    """Platform reference 4.5 and 4.9: status counts from 0 in the list and from 1 in events; 95019."""
    li = world.add_visitor("李")
    world.kf_write(li, "在吗", open_kfid=KF)
    world.kf.serve("lisi", open_kfid=KF, stops=True)
    assert (await api.get("kf/servicer/list", open_kfid=KF))["servicer_list"] == [{"userid": "lisi", "status": 1}]
    body = {"open_kfid": KF, "external_userid": li, "service_state": 3, "servicer_userid": "lisi"}
    assert await api.code("kf/service_state/trans", body) == 95019
    log = (await api.post("kf/sync_msg", {"open_kfid": KF}))["msg_list"]
    assert (log[-1]["event"]["status"], log[-1]["event"]["stop_type"]) == (2, 0)
    world.kf.serve("lisi", open_kfid=KF)
    assert await api.code("kf/service_state/trans", body) == 0


async def test_a_chat_a_servicer_ends_leaves_20_s_for_one_last_message(
    api: Caller, world: World, clock: TurnableClock
) -> None:
    """Platform reference 4.7, session ended."""
    li = world.add_visitor("李")
    world.kf_write(li, "在吗", open_kfid=KF)
    world.kf.take_over(li, open_kfid=KF, servicer="lisi")
    code = world.kf.end_by_servicer(li, open_kfid=KF)
    body = {"code": code, "msgtype": "text", "text": {"content": "谢谢"}}
    assert [await api.code("kf/send_msg_on_event", body) for _ in range(2)] == [0, 41050]
    world.kf_write(li, "还有", open_kfid=KF)
    late = world.kf.end_by_servicer(li, open_kfid=KF)
    clock.advance(timedelta(seconds=21))
    assert await api.code("kf/send_msg_on_event", body | {"code": late}) == 41050


# ---- messages to staff: platform reference 6.1 ---------------------------------------------------------------


async def test_an_equal_message_is_shown_once_when_asked(api: Caller, world: World, clock: TurnableClock) -> None:
    """Platform reference 6.1: enable_duplicate_check compares the whole request, 1800 s by default."""
    body = {
        "touser": "lisi",
        "agentid": api.config.agentid,
        "msgtype": "text",
        "text": {"content": "响"},
        "enable_duplicate_check": 1,
    }
    for _ in range(2):
        assert await api.code("message/send", body) == 0
    assert len(world.staff_shown) == 1
    clock.advance(timedelta(seconds=1800))
    await api.code("message/send", body)
    assert len(world.staff_shown) == 2


async def test_a_card_with_buttons_is_tapped_and_answered_once(api: Caller, world: World, shop: Shop) -> None:
    """Platform reference 6.1: template_card_event; a response_code works once."""
    card = {
        "card_type": "button_interaction",
        "task_id": "claim-1",
        "main_title": {"title": "请核对"},
        "button_list": [{"text": "对", "key": "yes"}],
    }
    agentid = api.config.agentid
    body = {"touser": "lisi", "agentid": agentid, "msgtype": "template_card", "template_card": card}
    code = (await api.post("message/send", body))["response_code"]
    world.staff_messages.tap_button(code, "yes", userid="lisi", agentid=agentid)
    await world.deliver_all()
    (event,) = shop.got
    assert (event["FromUserName"], event["EventKey"], event["TaskId"]) == ("lisi", "yes", "claim-1")
    update = {"agentid": agentid, "response_code": code, "button": {"replace_name": "已核对"}}
    assert [await api.code("message/update_template_card", update) for _ in range(2)] == [0, 60140]


async def test_a_message_can_be_taken_back_within_a_day(api: Caller, world: World, clock: TurnableClock) -> None:
    """Platform reference 6.1: 42052 later."""
    body = {"touser": "lisi", "agentid": api.config.agentid, "msgtype": "text", "text": {"content": "响"}}
    first, second = [(await api.post("message/send", body))["msgid"] for _ in range(2)]
    assert await api.code("message/recall", {"msgid": first}) == 0
    clock.advance(DAY + timedelta(seconds=1))
    await api.sign_in()
    assert await api.code("message/recall", {"msgid": second}) == 42052
    assert json.dumps(sorted(world.staff_messages.recalled)) == json.dumps([first])
