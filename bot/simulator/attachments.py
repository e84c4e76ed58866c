"""What hangs below welcomes, group sends and moments, checked: platform reference 3.6."""

from bot.simulator.media import Media
from bot.simulator.replies import Fields, PlatformError

ATTACHMENTS_MAX = 9
NEEDED = {"image": (), "link": ("title", "url"), "miniprogram": ("title", "pic_media_id", "appid", "page"),
          "video": ("media_id",), "file": ("media_id",)}  # fmt: skip
TITLE_BYTES_MAX = {"link": 128, "miniprogram": 64}


def check_attachments(fields: Fields, media: Media) -> tuple[str, ...]:
    """The kinds of ``attachments``, all of them in order, or the platform's refusal."""
    rows = fields.rows("attachments", count_max=ATTACHMENTS_MAX, too_many=41064)
    return tuple(_check(row, media) for row in rows)


def _check(attachment: Fields, media: Media) -> str:
    kind = attachment.text("msgtype", missing=41065)
    if kind not in NEEDED:
        raise PlatformError(41065)
    body = attachment.table(kind)
    if body is None:
        raise PlatformError(40058, kind)
    for name in NEEDED[kind]:
        body.text(name, bytes_max=2048)
    if kind == "image" and not (body.text_or("media_id") or body.text_or("pic_url")):
        raise PlatformError(40058, "media_id")
    for name in ("media_id", "pic_media_id"):
        if media_id := body.text_or(name):
            media.living(media_id)
    body.text_or("title", bytes_max=TITLE_BYTES_MAX.get(kind))
    body.text_or("desc", bytes_max=512)
    return kind
