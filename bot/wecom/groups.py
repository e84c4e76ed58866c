"""Customer groups: platform reference 3.12. An event says "read this group again"; members come with a version."""

from collections.abc import AsyncIterator, Sequence
from enum import IntEnum

from bot.wecom.call import Answer, Caller, pages

GROUPS_PER_PAGE = 1000
OWNERS_MAX = 100


class GroupStatus(IntEnum):
    """Whether the owner is still there."""

    ALL = 0  # only as a filter
    OWNER_LEFT = 1
    INHERITING = 2
    INHERITED = 3


class Groups:
    def __init__(self, call: Caller) -> None:
        self._call = call

    async def all_ids(self, *, owners: Sequence[str] = (), status: GroupStatus = GroupStatus.ALL) -> AsyncIterator[str]:
        """The chat_ids of these owners' groups, of everybody's without owners (refused above 1000 owners)."""
        batches = [list(owners[at : at + OWNERS_MAX]) for at in range(0, len(owners), OWNERS_MAX)] or [[]]
        for batch in batches:
            body: dict[str, object] = {"status_filter": int(status), "limit": GROUPS_PER_PAGE}
            if batch:
                body["owner_filter"] = {"userid_list": batch}
            async for row in self._rows(body):
                yield str(row["chat_id"])

    async def get(self, chat_id: str, *, with_names: bool = True) -> Answer:
        """Name, owner, notice, members and ``member_version``. Right after an event the members may lag behind."""
        body = {"chat_id": chat_id, "need_name": int(with_names)}
        return dict((await self._call.post("externalcontact/groupchat/get", body))["group_chat"])

    async def chat_id_of(self, opengid: str) -> str:
        return str((await self._call.post("externalcontact/opengid_to_chatid", {"opengid": opengid}))["chat_id"])

    async def _rows(self, body: dict[str, object]) -> AsyncIterator[Answer]:
        async def fetch(cursor: str) -> Answer:
            return await self._call.post("externalcontact/groupchat/list", {**body, "cursor": cursor})

        async for page in pages(fetch):
            for row in page.get("group_chat_list", []):
                yield row
