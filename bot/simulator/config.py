"""The settings of one simulated corp: its secrets, its callback address, its limits, and how strict it is.

Everything a real administrator would find in the admin pages of WeCom and WeChat Pay, plus the knobs
that decide where the platform's documents leave a choice.
"""

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

AES_KEY_CHARS = 43
DRIFT_DEFAULT = 0.2  # chance that a reply or an event carries a field nobody has heard of


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How callbacks are repeated: platform reference 1.5 (five seconds, then again)."""

    attempts: int = 4
    pause_s: float = 1.0
    timeout_s: float = 5.0
    retry_on_status: bool = False  # older pages: any status but 200 is repeated; newer ones: only no answer


@dataclass(frozen=True, slots=True)
class App:
    """One more secret, with the paths it may call (a prefix such as ``kf/``)."""

    secret: str
    agentid: int
    rights: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PayLimits:
    """WeChat Pay's limits for cash red packets: payments reference A1.7."""

    per_second: int = 30
    amount_fen_min: int = 100
    amount_fen_max: int = 20_000
    scene_amount_fen_min: int = 30
    scene_amount_fen_max: int = 500_000
    user_day_fen_max: int = 100_000
    user_day_count_max: int = 10
    merchant_day_fen_max: int = 100_000_000
    repeat_interval: timedelta = timedelta(seconds=1)
    number_life: timedelta = timedelta(hours=24)
    unopened_life: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """One corp. ``archive_public_keys`` maps ``publickey_ver`` to a PEM; empty switches the archive off."""

    corpid: str
    agentid: int
    secret: str
    token: str
    encoding_aes_key: str
    callback_url: str
    mch_id: str
    api_key: str
    wxappid: str
    archive_secret: str
    archive_public_keys: Mapping[int, str] = field(default_factory=dict)
    apps: tuple[App, ...] = ()
    retry: RetryPolicy = RetryPolicy()
    pay_limits: PayLimits = PayLimits()
    token_life: timedelta = timedelta(seconds=7200)
    calls_per_minute: int = 10_000
    calls_per_minute_by_path: Mapping[str, int] = field(default_factory=dict)
    tokenless_sync_per_minute: int = 600  # kf/sync_msg without a push's token; the real figure is not published
    drift: float = DRIFT_DEFAULT
    kf_empty_pages: float = 0.1
    kf_repeated_msgid_errcode: int = 40058  # the code for a msgid used twice is not documented
    chat_ends_welcome: bool = True  # a customer who has written first gets no welcome message: 41051
    deleted_follower_lingers: timedelta = timedelta(0)
    media_life: timedelta = timedelta(days=3)
    group_data_delay: timedelta = timedelta(seconds=2)  # members of a group are read late after an event
    group_pushes_name_members: bool = True  # False: older pushes, without MemChangeList
    group_send_dispatch: timedelta = timedelta(seconds=2)  # results asked for earlier are 41063
    group_sends_per_customer_month: int = 30  # the rule differs by corp and changes: reference 3.14
    transfer_wait: timedelta = timedelta(hours=24)
    login_code_life: timedelta = timedelta(minutes=5)
    archive_notify_gap: timedelta = timedelta(seconds=15)
    archive_window: timedelta = timedelta(days=5)
    refusals_look_like_sending: bool = False  # payments reference A2.3: a refused number shows SENDING for a day
    repeat_of_paid_number_succeeds: bool = True  # False: a repeat of a paid number is answered with a failure


def make_config(
    callback_url: str,
    *,
    rng: random.Random,
    archive_public_keys: Mapping[int, str] | None = None,
    retry: RetryPolicy | None = None,
) -> WorldConfig:
    """A corp with fresh ids and secrets in the platform's shapes, for demos and tests."""
    letters = string.ascii_letters + string.digits

    def text(length: int, alphabet: str = letters) -> str:
        return "".join(rng.choices(alphabet, k=length))

    return WorldConfig(
        corpid="ww" + text(16, "0123456789abcdef"),
        agentid=1_000_002,
        secret=text(43),
        token=text(32),
        encoding_aes_key=text(AES_KEY_CHARS),  # two spare bits at the end, not always zero: decoders must be lenient
        callback_url=callback_url,
        mch_id="1" + text(9, string.digits),
        api_key=text(32),
        wxappid="wx" + text(16, "0123456789abcdef"),
        archive_secret=text(43),
        archive_public_keys=archive_public_keys or {},
        retry=retry or RetryPolicy(),
    )
