"""微信客服 records: the cursor of each account, and what a record of kf/sync_msg says."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import mailbox
from bot.conversations.store import Said
from bot.conversations.tables import KfCursor
from bot.kinds import InboxKind
from bot.mailbox import Lane, Letter
from kernel.database import count_changed, insert_once

CUSTOMER, SERVICER = 3, 5  # origin (platform reference 4.3); 4 is a system event
LABELS = {
    "image": "[图片]",
    "voice": "[语音]",
    "video": "[视频]",
    "file": "[文件]",
    "location": "[位置]",
    "link": "[链接]",
    "business_card": "[名片]",
    "miniprogram": "[小程序]",
    "msgmenu": "[菜单]",
    "merged_msg": "[聊天记录]",
    "channels_shop_order": "[视频号订单]",
    "channels_shop_product": "[视频号商品]",
}


async def get_cursor(db: AsyncSession, open_kfid: str) -> str:
    """Where to go on reading; empty for an account never read."""
    return await db.scalar(select(KfCursor.cursor).where(KfCursor.open_kfid == open_kfid)) or ""


async def list_accounts(db: AsyncSession) -> list[str]:
    """The accounts that were ever read."""
    return list(await db.scalars(select(KfCursor.open_kfid).order_by(KfCursor.open_kfid)))


async def store_page(db: AsyncSession, open_kfid: str, page: Mapping[str, Any], *, cursor: str, now: datetime) -> int:
    """Put a page's records into the inbox and move the cursor with them; returns how many are new.

    A page that another worker has stored since ``cursor`` was read changes nothing.
    """
    await insert_once(db, KfCursor, {"open_kfid": open_kfid, "cursor": ""}, unique=("open_kfid",))
    move = update(KfCursor).where(KfCursor.open_kfid == open_kfid, KfCursor.cursor == cursor)
    if not await count_changed(db, move.values(cursor=str(page.get("next_cursor") or cursor), pulled_at=now)):
        return 0
    letters = [
        Letter(InboxKind.KF_MESSAGE, record, f"kf:{record['msgid']}"[:128], subject=str(record.get("external_userid")))
        for record in page.get("msg_list", [])
        if record.get("msgtype") != "event" and record.get("external_userid")
    ]
    return len(await mailbox.put_many(db, Lane.MESSAGES, letters, now=now))


def to_said(record: Mapping[str, Any]) -> Said:
    """What a record says. Unknown types keep their raw body."""
    msgtype = str(record.get("msgtype", ""))[:32]
    text = str(record.get("text", {}).get("content", "")) if msgtype == "text" else LABELS.get(msgtype, "[其他消息]")
    return Said(
        key=f"kf:{record['msgid']}"[:128],
        origin="kf",
        external_userid=str(record["external_userid"])[:64],
        partner=str(record.get("open_kfid", ""))[:64],
        role={CUSTOMER: "customer", SERVICER: "staff"}.get(int(record.get("origin", 0)), "system"),
        msgtype=msgtype,
        text=text,
        sent_at=datetime.fromtimestamp(int(record.get("send_time", 0)), UTC),
        body={} if msgtype == "text" else dict(record),
    )
