"""Bodies of archived messages (platform reference 5.9): the text a person reads, and the files they carry.

Total functions: whatever JSON stands where a body should be, the answer is at worst a short label. Ids
may be numbers or strings, times seconds or milliseconds, and some bodies lie under another key.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from bot.money import Fen, format_yuan

ITEMS_MAX = 20  # of a forwarded conversation, a vote or a form are written out
ITEM_CHARS_MAX = 200
FILES_MAX = 200  # of one message
DEPTH_MAX = 8  # forwarded conversations inside forwarded conversations
MILLISECONDS_FROM = 10**11  # as seconds that is the year 5138
UNKNOWN = "[其他消息]"
CHINA = timezone(timedelta(hours=8))

Body = Mapping[str, Any]

# The body's key where it is not the msgtype. Several: whichever is there.
KEYS = {
    "external_redpacket": ("redpacket", "external_redpacket"),
    "meeting_notification": ("info", "meeting_notification"),
    "docmsg": ("doc", "docmsg"),
    "markdown": ("info", "markdown"),
    "news": ("info", "news"),
    "voiptext": ("info", "Voiptext", "voiptext"),
    "qydiskfile": ("info", "qydiskfile"),
}
# Types whose fields one SDK expects beside msgtype, without a body.
FLAT = frozenset({"vote"})

PACKETS = {1: "普通红包", 2: "拼手气红包", 3: "激励红包"}
CALLS = {1: "视频通话", 2: "语音通话", 3: "群视频通话", 4: "群语音通话"}
ANSWERS = {1: "已接受", 2: "已拒绝", 3: "待定", 4: "未被邀请", 5: "已取消", 6: "已过期", 7: "不在群内"}
FEEDS = {2: "图片", 4: "视频", 9: "直播"}


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file to fetch with ``GetMediaData``. ``md5`` may be empty."""

    sdkfileid: str
    kind: str
    name: str
    md5: str


def body_of(message: Body) -> Body:
    """The body of a message; empty when there is none."""
    msgtype = word(message, "msgtype")
    for key in KEYS.get(msgtype, (msgtype,)):
        body = message.get(key)
        if isinstance(body, Mapping):
            return body
    return message if msgtype in FLAT else {}


def text_of(message: Body) -> str:
    """What a message says, for people, tags and checks."""
    return _text(word(message, "msgtype"), body_of(message), depth=0)


def files_of(message: Body) -> list[FileRef]:
    """Every file in a message of any type, also inside mixed and forwarded ones; each once."""
    found = {file.sdkfileid: file for file in _files(message, word(message, "msgtype"), depth=0)}
    return list(found.values())[:FILES_MAX]


def word(body: Body, key: str) -> str:
    """A field as text; ids may come as numbers. Empty for everything else."""
    value = body.get(key)
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def whole(body: Body, key: str) -> int | None:
    """A field as a whole number."""
    text = word(body, key)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def moment(value: object) -> datetime | None:
    """A time in s or ms, decided by magnitude, or ``YYYY-MM-DD hh:mm:ss`` in China."""
    text = word({"": value}, "")
    try:
        if not text.isascii() or not text.isdigit():
            return datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(UTC)
        number = int(text)
        return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS_FROM else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


# -- one function for each kind of body --


def _text(msgtype: str, body: Body, *, depth: int) -> str:
    if msgtype == "mixed":
        return "\n".join(_inner(part, depth=depth) for part in _items(body, "item"))
    if msgtype == "chatrecord":
        return _chatrecord(body, depth=depth)
    form = FORMS.get(msgtype)
    return UNKNOWN if form is None else form(body)


def _chatrecord(body: Body, *, depth: int) -> str:
    items = list(_items(body, "item"))
    lines = [_label("聊天记录", word(body, "title"), f"{len(items)} 条" if items else "")]
    lines += [_inner(item, depth=depth)[:ITEM_CHARS_MAX] for item in items[:ITEMS_MAX]]
    return "\n".join(lines)


def _inner(part: Body, *, depth: int) -> str:
    """A part of a mixed or forwarded message: its type, and its body as JSON text."""
    msgtype = _inner_type(part)
    content = _inner_body(part)
    if content is None or depth >= DEPTH_MAX:
        return UNKNOWN if msgtype == "text" else _text(msgtype, {}, depth=depth)
    return _text(msgtype, content, depth=depth + 1)


def _inner_type(part: Body) -> str:
    """``ChatRecordText`` and ``text`` are the same."""
    return word(part, "type").removeprefix("ChatRecord").lower()


def _inner_body(part: Body) -> Body | None:
    content = part.get("content")
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except (ValueError, RecursionError):
            return None
    return content if isinstance(content, Mapping) else None


def _items(body: Body, key: str) -> Iterator[Body]:
    items = body.get(key)
    return (item for item in items if isinstance(item, Mapping)) if isinstance(items, list) else iter(())


def _label(label: str, *parts: str) -> str:
    """``[链接] 标题 说明``, without what is empty."""
    return " ".join([f"[{label}]", *(part for part in parts if part)])


def _plain(label: str, *keys: str) -> Callable[[Body], str]:
    return lambda body: _label(label, *(word(body, key) for key in keys))


def _clock(body: Body, key: str) -> str:
    at = moment(body.get(key))
    return "" if at is None else at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


def _between(body: Body) -> str:
    return " 至 ".join(part for part in (_clock(body, "starttime"), _clock(body, "endtime")) if part)


def _seconds(body: Body, key: str) -> str:
    seconds = whole(body, key)
    if seconds is None:
        return ""
    return f"{seconds // 60} 分 {seconds % 60} 秒" if seconds >= 60 else f"{seconds} 秒"


def _names(body: Body, key: str, field: str = "") -> str:
    values = body.get(key)
    if not isinstance(values, list):
        return ""
    words = [word(one, field) if isinstance(one, Mapping) else word({"": one}, "") for one in values[:ITEMS_MAX]]
    return "、".join(one for one in words if one)


def _redpacket(body: Body) -> str:
    count, amount = whole(body, "totalcnt"), whole(body, "totalamount")
    return _label(
        PACKETS.get(whole(body, "type") or 0, "红包"),
        f"{count} 个" if count is not None else "",
        f"共 {format_yuan(Fen(amount))} 元" if amount is not None else "",
        word(body, "wish"),
    )


def _meeting(body: Body) -> str:
    answered = whole(body, "meetingtype") == 102
    answer = ANSWERS.get(whole(body, "status") or 0, "") if answered else ""
    return _label("会议", answer, word(body, "topic"), _between(body), word(body, "address"), word(body, "remarks"))


def _calendar(body: Body) -> str:
    people = _names(body, "attendeename")
    return _label("日程", word(body, "title"), _between(body), word(body, "place"), people, word(body, "remarks"))


def _vote(body: Body) -> str:
    label = "参与投票" if whole(body, "votetype") == 102 else "投票"
    return _label(label, word(body, "votetitle"), _names(body, "voteitem"))


def _notified(body: Body) -> str:
    what = {1: "有人加入", 2: "已结束"}.get(whole(body, "notification_type") or 0, "")
    return _label("会议通知", word(body, "content") or what)


def _voiptext(body: Body) -> str:
    return _label(CALLS.get(whole(body, "invitetype") or 0, "通话"), _seconds(body, "callduration"))


def _sphfeed(body: Body) -> str:
    feed = FEEDS.get(whole(body, "feed_type") or 0, "")
    return _label("视频号", feed, word(body, "sph_name"), word(body, "feed_desc"))


FORMS: dict[str, Callable[[Body], str]] = {
    # What was typed is given as it is, spaces and all.
    "text": lambda body: content if isinstance(content := body.get("content"), str) else word(body, "content"),
    "markdown": lambda body: content if isinstance(content := body.get("content"), str) else word(body, "content"),
    "image": _plain("图片"),
    "revoke": _plain("撤回了一条消息"),
    "agree": _plain("同意存档"),
    "disagree": _plain("不同意存档"),
    "voice": lambda body: _label("语音", _seconds(body, "play_length")),
    "video": lambda body: _label("视频", _seconds(body, "play_length")),
    "card": _plain("名片", "corpname", "userid"),
    "location": _plain("位置", "title", "address"),
    "emotion": _plain("表情"),
    "file": _plain("文件", "filename"),
    "link": _plain("链接", "title", "description"),
    "weapp": _plain("小程序", "displayname", "title", "description"),
    "todo": _plain("待办", "title", "content"),
    "vote": _vote,
    "collect": lambda body: _label(
        "收集表", word(body, "title") or word(body, "room_name"), _names(body, "details", "ques")
    ),
    "redpacket": _redpacket,
    "external_redpacket": _redpacket,
    "meeting": _meeting,
    "meeting_notification": _notified,
    "docmsg": _plain("文档", "title"),
    "news": lambda body: _label("图文", _names(body, "item", "title")),
    "calendar": _calendar,
    "meeting_voice_call": lambda body: _label(
        "会议语音", _clock(body, "endtime"), _names(body, "demofiledata", "filename")
    ),
    "voip_doc_share": _plain("通话中共享文档", "filename"),
    "sphfeed": _sphfeed,
    "voiptext": _voiptext,
    "qydiskfile": _plain("微盘文件", "filename"),
}


def _files(value: object, kind: str, *, depth: int) -> Iterator[FileRef]:
    if depth > 2 * DEPTH_MAX:
        return
    if isinstance(value, list):
        for one in value:
            yield from _files(one, kind, depth=depth + 1)
    elif isinstance(value, Mapping):
        sdkfileid = value.get("sdkfileid")
        if isinstance(sdkfileid, str) and sdkfileid:
            md5 = word(value, "md5sum").lower()
            is_md5 = len(md5) == 32 and all(one in "0123456789abcdef" for one in md5)
            yield FileRef(sdkfileid, kind, word(value, "filename"), md5 if is_md5 else "")
        if "type" in value and (inner := _inner_body(value)) is not None:
            yield from _files(inner, _inner_type(value), depth=depth + 1)
        for key, one in value.items():
            if key != "content":  # what people type may look like anything
                yield from _files(one, kind, depth=depth + 1)
