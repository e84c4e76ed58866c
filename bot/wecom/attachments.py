"""What may hang below a welcome, a group send or a moment: platform reference 3.6 and 3.14."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.wecom.call import given

ATTACHMENTS_MAX = 9


@dataclass(frozen=True, slots=True)
class Attachment:
    """Made by the functions below; ``as_json`` is its shape on the wire."""

    msgtype: str
    body: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"msgtype": self.msgtype, self.msgtype: dict(self.body)}


def image(media_id: str) -> Attachment:
    return Attachment("image", {"media_id": media_id})


def image_by_url(pic_url: str) -> Attachment:
    """``pic_url`` must come from ``media.upload_image``."""
    return Attachment("image", {"pic_url": pic_url})


def link(title: str, url: str, *, desc: str | None = None, picurl: str | None = None) -> Attachment:
    return Attachment("link", given(title=title, url=url, desc=desc, picurl=picurl))


def mini_program(title: str, *, pic_media_id: str, appid: str, page: str) -> Attachment:
    return Attachment("miniprogram", {"title": title, "pic_media_id": pic_media_id, "appid": appid, "page": page})


def video(media_id: str) -> Attachment:
    return Attachment("video", {"media_id": media_id})


def file(media_id: str) -> Attachment:
    return Attachment("file", {"media_id": media_id})
