"""Who is archived and who has agreed to it: platform reference 5.10. The misspelt field name is the platform's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.wecom.call import Answer, Caller

PAIRS_MAX = 100
OPENID = "exteranalopenid"


@dataclass(frozen=True, slots=True)
class Agreement:
    """``status`` is Agree, Disagree or Default_Agree. ``userid`` is empty for a room."""

    external_userid: str
    userid: str
    status: str
    since: datetime


class Consent:
    def __init__(self, call: Caller) -> None:
        self._call = call

    async def permitted_users(self, *, edition: int | None = None) -> list[str]:
        """The staff whose conversations are archived; ``edition`` 1 office, 2 service, 3 enterprise."""
        body = {} if edition is None else {"type": edition}
        return [str(one) for one in (await self._call.post("msgaudit/get_permit_user_list", body)).get("ids", [])]

    async def of_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Agreement]:
        """(userid, external_userid) → what the customer said; at most 100 in a call."""
        info = [{"userid": userid, OPENID: external_userid} for userid, external_userid in pairs]
        return _agreements(await self._call.post("msgaudit/check_single_agree", {"info": info}))

    async def of_room(self, roomid: str) -> list[Agreement]:
        return _agreements(await self._call.post("msgaudit/check_room_agree", {"roomid": roomid}))


def _agreements(answer: Answer) -> list[Agreement]:
    return [
        Agreement(
            external_userid=str(row.get(OPENID, "")),
            userid=str(row.get("userid", "")),
            status=str(row.get("agree_status", "")),
            since=datetime.fromtimestamp(int(row.get("status_change_time", 0)), UTC),
        )
        for row in answer.get("agreeinfo", [])
    ]
