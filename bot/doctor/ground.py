"""The ground everything stands on: settings, secrets, database, schema, journal."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from bot import schema
from bot.doctor.findings import Outcome, fail, ok, skipped, warn
from bot.doctor.services import DoctorServices
from bot.settings import PREFIX, PUBLISHED_SECRETS, Settings, SettingsError, check_can_serve
from bot.wecom.envelope import decode_aes_key

WHERE = {
    "wecom_corpid": "管理后台 →「我的企业」→ 企业信息最下面的「企业ID」",
    "wecom_secret": "管理后台 →「应用管理」→ 自建应用 → Secret",
    "wecom_token": "自建应用 →「接收消息」→ 设置 API 接收 → Token",
    "wecom_aes_key": "自建应用 →「接收消息」→ 设置 API 接收 → EncodingAESKey",
    "archive_secret": "管理后台 →「管理工具」→「会话内容存档」→ Secret",
    "archive_keys": "放私钥的文件夹：1.pem、2.pem……文件名是公钥版本号",
    "pay_api_key": "微信支付商户平台 →「账户中心」→「API安全」→ APIv2 密钥",
    "pay_wxappid": "与商户号绑定的 appid（企业微信管理后台 →「应用管理」→「企业支付」）",
}
SECRET_CHARS_MIN = 8


async def check_settings(services: DoctorServices) -> Outcome:
    """Everything the job needs is set and has the right shape."""
    settings = services.settings
    wanted = ["wecom_corpid", "wecom_secret", "wecom_token", "wecom_aes_key"]
    wanted += ["pay_api_key", "pay_wxappid"] if settings.pays else []
    wanted += ["archive_secret", "archive_keys"] if settings.archives else []
    missing = [name for name in wanted if not getattr(settings, name)]
    if missing:
        where = "；".join(f"{_name(name)}：{WHERE[name]}" for name in missing)
        return fail(f"没有设置 {'、'.join(map(_name, missing))}", where)
    try:
        decode_aes_key(settings.wecom_aes_key)
    except ValueError:
        return fail(
            f"{_name('wecom_aes_key')} 不是 43 位字母数字",
            f"从{WHERE['wecom_aes_key']}原样复制，不要带空格或等号",
        )
    if settings.archives and not settings.archive_key_files:
        return fail(
            "会话存档的私钥文件夹里没有 1.pem 这样的文件", f"{_name('archive_keys')} 指向{WHERE['archive_keys']}"
        )
    parts = ["企业微信"] + ["会话存档"] * settings.archives + ["红包"] * settings.pays
    return ok(f"齐全：{'、'.join(parts)}")


async def check_secrets(services: DoctorServices) -> Outcome:
    """No secret that anybody could look up; whatever else ``serve`` would refuse is said here as well."""
    settings = services.settings
    held = {one.name: str(getattr(settings, one.name)) for one in fields(Settings) if one.metadata["secret"]}
    public = [_name(name) for name, value in held.items() if value in PUBLISHED_SECRETS]
    if public:
        return fail(
            f"{'、'.join(public)} 是公开文档里印着的值",
            "任何人都能冒充企业微信：在管理后台点「随机获取」重新生成，再改这里的设置",
        )
    short = [_name(name) for name, value in held.items() if value and len(value) < SECRET_CHARS_MIN]
    if short:
        return warn(f"{'、'.join(short)} 太短，容易被猜到", "在管理后台点「随机获取」换成长的")
    try:
        check_can_serve(settings)
    except SettingsError as error:
        return fail("xiaoer serve 会拒绝启动", str(error))
    return ok("没有公开过的密钥")


async def check_database(services: DoctorServices) -> Outcome:
    """Reachable. A SQLite file that is not there is not made by asking."""
    url = make_url(services.settings.database_url)
    if services.database.is_sqlite and url.database and not _is_there(url.database):
        return fail(
            f"数据库文件 {url.database} 还不存在",
            "先运行 xiaoer migrate；若本应有数据，检查 XIAOER_DATABASE_URL 和当前目录",
        )
    try:
        async with services.database.read() as db:
            await db.execute(text("SELECT 1"))
    except Exception as error:  # noqa: BLE001  # every driver has its own kinds of "no"
        return fail(
            f"连不上 {url.get_backend_name()}（{type(error).__name__}）",
            "检查 XIAOER_DATABASE_URL 的地址、账号和密码，以及数据库是否在运行",
        )
    return ok(url.get_backend_name())


async def check_schema(services: DoctorServices) -> Outcome:
    """The newest revision, neither older nor one this version does not know."""
    async with services.database.engine.connect() as connection:
        current, head, known = await connection.run_sync(_revisions)
    if current == head:
        return ok(f"最新（{head}）")
    if current is None:
        return fail("数据库里还没有小二的表", "运行 xiaoer migrate")
    if not known:
        return fail(f"数据库的版本 {current} 比这个程序新", "换回升级数据库时所用的小二版本，或更新到更高版本")
    return fail(f"数据库还是 {current}，最新是 {head}", "先备份，再运行 xiaoer migrate")


async def check_journal(services: DoctorServices) -> Outcome:
    """What is committed must survive a power cut: WAL and FULL on SQLite, synchronous commits on PostgreSQL."""
    async with services.database.read() as db:
        if services.database.is_sqlite:
            mode = str((await db.execute(text("PRAGMA journal_mode"))).scalar())
            level = int((await db.execute(text("PRAGMA synchronous"))).scalar() or 0)
            if mode.lower() != "wal":
                return warn(f"日志模式是 {mode}，不是 WAL", "把数据库文件放在本机磁盘上（网络盘不支持 WAL）")
            return ok(f"WAL，synchronous={level}")
        fsync = str((await db.execute(text("SHOW fsync"))).scalar())
        commit = str((await db.execute(text("SHOW synchronous_commit"))).scalar())
    if "off" in {fsync, commit}:
        return warn(
            f"fsync={fsync}，synchronous_commit={commit}",
            "断电会丢掉已经答应企业微信的回调：在 PostgreSQL 配置里把两项都打开",
        )
    return ok(f"fsync={fsync}，synchronous_commit={commit}")


def not_configured(what: str, setting: str) -> Outcome:
    return skipped(f"没有配置{what}（{PREFIX}{setting.upper()} 为空）")


def _is_there(file: str) -> bool:
    return Path(file).exists()


def _revisions(connection: Connection) -> tuple[str | None, str, bool]:
    scripts = ScriptDirectory.from_config(schema.alembic_config(connection))
    current = MigrationContext.configure(connection).get_current_revision()
    head: Any = scripts.get_current_head()
    return current, str(head), any(script.revision == current for script in scripts.walk_revisions())


def _name(setting: str) -> str:
    return PREFIX + setting.upper()
