"""Which script a customer gets, and why. Pure: equal input gives equal output.

The rule, in this order: enabled scripts of the kind → the channel's own before the default → a time
window that is open before no window → the smaller code.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from scripts_library.kinds import KINDS

BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Script:
    """A script as the engines see it. Minutes count from midnight in Beijing; a window may cross it."""

    code: str
    kind: str
    title: str
    body: str
    category: str = ""
    keywords: str = ""
    channel_state: str | None = None  # None: for every channel
    opens: int | None = None
    closes: int | None = None
    enabled: bool = True
    version: int = 1

    @property
    def window(self) -> str:
        """「22:00–08:00」, or nothing when it holds all day."""
        if self.opens is None or self.closes is None:
            return ""
        return f"{self.opens // 60:02d}:{self.opens % 60:02d}–{self.closes // 60:02d}:{self.closes % 60:02d}"

    def is_open(self, minute: int | None) -> bool:
        """True without a window, or when the minute of the day lies inside it."""
        if self.opens is None or self.closes is None or self.opens == self.closes:
            return True
        if minute is None:
            return False
        if self.opens < self.closes:
            return self.opens <= minute < self.closes
        return minute >= self.opens or minute < self.closes


@dataclass(frozen=True, slots=True)
class Choice:
    """The script, or None, and the reasons: first the rule that chose it, then the nearest miss."""

    script: Script | None
    why: tuple[str, ...]


def choose(
    scripts: Iterable[Script], *, kind: str, channel_state: str | None = None, at: datetime | None = None
) -> Choice:
    """Choose a script for a customer of a channel at a moment. Without ``at``, windows are closed."""
    minute = None
    if at is not None:
        local = at.astimezone(BEIJING)
        minute = local.hour * 60 + local.minute
    of_kind = sorted((script for script in scripts if script.kind == kind), key=lambda script: script.code)
    mine = [script for script in of_kind if script.channel_state in {None, channel_state or None}]
    usable = [script for script in mine if script.enabled and script.is_open(minute)]
    name = KINDS[kind].name
    if not usable:
        reason = f"没有可用的「{name}」话术" + (f"（渠道 {channel_state}）" if channel_state else "")
        return Choice(None, (reason, *_miss(mine or of_kind, None, channel_state, minute)))
    chosen = min(usable, key=lambda script: (script.channel_state is None, not script.window, script.code))
    return Choice(chosen, (_rule(chosen, usable, channel_state), *_miss(mine, chosen, channel_state, minute)))


def _rule(chosen: Script, usable: list[Script], channel_state: str | None) -> str:
    if chosen.channel_state is not None:
        rule = f"渠道 {chosen.channel_state} 的专用话术，优先于默认话术"
    elif channel_state:
        rule = f"渠道 {channel_state} 没有可用的专用话术，使用默认话术"
    else:
        rule = "客户没有带渠道，使用默认话术"
    if chosen.window:
        rule += f"；现在在时段 {chosen.window} 之内"
    rivals = [
        one for one in usable if (one.channel_state, one.window != "") == (chosen.channel_state, chosen.window != "")
    ]
    return rule + (f"；条件相同的有 {len(rivals)} 条，按编码取第一条" if len(rivals) > 1 else "")


def _miss(mine: list[Script], chosen: Script | None, channel_state: str | None, minute: int | None) -> tuple[str, ...]:
    """The script that would have come next, and what kept it back: closed beats switched off beats another channel."""
    others = [script for script in mine if script is not chosen]
    if not others:
        return ()
    near = min(
        others,
        key=lambda script: (script.channel_state is None, not script.enabled, script.is_open(minute), script.code),
    )
    if not near.enabled:
        kept = "已停用"
    elif not near.is_open(minute):
        kept = f"只在 {near.window} 使用"
    elif near.channel_state is not None and near.channel_state != channel_state:
        kept = f"只用于渠道 {near.channel_state}"
    elif chosen is not None and chosen.channel_state is not None and near.channel_state is None:
        kept = "是默认话术，渠道专用的优先"
    elif chosen is not None and chosen.window and not near.window:
        kept = "没有限定时段，限定时段的优先"
    else:
        kept = "编码排在后面"
    return (f"最接近的另一条：「{near.title}」（{near.code}）{kept}",)
