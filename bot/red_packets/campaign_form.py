"""The campaign form: typed texts in, a CampaignForm out, and back. Times are typed in Beijing time."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from bot.money import NotAnAmount, parse_yuan
from bot.red_packets.campaigns import CampaignForm, check_form
from bot.red_packets.engine import BEIJING
from bot.red_packets.errors import InvalidCampaign
from bot.red_packets.tables import RedPacketCampaign

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the fields, as typed; shown again when something is wrong."""

    name: str = ""
    amount: str = "2.00"
    budget: str = "1000.00"
    min_paid: str = "0.00"
    platforms: str = ""  # names separated by commas or blanks; empty: all
    per_contact_max: str = "1"
    requires_finished: str = ""
    hold_days: str = "7"
    starts_at: str = ""
    ends_at: str = ""
    enabled: str = ""
    send_name: str = ""
    wishing: str = "感谢您的购买，祝您生活愉快"
    act_name: str = "购物回馈"
    remark: str = "感谢您的惠顾"
    scene_id: str = "PRODUCT_1"

    @classmethod
    def of(cls, posted: Mapping[str, object]) -> "Typed":
        texts = {field.name: posted.get(field.name, "") for field in fields(cls)}
        return cls(**{name: text.strip()[:500] if isinstance(text, str) else "" for name, text in texts.items()})


EMPTY = Typed(requires_finished="1")


def read_form(typed: Typed) -> CampaignForm:
    """The form's meaning. Raises InvalidCampaign with a sentence for every field that has none."""
    errors: dict[str, str] = {}

    def fen(field: str, text: str) -> int:
        try:
            return parse_yuan(text)
        except NotAnAmount as wrong:
            errors[field] = wrong.why
            return 0

    def whole(field: str, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 4):
            errors[field] = "请填写一个整数"
            return 0
        return int(text)

    def moment(field: str, text: str) -> datetime:
        try:
            return datetime.fromisoformat(text).replace(tzinfo=BEIJING)
        except ValueError:
            errors[field] = "请选择日期和时间"
            return _NEVER

    form = CampaignForm(
        name=typed.name,
        amount_fen=fen("amount", typed.amount),
        budget_fen=fen("budget", typed.budget),
        min_paid_fen=fen("min_paid", typed.min_paid or "0"),
        platforms=tuple(typed.platforms.replace("，", ",").replace("、", ",").replace(",", " ").split()),
        per_contact_max=whole("per_contact_max", typed.per_contact_max),
        requires_finished=bool(typed.requires_finished),
        hold_days=whole("hold_days", typed.hold_days),
        starts_at=moment("starts_at", typed.starts_at),
        ends_at=moment("ends_at", typed.ends_at),
        enabled=bool(typed.enabled),
        send_name=typed.send_name,
        wishing=typed.wishing,
        act_name=typed.act_name,
        remark=typed.remark,
        scene_id=typed.scene_id,
    )
    if problems := check_form(form) | errors:
        raise InvalidCampaign(problems)
    return form


def typed_of(campaign: RedPacketCampaign) -> Typed:
    """A saved campaign as it stands in the fields."""

    def yuan(amount_fen: int) -> str:
        return f"{amount_fen // 100}.{amount_fen % 100:02d}"

    return Typed(
        name=campaign.name,
        amount=yuan(campaign.amount_fen),
        budget=yuan(campaign.budget_fen),
        min_paid=yuan(campaign.min_paid_fen),
        platforms=" ".join(campaign.platforms),
        per_contact_max=str(campaign.per_contact_max),
        requires_finished="1" if campaign.requires_finished else "",
        hold_days=str(campaign.hold_days),
        starts_at=f"{campaign.starts_at.astimezone(BEIJING):%Y-%m-%dT%H:%M}",
        ends_at=f"{campaign.ends_at.astimezone(BEIJING):%Y-%m-%dT%H:%M}",
        enabled="1" if campaign.enabled else "",
        send_name=campaign.send_name,
        wishing=campaign.wishing,
        act_name=campaign.act_name,
        remark=campaign.remark,
        scene_id=campaign.scene_id,
    )
