"""Contact ways (渠道活码): platform reference 3.10."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.wecom.call import Answer, Caller, given, pages

ONE_PERSON, SEVERAL_PEOPLE = 1, 2
IN_MINI_PROGRAM, QR_CODE = 1, 2


@dataclass(frozen=True, slots=True)
class ContactWay:
    """A code customers scan. One userid makes it a way of type 1, several one of type 2."""

    userids: tuple[str, ...]
    channel_state: str
    remark: str = ""
    scene: int = QR_CODE
    skip_verify: bool = True
    is_exclusive: bool = False
    departments: tuple[int, ...] = ()

    @property
    def kind(self) -> int:
        return ONE_PERSON if len(self.userids) == 1 and not self.departments else SEVERAL_PEOPLE


@dataclass(frozen=True, slots=True)
class MadeWay:
    config_id: str
    qr_code: str  # empty for a button in a mini program


class Ways:
    def __init__(self, call: Caller) -> None:
        self._call = call

    async def add(self, way: ContactWay) -> MadeWay:
        body = {
            "type": way.kind,
            "scene": way.scene,
            "remark": way.remark,
            "skip_verify": way.skip_verify,
            "state": way.channel_state,
            "user": list(way.userids),
            "party": list(way.departments),
            "is_exclusive": way.is_exclusive,
        }
        answer = await self._call.post("externalcontact/add_contact_way", body)
        return MadeWay(str(answer["config_id"]), str(answer.get("qr_code", "")))

    async def get(self, config_id: str) -> Answer:
        return dict((await self._call.post("externalcontact/get_contact_way", {"config_id": config_id}))["contact_way"])

    async def update(
        self,
        config_id: str,
        *,
        userids: Sequence[str] | None = None,
        channel_state: str | None = None,
        remark: str | None = None,
        skip_verify: bool | None = None,
    ) -> None:
        """Change only what is given. Type, scene and temporariness cannot change."""
        users = None if userids is None else list(userids)
        fields = given(user=users, state=channel_state, remark=remark, skip_verify=skip_verify)
        await self._call.post("externalcontact/update_contact_way", {"config_id": config_id, **fields})

    async def delete(self, config_id: str) -> None:
        await self._call.post("externalcontact/del_contact_way", {"config_id": config_id})

    async def config_ids(self, *, start: datetime | None = None, end: datetime | None = None) -> AsyncIterator[str]:
        """The ways made by API, without the temporary ones; by default those of the last 90 days."""
        span = given(
            start_time=int(start.timestamp()) if start else None, end_time=int(end.timestamp()) if end else None
        )

        async def fetch(cursor: str) -> Answer:
            return await self._call.post("externalcontact/list_contact_way", {**span, "cursor": cursor, "limit": 1000})

        async for page in pages(fetch):
            for row in page.get("contact_way", []):
                yield str(row["config_id"])

    async def close_temporary_chat(self, userid: str, external_userid: str) -> None:
        body = {"userid": userid, "external_userid": external_userid}
        await self._call.post("externalcontact/close_temp_chat", body)
