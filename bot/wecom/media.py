"""Temporary files: platform reference 6.4. A ``media_id`` dies after three days, so keep the bytes and renew."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from bot.wecom.call import Caller, Upload

LIFE = timedelta(days=3)
RENEW_AFTER = timedelta(days=2, hours=12)

Kind = Literal["image", "voice", "video", "file"]


@dataclass(frozen=True, slots=True)
class HeldMedia:
    """An uploaded file as the platform holds it. Any app of the corp may use it."""

    media_id: str
    kind: str
    uploaded_at: datetime

    def is_alive(self, now: datetime) -> bool:
        return now < self.uploaded_at + LIFE

    def is_due(self, now: datetime) -> bool:
        """Time to upload the bytes again, with half a day to spare."""
        return now >= self.uploaded_at + RENEW_AFTER


class Media:
    def __init__(self, call: Caller, *, clock: Callable[[], datetime]) -> None:
        self._call, self._clock = call, clock

    async def upload(self, kind: Kind, upload: Upload) -> HeldMedia:
        answer = await self._call.upload("media/upload", {"type": kind}, upload)
        return _held(answer["media_id"], kind, answer.get("created_at"), now=self._clock())

    async def renewed(self, held: HeldMedia | None, kind: Kind, upload: Upload) -> HeldMedia:
        """``held`` while it is good for a while yet, else a fresh upload: keep what this returns."""
        if held is not None and not held.is_due(self._clock()):
            return held
        return await self.upload(kind, upload)

    async def upload_for_moment(self, kind: Kind, upload: Upload) -> HeldMedia:
        """Moments take ids of their own (``attachment_type`` 1)."""
        params = {"media_type": kind, "attachment_type": "1"}
        answer = await self._call.upload("media/upload_attachment", params, upload)
        return _held(answer["media_id"], kind, answer.get("created_at"), now=self._clock())

    async def upload_image(self, upload: Upload) -> str:
        """A lasting URL for ``pic_url``; scarce: 1,000 a day."""
        return str((await self._call.upload("media/uploadimg", {}, upload))["url"])

    async def download(self, media_id: str) -> bytes:
        return await self._call.download("media/get", {"media_id": media_id})


def _held(media_id: object, kind: str, created_at: object, *, now: datetime) -> HeldMedia:
    """``created_at`` is unix seconds as a text; our own clock stands in for an unreadable one."""
    try:
        uploaded_at = datetime.fromtimestamp(int(str(created_at)), UTC)
    except (ValueError, OverflowError, OSError):
        uploaded_at = now
    return HeldMedia(str(media_id), kind, uploaded_at)
