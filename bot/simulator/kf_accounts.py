"""Customer-service accounts, links and servicers through the API: platform reference 4.9."""

import re

from bot.simulator.contacts import Contacts
from bot.simulator.context import Context
from bot.simulator.kf import Kf
from bot.simulator.media import Media
from bot.simulator.replies import Fields, JsonObject, PlatformError

ACCOUNTS_MAX = 5000
NAME_CHARS_MAX = 16
SERVICERS_PER_CALL = 100
SCENE = re.compile(r"[0-9a-zA-Z_-]{0,32}")


class KfAccounts:
    def __init__(self, context: Context, contacts: Contacts, kf: Kf, media: Media) -> None:
        self._context, self._contacts, self._kf, self._media = context, contacts, kf, media

    def list_all(self, fields: Fields) -> JsonObject:
        offset = fields.integer("offset", 0)
        limit = fields.integer("limit", 100, low=1, high=100)
        rows = [
            {"open_kfid": account.open_kfid, "name": account.name, "avatar": "", "manage_privilege": True}
            for account in self._kf.accounts.values()
        ]
        return {"account_list": rows[offset : offset + limit]}

    def add(self, fields: Fields) -> JsonObject:
        if len(self._kf.accounts) >= ACCOUNTS_MAX:
            raise PlatformError(95005)
        name = _name(fields)
        self._media.living(fields.text_or("media_id"))
        return {"open_kfid": self._kf.add_account(self._context.new_id("wk", 32), name)}

    def update(self, fields: Fields) -> JsonObject:
        account = self._kf.account(fields.text_or("open_kfid"))
        if "media_id" in fields:
            self._media.living(fields.text_or("media_id"))
        if "name" in fields:
            account.name = _name(fields)
        return {}

    def delete(self, fields: Fields) -> JsonObject:
        del self._kf.accounts[self._kf.account(fields.text_or("open_kfid")).open_kfid]
        return {}

    def add_contact_way(self, fields: Fields) -> JsonObject:
        account = self._kf.account(fields.text_or("open_kfid"))
        scene = fields.text_or("scene")
        if not SCENE.fullmatch(scene):
            raise PlatformError(40058, "scene")
        return {"url": f"https://work.weixin.qq.com/kf/kfc{account.open_kfid[-8:]}?enc_scene={scene}"}

    def servicer_add(self, fields: Fields) -> JsonObject:
        account = self._kf.account(fields.text_or("open_kfid"))
        rows: list[JsonObject] = []
        for userid in _userids(fields):
            member = self._contacts.staff.get(userid.lower())
            if member:
                account.servicers.add(member.userid)
            rows.append(_result(userid, 0 if member else 60111))
        return {"result_list": rows}

    def servicer_del(self, fields: Fields) -> JsonObject:
        account = self._kf.account(fields.text_or("open_kfid"))
        rows: list[JsonObject] = []
        for userid in _userids(fields):
            rows.append(_result(userid, 0 if userid in account.servicers else 95014))
            account.servicers.discard(userid)
            account.stopped.discard(userid)
        return {"result_list": rows}

    def servicer_list(self, fields: Fields) -> JsonObject:
        """Status 0 serves and 1 has stopped: here, not in events."""
        account = self._kf.account(fields.text_or("open_kfid"))
        rows: list[JsonObject] = [
            {"userid": userid, "status": int(userid in account.stopped)} for userid in sorted(account.servicers)
        ]
        return {"servicer_list": rows}


def _userids(fields: Fields) -> list[str]:
    userids = fields.texts("userid_list", count_max=SERVICERS_PER_CALL, too_many=40032)
    if not userids:
        raise PlatformError(40063, "userid_list")
    return userids


def _name(fields: Fields) -> str:
    name = fields.text("name", missing=95006)
    if len(name) > NAME_CHARS_MAX:
        raise PlatformError(95006)
    return name


def _result(userid: str, errcode: int) -> JsonObject:
    return {"userid": userid, "errcode": errcode, "errmsg": "ok" if errcode == 0 else PlatformError(errcode).text}
