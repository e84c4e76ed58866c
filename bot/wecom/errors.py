"""Failures of WeCom calls, named after what the caller should do next."""


class WeComError(Exception):
    """A WeCom call failed. Each subclass answers: what now?"""


class Unreachable(WeComError):
    """Nothing was sent (connection refused, no address): repeat later."""


class OutcomeUnknown(WeComError):
    """No answer, or one we cannot read. Repeat with the SAME key; for money, query first."""


class Refused(WeComError):
    """A non-zero errcode. Final for this item, unless a subclass says otherwise."""

    def __init__(self, call: str, errcode: int) -> None:
        # errmsg is left out: it may quote parameters, and its text changes without notice.
        super().__init__(f"{call}: errcode {errcode}")
        self.call, self.errcode = call, errcode


class Busy(Refused):
    """-1, 6000, 41063, 41096: repeat later."""


class Throttled(Refused):
    """45009, 45033. Pause this call, then repeat."""


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


def refused(call: str, errcode: int) -> Refused:
    """The error for an errcode; unknown codes are plain ``Refused``."""
    return _KINDS.get(errcode, Refused)(call, errcode)
