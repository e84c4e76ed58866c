"""What can go wrong on our side of the wire. Each kind answers: what now?

What WeChat Pay answers is never an exception: it is an answer with a class (see answers.py).
"""


class WeChatPayError(Exception):
    """The base of this folder's errors."""


class InvalidRequest(WeChatPayError):
    """A field is outside what the protocol allows. Nothing was sent: correct the field, then send."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why = field, why


class Unreadable(WeChatPayError):
    """Bytes that are no flat XML answer. The outcome of the call is unknown."""
