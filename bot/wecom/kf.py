"""微信客服: accounts, the message log, answers, session states, servicers (platform reference 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from bot.wecom.call import Answer, Caller, given
from bot.wecom.errors import OutcomeUnknown

SYNC_LIMIT = 1000


class SessionState(IntEnum):
    """Who has the word (platform reference 4.8). The API may answer in NEW and ASSISTANT only."""

    NEW = 0
    ASSISTANT = 1
    POOL = 2
    HUMAN = 3
    ENDED = 4


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A line the customer can tap; ``item_id`` comes back as ``menu_id``."""

    item_id: str
    content: str


@dataclass(frozen=True, slots=True)
class Menu:
    head: str
    items: tuple[MenuItem, ...]
    tail: str = ""

    def as_json(self) -> dict[str, Any]:
        rows = [{"type": "click", "click": {"id": item.item_id, "content": item.content}} for item in self.items]
        return given(head_content=self.head, list=rows, tail_content=self.tail or None)


class Kf:
    def __init__(self, call: Caller) -> None:
        self._call = call

    # The log and answers

    async def sync(self, open_kfid: str, *, cursor: str, token: str) -> Answer:
        """A page of the log. Only ``has_more`` says whether it was the last; a page may be empty."""
        body: dict[str, Any] = {"open_kfid": open_kfid, "cursor": cursor, "limit": SYNC_LIMIT}
        if token:
            body["token"] = token
        return await self._call.post("kf/sync_msg", body)

    async def send(
        self, open_kfid: str, external_userid: str, msgtype: str, content: dict[str, Any], *, msgid: str
    ) -> None:
        """``msgid`` is ours: a repeat after an unclear answer is the same message."""
        body = {"touser": external_userid, "open_kfid": open_kfid, "msgid": msgid, "msgtype": msgtype, msgtype: content}
        await self._call.post("kf/send_msg", body)

    async def send_text(self, open_kfid: str, external_userid: str, text: str, *, msgid: str) -> None:
        await self.send(open_kfid, external_userid, "text", {"content": text}, msgid=msgid)

    async def send_image(self, open_kfid: str, external_userid: str, media_id: str, *, msgid: str) -> None:
        await self.send(open_kfid, external_userid, "image", {"media_id": media_id}, msgid=msgid)

    async def send_menu(self, open_kfid: str, external_userid: str, menu: Menu, *, msgid: str) -> None:
        await self.send(open_kfid, external_userid, "msgmenu", menu.as_json(), msgid=msgid)

    async def send_on_event(self, code: str, message: str | Menu, *, msgid: str) -> None:
        """The one message a ``welcome_code`` or ``msg_code`` allows (platform reference 4.7)."""
        msgtype, content = (
            ("text", {"content": message}) if isinstance(message, str) else ("msgmenu", message.as_json())
        )
        body = {"code": code, "msgid": msgid, "msgtype": msgtype, msgtype: content}
        await self._call.post("kf/send_msg_on_event", body)

    # Sessions

    async def session(self, open_kfid: str, external_userid: str) -> tuple[SessionState, str]:
        """The state and, with HUMAN, the servicer's userid."""
        body = {"open_kfid": open_kfid, "external_userid": external_userid}
        answer = await self._call.post("kf/service_state/get", body)
        try:
            return SessionState(answer["service_state"]), str(answer.get("servicer_userid", ""))
        except ValueError:
            raise OutcomeUnknown("kf/service_state/get: a state nobody has described") from None

    async def hand_over(
        self, open_kfid: str, external_userid: str, state: SessionState, *, servicer_userid: str = ""
    ) -> str:
        """Move a session. Returns the ``msg_code`` for one message about it, empty when there is none."""
        body: dict[str, Any] = {"open_kfid": open_kfid, "external_userid": external_userid, "service_state": int(state)}
        if servicer_userid:
            body["servicer_userid"] = servicer_userid
        return str((await self._call.post("kf/service_state/trans", body)).get("msg_code", ""))

    # Accounts, servicers, customers

    async def accounts(self, *, offset: int = 0, limit: int = 100) -> list[Answer]:
        answer = await self._call.post("kf/account/list", {"offset": offset, "limit": limit})
        return list(answer.get("account_list", []))

    async def add_account(self, name: str, *, avatar_media_id: str) -> str:
        answer = await self._call.post("kf/account/add", {"name": name, "media_id": avatar_media_id})
        return str(answer["open_kfid"])

    async def update_account(
        self, open_kfid: str, *, name: str | None = None, avatar_media_id: str | None = None
    ) -> None:
        body = {"open_kfid": open_kfid, **given(name=name, media_id=avatar_media_id)}
        await self._call.post("kf/account/update", body)

    async def delete_account(self, open_kfid: str) -> None:
        await self._call.post("kf/account/del", {"open_kfid": open_kfid})

    async def contact_url(self, open_kfid: str, *, scene: str = "") -> str:
        """The link customers open; ``scene`` comes back with enter_session."""
        body = {"open_kfid": open_kfid, **({"scene": scene} if scene else {})}
        return str((await self._call.post("kf/add_contact_way", body))["url"])

    async def servicers(self, open_kfid: str) -> list[Answer]:
        """Status 0 serves, 1 has stopped (events count from 1)."""
        answer = await self._call.get("kf/servicer/list", {"open_kfid": open_kfid})
        return list(answer.get("servicer_list", []))

    async def add_servicers(self, open_kfid: str, userids: Sequence[str]) -> list[Answer]:
        """One result per userid: look at each ``errcode``."""
        answer = await self._call.post("kf/servicer/add", {"open_kfid": open_kfid, "userid_list": list(userids)})
        return list(answer.get("result_list", []))

    async def remove_servicers(self, open_kfid: str, userids: Sequence[str]) -> list[Answer]:
        answer = await self._call.post("kf/servicer/del", {"open_kfid": open_kfid, "userid_list": list(userids)})
        return list(answer.get("result_list", []))

    async def customers(self, external_userids: Sequence[str], *, with_context: bool = False) -> list[Answer]:
        body: dict[str, Any] = {"external_userid_list": list(external_userids)}
        if with_context:
            body["need_enter_session_context"] = 1
        return list((await self._call.post("kf/customer/batchget", body)).get("customer_list", []))
