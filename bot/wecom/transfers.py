"""Handing customers and groups to another staff member: platform reference 3.13."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from bot.wecom.call import Answer, Caller, pages

CUSTOMERS_MAX = 100
CHATS_MAX = 100


class TransferStatus(IntEnum):
    DONE = 1
    WAITING = 2  # done by itself after 24 h unless the customer refuses
    REFUSED = 3
    TAKEOVER_FULL = 4
    NO_RECORD = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """One customer or group that cannot be handed over, and why."""

    one_id: str
    errcode: int


class Transfers:
    """``leaver_gone`` chooses between colleagues who still work here and those who have left."""

    def __init__(self, call: Caller) -> None:
        self._call = call

    async def customers(
        self,
        handover: str,
        takeover: str,
        external_userids: Sequence[str],
        *,
        leaver_gone: bool,
        message: str = "",
    ) -> list[Refusal]:
        """Begin; at most 100 in a call. Returns those refused. ``message`` reaches customers of those still here."""
        body: dict[str, object] = {
            "handover_userid": handover,
            "takeover_userid": takeover,
            "external_userid": list(external_userids),
        }
        if message and not leaver_gone:
            body["transfer_success_msg"] = message
        answer = await self._call.post(f"externalcontact/{_prefix(leaver_gone)}transfer_customer", body)
        rows = answer.get("customer", [])
        return [Refusal(str(row["external_userid"]), int(row["errcode"])) for row in rows if row.get("errcode")]

    async def results(self, handover: str, takeover: str, *, leaver_gone: bool) -> AsyncIterator[Answer]:
        """external_userid, ``TransferStatus`` and takeover_time of each customer."""
        body = {"handover_userid": handover, "takeover_userid": takeover}

        async def fetch(cursor: str) -> Answer:
            path = f"externalcontact/{_prefix(leaver_gone)}transfer_result"
            return await self._call.post(path, {**body, "cursor": cursor})

        async for page in pages(fetch):
            for row in page.get("customer", []):
                yield row

    async def unassigned(self) -> AsyncIterator[Answer]:
        """Customers whose staff member has left: handover_userid, external_userid, dimission_time."""

        async def fetch(cursor: str) -> Answer:
            body = {"page_size": 1000} | ({"cursor": cursor} if cursor else {})
            return await self._call.post("externalcontact/get_unassigned_list", body)

        async for page in pages(fetch):
            for row in page.get("info", []):
                yield row

    async def groups(self, chat_ids: Sequence[str], new_owner: str, *, leaver_gone: bool) -> list[Refusal]:
        """At once; at most 100 in a call. Returns those refused (90508: somebody has done it already)."""
        path = "externalcontact/groupchat/" + ("transfer" if leaver_gone else "onjob_transfer")
        answer = await self._call.post(path, {"chat_id_list": list(chat_ids), "new_owner": new_owner})
        return [Refusal(str(row["chat_id"]), int(row["errcode"])) for row in answer.get("failed_chat_list", [])]


def _prefix(leaver_gone: bool) -> str:  # noqa: FBT001  # private, one flag
    return "resigned/" if leaver_gone else ""
