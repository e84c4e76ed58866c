"""Archived messages: the decrypted JSON of platform reference 5.8 and 5.9 to what was said. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.conversations.store import Said

# What a message without text is shown as.
LABELS = {
    "image": "[图片]",
    "voice": "[语音]",
    "video": "[视频]",
    "card": "[名片]",
    "location": "[位置]",
    "emotion": "[表情]",
    "file": "[文件]",
    "link": "[链接]",
    "weapp": "[小程序]",
    "chatrecord": "[聊天记录]",
    "redpacket": "[红包]",
    "external_redpacket": "[红包]",
    "meeting": "[会议]",
    "docmsg": "[文档]",
    "calendar": "[日程]",
    "voiptext": "[通话]",
    "meeting_voice_call": "[通话]",
    "sphfeed": "[视频号]",
    "agree": "[同意存档]",
    "disagree": "[不同意存档]",
}


class BadMessage(Exception):
    """The JSON is not one the archive describes."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """A message was withdrawn; the original stays stored."""

    key: str


@dataclass(frozen=True, slots=True)
class Silent:
    """A record with nothing said (a staff member switched corps, a message between machines)."""


def parse(raw: bytes) -> dict[str, Any]:
    """The message object. Raises BadMessage."""
    try:
        message = json.loads(raw)
    except ValueError:
        raise BadMessage("不是 JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("msgid"), str):
        raise BadMessage("没有 msgid")
    return message


def message_key(msgid: str) -> str:
    return f"archive:{msgid}"[:128]


def subject_of(message: Mapping[str, Any]) -> str | None:
    """Whose messages must stay in order: the room, or the customer."""
    parties = [message.get("from", ""), *message.get("tolist", [])]
    return message.get("roomid") or next((one for one in parties if is_external(one)), None)


def is_external(userid: object) -> bool:
    """WeChat customers start with wm, users of other corps with wo; 32 characters (platform reference 5.8)."""
    return isinstance(userid, str) and userid.startswith(("wm", "wo")) and len(userid) == 32


def to_said(message: Mapping[str, Any]) -> Said | Recalled | Silent:
    """What a record says. Unknown types keep their raw body and say nothing."""
    action = message.get("action", "send")
    if action == "recall":
        return Recalled(message_key(str(message.get("revoke", {}).get("pre_msgid", ""))))
    sender = message.get("from")
    if action != "send" or not isinstance(sender, str):
        return Silent()
    receivers = [one for one in message.get("tolist", []) if isinstance(one, str)]
    room = str(message.get("roomid") or "")
    msgtype = str(message.get("msgtype", ""))[:32]
    from_customer = is_external(sender)
    others = [one for one in receivers if is_external(one) != from_customer]
    if from_customer:
        external_userid, partner = sender, next(iter(others), "")
    else:
        external_userid, partner = ("" if room else next(iter(others), "")), sender
    return Said(
        key=message_key(message["msgid"]),
        origin="archive",
        external_userid=external_userid[:64],
        partner=partner[:64],
        role="customer" if from_customer else "staff",
        msgtype=msgtype,
        text=_text(msgtype, message),
        sent_at=datetime.fromtimestamp(int(message.get("msgtime", 0)) / 1000, UTC),
        chat_id=room[:64],
        body={} if msgtype == "text" else {k: v for k, v in message.items() if k not in {"from", "tolist", "msgid"}},
    )


def _text(msgtype: str, message: Mapping[str, Any]) -> str:
    if msgtype == "text":
        return str(message.get("text", {}).get("content", ""))
    if msgtype == "markdown":
        return str(message.get("info", {}).get("content", ""))
    if msgtype == "mixed":
        return "\n".join(_mixed_part(part) for part in message.get("mixed", {}).get("item", []))
    return LABELS.get(msgtype, "[其他消息]")


def _mixed_part(part: Mapping[str, Any]) -> str:
    kind = str(part.get("type", ""))
    if kind != "text":
        return LABELS.get(kind, "[其他消息]")
    try:
        return str(json.loads(part["content"])["content"])
    except (ValueError, KeyError, TypeError):
        return "[其他消息]"
