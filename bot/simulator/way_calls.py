"""Contact ways (渠道活码) through the API: platform reference 3.10."""

from dataclasses import replace
from datetime import timedelta

from bot.simulator.contacts import Contacts, ContactWay
from bot.simulator.context import Context
from bot.simulator.replies import Fields, JsonObject, PlatformError, page

WAY_PEOPLE_MAX = 100
WAYS_MAX = 500_000
LIST_SPAN = timedelta(days=90)
FIXED = ("type", "scene", "is_temp")


class WayCalls:
    def __init__(self, context: Context, contacts: Contacts) -> None:
        self._context, self._contacts = context, contacts

    def add(self, fields: Fields) -> JsonObject:
        kind = fields.integer("type", missing=41037)
        scene = fields.integer("scene", missing=41038)
        if kind not in (1, 2):
            raise PlatformError(41039)
        if scene not in (1, 2):
            raise PlatformError(41040)
        if len(self._contacts.ways) >= WAYS_MAX:
            raise PlatformError(41045)
        way = ContactWay(
            "",
            kind=kind,
            scene=scene,
            channel_state=fields.text_or("state", chars_max=30),
            userids=self._people(fields, kind),
            remark=fields.text_or("remark", chars_max=30),
            skip_verify=fields.truth("skip_verify", default=True),
            by_api=True,
        )
        config_id = self._contacts.put_way(way)
        reply: JsonObject = {"config_id": config_id}
        return reply | ({"qr_code": _qr_code(config_id)} if scene == 2 else {})

    def get(self, fields: Fields) -> JsonObject:
        way = self._way(fields)
        shown: JsonObject = {
            "config_id": way.config_id,
            "type": way.kind,
            "scene": way.scene,
            "state": way.channel_state,
            "remark": way.remark,
            "skip_verify": way.skip_verify,
            "user": list(way.userids),
            "party": [],
        }
        return {"contact_way": shown | ({"qr_code": _qr_code(way.config_id)} if way.scene == 2 else {})}

    def update(self, fields: Fields) -> JsonObject:
        way = self._way(fields)
        if any(name in fields for name in FIXED):
            raise PlatformError(40058, "type")
        userids = self._people(fields, way.kind) if "user" in fields else way.userids
        self._contacts.ways[way.config_id] = replace(
            way,
            userids=userids,
            channel_state=fields.text_or("state", way.channel_state, chars_max=30),
            remark=fields.text_or("remark", way.remark, chars_max=30),
            skip_verify=fields.truth("skip_verify", default=way.skip_verify),
        )
        return {}

    def delete(self, fields: Fields) -> JsonObject:
        del self._contacts.ways[self._way(fields).config_id]
        return {}

    def list_all(self, fields: Fields) -> JsonObject:
        """Only ways made by API; those of the admin page stay hidden."""
        now = self._context.unix()
        start = fields.integer("start_time", now - int(LIST_SPAN.total_seconds()))
        end = fields.integer("end_time", now)
        limit = fields.integer("limit", 100, low=1, high=1000)
        rows: list[JsonObject] = [
            {"config_id": way.config_id}
            for way in self._contacts.ways.values()
            if way.by_api and start <= way.created_at.timestamp() <= end
        ]
        shown, next_cursor = page(rows, cursor=fields.text_or("cursor"), limit=limit)
        return {"contact_way": shown, "next_cursor": next_cursor}

    def _way(self, fields: Fields) -> ContactWay:
        way = self._contacts.ways.get(fields.text("config_id", missing=41043))
        if way is None:
            raise PlatformError(41044)
        return way

    def _people(self, fields: Fields, kind: int) -> tuple[str, ...]:
        userids = fields.texts("user", count_max=WAY_PEOPLE_MAX, too_many=41041)
        if not userids or (kind == 1 and len(userids) != 1):
            raise PlatformError(40058, "user")
        return tuple(self._contacts.staff_member(userid).userid for userid in userids)


def _qr_code(config_id: str) -> str:
    return f"https://simulated.invalid/contact-way/{config_id}.png"
