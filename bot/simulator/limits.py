"""Access tokens and call frequency: platform reference 2.1, 2.2 and 2.4."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.simulator.config import App
from bot.simulator.context import Context
from bot.simulator.replies import Fields, JsonObject, PlatformError

ANYTHING = ("",)  # the prefix of every path
BLOCK = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class AccessToken:
    text: str
    app: App
    expires_at: datetime


class AccessTokens:
    """One living token per secret: asking again within its life brings the same one, not renewed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        main = App(context.config.secret, context.config.agentid, ANYTHING)
        self._apps = {app.secret: app for app in (main, *context.config.apps)}
        self._living: dict[str, AccessToken] = {}
        self._issued: dict[str, AccessToken] = {}
        self.dead_token_errcode: int | None = None  # None: 42001 or 40014 by chance, as seen in practice

    def get(self, fields: Fields) -> JsonObject:
        """``gettoken``."""
        corpid, secret = fields.text("corpid", missing=41002), fields.text("corpsecret", missing=41004)
        if corpid != self._context.config.corpid:
            raise PlatformError(40013)
        app = self._apps.get(secret)
        if app is None:
            raise PlatformError(40001)
        now = self._context.clock()
        token = self._living.get(secret)
        if token is None or now >= token.expires_at:
            life = self._context.config.token_life
            token = AccessToken(self._context.new_id("", 214), app, now + life)
            self._living[secret] = self._issued[token.text] = token
        left_s = int((token.expires_at - now).total_seconds())
        return {"access_token": token.text, "expires_in": left_s}

    def check(self, text: str, path: str) -> App:
        """The app behind a token that may call ``path``."""
        if not text:
            raise PlatformError(41001)
        token = self._issued.get(text)
        if token is None:
            raise PlatformError(40014)
        if self._living.get(token.app.secret) is not token or self._context.clock() >= token.expires_at:
            raise PlatformError(self.dead_token_errcode or self._context.rng.choice((42001, 40014)))
        if not path.startswith(token.app.rights):
            raise PlatformError(48002)
        return token.app

    def invalidate(self) -> None:
        """Kill every living token before its time, as the platform may."""
        self._living.clear()


@dataclass(slots=True)
class DoorKnobs:
    """Who is let in: platform reference 2.1 (trusted address) and 2.4 (concurrency; WeCom's figure is secret)."""

    address_trusted: bool = True
    at_once: int | None = None  # calls of one path at the same time; None: no limit


class CallCounter:
    """Calls per key and minute; a key over its limit is blocked for 60 s."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[int, int]] = {}  # key → (minute, calls in it)
        self._blocked_until: dict[str, datetime] = {}

    def take(self, key: str, per_minute: int) -> bool:
        """Count one call; False when it is one too many."""
        now = self._clock()
        blocked_until = self._blocked_until.get(key)
        if blocked_until is not None:
            if now < blocked_until:
                return False
            del self._blocked_until[key]
        minute = int(now.timestamp()) // 60
        seen_minute, calls = self._windows.get(key, (minute, 0))
        calls = calls + 1 if seen_minute == minute else 1
        self._windows[key] = (minute, calls)
        if calls > per_minute:
            self._blocked_until[key] = now + BLOCK
            return False
        return True
