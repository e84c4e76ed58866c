"""The kinds of mailbox items that we make ourselves; events keep WeCom's own names."""

from enum import StrEnum


class InboxKind(StrEnum):
    KF_MESSAGE = "kf_message"  # one record of kf/sync_msg
    ARCHIVED_MESSAGE = "archived_message"  # one opened archive envelope
    SYNC_CONTACT = "sync_contact"  # read a contact's details from WeCom
    SYNC_STAFF = "sync_staff"  # read who may have customers, and their names
    ORDERS_IMPORTED = "orders_imported"  # look at waiting claims again
    # WeCom's names of the two events that only say "read this again":
    PULL_KF = "kf_msg_or_event"
    PULL_ARCHIVE = "msgaudit_notify"


class OutboxKind(StrEnum):
    SEND_WELCOME = "send_welcome"
    SEND_KF = "send_kf"
    MARK_TAGS = "mark_tags"
    SEND_RED_PACKET = "send_red_packet"
