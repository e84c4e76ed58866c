"""The typed events: every family of the platform's callbacks, from their XML."""

from datetime import UTC, datetime

import pytest

from bot.wecom.events import (
    AcquisitionChanged,
    ArchivingApproved,
    CardTapped,
    Event,
    GroupChanged,
    KfAuthorised,
    StaffChanged,
    TagChanged,
    TransferFailed,
    event_key,
    parse_fields,
    to_event,
)

HEAD = "<ToUserName>ww1</ToUserName><CreateTime>1772413200</CreateTime><MsgType>event</MsgType>"
AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

CASES: list[tuple[str, type[Event], dict[str, object]]] = [
    (
        (
            "<Event>change_external_chat</Event><ChatId>wr1</ChatId><ChangeType>update</ChangeType>"
            "<UpdateDetail>add_member</UpdateDetail><MemChangeList><Item>a</Item><Item>b</Item></MemChangeList>"
            "<LastMemVer>v1</LastMemVer><CurMemVer>v2</CurMemVer>"
        ),
        GroupChanged,
        {
            "chat_id": "wr1",
            "detail": "add_member",
            "members": ("a", "b"),
            "last_version": "v1",
            "version": "v2",
        },
    ),
    (
        "<Event>change_external_chat</Event><ChatId>wr1</ChatId><ChangeType>dismiss</ChangeType>",
        GroupChanged,
        {"change": "dismiss", "members": (), "version": ""},
    ),
    (
        "<Event>change_external_tag</Event><Id>et1</Id><TagType>tag_group</TagType><ChangeType>delete</ChangeType>",
        TagChanged,
        {"change": "delete", "one_id": "et1", "is_group": True},
    ),
    (
        (
            "<Event>kf_account_auth_change</Event><AuthAddOpenKfId>wk1</AuthAddOpenKfId>"
            "<AuthAddOpenKfId>wk2</AuthAddOpenKfId><AuthDelOpenKfId>wk3</AuthDelOpenKfId>"
        ),
        KfAuthorised,
        {"added": ("wk1", "wk2"), "removed": ("wk3",)},
    ),
    (
        (
            "<Event>change_external_contact</Event><ChangeType>transfer_fail</ChangeType>"
            "<FailReason>customer_refused</FailReason><UserID>li</UserID><ExternalUserID>wm1</ExternalUserID>"
        ),
        TransferFailed,
        {"userid": "li", "external_userid": "wm1", "reason": "customer_refused"},
    ),
    (
        (
            "<Event>change_external_contact</Event><ChangeType>msg_audit_approved</ChangeType>"
            "<UserID>li</UserID><ExternalUserID>wm1</ExternalUserID><WelcomeCode>c</WelcomeCode>"
        ),
        ArchivingApproved,
        {"userid": "li", "welcome_code": "c"},
    ),
    (
        "<Event>customer_acquisition</Event><ChangeType>friend_request</ChangeType><LinkId>l</LinkId><State>s</State>",
        AcquisitionChanged,
        {"change": "friend_request", "link_id": "l", "channel_state": "s", "userid": ""},
    ),
    (
        (
            "<FromUserName>li</FromUserName><Event>template_card_event</Event><EventKey>ok</EventKey>"
            "<TaskId>t1</TaskId><ResponseCode>r</ResponseCode><AgentID>1000002</AgentID>"
        ),
        CardTapped,
        {"userid": "li", "task_id": "t1", "button": "ok", "response_code": "r", "agentid": "1000002"},
    ),
    (
        (
            "<Event>change_contact</Event><ChangeType>update_user</ChangeType><UserID>li</UserID>"
            "<NewUserID>li2</NewUserID>"
        ),
        StaffChanged,
        {"change": "update_user", "userid": "li", "new_userid": "li2"},
    ),
    ("<Event>something_new</Event><Extra>1</Extra>", Event, {"kind": "something_new"}),
]


@pytest.mark.parametrize(("body", "kind", "expected"), CASES, ids=[case[1].__name__ for case in CASES])
def test_an_event_becomes_what_it_is(body: str, kind: type[Event], expected: dict[str, object]) -> None:
    """Platform reference 3.2 to 3.5, 4.2 and 6.1; what is unknown stays a plain event."""
    event = to_event(parse_fields(f"<xml>{HEAD}{body}</xml>".encode()))
    assert type(event) is kind
    assert event.created_at == AT
    assert {name: getattr(event, name) for name in expected} == expected


def test_two_changes_of_one_group_in_one_second_have_two_keys() -> None:
    """Platform reference 3.4: such bursts are normal."""
    bodies = [f"<xml>{HEAD}{CASES[0][0].replace('v2', version)}</xml>" for version in ("v2", "v3", "v2")]
    keys = [event_key(parse_fields(body.encode())) for body in bodies]
    assert keys[0] == keys[2] != keys[1]
