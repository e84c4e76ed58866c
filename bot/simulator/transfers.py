"""Inheritance (在职 / 离职继承): platform reference 3.13. Customers change hands after 24 h, groups at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.simulator.contacts import Contacts, Staff
from bot.simulator.context import Context
from bot.simulator.groups import Groups
from bot.simulator.replies import Fields, JsonObject, PlatformError, page

CUSTOMERS_MAX = CHATS_MAX = 100
MESSAGE_CHARS_MAX = 200
MOVES_MAX, MOVES_SPAN = 2, timedelta(days=90)
RESULTS_PER_PAGE = 1000
DONE, WAITING, REFUSED, FULL = 1, 2, 3, 4


@dataclass(slots=True)
class Transfer:
    external_userid: str
    handover: str
    takeover: str
    asked_at: datetime
    resigned: bool
    status: int = WAITING
    taken_at: datetime | None = None


class Transfers:
    def __init__(self, context: Context, contacts: Contacts, groups: Groups) -> None:
        self._context, self._contacts, self._groups = context, contacts, groups
        self.transfers: list[Transfer] = []
        self.full: set[str] = set()  # userids whose customer limit is reached

    # What time and people do

    def tick(self) -> None:
        """What nobody refused within 24 hours takes effect."""
        now = self._context.clock()
        for transfer in self.transfers:
            if transfer.status == WAITING and now >= transfer.asked_at + self._context.config.transfer_wait:
                self._finish(transfer, now)

    def refuse(self, external_userid: str) -> None:
        """The customer does not want to be handed over."""
        transfer = next(t for t in self.transfers if t.external_userid == external_userid and t.status == WAITING)
        transfer.status = REFUSED
        self._contacts.fail_transfer(external_userid, transfer.takeover, "customer_refused")

    # What the API does

    def transfer_customer(self, fields: Fields) -> JsonObject:
        handover = self._contacts.staff_member(fields.text("handover_userid", missing=40003))
        fields.text_or("transfer_success_msg", chars_max=MESSAGE_CHARS_MAX)
        return self._ask(fields, handover, resigned=False)

    def transfer_resigned_customer(self, fields: Fields) -> JsonObject:
        return self._ask(fields, self._leaver(fields), resigned=True)

    def transfer_result(self, fields: Fields) -> JsonObject:
        return self._results(fields, resigned=False)

    def transfer_resigned_result(self, fields: Fields) -> JsonObject:
        return self._results(fields, resigned=True)

    def get_unassigned_list(self, fields: Fields) -> JsonObject:
        limit = fields.integer("page_size", 1000, low=1, high=1000)
        rows: list[JsonObject] = [
            {
                "handover_userid": member.userid,
                "external_userid": follow.external_userid,
                "dimission_time": int(left_at.timestamp()),
            }
            for member, left_at in self._contacts.departed.values()
            for follow in self._contacts.follows_of(member.userid)
        ]
        shown, next_cursor = page(rows, cursor=fields.text_or("cursor"), limit=limit)
        return {"info": shown, "is_last": not next_cursor, "next_cursor": next_cursor}

    def transfer_groups_of_leaver(self, fields: Fields) -> JsonObject:
        return self._move_groups(fields, resigned=True)

    def transfer_groups_onjob(self, fields: Fields) -> JsonObject:
        return self._move_groups(fields, resigned=False)

    def _ask(self, fields: Fields, handover: Staff, *, resigned: bool) -> JsonObject:
        takeover = self._contacts.staff_member(fields.text("takeover_userid", missing=40003))
        if takeover.userid == handover.userid:
            raise PlatformError(40130)
        wanted = fields.texts("external_userid", count_max=CUSTOMERS_MAX, too_many=40032)
        if not wanted:
            raise PlatformError(40063, "external_userid")
        now = self._context.clock()
        rows: list[JsonObject] = []
        for external_userid in wanted:
            errcode = self._objection(external_userid, handover, resigned=resigned)
            rows.append({"external_userid": external_userid, "errcode": errcode})
            if errcode == 0:
                asked = Transfer(external_userid, handover.userid, takeover.userid, now, resigned)
                self.transfers.append(asked)
        return {"customer": rows}

    def _objection(self, external_userid: str, handover: Staff, *, resigned: bool) -> int:
        if external_userid not in self._contacts.people:
            return 40096
        follow = self._contacts.follows.get((handover.userid, external_userid))
        if follow is None or follow.removed_at is not None or follow.half:
            return 40131
        earlier = [transfer for transfer in self.transfers if transfer.external_userid == external_userid]
        if any(transfer.status == WAITING for transfer in earlier):
            return 40100
        since = self._context.clock() - MOVES_SPAN
        recent = [transfer for transfer in earlier if not transfer.resigned and transfer.asked_at > since]
        return 40128 if not resigned and len(recent) >= MOVES_MAX else 0

    def _finish(self, transfer: Transfer, now: datetime) -> None:
        follow = self._contacts.follows.get((transfer.handover, transfer.external_userid))
        if transfer.takeover in self.full:
            transfer.status = FULL
            self._contacts.fail_transfer(transfer.external_userid, transfer.takeover, "customer_limit_exceed")
        elif follow is None or follow.removed_at is not None:
            transfer.status = REFUSED
        else:
            transfer.status, transfer.taken_at = DONE, now
            self._contacts.move_follow(follow, transfer.takeover)

    def _results(self, fields: Fields, *, resigned: bool) -> JsonObject:
        self.tick()
        handover = fields.text("handover_userid", missing=40003).lower()
        takeover = fields.text("takeover_userid", missing=40003).lower()
        rows: list[JsonObject] = [
            {
                "external_userid": transfer.external_userid,
                "status": transfer.status,
                "takeover_time": int(transfer.taken_at.timestamp()) if transfer.taken_at else 0,
            }
            for transfer in self.transfers
            if transfer.resigned is resigned
            and (transfer.handover.lower(), transfer.takeover.lower()) == (handover, takeover)
        ]
        shown, next_cursor = page(rows, cursor=fields.text_or("cursor"), limit=RESULTS_PER_PAGE)
        return {"customer": shown, "next_cursor": next_cursor}

    def _move_groups(self, fields: Fields, *, resigned: bool) -> JsonObject:
        owner = self._contacts.staff_member(fields.text("new_owner", missing=40003))
        wanted = fields.texts("chat_id_list", count_max=CHATS_MAX, too_many=40032)
        if not wanted:
            raise PlatformError(40063, "chat_id_list")
        failed: list[JsonObject] = []
        for chat_id in wanted:
            errcode = self._group_objection(chat_id, owner, resigned=resigned)
            if errcode:
                failed.append({"chat_id": chat_id, "errcode": errcode, "errmsg": PlatformError(errcode).text})
            else:
                self._groups.change_owner(self._groups.groups[chat_id], owner)
        return {"failed_chat_list": failed}

    def _group_objection(self, chat_id: str, owner: Staff, *, resigned: bool) -> int:
        group = self._groups.groups.get(chat_id)
        if group is None:
            return 90501
        if resigned:
            if group.owner.lower() in self._contacts.departed:
                return 0
            return 90508 if group.inherited else 90500
        if group.owner == owner.userid:
            return 90504
        since = self._context.clock() - MOVES_SPAN
        return 40128 if len([at for at in group.moves if at > since]) >= MOVES_MAX else 0

    def _leaver(self, fields: Fields) -> Staff:
        userid = fields.text("handover_userid", missing=40003).lower()
        if userid in self._contacts.staff:
            raise PlatformError(40097)
        if userid not in self._contacts.departed:
            raise PlatformError(60111)
        return self._contacts.departed[userid][0]
