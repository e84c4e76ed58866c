"""Settings: one frozen dataclass, read from the environment once. The table in docs/settings.md is made from it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from bot.wecom.envelope import decode_aes_key

PREFIX = "XIAOER_"
# Values printed in public documentation or in our own examples: anybody could sign with them.
PUBLISHED_SECRETS = frozenset(
    {
        "QDG6eK",
        "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
        "192006250b4c09247ec02edce69f6a2d",
        "changeme",
        "secret",
        "password",
    }
)


class SettingsError(Exception):
    """The environment does not describe a shop we can serve; the text says what to set."""


def _setting(default: str, about: str, *, secret: bool = False) -> str:
    value: str = field(default=default, metadata={"about": about, "secret": secret})
    return value


@dataclass(frozen=True, slots=True)
class Settings:
    """Every value is a string as the environment gives it; typed readings are properties."""

    database_url: str = _setting(
        "sqlite+aiosqlite:///xiaoer.sqlite3",
        "SQLAlchemy URL; PostgreSQL: postgresql+asyncpg://…",
        secret=True,
    )
    host: str = _setting("127.0.0.1", "address the server listens on")
    port: str = _setting("8080", "port the server listens on")
    public_url: str = _setting("", "address customers and staff reach us at; https makes cookies Secure")
    shop_name: str = _setting("小店", "the shop's name in scripts: {店铺名}")
    simulated: str = _setting("", "1 when WeCom and WeChat Pay are simulated; the console says so on every page")
    wecom_base_url: str = _setting("https://qyapi.weixin.qq.com", "WeCom's API host")
    wecom_corpid: str = _setting("", "the corp's id: ww…")
    wecom_agentid: str = _setting("0", "the app's AgentId, for messages to staff and their login")
    wecom_secret: str = _setting("", "secret of the app that may call the API", secret=True)
    wecom_token: str = _setting("", "Token of the callback", secret=True)
    wecom_aes_key: str = _setting("", "EncodingAESKey of the callback, 43 characters", secret=True)
    archive_library: str = _setting("", "path of WeCom's Finance SDK, libWeWorkFinanceSdk_C.so (not ours to ship)")
    archive_url: str = _setting("", "address of the simulated archive, instead of the library")
    archive_proxy: str = _setting("", "proxy of the archive: http://host:port or socks5://host:port")
    archive_proxy_password: str = _setting("", "user:pass of that proxy", secret=True)
    archive_media: str = _setting("", "folder for files of archived messages; empty: files are not fetched")
    archive_secret: str = _setting("", "secret of the message archive", secret=True)
    archive_keys: str = _setting("", "folder with one private key for each publickey_ver: 1.pem, 2.pem, …")
    pay_base_url: str = _setting("https://api.mch.weixin.qq.com", "WeChat Pay's API host")
    pay_mch_id: str = _setting("", "merchant number; empty: no red packets are sent")
    pay_api_key: str = _setting("", "API v2 key of the merchant, 32 characters", secret=True)
    pay_wxappid: str = _setting("", "appid that issued the openid that is paid")
    pay_client_ip: str = _setting("127.0.0.1", "our IPv4 address as WeChat Pay sees it")
    pay_certificate: str = _setting("", "PEM file with the merchant API certificate and its key")

    @property
    def is_simulated(self) -> bool:
        return self.simulated == "1"

    @property
    def pays(self) -> bool:
        return bool(self.pay_mch_id)

    @property
    def archives(self) -> bool:
        return bool(self.archive_url or self.archive_library)

    @property
    def callback_aes_key(self) -> bytes:
        return decode_aes_key(self.wecom_aes_key)

    @property
    def archive_key_files(self) -> dict[int, Path]:
        """publickey_ver → PEM file."""
        return {int(file.stem): file for file in sorted(Path(self.archive_keys).glob("*.pem")) if file.stem.isdigit()}


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read ``XIAOER_…``; a misspelt name is an error, not a silent default."""
    known = {PREFIX + f.name.upper(): f.name for f in fields(Settings)}
    unknown = sorted(
        name for name in environment if name.startswith(PREFIX) and name not in known and not _is_for_tests(name)
    )
    if unknown:
        raise SettingsError(f"unknown settings: {', '.join(unknown)}; see docs/settings.md")
    return Settings(**{known[name]: value for name, value in environment.items() if name in known})


def check_can_serve(settings: Settings) -> None:
    """Refuse to start without what the job needs, or with secrets that everybody knows."""
    wanted = ["wecom_corpid", "wecom_secret", "wecom_token", "wecom_aes_key"]
    if settings.pays:
        wanted += ["pay_api_key", "pay_wxappid"]
    if settings.archives:
        wanted += ["archive_secret", "archive_keys"]
    if settings.archive_url and settings.archive_library:
        raise SettingsError(f"set {PREFIX}ARCHIVE_LIBRARY or {PREFIX}ARCHIVE_URL (simulated), not both")
    missing = [PREFIX + name.upper() for name in wanted if not getattr(settings, name)]
    if missing:
        raise SettingsError(f"not set: {', '.join(missing)}; see docs/settings.md, or try `xiaoer demo`")
    try:
        decode_aes_key(settings.wecom_aes_key)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}WECOM_AES_KEY: {error}") from None
    public = [
        f.name for f in fields(settings) if f.metadata["secret"] and getattr(settings, f.name) in PUBLISHED_SECRETS
    ]
    if public:
        names = ", ".join(PREFIX + name.upper() for name in public)
        raise SettingsError(
            f"{names}: this value is printed in public documentation; anybody could sign with it. Make your own"
        )
    if settings.archives and not settings.archive_key_files:
        raise SettingsError(f"{PREFIX}ARCHIVE_KEYS: no file like 1.pem in that folder")


def _is_for_tests(name: str) -> bool:
    return name.startswith((PREFIX + "TEST_", PREFIX + "CHROMIUM", PREFIX + "SHARED"))
