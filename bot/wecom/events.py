"""What a decrypted callback says: XML to fields, fields to a typed event, and the key that names it. Pure.

The key covers every leaf element. The usual advice, ``FromUserName + CreateTime``, loses customers:
contact events all come from ``sys`` and two people can arrive in one second (platform reference 1.5).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from bot.wecom.event_types import (
    AcquisitionChanged,
    ArchiveNotified,
    ArchivingApproved,
    CardTapped,
    ContactAdded,
    ContactEdited,
    ContactLost,
    ContactRemoved,
    Event,
    GroupChanged,
    KfAuthorised,
    KfNotified,
    StaffChanged,
    TagChanged,
    TransferFailed,
)

__all__ = [
    "AcquisitionChanged",
    "ArchiveNotified",
    "ArchivingApproved",
    "BadXml",
    "CardTapped",
    "ContactAdded",
    "ContactEdited",
    "ContactLost",
    "ContactRemoved",
    "Event",
    "Fields",
    "GroupChanged",
    "KfAuthorised",
    "KfNotified",
    "StaffChanged",
    "TagChanged",
    "TransferFailed",
    "event_key",
    "event_kind",
    "parse_fields",
    "to_event",
]

ELEMENTS_MAX = 500  # of one callback; the largest documented one has about 60
DEPTH_MAX = 8

Fields = Mapping[str, str]


class BadXml(Exception):
    """Not the XML that the platform sends."""


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
    make = _MAKERS.get(kind) or _FAMILY_MAKERS.get(fields.get("Event", ""))
    return make(key, at, kind, fields) if make else Event(key, at, kind)


def _make_kf(key: str, at: datetime, kind: str, fields: Fields) -> Event:
    return KfNotified(key, at, kind, fields.get("OpenKfId", ""), fields.get("Token", ""))


def _make_archive(key: str, at: datetime, kind: str, _fields: Fields) -> Event:
    return ArchiveNotified(key, at, kind)


def _make_transfer_failed(key: str, at: datetime, kind: str, fields: Fields) -> Event:
    return TransferFailed(key, at, kind, *_texts(fields, "UserID", "ExternalUserID", "FailReason"))


def _make_approved(key: str, at: datetime, kind: str, fields: Fields) -> Event:
    return ArchivingApproved(key, at, kind, *_texts(fields, "UserID", "ExternalUserID", "WelcomeCode"))


def _make_group(key: str, at: datetime, kind: str, fields: Fields) -> Event:
    chat_id, change, detail = _texts(fields, "ChatId", "ChangeType", "UpdateDetail")
    members = _list(fields, "MemChangeList.Item")
    return GroupChanged(key, at, kind, chat_id, change, detail, members, *_texts(fields, "LastMemVer", "CurMemVer"))


def _make_tag(key: str, at: datetime, kind: str, fields: Fields) -> Event:
    change, one_id, tag_type = _texts(fields, "ChangeType", "Id", "TagType")
    return TagChanged(key, at, kind, change, one_id, tag_type == "tag_group")


def _make_kf_authorised(key: str, at: datetime, kind: str, fields: Fields) -> Event:
    return KfAuthorised(key, at, kind, _list(fields, "AuthAddOpenKfId"), _list(fields, "AuthDelOpenKfId"))


def _make_acquisition(key: str, at: datetime, kind: str, fields: Fields) -> Event:
    names = ("ChangeType", "LinkId", "UserID", "ExternalUserID", "State")
    return AcquisitionChanged(key, at, kind, *_texts(fields, *names))


def _make_card(key: str, at: datetime, kind: str, fields: Fields) -> Event:
    names = ("FromUserName", "TaskId", "EventKey", "ResponseCode", "AgentID")
    return CardTapped(key, at, kind, *_texts(fields, *names))


def _make_staff(key: str, at: datetime, kind: str, fields: Fields) -> Event:
    return StaffChanged(key, at, kind, *_texts(fields, "ChangeType", "UserID", "NewUserID"))


_Maker = Callable[[str, datetime, str, Fields], Event]
_MAKERS: dict[str, _Maker] = {  # by kind
    "kf_msg_or_event": _make_kf,
    "msgaudit_notify": _make_archive,
    "change_external_contact.transfer_fail": _make_transfer_failed,
    "change_external_contact.msg_audit_approved": _make_approved,
}
_FAMILY_MAKERS: dict[str, _Maker] = {  # by Event: every ChangeType, also one that is new
    "change_external_chat": _make_group,
    "change_external_tag": _make_tag,
    "kf_account_auth_change": _make_kf_authorised,
    "customer_acquisition": _make_acquisition,
    "template_card_event": _make_card,
    "change_contact": _make_staff,
}


def _texts(fields: Fields, *names: str) -> tuple[str, ...]:
    return tuple(fields.get(name, "") for name in names)


def _list(fields: Fields, name: str) -> tuple[str, ...]:
    """A repeated element: ``parse_fields`` joins them with commas, and ids hold none."""
    return tuple(one for one in fields.get(name, "").split(",") if one)


def _moment(create_time: str) -> datetime:
    """Unix seconds to a moment; what cannot be one becomes 1970, so that it is shown, not lost."""
    try:
        return datetime.fromtimestamp(int(create_time), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
