"""What the API may read and change about customers: platform reference 3.6, 3.7, 3.9, 3.10 and 3.11."""

from bot.simulator.contacts import WELCOME_LIFE, Contact, Contacts, ContactWay, Follow, Welcome
from bot.simulator.context import Context
from bot.simulator.replies import Fields, JsonObject, PlatformError, page
from bot.simulator.tags import Tags

FOLLOW_PAGE_MAX = 500
WELCOME_TEXT_BYTES_MAX = 4000
ATTACHMENTS_MAX = 9
ATTACHMENT_KEYS = {"image": (), "link": ("title", "url"), "miniprogram": ("title", "pic_media_id", "appid", "page"),
                   "video": ("media_id",), "file": ("media_id",)}  # fmt: skip
WAY_PEOPLE_MAX = 100


class ContactCalls:
    def __init__(self, context: Context, contacts: Contacts, tags: Tags) -> None:
        self._context, self._contacts, self._tags = context, contacts, tags

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
        attachments = fields.rows("attachments", count_max=ATTACHMENTS_MAX, too_many=41064)
        kinds = tuple(_check_attachment(attachment) for attachment in attachments)
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

    def add_contact_way(self, fields: Fields) -> JsonObject:
        kind = fields.integer("type", missing=41037)
        scene = fields.integer("scene", missing=41038)
        if kind not in (1, 2):
            raise PlatformError(41039)
        if scene not in (1, 2):
            raise PlatformError(41040)
        userids = fields.texts("user", count_max=WAY_PEOPLE_MAX, too_many=41041)
        if not userids or (kind == 1 and len(userids) != 1):
            raise PlatformError(40058, "user")
        members = tuple(self._contacts.staff_member(userid).userid for userid in userids)
        way = ContactWay(
            "",
            kind=kind,
            scene=scene,
            channel_state=fields.text_or("state", chars_max=30),
            userids=members,
            remark=fields.text_or("remark", chars_max=30),
            skip_verify=fields.truth("skip_verify", default=True),
        )
        config_id = self._contacts.put_way(way)
        reply: JsonObject = {"config_id": config_id}
        return reply | ({"qr_code": _qr_code(config_id)} if scene == 2 else {})

    def get_contact_way(self, fields: Fields) -> JsonObject:
        way = self._contacts.ways.get(fields.text("config_id", missing=41043))
        if way is None:
            raise PlatformError(41044)
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


def _check_attachment(attachment: Fields) -> str:
    kind = attachment.text("msgtype", missing=41065)
    if kind not in ATTACHMENT_KEYS:
        raise PlatformError(41065)
    body = attachment.table(kind)
    if body is None:
        raise PlatformError(40058, kind)
    for name in ATTACHMENT_KEYS[kind]:
        body.text(name, bytes_max=2048)
    if kind == "image" and not (body.text_or("media_id") or body.text_or("pic_url")):
        raise PlatformError(40058, "media_id")
    title_max = {"link": 128, "miniprogram": 64}.get(kind)
    body.text_or("title", bytes_max=title_max)
    body.text_or("desc", bytes_max=512)
    return kind


def _qr_code(config_id: str) -> str:
    return f"https://simulated.invalid/contact-way/{config_id}.png"
