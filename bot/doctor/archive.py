"""The message archive: may we fetch, do we hold the right private keys, what lies in quarantine, are we behind."""

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import func, select

from bot.archive.errors import DecoderDied, DecoderResting, LibraryAbsent, advice
from bot.archive.ledger import Progress, get_ledger, get_progress
from bot.archive.tables import Envelope
from bot.doctor.findings import Outcome, fail, ok, warn
from bot.doctor.ground import not_configured
from bot.doctor.services import DoctorServices
from bot.wecom.errors import Refused, WeComError

LAG_WARN = timedelta(minutes=10)
LAG_FAIL = timedelta(days=4)  # on the fifth day WeCom forgets
KEY_BITS_MIN = 2048
_PAGE = "管理后台 →「管理工具」→「会话内容存档」"
FAULTS = {
    10009: ("出口地址不可信", f"{_PAGE}→「可信IP地址」，加上这台机器的出口地址"),
    40001: ("存档的 Secret 不对", f"{_PAGE}→ 重新查看 Secret，改 XIAOER_ARCHIVE_SECRET（与自建应用的 Secret 不同）"),
    40013: ("企业ID 不对", "核对 XIAOER_WECOM_CORPID"),
    41001: ("存档不认我们", f"{_PAGE}→ 核对 Secret（XIAOER_ARCHIVE_SECRET）和「可信IP地址」"),
    301042: ("出口地址不可信", f"{_PAGE}→「可信IP地址」，加上这台机器的出口地址"),
    301052: ("会话存档服务已到期", f"{_PAGE}→ 续期"),
    301053: ("会话存档没有开通，或没有上传公钥", f"{_PAGE}→ 开通服务，设置开启范围，上传公钥"),
}


async def check_fetch(services: DoctorServices) -> Outcome:
    """Pull one record from where the reader stands: nothing is stored, nothing is skipped."""
    if services.archive is None:
        return not_configured("会话存档", "archive_url")
    async with services.database.read() as db:
        progress = await get_progress(db)
    try:
        page = await services.archive.fetch(progress.seq, limit=1)
    except WeComError as error:
        return _judge_refusal(error)
    if not page:
        return ok(f"能取，已取到最新（第 {progress.seq} 条）")
    return _judge_lag(progress, now=services.clock())


async def check_keys(services: DoctorServices) -> Outcome:
    """A private key for every version that was used; each a readable RSA key, and of the pair that was uploaded."""
    if services.archive is None:
        return not_configured("会话存档", "archive_url")
    files = services.settings.archive_key_files
    for version, file in files.items():
        try:
            key = load_pem_private_key(file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            return fail(
                f"{file.name} 读不了（{type(error).__name__}）", "它应当是没有密码的 PEM 私钥，小二的账号可以读"
            )
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < KEY_BITS_MIN:
            return fail(f"{file.name} 不是 RSA 2048 私钥", f"换成第 {version} 版公钥的那一把私钥")
    counted: dict[int, dict[str, int]] = {}
    async with services.database.read() as db:
        query = select(Envelope.publickey_ver, Envelope.state, func.count())
        for version, state, count in await db.execute(query.group_by(Envelope.publickey_ver, Envelope.state)):
            counted.setdefault(version, {})[state] = count
    unopened = {v: n.get("waiting", 0) + n.get("quarantined", 0) for v, n in counted.items()}
    missing = [version for version, count in sorted(unopened.items()) if count and version not in files]
    if missing:
        count = sum(unopened[version] for version in missing)
        names = "、".join(f"{version}.pem" for version in missing)
        return fail(
            f"{count} 条消息要用第 {'、'.join(map(str, missing))} 版私钥，这里没有",
            f"把 {names} 放进 XIAOER_ARCHIVE_KEYS 的文件夹，重启后在控制台「会话存档」点「重试解密」；"
            f"若从没有过这一版，到{_PAGE}核对公钥版本号",
        )
    never = [v for v, n in sorted(counted.items()) if n.get("quarantined") and not n.get("opened")]
    if never:
        return fail(
            f"第 {'、'.join(map(str, never))} 版私钥一条消息也没有解开",
            f"它与上传的公钥不是一对：到{_PAGE}核对公钥，换上对应的私钥，再在控制台「会话存档」点「重试解密」",
        )
    return ok(f"私钥 {len(files)} 把：第 {'、'.join(map(str, files))} 版")


async def check_quarantine(services: DoctorServices) -> Outcome:
    if services.archive is None:
        return not_configured("会话存档", "archive_url")
    async with services.database.read() as db:
        rows = await db.execute(select(Envelope.state, func.count()).group_by(Envelope.state))
        counts = {str(state): int(count) for state, count in rows}
        oldest = await db.scalar(select(func.min(Envelope.fetched_at)).where(Envelope.state == "waiting"))
    age = services.clock() - oldest if oldest else timedelta(0)
    if age > LAG_WARN:
        return warn(
            f"{counts['waiting']} 条消息等着解密，最早的等了{_span(age)}", "确认 xiaoer serve 或 xiaoer work 在运行"
        )
    quarantined = counts.get("quarantined", 0)
    if quarantined:
        return warn(f"{quarantined} 条消息解不开，已隔离", "控制台「会话存档」写着每一条的原因；修好以后点「重试解密」")
    return ok(f"没有隔离的消息，已解开 {counts.get('opened', 0)} 条")


async def check_continuity(services: DoctorServices) -> Outcome:
    """Numbers that never came. WeCom's own jumps are normal; what expired before we fetched it is lost."""
    if services.archive is None:
        return not_configured("会话存档", "archive_url")
    async with services.database.read() as db:
        ledger = await get_ledger(db, now=services.clock())
    if ledger.lost:
        last = ledger.lost[-1]
        return warn(
            f"停取超过 5 天，丢了 {len(ledger.lost)} 段消息，最近一段在第 {last.after_seq} 和 {last.next_seq} 条之间",
            "企业微信不再保留，取不回来了：查清那几天为什么没有取（见「会话存档」页），让工作进程一直运行",
        )
    jumps = f"，企业微信自己跳号 {len(ledger.holes)} 处（正常）" if ledger.holes else ""
    return ok(f"存了 {ledger.stored} 条，没有丢失{jumps}")


def _judge_refusal(error: WeComError) -> Outcome:
    if isinstance(error, Refused):
        said, remedy = FAULTS.get(error.errcode, ("取不到会话存档", advice(error)))
        return fail(f"{said}（{error.errcode}）", remedy)
    if isinstance(error, LibraryAbsent | DecoderDied | DecoderResting):
        return fail(f"会话存档的官方库用不了（{type(error).__name__}）", advice(error))
    return fail(f"取不到会话存档（{type(error).__name__}）", "检查 XIAOER_ARCHIVE_URL 和到它的网络")


def _judge_lag(progress: Progress, *, now: datetime) -> Outcome:
    """There is more to fetch: a matter of seconds while somebody fetches."""
    behind = now - progress.pulled_at if progress.pulled_at else None
    if behind is not None and behind <= LAG_WARN:
        return ok(f"能取（停在第 {progress.seq} 条，后面还有，正在取）")
    since = f"{_span(behind)}没有取过" if behind else "从来没有取过"
    judge = fail if behind and behind > LAG_FAIL else warn
    return judge(
        f"有新消息，{since}（停在第 {progress.seq} 条）",
        "确认 xiaoer serve 或 xiaoer work 在运行，且回调里能收到「会话存档通知」；企业微信只保留 5 天",
    )


def _span(age: timedelta) -> str:
    seconds = age.total_seconds()
    for size, unit in ((86_400, "天"), (3_600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f" {seconds / size:.0f} {unit}"
    return f" {seconds:.0f} 秒"
