"""The examination: which checks there are, in the order WeCom hides its troubles, and the command's work."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from sqlalchemy.exc import ArgumentError

from bot.doctor import archive, callback, ground, pay, wecom, work
from bot.doctor.findings import Check, Finding, Outcome, State, examine, worst
from bot.doctor.services import ArchiveFetch, DoctorServices, open_services
from bot.doctor.table import print_findings
from bot.settings import Settings

_Question = Callable[[DoctorServices], Awaitable[Outcome]]
_QUESTIONS: tuple[tuple[str, str, _Question, tuple[str, ...]], ...] = (
    ("settings", "设置", ground.check_settings, ()),
    ("secrets", "密钥", ground.check_secrets, ("settings",)),
    ("database", "数据库", ground.check_database, ()),
    ("schema", "数据库版本", ground.check_schema, ("database",)),
    ("journal", "数据库落盘", ground.check_journal, ("database",)),
    ("public_url", "对外地址", callback.check_public_url, ()),
    ("callback_echo", "回调回显", callback.check_echo, ("settings",)),
    ("wecom_address", "企业微信接口", wecom.check_address, ()),
    ("wecom_clock", "时钟（企业微信）", wecom.check_clock, ("wecom_address",)),
    ("wecom_token", "应用密钥", wecom.check_token, ("settings", "wecom_address")),
    ("trusted_address", "企业可信IP", wecom.check_trusted_address, ("wecom_token",)),
    ("contact_permission", "客户联系权限", wecom.check_permission, ("trusted_address",)),
    ("app_scope", "应用可见范围", wecom.check_scope, ("contact_permission",)),
    ("kf", "微信客服", wecom.check_kf, ("trusted_address",)),
    ("archive_fetch", "会话存档", archive.check_fetch, ("settings", "schema")),
    ("archive_keys", "存档私钥", archive.check_keys, ("settings", "schema")),
    ("archive_continuity", "存档连续", archive.check_continuity, ("schema",)),
    ("archive_quarantine", "存档解密", archive.check_quarantine, ("schema",)),
    ("pay_certificate", "商户证书", pay.check_certificate, ()),
    ("pay_merchant", "微信支付", pay.check_merchant, ("settings",)),
    ("pay_clock", "时钟（微信支付）", pay.check_clock, ("pay_merchant",)),
    ("pay_switch", "红包开关", pay.check_switch, ("schema",)),
    ("workers", "工作进程", work.check_workers, ("schema",)),
    ("waiting", "待办", work.check_waiting, ("schema",)),
    ("dead_letters", "放弃的事项", work.check_dead_letters, ("schema",)),
    ("ledger", "红包账本", pay.check_ledger, ("schema",)),
)


async def run_checks(services: DoctorServices) -> list[Finding]:
    """One examination: about a second, plus what the network takes. Changes nothing."""
    return await examine([Check(key, name, partial(ask, services), needs) for key, name, ask, needs in _QUESTIONS])


async def run_doctor(
    settings: Settings, *, clock: Callable[[], datetime] | None = None, archive: ArchiveFetch | None = None
) -> int:
    """Examine, print the table, and return the exit code: 0 when nothing failed."""
    try:
        async with open_services(settings, clock=clock, archive=archive) as services:
            findings = await run_checks(services)
    except (ArgumentError, ImportError) as error:  # said before anything else can be looked at
        seen = f"XIAOER_DATABASE_URL 读不懂，或缺少它的驱动（{type(error).__name__}）"
        advice = "写成 sqlite+aiosqlite:///文件 或 postgresql+asyncpg://…；后者要安装 xiaoer[postgresql]"
        findings = [Finding("database", "数据库", State.FAIL, seen, advice)]
    print_findings(findings, simulated=settings.is_simulated)
    return 1 if worst(findings) is State.FAIL else 0
