"""What can happen at WeCom, as typed events (platform reference 3.2 to 3.5, 4.2, 5.10, 6.1).

Import them from ``bot.wecom.events``, which makes them.
"""

from dataclasses import dataclass
from datetime import datetime


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


@dataclass(frozen=True, slots=True)
class TransferFailed(Event):
    """A handover did not happen. ``reason``: customer_refused or customer_limit_exceed; ``userid`` is the takeover."""

    userid: str
    external_userid: str
    reason: str


@dataclass(frozen=True, slots=True)
class ArchivingApproved(Event):
    """The customer agreed to archiving; the code allows a welcome message, like that of a new contact."""

    userid: str
    external_userid: str
    welcome_code: str


@dataclass(frozen=True, slots=True)
class GroupChanged(Event):
    """A customer group is new, changed or gone: read it again.

    ``last_version`` is the member version before; when it is not the one we hold, we missed an event.
    ``members`` is empty in pushes of older clients.
    """

    chat_id: str
    change: str  # create, update, dismiss
    detail: str  # of an update: add_member, del_member, change_owner, change_name, change_notice
    members: tuple[str, ...]
    last_version: str
    version: str


@dataclass(frozen=True, slots=True)
class TagChanged(Event):
    """A corp tag or a group of tags was changed by a person: read the tags again."""

    change: str  # create, update, delete, shuffle
    one_id: str
    is_group: bool


@dataclass(frozen=True, slots=True)
class KfAuthorised(Event):
    """微信客服 accounts were given to this app or taken from it."""

    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AcquisitionChanged(Event):
    """获客助手: a balance, a link, or a customer who came over a link."""

    change: str
    link_id: str
    userid: str
    external_userid: str
    channel_state: str


@dataclass(frozen=True, slots=True)
class CardTapped(Event):
    """A staff member tapped a button of a template card of ours."""

    userid: str
    task_id: str
    button: str
    response_code: str
    agentid: str


@dataclass(frozen=True, slots=True)
class StaffChanged(Event):
    """The directory changed: a member or a department is new, different or gone."""

    change: str  # create_user, update_user, delete_user, create_party, …
    userid: str
    new_userid: str
