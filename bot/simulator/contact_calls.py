"""What the API may read and change about customers: platform reference 3.6, 3.7, 3.9 and 3.11."""

from bot.simulator.attachments import check_attachments
from bot.simulator.contacts import WELCOME_LIFE, Contact, Contacts, Follow, Welcome
from bot.simulator.context import Context
from bot.simulator.media import Media
from bot.simulator.replies import Fields, JsonObject, PlatformError, page
from bot.simulator.tags import Tags

FOLLOW_PAGE_MAX = 500
WELCOME_TEXT_BYTES_MAX = 4000


class ContactCalls:
    def __init__(self, context: Context, contacts: Contacts, tags: Tags, media: Media) -> None:
        self._context, self._contacts, self._tags, self._media = context, contacts, tags, media

    # Reading

    def get_follow_user_list(self, _fields: Fields) -> JsonObject:
        return {"follow_user": [member.userid for member in self._contacts.staff.values()]}

    def list_contacts(self, fields: Fields) -> JsonObject:
        member = self._contacts.staff_member(fields.text("userid", missing=40003))
        ids = [follow.external_userid for follow in self._contacts.follows_of(member.userid)]
        if not ids:
            raise PlatformError(84061, external_userid=[])
        return {"external_userid": ids}

    def get_contact(self, fields: Fields) -> JsonObject:
        external_userid = fields.text("external_userid", missing=41035)
        if external_userid not in self._contacts.people:
            raise PlatformError(40096, follow_user=[])
        person = self._contacts.people[external_userid]
        follows = list(self._contacts.visible_follows(person.external_userid))
        if not follows:
            raise PlatformError(84061, follow_user=[])
        rows = [self._follow_json(follow) | {"tags": self._tags.of(follow)} for follow in follows]
        shown, next_cursor = page(rows, cursor=fields.text_or("cursor"), limit=FOLLOW_PAGE_MAX)
        reply: JsonObject = {"external_contact": _person_json(person), "follow_user": shown}
        return reply | ({"next_cursor": next_cursor} if next_cursor else {})

    def batch_get_by_user(self, fields: Fields) -> JsonObject:
        userids = fields.texts("userid_list", count_max=100)
        if not userids:
            raise PlatformError(40063, "userid_list")
        limit = fields.integer("limit", 50, low=1, high=100)
        follows = [follow for userid in userids for follow in self._contacts.follows_of(userid)]
        rows: list[JsonObject] = [
            {
                "external_contact": _person_json(self._contacts.people[follow.external_userid]),
                "follow_info": self._follow_json(follow) | {"tag_id": sorted(follow.tag_ids)},
            }
            for follow in follows
        ]
        shown, next_cursor = page(rows, cursor=fields.text_or("cursor"), limit=limit)
        return {"external_contact_list": shown, "next_cursor": next_cursor}

    def contact_list(self, fields: Fields) -> JsonObject:
        """Everybody outside, once per follower."""
        limit = fields.integer("limit", 1000, low=1, high=1000)
        people = self._contacts.people
        rows: list[JsonObject] = [
            {
                "is_customer": True,
                "external_userid": follow.external_userid,
                "name": people[follow.external_userid].name,
                "follow_userid": follow.userid,
                "add_time": int(follow.created_at.timestamp()),
            }
            for follow in self._contacts.follows.values()
            if follow.removed_at is None and not follow.half
        ]
        shown, next_cursor = page(rows, cursor=fields.text_or("cursor"), limit=limit)
        return {"info_list": shown, "next_cursor": next_cursor}

    def user_get(self, fields: Fields) -> JsonObject:
        member = self._contacts.staff_member(fields.text("userid", missing=40003))
        return {
            "userid": member.userid.lower(),  # some replies lower it (reference 0.4)
            "name": member.name,
            "department": [member.department],
            "main_department": member.department,
            "status": 1,
        }

    # Changing

    def remark(self, fields: Fields) -> JsonObject:
        follow = self._follow(fields)
        person = self._contacts.people[follow.external_userid]
        if "remark_company" in fields and not person.external_userid.startswith("wm"):
            raise PlatformError(40058, "remark_company")
        remark = fields.text_or("remark", follow.remark, chars_max=20)
        description = fields.text_or("description", follow.description, chars_max=150)
        company = fields.text_or("remark_company", follow.remark_company, chars_max=20)
        mobiles = [m for m in fields.texts("remark_mobiles", count_max=5) if m]
        follow.remark, follow.description, follow.remark_company = remark, description, company
        if "remark_mobiles" in fields:
            follow.remark_mobiles = mobiles
        return {}

    def mark_tag(self, fields: Fields) -> JsonObject:
        fields.text("userid", missing=40003)
        add = fields.texts("add_tag", count_max=3000)
        remove = fields.texts("remove_tag", count_max=3000)
        if not add and not remove:
            raise PlatformError(40063, "add_tag")
        follow = self._follow(fields)
        for tag_id in (*add, *remove):
            if tag_id not in self._tags.tags:
                raise PlatformError(40068)
        follow.tag_ids.update(add)
        follow.tag_ids.difference_update(remove)
        return {}

    def send_welcome_msg(self, fields: Fields) -> JsonObject:
        code = self._contacts.welcome_codes.get(fields.text("welcome_code", missing=41049))
        text = fields.table("text")
        content = text.text_or("content", bytes_max=WELCOME_TEXT_BYTES_MAX) if text else ""
        kinds = check_attachments(fields, self._media)
        if not content and not kinds:
            raise PlatformError(40063, "text")
        if code is None or self._context.clock() > code.issued_at + WELCOME_LIFE:
            raise PlatformError(41050)
        follow = self._contacts.follows.get((code.userid, code.external_userid))
        chatting = follow is not None and follow.chatting and self._context.config.chat_ends_welcome
        if code.used or chatting:
            raise PlatformError(41051)
        code.used = True
        sent = Welcome(code.external_userid, content, self._context.clock(), code.userid, kinds)
        self._contacts.welcomes.append(sent)
        return {}

    def convert_to_openid(self, fields: Fields) -> JsonObject:
        person = self._person(fields.text("external_userid", missing=41035))
        if not person.external_userid.startswith("wm"):
            raise PlatformError(43004)  # users of another corp's WeCom have no openid
        return {"openid": self._contacts.openid_of(person.external_userid)}

    def _follow(self, fields: Fields) -> Follow:
        userid = fields.text("userid", missing=40003)
        return self._contacts.follow(userid, fields.text("external_userid", missing=41035))

    def _person(self, external_userid: str) -> Contact:
        person = self._contacts.people.get(external_userid)
        if person is None:
            raise PlatformError(40096)
        return person

    def _follow_json(self, follow: Follow) -> JsonObject:
        return {
            "userid": follow.userid,
            "remark": follow.remark or self._contacts.people[follow.external_userid].name,
            "description": follow.description,
            "createtime": int(follow.created_at.timestamp()),
            "remark_corp_name": follow.remark_company,
            "remark_mobiles": list(follow.remark_mobiles),
            "oper_userid": follow.external_userid,
            "add_way": follow.add_way,
            "state": follow.channel_state,
        }


def _person_json(person: Contact) -> JsonObject:
    shown: JsonObject = {
        "external_userid": person.external_userid,
        "name": person.name,
        "avatar": "",
        "type": 1 if person.external_userid.startswith("wm") else 2,
        "gender": person.gender,
    }
    return shown | ({"unionid": person.unionid} if person.unionid else {})
