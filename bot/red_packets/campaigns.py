"""Campaigns and the kill switch: saving a form, funding the budget, one campaign at a time."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.money import format_yuan
from bot.red_packets.eligibility import find_review_bait
from bot.red_packets.engine import Account
from bot.red_packets.errors import InvalidCampaign
from bot.red_packets.ledger import post
from bot.red_packets.tables import RedPacketCampaign, RedPacketSwitch
from bot.wechat_pay.messages import LENGTHS_MAX, SCENE_FREE_FEN
from kernel.database import count_changed

TEXTS: Mapping[str, str] = {"send_name": "商户名称", "wishing": "祝福语", "act_name": "活动名称", "remark": "备注"}
NAME_LENGTH_MAX = 60
BUDGET_MAX_FEN = 1_000_000_00  # WeChat's limit of one day for one merchant
AMOUNT_MAX_FEN = 200_00
HOLD_DAYS_MAX = 90
_SWITCH_ID = 1


@dataclass(frozen=True, slots=True)
class CampaignForm:
    """What a shop decides about a campaign."""

    name: str
    amount_fen: int
    budget_fen: int
    starts_at: datetime
    ends_at: datetime
    min_paid_fen: int = 0
    platforms: tuple[str, ...] = ()  # empty: every platform
    per_contact_max: int = 1
    requires_finished: bool = True
    hold_days: int = 7
    enabled: bool = False
    send_name: str = ""
    wishing: str = "感谢您的购买，祝您生活愉快"
    act_name: str = "购物回馈"
    remark: str = "感谢您的惠顾"
    scene_id: str = "PRODUCT_1"


def check_form(form: CampaignForm) -> dict[str, str]:
    """Field → sentence for everything that cannot be saved."""
    return _check_texts(form) | _check_money(form) | _check_limits(form)


async def add_campaign(db: AsyncSession, form: CampaignForm, *, by: str, now: datetime) -> RedPacketCampaign:
    """Save a new campaign and fund its budget. Raises InvalidCampaign."""
    if errors := check_form(form):
        raise InvalidCampaign(errors)
    campaign = RedPacketCampaign(
        **asdict(form) | {"platforms": list(form.platforms)},
        remaining_fen=form.budget_fen,
        created_at=now,
        changed_at=now,
        changed_by=by,
    )
    db.add(campaign)
    await db.flush()
    fund = [(Account.BUDGET, Account.FUNDING)]
    post(db, fund, amount_fen=form.budget_fen, campaign_id=campaign.id, packet_id=None, now=now)
    await _only_one(db, campaign)
    return campaign


async def change_campaign(
    db: AsyncSession, campaign_id: int, form: CampaignForm, *, by: str, now: datetime
) -> RedPacketCampaign:
    """Change a campaign; the budget can shrink only by what is still free. Raises InvalidCampaign, LookupError."""
    if errors := check_form(form):
        raise InvalidCampaign(errors)
    campaign = await get_campaign(db, campaign_id)
    old_budget_fen = campaign.budget_fen
    more_fen = form.budget_fen - old_budget_fen
    changed = await count_changed(
        db,
        update(RedPacketCampaign)
        .where(
            RedPacketCampaign.id == campaign_id,
            RedPacketCampaign.budget_fen == old_budget_fen,
            RedPacketCampaign.remaining_fen + more_fen >= 0,
        )
        .values(
            **asdict(form) | {"platforms": list(form.platforms)},
            remaining_fen=RedPacketCampaign.remaining_fen + more_fen,
            changed_at=now,
            changed_by=by,
        )
        .execution_options(synchronize_session=False),
    )
    if not changed:
        used = format_yuan(old_budget_fen - campaign.remaining_fen)
        raise InvalidCampaign({"budget": f"已经预留和发出 {used} 元，总预算不能低于它"})
    if more_fen:
        move = (Account.BUDGET, Account.FUNDING) if more_fen > 0 else (Account.FUNDING, Account.BUDGET)
        post(db, [move], amount_fen=abs(more_fen), campaign_id=campaign_id, packet_id=None, now=now)
    campaign = await get_campaign(db, campaign_id)
    await _only_one(db, campaign)
    return campaign


async def get_campaign(db: AsyncSession, campaign_id: int) -> RedPacketCampaign:
    """The campaign as the database has it now. Raises LookupError."""
    found = await db.get(RedPacketCampaign, campaign_id, populate_existing=True)
    if found is None:
        raise LookupError(f"no campaign {campaign_id}")
    return found


async def list_campaigns(db: AsyncSession) -> list[RedPacketCampaign]:
    """All campaigns, the newest first; a shop has a handful."""
    return list(await db.scalars(select(RedPacketCampaign).order_by(RedPacketCampaign.id.desc())))


async def get_open_campaign(db: AsyncSession, *, now: datetime) -> RedPacketCampaign | None:
    """The campaign that pays now, if one does."""
    return (
        await db.scalars(
            select(RedPacketCampaign)
            .where(RedPacketCampaign.enabled, RedPacketCampaign.starts_at <= now, RedPacketCampaign.ends_at > now)
            .order_by(RedPacketCampaign.id.desc())
            .limit(1)
        )
    ).one_or_none()


async def get_switch(db: AsyncSession) -> RedPacketSwitch | None:
    """The kill switch's row. Without one nothing is sent: absent configuration means closed."""
    return await db.get(RedPacketSwitch, _SWITCH_ID, populate_existing=True)


async def is_sending_open(db: AsyncSession) -> bool:
    """Read the switch inside the sending transaction; on PostgreSQL a change of it waits for that transaction."""
    row = await db.scalar(
        select(RedPacketSwitch)
        .where(RedPacketSwitch.id == _SWITCH_ID)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    return row is not None and row.open


async def set_switch(db: AsyncSession, *, is_open: bool, by: str, now: datetime, why: str = "") -> None:
    """Open or close sending for the whole shop. Queries go on: what has left is still followed."""
    await db.merge(RedPacketSwitch(id=_SWITCH_ID, open=is_open, changed_at=now, changed_by=by, why=why))
    await db.flush()


async def _only_one(db: AsyncSession, campaign: RedPacketCampaign) -> None:
    if campaign.enabled:
        others = update(RedPacketCampaign).where(RedPacketCampaign.id != campaign.id, RedPacketCampaign.enabled)
        await db.execute(others.values(enabled=False).execution_options(synchronize_session=False))


def _check_texts(form: CampaignForm) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not 0 < len(form.name) <= NAME_LENGTH_MAX:
        errors["name"] = f"请填写活动名，最多 {NAME_LENGTH_MAX} 个字"
    elif bait := find_review_bait(form.name):
        errors["name"] = _bait_sentence(bait)
    for field, label in TEXTS.items():
        text = getattr(form, field)
        if not text.strip():
            errors[field] = f"请填写{label}"
        elif len(text.encode()) > LENGTHS_MAX[field]:
            errors[field] = f"{label}太长：最多 {LENGTHS_MAX[field]} 字节，约 {LENGTHS_MAX[field] // 3} 个汉字"
        elif re.search("[\x00-\x1f\x7f]", text):
            errors[field] = f"{label}里有换行或不可见字符，请删掉"
        elif bait := find_review_bait(text):
            errors[field] = _bait_sentence(bait)
    return errors


def _check_money(form: CampaignForm) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not SCENE_FREE_FEN.start <= form.amount_fen <= AMOUNT_MAX_FEN:
        errors["amount"] = "每个红包 1 元到 200 元"
    elif form.budget_fen < form.amount_fen:
        errors["budget"] = "总预算至少要够发一个红包"
    if form.budget_fen > BUDGET_MAX_FEN:
        errors["budget"] = f"总预算最多 {format_yuan(BUDGET_MAX_FEN)} 元"
    if form.min_paid_fen < 0:
        errors["min_paid"] = "最低实付金额不能为负"
    return errors


def _check_limits(form: CampaignForm) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not 1 <= form.per_contact_max <= 100:
        errors["per_contact_max"] = "每位客户 1 到 100 个"
    if not 0 <= form.hold_days <= HOLD_DAYS_MAX:
        errors["hold_days"] = f"等待天数 0 到 {HOLD_DAYS_MAX} 天"
    if form.ends_at <= form.starts_at:
        errors["ends_at"] = "结束时间要晚于开始时间"
    if not re.fullmatch("PRODUCT_[1-8]", form.scene_id):
        errors["scene_id"] = "请选择发放场景"
    return errors


def _bait_sentence(words: str) -> str:
    return f"「{words}」像是用红包换好评或点赞，法律不允许。请改成感谢购买的话"
