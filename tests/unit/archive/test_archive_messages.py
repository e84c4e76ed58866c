"""Bodies of archived messages: the shapes of platform reference 5.9, and anything else JSON can hold."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.archive import messages
from bot.archive.bodies import FORMS, UNKNOWN, FileRef, files_of, moment, text_of
from bot.archive.messages import BadMessage, Consent, Recalled, Silent, Switched, consent_of, parse, to_said
from bot.conversations.store import Said

CUSTOMER = "wm" + "c" * 30
STAFF = "zhangqian"
MS = 1_603_875_624_000  # 2020-10-28 17:00:24 in China
MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def message(msgtype: str, **more: object) -> dict[str, Any]:
    envelope = {"msgid": "1_external", "action": "send", "from": CUSTOMER, "tolist": [STAFF], "roomid": ""}
    return envelope | {"msgtime": MS, "msgtype": msgtype} | more


def inner(kind: str, **body: object) -> dict[str, Any]:
    return {"type": kind, "content": json.dumps(body, ensure_ascii=False)}


TEXTS: list[tuple[str, dict[str, Any], str]] = [
    ("text", {"text": {"content": " 你好\n "}}, " 你好\n "),
    ("image", {"image": {"md5sum": MD5, "filesize": 9, "sdkfileid": "f"}}, "[图片]"),
    ("revoke", {"revoke": {"pre_msgid": "0"}}, "[撤回了一条消息]"),
    ("agree", {"agree": {"userid": CUSTOMER, "agree_time": MS}}, "[同意存档]"),
    ("disagree", {"disagree": {"userid": CUSTOMER, "disagree_time": MS}}, "[不同意存档]"),
    ("voice", {"voice": {"md5sum": MD5, "voice_size": 1, "play_length": 61, "sdkfileid": "f"}}, "[语音] 1 分 1 秒"),
    ("video", {"video": {"filesize": 1, "play_length": 8, "sdkfileid": "f"}}, "[视频] 8 秒"),
    ("card", {"card": {"corpname": "微信联系人", "userid": CUSTOMER}}, f"[名片] 微信联系人 {CUSTOMER}"),
    ("location", {"location": {"longitude": 116.5, "address": "北四环", "title": "希格玛"}}, "[位置] 希格玛 北四环"),
    ("emotion", {"emotion": {"type": 1, "width": 1, "sdkfileid": "f"}}, "[表情]"),
    ("file", {"file": {"filename": "价目.xlsx", "fileext": "xlsx", "sdkfileid": "f"}}, "[文件] 价目.xlsx"),
    ("link", {"link": {"title": "新品", "description": "上架", "link_url": "https://x"}}, "[链接] 新品 上架"),
    ("weapp", {"weapp": {"title": "下单", "description": "", "displayname": "商城"}}, "[小程序] 商城 下单"),
    ("todo", {"todo": {"title": "回访", "content": "张三"}}, "[待办] 回访 张三"),
    ("vote", {"vote": {"votetitle": "口味", "voteitem": ["甜", "咸"], "votetype": 101}}, "[投票] 口味 甜、咸"),
    ("vote", {"votetitle": "口味", "voteitem": ["甜"], "votetype": 102, "voteid": "9"}, "[参与投票] 口味 甜"),
    ("collect", {"collect": {"title": "登记", "details": [{"id": 1, "ques": "姓名"}]}}, "[收集表] 登记 姓名"),
    (
        "redpacket",
        {"redpacket": {"type": 2, "wish": "大吉", "totalcnt": 3, "totalamount": 666}},
        "[拼手气红包] 3 个 共 6.66 元 大吉",
    ),
    (
        "external_redpacket",
        {"redpacket": {"type": 1, "wish": "大吉", "totalcnt": 1, "totalamount": 20}},
        "[普通红包] 1 个 共 0.20 元 大吉",
    ),
    (
        "meeting",
        {
            "meeting": {
                "topic": "周会",
                "starttime": MS // 1000,
                "endtime": MS // 1000 + 3600,
                "address": "三楼",
                "meetingtype": 102,
                "meetingid": 13_210_342_660_000_000_001,
                "status": 1,
            }
        },
        "[会议] 已接受 周会 2020-10-28 17:00 至 2020-10-28 18:00 三楼",
    ),
    ("meeting_notification", {"info": {"meeting_id": 1, "notification_type": 2}}, "[会议通知] 已结束"),
    ("docmsg", {"doc": {"title": "排班", "doc_creator": STAFF, "link_url": "https://x"}}, "[文档] 排班"),
    ("markdown", {"info": {"content": "**好**"}}, "**好**"),
    ("news", {"info": {"item": [{"title": "一", "url": "https://x"}, {"title": "二"}]}}, "[图文] 一、二"),
    (
        "calendar",
        {"calendar": {"title": "面谈", "attendeename": ["甲", "乙"], "starttime": MS, "place": "二楼"}},
        "[日程] 面谈 2020-10-28 17:00 二楼 甲、乙",
    ),
    (
        "mixed",
        {"mixed": {"item": [inner("text", content="看这个"), inner("image", md5sum=MD5, sdkfileid="f")]}},
        "看这个\n[图片]",
    ),
    (
        "chatrecord",
        {
            "chatrecord": {
                "title": "甲和乙",
                "item": [
                    inner("ChatRecordText", content="在吗") | {"msgtime": MS // 1000, "from_chatroom": False},
                    inner("ChatRecordFile", filename="a.pdf"),
                    inner("chatrecord", title="更早", item=[inner("ChatRecordText", content="最里面")]),
                ],
            }
        },
        "[聊天记录] 甲和乙 3 条\n在吗\n[文件] a.pdf\n[聊天记录] 更早 1 条\n最里面",
    ),
    (
        "meeting_voice_call",
        {
            "voiceid": "v",
            "meeting_voice_call": {"endtime": MS // 1000, "sdkfileid": "f", "demofiledata": [{"filename": "稿.ppt"}]},
        },
        "[会议语音] 2020-10-28 17:00 稿.ppt",
    ),
    (
        "voip_doc_share",
        {"voipid": "v", "voip_doc_share": {"filename": "稿.pdf", "sdkfileid": "f"}},
        "[通话中共享文档] 稿.pdf",
    ),
    ("sphfeed", {"sphfeed": {"feed_type": 4, "sph_name": "小铺", "feed_desc": "上新"}}, "[视频号] 视频 小铺 上新"),
    ("voiptext", {"info": {"callduration": 10, "invitetype": 2}}, "[语音通话] 10 秒"),
    ("voiptext", {"Voiptext": {"callduration": "75", "invitetype": "3"}}, "[群视频通话] 1 分 15 秒"),
    ("qydiskfile", {"info": {"filename": "合同.docx"}}, "[微盘文件] 合同.docx"),
    ("brand_new_type", {"brand_new_type": {"x": 1}}, UNKNOWN),
    ("text", {}, ""),
    ("link", {"link": "not a body"}, "[链接]"),
    (
        "mixed",
        {"mixed": {"item": [{"type": "text", "content": "{"}, {"type": "image", "content": 3}, 7]}},
        UNKNOWN + "\n[图片]",
    ),
]


@pytest.mark.parametrize(("msgtype", "body", "text"), TEXTS, ids=[f"{n}-{one[0]}" for n, one in enumerate(TEXTS)])
def test_a_message_reads_as_a_person_would_say_it(msgtype: str, body: dict[str, Any], text: str) -> None:
    assert text_of(message(msgtype, **body)) == text


def test_every_described_type_is_in_the_table() -> None:
    assert {*FORMS, "mixed", "chatrecord"} <= {msgtype for msgtype, _, _ in TEXTS}


@pytest.mark.parametrize(
    "value",
    [MS, MS // 1000, str(MS), str(MS // 1000), "2020-10-28 17:00:24"],
)
def test_times_are_read_by_their_magnitude(value: object) -> None:
    assert moment(value) == datetime(2020, 10, 28, 9, 0, 24, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", "soon", -1, True, 1.5, [], 10**40, "9" * 5000])
def test_what_is_no_time_is_none(value: object) -> None:
    assert moment(value) is None


def test_files_are_found_wherever_they_are() -> None:
    parts = [
        inner("image", md5sum=MD5.upper(), sdkfileid="a"),
        inner("file", filename="b.pdf", md5sum="", sdkfileid="b"),
        inner("text", content='{"sdkfileid": "typed by somebody"}'),
    ]
    assert files_of(message("mixed", mixed={"item": parts})) == [
        FileRef("a", "image", "", MD5),
        FileRef("b", "file", "b.pdf", ""),
    ]
    forwarded = {"title": "t", "item": [inner("ChatRecordImage", sdkfileid="c", md5sum="not an md5")]}
    assert files_of(message("chatrecord", chatrecord=forwarded)) == [FileRef("c", "image", "", "")]
    voice = {"sdkfileid": "d", "endtime": 1, "demofiledata": []}
    assert files_of(message("meeting_voice_call", meeting_voice_call=voice)) == [
        FileRef("d", "meeting_voice_call", "", "")
    ]
    assert files_of(message("text", text={"content": '{"sdkfileid": "typed"}'})) == []


# -- records --


def test_a_recall_names_the_message_that_was_withdrawn() -> None:
    said = message("text", text={"content": "x"}) | {"msgid": "first"}
    recall = message("revoke", revoke={"pre_msgid": "first"}) | {"action": "recall"}
    original = to_said(said)
    assert isinstance(original, Said)
    assert to_said(recall) == Recalled(original.key)


def test_a_switch_says_nothing_but_who_and_when() -> None:
    switched = to_said({"msgid": "1", "action": "switch", "time": MS, "user": STAFF})
    assert switched == Switched(STAFF, datetime(2020, 10, 28, 9, 0, 24, tzinfo=UTC))
    assert isinstance(switched, Silent)


@pytest.mark.parametrize(("msgtype", "agreed"), [("agree", True), ("disagree", False)])
def test_consent_is_recorded_and_spoken_by_nobody(msgtype: str, agreed: bool) -> None:
    consent = message(msgtype, **{msgtype: {"userid": CUSTOMER, f"{msgtype}_time": MS // 1000}})
    assert consent_of(consent) == Consent(CUSTOMER, agreed, datetime(2020, 10, 28, 9, 0, 24, tzinfo=UTC))
    said = to_said(consent)
    assert isinstance(said, Said)
    assert said.role == "system"
    assert consent_of(message("text")) is None


@pytest.mark.parametrize(
    ("sender", "role"),
    [
        (CUSTOMER, "customer"),
        ("wo" + "x" * 30, "customer"),
        (STAFF, "staff"),
        ("wbjiang", "staff"),
        ("wb" + "1" * 24, "bot"),
    ],
)
def test_who_speaks_shows_in_the_id(sender: str, role: str) -> None:
    said = to_said(message("text", text={"content": "x"}) | {"from": sender})
    assert isinstance(said, Said)
    assert said.role == role


def test_an_unknown_type_keeps_its_whole_body() -> None:
    said = to_said(message("brand_new_type", brand_new_type={"x": [1]}, elsewhere=2))
    assert isinstance(said, Said)
    assert (said.text, said.body["brand_new_type"], said.body["elsewhere"]) == (UNKNOWN, {"x": [1]}, 2)


def test_long_ids_do_not_become_one() -> None:
    assert messages.message_key("x" * 200 + "a") != messages.message_key("x" * 200 + "b")
    assert len(messages.message_key("x" * 5000)) <= messages.KEY_CHARS_MAX


def test_an_id_may_be_a_number() -> None:
    assert parse(b'{"msgid": 17}')["msgid"] == "17"


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b"{}", b'{"msgid": ""}', b'{"msgid": []}', b"\xff", b"[" * 100_000, b"1" * 5000]
)
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(BadMessage):
        parse(raw)


def test_nesting_has_a_limit() -> None:
    with pytest.raises(BadMessage):
        parse(b'{"msgid": "1", "x": ' + b"[" * 100 + b"]" * 100 + b"}")


def test_what_a_database_cannot_hold_is_replaced() -> None:
    parsed = parse(b'{"msgid": "1\\u0000", "x": "\\ud800", "y": NaN, "z": [1e999], "n\\u0000": 1}')
    assert parsed == {"msgid": "1�", "x": "?", "y": None, "z": [None], "n�": 1}


KEYS = "msgid action from tolist roomid msgtime msgtype time user content item type info doc revoke sdkfileid md5sum"
keys = st.sampled_from([*KEYS.split(), "title", "starttime", "totalamount", "voteitem", "mixed", *FORMS]) | st.text(
    max_size=3
)
words = st.sampled_from(
    ["send", "recall", "switch", "text", "chatrecord", '{"content": "x"}', '{"item": [1]}', *FORMS, CUSTOMER]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=6)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=25
)
TOP = ("action", "from", "tolist", "roomid", "msgtime", "msgtype", "time", "info", "doc", "mixed", "chatrecord", *FORMS)
objects = st.fixed_dictionaries({"msgid": leaves}, optional=dict.fromkeys(TOP, anything))


@given(value=objects | anything)
def test_no_json_whatsoever_makes_it_fail(value: object) -> None:
    """New types appear without notice, and old ones change: a message we cannot read must not stop the stream."""
    try:
        parsed = parse(json.dumps(value).encode())
    except BadMessage:
        return
    said = to_said(parsed)
    messages.subject_of(parsed)
    consent_of(parsed)
    files_of(parsed)
    if isinstance(said, Said):
        json.dumps(said.body, allow_nan=False).encode()
        said.text.encode()
        assert "\0" not in said.text
        assert all(len(one) <= 64 for one in (said.external_userid, said.partner, said.chat_id))


@given(raw=st.binary(max_size=60))
def test_no_bytes_whatsoever_do_more_than_be_refused(raw: bytes) -> None:
    with contextlib.suppress(BadMessage):
        to_said(parse(raw))
