"""What can go wrong around red packets. Each kind answers: what now?"""

from datetime import timedelta


class RedPacketError(Exception):
    """The base of this room's errors."""


class OpenidPending(RedPacketError):
    """The receiver's openid is not known yet. Nothing was sent: try again after ``retry_after``."""

    def __init__(self, why: str, retry_after: timedelta = timedelta(minutes=10)) -> None:
        super().__init__(why)
        self.why, self.retry_after = why, retry_after


class OpenidImpossible(RedPacketError):
    """The contact can never be paid this way (a WeCom user, no WeChat binding). The packet is rejected."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NotAllowed(RedPacketError):
    """The state or the rules forbid what was asked. ``why`` is a sentence for the person who asked."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class InvalidCampaign(RedPacketError):
    """A campaign form that cannot be saved: ``errors`` maps fields to sentences."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors
