"""Customers and the staff who follow them: platform reference 3.6, 3.7, 3.9 and 3.11."""

from collections.abc import AsyncIterator, Sequence

from bot.wecom.attachments import Attachment
from bot.wecom.call import Answer, Caller, given, pages
from bot.wecom.errors import Refused

NO_CUSTOMERS = 84061
FOLLOWERS_PER_CALL = 100


class Contacts:
    def __init__(self, call: Caller) -> None:
        self._call = call

    async def follow_users(self) -> list[str]:
        """The userids of staff who may have customers."""
        answer = await self._call.get("externalcontact/get_follow_user_list")
        return [str(userid) for userid in answer["follow_user"]]

    async def of_staff(self, userid: str) -> list[str]:
        """The external_userids of one staff member; none at all is an empty list, not an error."""
        try:
            answer = await self._call.get("externalcontact/list", {"userid": userid})
        except Refused as error:
            if error.errcode == NO_CUSTOMERS:
                return []
            raise
        return [str(one) for one in answer["external_userid"]]

    async def get(self, external_userid: str, *, cursor: str = "") -> Answer:
        """One page of followers: 500, then ``next_cursor``."""
        params = {"external_userid": external_userid} | ({"cursor": cursor} if cursor else {})
        return await self._call.get("externalcontact/get", params)

    async def get_whole(self, external_userid: str) -> Answer:
        """The customer with every follower, however many pages they take."""
        whole: Answer = {}
        async for page in pages(lambda cursor: self.get(external_userid, cursor=cursor)):
            followers = [*whole.get("follow_user", []), *page.get("follow_user", [])]
            whole = {**page, "follow_user": followers}
        return whole

    async def batch_by_staff(self, userids: Sequence[str], *, cursor: str = "", limit: int = 100) -> Answer:
        """One page of these staff members' customers, with ``follow_info``; at most 100 staff in a call."""
        body = {"userid_list": list(userids), "cursor": cursor, "limit": limit}
        return await self._call.post("externalcontact/batch/get_by_user", body)

    async def all_by_staff(self, userids: Sequence[str]) -> AsyncIterator[Answer]:
        """Every row of ``batch_by_staff`` for any number of staff."""
        for at in range(0, len(userids), FOLLOWERS_PER_CALL):
            some = userids[at : at + FOLLOWERS_PER_CALL]
            async for page in pages(lambda cursor, some=some: self.batch_by_staff(some, cursor=cursor)):  # type: ignore[misc]  # the default binds this round's staff
                for row in page.get("external_contact_list", []):
                    yield row

    async def list_page(self, *, cursor: str = "", limit: int = 1000) -> Answer:
        """``contact_list``: customers and other people met in groups, a page."""
        return await self._call.post("externalcontact/contact_list", {"cursor": cursor, "limit": limit})

    async def remark(
        self,
        userid: str,
        external_userid: str,
        *,
        remark: str | None = None,
        description: str | None = None,
        company: str | None = None,
        mobiles: Sequence[str] | None = None,
    ) -> None:
        """Change only what is given; an empty list of mobiles clears them."""
        phone_numbers = None if mobiles is None else list(mobiles) or [""]
        fields = given(
            remark=remark, description=description, remark_company=company, remark_mobiles=phone_numbers
        )  # fmt: skip
        body = {"userid": userid, "external_userid": external_userid, **fields}
        await self._call.post("externalcontact/remark", body)

    async def send_welcome(self, welcome_code: str, text: str, attachments: Sequence[Attachment] = ()) -> None:
        """Within 20 s of the event, once."""
        body = given(
            welcome_code=welcome_code,
            text={"content": text} if text else None,
            attachments=[one.as_json() for one in attachments] or None,
        )
        await self._call.post("externalcontact/send_welcome_msg", body)

    async def openid(self, external_userid: str) -> str:
        answer = await self._call.post("externalcontact/convert_to_openid", {"external_userid": external_userid})
        return str(answer["openid"])

    async def staff(self, userid: str) -> Answer:
        """The directory's record of a staff member."""
        return await self._call.get("user/get", {"userid": userid})
