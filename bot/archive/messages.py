"""Archived messages: the decrypted JSON of platform reference 5.8 and 5.9 to what was said. Pure.

``parse`` refuses what is no message at all; after that nothing raises, whatever the JSON holds. Types
nobody described keep their raw body. ``bot.archive.bodies`` knows the single types.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.archive.bodies import moment, text_of, word
from bot.conversations.store import Said

DEPTH_MAX = 64  # of nested JSON; real messages have six
KEY_CHARS_MAX = 128
LONG_AGO = datetime.fromtimestamp(0, UTC)  # a message without a readable time
CONSENTS = {"agree": True, "disagree": False}


class BadMessage(Exception):
    """The JSON is not one the archive describes."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """A message was withdrawn; the original stays stored."""

    key: str


@dataclass(frozen=True, slots=True)
class Silent:
    """A record with nothing said (a staff member switched corps, a message between machines)."""


@dataclass(frozen=True, slots=True)
class Switched(Silent):
    """A staff member moved to this corp in the client."""

    userid: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """A customer's answer to being archived."""

    external_userid: str
    agreed: bool
    at: datetime


def parse(raw: bytes) -> dict[str, Any]:
    """The message object, fit for every database: no NUL, no half characters, no NaN. Raises BadMessage."""
    try:
        message = _clean(json.loads(raw), depth=0)
    except (ValueError, RecursionError):
        raise BadMessage("不是 JSON") from None
    if not isinstance(message, dict) or not word(message, "msgid"):
        raise BadMessage("没有 msgid")
    return message | {"msgid": word(message, "msgid")}


def message_key(msgid: str) -> str:
    key = f"archive:{msgid}"
    if len(key) <= KEY_CHARS_MAX:
        return key
    return f"archive:sha256:{hashlib.sha256(msgid.encode()).hexdigest()}"  # cut, two could become one


def subject_of(message: Mapping[str, Any]) -> str | None:
    """Whose messages must stay in order: the room, or the customer."""
    room = word(message, "roomid")
    if room:
        return room[:128]
    parties = [word(message, "from"), *_receivers(message)]
    return next((one for one in parties if is_external(one)), None)


def is_external(userid: object) -> bool:
    """WeChat customers start with wm, users of other corps with wo; 32 characters (platform reference 5.8)."""
    return isinstance(userid, str) and userid.startswith(("wm", "wo")) and len(userid) == 32


def is_robot(userid: str) -> bool:
    """Robots start with wb; so does many a staff member's name, but theirs are short."""
    return userid.startswith("wb") and len(userid) >= 24


def consent_of(message: Mapping[str, Any]) -> Consent | None:
    """What a message of type agree or disagree decides; none for any other."""
    msgtype = word(message, "msgtype")
    if msgtype not in CONSENTS:
        return None
    body = message.get(msgtype)
    body = body if isinstance(body, Mapping) else {}
    who = word(body, "userid") or word(message, "from")
    at = moment(body.get(f"{msgtype}_time")) or _sent_at(message)
    return Consent(who[:64], CONSENTS[msgtype], at) if who else None


def to_said(message: Mapping[str, Any]) -> Said | Recalled | Silent:
    """What a record says. Unknown types keep their raw body and say nothing."""
    action = word(message, "action") or "send"
    if action == "recall":
        revoke = message.get("revoke")
        return Recalled(message_key(word(revoke, "pre_msgid") if isinstance(revoke, Mapping) else ""))
    if action == "switch":
        return Switched(word(message, "user")[:64], _sent_at(message))
    sender = word(message, "from")
    if action != "send" or not sender:
        return Silent()
    room = word(message, "roomid")
    msgtype = word(message, "msgtype")[:32]
    from_customer = is_external(sender)
    partner_or_customer = next((one for one in _receivers(message) if is_external(one) != from_customer), "")
    if from_customer:
        external_userid, partner = sender, partner_or_customer
    else:
        external_userid, partner = ("" if room else partner_or_customer), sender
    return Said(
        key=message_key(word(message, "msgid")),
        origin="archive",
        external_userid=external_userid[:64],
        partner=partner[:64],
        role=_role(sender, msgtype),
        msgtype=msgtype,
        text=text_of(message),
        sent_at=_sent_at(message),
        chat_id=room[:64],
        body={} if msgtype == "text" else {k: v for k, v in message.items() if k not in {"from", "tolist", "msgid"}},
    )


def _role(sender: str, msgtype: str) -> str:
    if msgtype in CONSENTS:
        return "system"  # the client wrote it, nobody spoke
    if is_external(sender):
        return "customer"
    return "bot" if is_robot(sender) else "staff"


def _receivers(message: Mapping[str, Any]) -> list[str]:
    receivers = message.get("tolist")
    return [one for one in receivers if isinstance(one, str)] if isinstance(receivers, list) else []


def _sent_at(message: Mapping[str, Any]) -> datetime:
    return moment(message.get("msgtime")) or moment(message.get("time")) or LONG_AGO


def _clean(value: Any, *, depth: int) -> Any:  # noqa: ANN401  # any JSON comes in and goes out
    if depth > DEPTH_MAX:
        raise ValueError("too deep")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "�")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_clean(one, depth=depth + 1) for one in value]
    if isinstance(value, dict):
        return {_clean(key, depth=depth + 1): _clean(one, depth=depth + 1) for key, one in value.items()}
    return value
