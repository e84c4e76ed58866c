"""Failures of WeCom calls, named after what the caller should do next.

``retry_after`` says how long to leave the platform alone, where that is known. A call that failed with an
``errcode`` was answered; whether it had an effect is open only for ``OutcomeUnknown``.
"""

from datetime import timedelta

BLOCKED = timedelta(seconds=60)  # 45009: one natural minute (platform reference 2.4)
CROWDED = timedelta(seconds=5)  # 45033: too many calls at once (platform reference 2.4)
DISPATCHING = timedelta(seconds=5)  # 41063: a result is asked for right after the task was made


class WeComError(Exception):
    """A WeCom call failed. Each subclass answers: what now?"""

    def __init__(self, *args: object, retry_after: timedelta | None = None) -> None:
        super().__init__(*args)
        self.retry_after = retry_after


class Unreachable(WeComError):
    """Nothing was sent (connection refused, no address, calls suspended): repeat later."""


class OutcomeUnknown(WeComError):
    """No answer, or one we cannot read. Repeat with the SAME key; for money, query first."""


class Refused(WeComError):
    """A non-zero errcode. Final for this item, unless a subclass says otherwise."""

    def __init__(self, call: str, errcode: int, *, retry_after: timedelta | None = None) -> None:
        # errmsg is left out: it may quote parameters, and its text changes without notice.
        super().__init__(f"{call}: errcode {errcode}", retry_after=retry_after)
        self.call, self.errcode = call, errcode


class Busy(Refused):
    """-1, 6000, 41063, 41096: repeat later."""


class Throttled(Refused):
    """45009, 45033, or our own budget is used up and nothing was sent. Pause this call, then repeat."""


class TooLate(Refused):
    """41050: the welcome code is spent or older than 20 s. Never repeat."""


class DoneElsewhere(Refused):
    """41051, 90508, 41093: somebody or something has done it already. Count it as done."""


class Misconfigured(Refused):
    """Secret, rights, trusted address: nothing will work until a person acts. Alert."""


class SessionClosed(Refused):
    """95001, 95002, 95013, 95018, 95031: 微信客服 does not let us write to this customer now."""


TOKEN_CODES = frozenset({40001, 40014, 42001})

_KINDS: dict[int, type[Refused]] = {
    **dict.fromkeys((-1, 6000, 41063, 41096), Busy),
    **dict.fromkeys((45009, 45033), Throttled),
    41050: TooLate,
    **dict.fromkeys((41051, 90508, 41093), DoneElsewhere),
    **dict.fromkeys(
        (
            40001,
            40013,
            40014,
            40091,
            41001,
            41002,
            41004,
            42001,
            48001,
            48002,
            48005,
            48007,
            50003,
            60020,
            301052,
            301053,
        ),
        Misconfigured,
    ),
    **dict.fromkeys((95001, 95002, 95013, 95018, 95031), SessionClosed),
}

_PAUSES = {45009: BLOCKED, 45033: CROWDED, 41063: DISPATCHING}


def refused(call: str, errcode: int) -> Refused:
    """The error for an errcode; unknown codes are plain ``Refused``."""
    return _KINDS.get(errcode, Refused)(call, errcode, retry_after=_PAUSES.get(errcode))
