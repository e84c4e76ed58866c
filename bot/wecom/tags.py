"""Corp tags: platform reference 3.8."""

from collections.abc import Sequence
from typing import Any

from bot.wecom.call import Answer, Caller, given


class Tags:
    def __init__(self, call: Caller) -> None:
        self._call = call

    async def groups(self, *, tag_ids: Sequence[str] = (), group_ids: Sequence[str] = ()) -> list[Answer]:
        """All groups with their tags, or those asked for."""
        body = given(tag_id=list(tag_ids) or None, group_id=list(group_ids) or None)
        answer = await self._call.post("externalcontact/get_corp_tag_list", body)
        return list(answer.get("tag_group", []))

    async def add(self, group_name: str, names: Sequence[str]) -> Answer:
        """New tags in the group of that name, which is made when there is none."""
        body = {"group_name": group_name, "tag": [{"name": name} for name in names]}
        return dict((await self._call.post("externalcontact/add_corp_tag", body)).get("tag_group", {}))

    async def edit(self, tag_or_group_id: str, *, name: str | None = None, order: int | None = None) -> None:
        body = {"id": tag_or_group_id, **given(name=name, order=order)}
        await self._call.post("externalcontact/edit_corp_tag", body)

    async def delete(self, *, tag_ids: Sequence[str] = (), group_ids: Sequence[str] = ()) -> None:
        """A group disappears with its last tag. At least one id."""
        body = given(tag_id=list(tag_ids) or None, group_id=list(group_ids) or None)
        await self._call.post("externalcontact/del_corp_tag", body)

    async def mark(self, userid: str, external_userid: str, *, add: Sequence[str], remove: Sequence[str] = ()) -> None:
        """At least one list must not be empty."""
        body: dict[str, Any] = {"userid": userid, "external_userid": external_userid}
        body |= {name: list(ids) for name, ids in (("add_tag", add), ("remove_tag", remove)) if ids}
        await self._call.post("externalcontact/mark_tag", body)
