"""Who is archived and who has agreed: platform reference 5.10. The misspelt field name is the platform's."""

from datetime import datetime

from bot.simulator.contacts import Contacts
from bot.simulator.context import Context
from bot.simulator.groups import Groups
from bot.simulator.replies import Fields, JsonObject, PlatformError

PAIRS_MAX = 100
AGREE, DISAGREE, BY_DEFAULT = "Agree", "Disagree", "Default_Agree"


class Consents:
    def __init__(self, context: Context, contacts: Contacts, groups: Groups) -> None:
        self._context, self._contacts, self._groups = context, contacts, groups
        self._said: dict[str, tuple[str, datetime]] = {}  # external_userid → what, and when

    def say(self, external_userid: str, *, agrees: bool) -> None:
        """The customer answers the question of the client."""
        self._said[external_userid] = (AGREE if agrees else DISAGREE, self._context.clock())

    def get_permit_user_list(self, fields: Fields) -> JsonObject:
        self._check_enabled()
        fields.integer("type", 1, low=1, high=3)
        return {"ids": [member.userid for member in self._contacts.staff.values()]}

    def check_single_agree(self, fields: Fields) -> JsonObject:
        self._check_enabled()
        rows: list[JsonObject] = []
        for pair in fields.rows("info", count_max=PAIRS_MAX, too_many=301060):
            external_userid = pair.text("exteranalopenid", missing=41035)
            follow = self._contacts.follow(pair.text("userid", missing=40003), external_userid)
            rows.append(self._row(external_userid, follow.created_at) | {"userid": follow.userid})
        if not rows:
            raise PlatformError(40063, "info")
        return {"agreeinfo": rows}

    def check_room_agree(self, fields: Fields) -> JsonObject:
        self._check_enabled()
        group = self._groups.living(fields.text("roomid", missing=40050))
        return {
            "agreeinfo": [
                self._row(member.one_id, member.joined_at)
                for member in group.now.members
                if member.one_id in self._contacts.people
            ]
        }

    def _row(self, external_userid: str, since: datetime) -> JsonObject:
        status, at = self._said.get(external_userid, (BY_DEFAULT, since))
        changed_at = int(at.timestamp())
        return {"exteranalopenid": external_userid, "agree_status": status, "status_change_time": changed_at}

    def _check_enabled(self) -> None:
        if not self._context.config.archive_public_keys:
            raise PlatformError(301053)
