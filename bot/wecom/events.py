"""What a decrypted callback says: XML to fields, fields to a typed event, and the key that names it. Pure.

The key covers every leaf element. The usual advice, ``FromUserName + CreateTime``, loses customers:
contact events all come from ``sys`` and two people can arrive in one second (platform reference 1.5).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

ELEMENTS_MAX = 500  # of one callback; the largest documented one has about 60
DEPTH_MAX = 8

Fields = Mapping[str, str]


class BadXml(Exception):
    """Not the XML that the platform sends."""


@dataclass(frozen=True, slots=True)
class Event:
    """A callback's content. Unknown events are plain ``Event``s: kept, shown, never an error."""

    key: str
    created_at: datetime
    kind: str  # "change_external_contact.add_external_contact", "kf_msg_or_event", …


@dataclass(frozen=True, slots=True)
class ContactAdded(Event):
    """``half`` means the staff member has not accepted yet; a welcome code may come all the same."""

    userid: str
    external_userid: str
    channel_state: str
    welcome_code: str
    half: bool


@dataclass(frozen=True, slots=True)
class ContactEdited(Event):
    userid: str
    external_userid: str


@dataclass(frozen=True, slots=True)
class ContactLost(Event):
    """The customer deleted the staff member."""

    userid: str
    external_userid: str


@dataclass(frozen=True, slots=True)
class ContactRemoved(Event):
    """The staff member deleted the customer."""

    userid: str
    external_userid: str


@dataclass(frozen=True, slots=True)
class KfNotified(Event):
    """Something is new in a 微信客服 account: pull until there is no more."""

    open_kfid: str
    token: str


@dataclass(frozen=True, slots=True)
class ArchiveNotified(Event):
    """Something is new in the archive: pull."""


_ADDED = {  # kind → whether the staff member has yet to accept
    "change_external_contact.add_external_contact": False,
    "change_external_contact.add_half_external_contact": True,
}
_PAIR_EVENTS: dict[str, type[ContactEdited | ContactLost | ContactRemoved]] = {
    "change_external_contact.edit_external_contact": ContactEdited,
    "change_external_contact.del_follow_user": ContactLost,
    "change_external_contact.del_external_contact": ContactRemoved,
}


def parse_fields(xml: bytes) -> dict[str, str]:
    """The leaf elements of a message, nested ones as ``A.B``, repeated ones joined with ``,``. Raises BadXml."""
    try:
        root: Element = defusedxml.ElementTree.fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BadXml(type(error).__name__) from error
    fields: dict[str, str] = {}
    pending = [("", root, 0)]
    seen = 0
    while pending:
        prefix, element, depth = pending.pop()
        seen += 1
        if seen > ELEMENTS_MAX or depth > DEPTH_MAX:
            raise BadXml("too many elements")
        children = list(element)
        if not children:
            if prefix:
                text = element.text or ""
                fields[prefix] = f"{fields[prefix]},{text}" if prefix in fields else text
            continue
        for child in reversed(children):
            name = f"{prefix}.{child.tag}" if prefix else str(child.tag)
            pending.append((name, child, depth + 1))
    return fields


def event_key(fields: Fields) -> str:
    """A name for what happened: equal for repeats of one event, different for same-second twins."""
    if fields.get("MsgId"):
        return f"msg:{fields['MsgId']}"
    canonical = json.dumps(sorted(fields.items()), ensure_ascii=False, separators=(",", ":"))
    return f"event:{hashlib.sha256(canonical.encode()).hexdigest()}"


def event_kind(fields: Fields) -> str:
    if fields.get("MsgType", "event") != "event":
        return f"message.{fields['MsgType']}"
    parts = [fields.get("Event", "unknown"), fields.get("ChangeType", "")]
    return ".".join(part for part in parts if part)[:64]


def to_event(fields: Fields) -> Event:
    """The typed event behind the fields. Missing fields of a known event become empty strings."""
    key, kind = event_key(fields), event_kind(fields)
    at = _moment(fields.get("CreateTime", ""))
    pair = (fields.get("UserID", ""), fields.get("ExternalUserID", ""))
    pair_event = _PAIR_EVENTS.get(kind)
    if pair_event is not None:
        return pair_event(key, at, kind, *pair)
    if kind in _ADDED:
        state, code = fields.get("State", ""), fields.get("WelcomeCode", "")
        return ContactAdded(key, at, kind, *pair, state, code, _ADDED[kind])
    if kind == "kf_msg_or_event":
        return KfNotified(key, at, kind, fields.get("OpenKfId", ""), fields.get("Token", ""))
    if kind == "msgaudit_notify":
        return ArchiveNotified(key, at, kind)
    return Event(key, at, kind)


def _moment(create_time: str) -> datetime:
    """Unix seconds to a moment; what cannot be one becomes 1970, so that it is shown, not lost."""
    try:
        return datetime.fromtimestamp(int(create_time), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
