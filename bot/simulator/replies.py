"""The API's manners: refusals with the platform's codes and texts, and readers that check a request's fields.

Codes and texts follow platform reference 0.3 and 10. Texts are for people; a client must judge by the code.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

JsonObject = dict[str, object]

TEXTS = {
    -1: "system busy",
    0: "ok",
    40001: "invalid credential",
    40003: "invalid userid",
    40004: "invalid media type",
    40005: "invalid file type",
    40006: "invalid file size",
    40007: "invalid media_id",
    40008: "invalid message type",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40029: "invalid code",
    40032: "invalid userid list size",
    40035: "invalid parameter",
    40050: "invalid chatid",
    40056: "invalid agentid",
    40058: "invalid request parameter",
    40063: "some parameters are empty",
    40068: "invalid tagid",
    40071: "invalid tag name",
    40072: "invalid tag name length",
    40091: "invalid secret",
    40096: "invalid external userid",
    40097: "member has not left",
    40098: "member is not verified",
    40099: "too many contacts",
    40100: "contact is being transferred",
    40126: "too many tags",
    40128: "transferred too often",
    40130: "handover and takeover are the same",
    40131: "handover does not follow this contact",
    40206: "request body too big",
    40211: "invalid public key",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    41006: "media_id missing",
    41011: "agentid missing",
    41035: "missing external userid",
    41037: "missing contact way type",
    41038: "missing contact way scene",
    41039: "invalid contact way type",
    41040: "invalid contact way scene",
    41041: "too many members in contact way",
    41043: "missing config_id",
    41044: "invalid config_id",
    41046: "missing group msg id",
    41047: "invalid group msg id",
    41048: "no customer to send to",
    41049: "missing welcome_code",
    41050: "invalid welcome code",
    41051: "externaluser has started chatting",
    41052: "invalid time range",
    41059: "missing moment_id",
    41060: "invalid moment_id",
    41063: "group msg is being dispatched",
    41064: "too many attachments",
    41065: "invalid attachment type",
    41068: "invalid word list",
    41069: "too many intercept rules",
    41070: "invalid rule_id",
    41071: "rule has been deleted",
    41076: "invalid applicable range",
    41077: "rule name exists",
    41083: "invalid word",
    41084: "invalid semantics",
    41088: "attachments are empty",
    41089: "moment content is empty",
    41093: "group msg has been cancelled",
    41094: "reminded too often",
    42001: "access_token expired",
    42003: "code expired",
    42022: "code has been used",
    42052: "recall too late",
    43001: "require GET method",
    43002: "require POST method",
    43004: "userid is not bound to WeChat",
    44001: "empty media data",
    44004: "empty content",
    45001: "media size out of limit",
    45002: "content size out of limit",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    47001: "data format error",
    48002: "no right to call this api",
    50100: "invalid cursor",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    60140: "invalid response_code",
    81013: "user & party & tag all invalid",
    81017: "list too long",
    82001: "all receivers are empty",
    84061: "not external contact",
    90500: "the owner of this chat is not resigned",
    90501: "chat is not external group chat",
    90504: "owner unchanged",
    90508: "chat has been transferred",
    95000: "invalid open_kfid",
    95001: "send msg count limit",
    95002: "send msg time limit",
    95004: "open_kfid not exist",
    95005: "too many kf accounts",
    95006: "invalid kf name",
    95007: "invalid msg token",
    95008: "too many menu items",
    95009: "invalid menu item type",
    95013: "conversation end",
    95014: "not a servicer",
    95016: "service state trans not allowed",
    95018: "send msg session status invalid",
    95019: "servicer has stopped",
    301002: "not allow operate another agent with this accesstoken",
    301017: "voice must be AMR",
    301053: "msgaudit not enabled",
    301060: "too many pairs",
    10000: "bad parameter",
}


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A part of a multipart request."""

    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Blob:
    """A file as an answer, in the place of JSON."""

    filename: str
    content: bytes


class PlatformError(Exception):
    """A business failure: HTTP 200 with ``errcode``. ``extra`` are the empty defaults some error bodies keep."""

    def __init__(self, errcode: int, detail: str = "", **extra: object) -> None:
        super().__init__(f"{errcode} {detail}")
        self.errcode, self.detail, self.extra = errcode, detail, extra

    @property
    def text(self) -> str:
        text = TEXTS.get(self.errcode, "error")
        return f"{text} '{self.detail}'" if self.detail else text


class Fields:
    """The fields of one request, from a JSON body or a query string, read with the platform's checks."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(
        self, name: str, *, missing: int = 40058, bytes_max: int | None = None, chars_max: int | None = None
    ) -> str:
        """A text that must be there and not empty; ``missing`` is the code when it is not."""
        value = self.text_or(name, bytes_max=bytes_max, chars_max=chars_max)
        if not value:
            raise PlatformError(missing, name)
        return value

    def text_or(
        self, name: str, default: str = "", *, bytes_max: int | None = None, chars_max: int | None = None
    ) -> str:
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise PlatformError(40058, name)
        if bytes_max is not None and len(value.encode()) > bytes_max:
            raise PlatformError(45002, name)
        if chars_max is not None and len(value) > chars_max:
            raise PlatformError(40058, name)
        return value

    def integer(
        self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**32 - 1, missing: int = 40058
    ) -> int:
        """An integer in [low, high]; without a default it must be there."""
        value = self.values.get(name)
        if value is None:
            if default is None:
                raise PlatformError(missing, name)
            return default
        if isinstance(value, str) and len(value) <= 10 and value.isdecimal():  # a query string knows only texts
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise PlatformError(40058, name)
        return value

    def truth(self, name: str, *, default: bool = False) -> bool:
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise PlatformError(40058, name)
        return value

    def texts(self, name: str, *, count_max: int, too_many: int = 40058) -> list[str]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise PlatformError(40058, name)
        if len(value) > count_max:
            raise PlatformError(too_many, name)
        return list(value)

    def rows(self, name: str, *, count_max: int, too_many: int = 40058) -> list["Fields"]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise PlatformError(40058, name)
        if len(value) > count_max:
            raise PlatformError(too_many, name)
        return [Fields(item) for item in value]

    def numbers(self, name: str, *, count_max: int, too_many: int = 40058) -> list[int]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            raise PlatformError(40058, name)
        if len(value) > count_max:
            raise PlatformError(too_many, name)
        return list(value)

    def upload(self, name: str) -> UploadedFile:
        value = self.values.get(name)
        if not isinstance(value, UploadedFile) or not value.content:
            raise PlatformError(44001, name)
        return value

    def table(self, name: str) -> "Fields | None":
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise PlatformError(40058, name)
        return Fields(value)


def page(rows: Iterable[JsonObject], *, cursor: str, limit: int) -> tuple[list[JsonObject], str]:
    """One page of ``rows`` and the next cursor, empty at the end. A cursor nobody issued is refused with 50100."""
    everything = list(rows)
    start = _position(cursor)
    if start > len(everything):
        raise PlatformError(50100)
    end = start + limit
    return everything[start:end], f"CUR_{end:x}" if end < len(everything) else ""


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    if not re.fullmatch(r"CUR_[0-9a-f]{1,8}", cursor):
        raise PlatformError(50100)
    return int(cursor.removeprefix("CUR_"), 16)
