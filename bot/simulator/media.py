"""Temporary files: platform reference 6.4. Ids live three days and are shared by all apps of the corp."""

from dataclasses import dataclass
from datetime import datetime

from bot.simulator.context import Context
from bot.simulator.replies import Blob, Fields, JsonObject, PlatformError, UploadedFile

MB = 1024 * 1024
BYTES_MIN = 6  # "every file > 5 bytes"
BYTES_MAX = {"image": 10 * MB, "voice": 2 * MB, "video": 10 * MB, "file": 20 * MB}
IMAGE_URL_BYTES_MAX = 2 * MB
AMR = b"#!AMR"
PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


@dataclass(frozen=True, slots=True)
class MediaFile:
    kind: str
    file: UploadedFile
    uploaded_at: datetime


class Media:
    def __init__(self, context: Context) -> None:
        self._context = context
        self.files: dict[str, MediaFile] = {}

    def add(self, kind: str, filename: str, content: bytes) -> str:
        """A file a person sends in the client; returns its media_id."""
        return str(self._keep(kind, UploadedFile(filename, content))["media_id"])

    def living(self, media_id: str, *, missing: int = 41006) -> MediaFile:
        """The file, or 40007 for one unknown or older than three days."""
        if not media_id:
            raise PlatformError(missing)
        held = self.files.get(media_id)
        if held is None or self._context.clock() >= held.uploaded_at + self._context.config.media_life:
            raise PlatformError(40007)
        return held

    def upload(self, fields: Fields) -> JsonObject:
        return self._keep(fields.text("type", missing=40004), fields.upload("media"))

    def upload_attachment(self, fields: Fields) -> JsonObject:
        fields.integer("attachment_type", low=1, high=2)
        return self._keep(fields.text("media_type", missing=40004), fields.upload("media"))

    def upload_image(self, fields: Fields) -> JsonObject:
        file = fields.upload("media")
        _check("image", file, bytes_max=IMAGE_URL_BYTES_MAX)
        return {"url": f"https://simulated.invalid/picture/{self._context.new_id('', 32)}"}

    def get(self, fields: Fields) -> Blob:
        held = self.living(fields.text_or("media_id"))
        return Blob(held.file.filename, held.file.content)

    def _keep(self, kind: str, file: UploadedFile) -> JsonObject:
        if kind not in BYTES_MAX:
            raise PlatformError(40004)
        _check(kind, file, bytes_max=BYTES_MAX[kind])
        now, media_id = self._context.clock(), self._context.new_id("3", 64)
        self.files[media_id] = MediaFile(kind, file, now)
        return {"type": kind, "media_id": media_id, "created_at": str(int(now.timestamp()))}


def _check(kind: str, file: UploadedFile, *, bytes_max: int) -> None:
    if len(file.content) < BYTES_MIN:
        raise PlatformError(40006)
    if len(file.content) > bytes_max:
        raise PlatformError(45001)
    if kind == "image" and not file.content.startswith(PICTURES):
        raise PlatformError(40005)
    if kind == "voice" and not file.content.startswith(AMR):
        raise PlatformError(301017)
