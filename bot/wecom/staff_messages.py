"""Application messages to staff: platform reference 6.1. More than 30 a minute per member vanish without an error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.wecom.call import Caller

TEXT_BYTES_MAX = 2048
RECEIVERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class SentToStaff:
    """``unknown`` are receivers the platform did not take, in lower case: the others have the message."""

    msgid: str
    unknown: tuple[str, ...]
    response_code: str = ""  # of a card with buttons: updates it once, within 72 h


@dataclass(frozen=True, slots=True)
class Button:
    text: str
    key: str  # comes back as EventKey


class StaffMessages:
    def __init__(self, call: Caller, *, agentid: int) -> None:
        self._call, self._agentid = call, agentid

    async def send_text(self, userids: Sequence[str], text: str) -> SentToStaff:
        """Line breaks and ``<a href>`` are shown."""
        return await self._send(userids, "text", {"content": text})

    async def send_markdown(self, userids: Sequence[str], text: str) -> SentToStaff:
        """Shown in the WeCom client only."""
        return await self._send(userids, "markdown", {"content": text})

    async def send_card(
        self, userids: Sequence[str], *, title: str, description: str, url: str, button: str = ""
    ) -> SentToStaff:
        card = {"title": title, "description": description, "url": url} | ({"btntxt": button} if button else {})
        return await self._send(userids, "textcard", card)

    async def send_buttons(
        self, userids: Sequence[str], *, task_id: str, title: str, description: str, buttons: Sequence[Button]
    ) -> SentToStaff:
        """A template card; the tap comes as ``template_card_event`` with ``task_id``, which is unique per app."""
        card = {
            "card_type": "button_interaction",
            "task_id": task_id,
            "main_title": {"title": title, "desc": description},
            "button_list": [{"text": button.text, "key": button.key} for button in buttons],
        }
        return await self._send(userids, "template_card", card)

    async def answer_buttons(self, response_code: str, *, text: str) -> None:
        """Replace the buttons by a line that says what was done."""
        body = {"agentid": self._agentid, "response_code": response_code, "button": {"replace_name": text}}
        await self._call.post("message/update_template_card", body)

    async def recall(self, msgid: str) -> None:
        """Within 24 h."""
        await self._call.post("message/recall", {"msgid": msgid})

    async def _send(self, userids: Sequence[str], msgtype: str, content: dict[str, Any]) -> SentToStaff:
        body = {"touser": "|".join(userids), "agentid": self._agentid, "msgtype": msgtype, msgtype: content}
        answer = await self._call.post("message/send", body)
        unknown = tuple(one for one in str(answer.get("invaliduser") or "").split("|") if one)
        return SentToStaff(str(answer.get("msgid", "")), unknown, str(answer.get("response_code", "")))
