"""The callback routes: limit the size, open, store, answer. Nothing clever, so always fast.

A good callback is committed to the inbox before the answer is ``success``. A bad one gets the right
status and leaves a trace without content: when, from where, why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from aiohttp import web
from sqlalchemy import String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from bot.group_commit import GroupCommit
from bot.mailbox import Lane, Letter, Priority
from bot.tables import Base
from bot.wecom.envelope import BadCiphertext, BadSignature, EnvelopeError, WrongReceiver, open_envelope
from bot.wecom.events import ArchiveNotified, BadXml, ContactAdded, Event, KfNotified, parse_fields, to_event
from kernel.database import BigId, Database, UtcDateTime

BODY_BYTES_MAX = 64 * 1024  # the largest documented callback is a few KB
QUERY_CHARS_MAX = 512
TIMESTAMP_SKEW_MAX = timedelta(hours=1)  # replay window on the query timestamp; a retry may reuse it
REFUSALS_KEPT = 1_000

_log = structlog.get_logger()


class Refusal(Base):
    """The trace of a callback we did not accept: never its content."""

    __tablename__ = "mailbox_refusal"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    app: Mapped[str] = mapped_column(String(32))
    peer: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    reason: Mapped[str] = mapped_column(String(200))
    body_bytes: Mapped[int]


@dataclass(frozen=True, slots=True)
class CallbackApp:
    """One application's callback: its name in the URL and the values of its admin page."""

    name: str
    receive_id: str
    token: str
    aes_key: bytes


class _RefusedError(Exception):
    def __init__(self, status: int, reason: str, body_bytes: int = 0) -> None:
        super().__init__(reason)
        self.status, self.reason, self.body_bytes = status, reason, body_bytes


class CallbackServer:
    """Routes under /wecom/callback/{app}."""

    def __init__(self, apps: list[CallbackApp], *, database: Database, clock: Callable[[], datetime]) -> None:
        self._apps = {app.name: app for app in apps}
        self._database, self._clock = database, clock
        self._inbox = GroupCommit(database, clock)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/wecom/callback/{app}", self.verify, allow_head=False),
            web.post("/wecom/callback/{app}", self.receive),
        ]

    async def verify(self, request: web.Request) -> web.Response:
        """The echo test of the admin page: answer the decrypted echostr, byte for byte."""
        try:
            app = self._app(request)
            echo = self._open(request, app, request.query.get("echostr", ""))
        except _RefusedError as refused:
            return await self._refuse(request, refused)
        return web.Response(body=echo, content_type="text/plain")

    async def receive(self, request: web.Request) -> web.Response:
        """Store an event durably, then say ``success``. A repeat finds its key taken and changes nothing."""
        try:
            app = self._app(request)
            body = await self._read_body(request)
            fields = self._fields(request, app, body)
        except _RefusedError as refused:
            return await self._refuse(request, refused)
        event = to_event(fields)
        new = await self._store(event, fields)
        _log.info("callback.stored", key=event.key, kind=event.kind, new=new)
        return web.Response(text="success")

    async def _store(self, event: Event, fields: dict[str, str]) -> bool:
        urgent = isinstance(event, ContactAdded) and event.welcome_code
        now = self._clock()
        key, lane = event.key, Lane.EVENTS
        if isinstance(event, KfNotified | ArchiveNotified):
            lane = Lane.FETCH
            # "Read this again": two in one second look alike, and reading once more changes nothing.
            key = f"{key}:{now.timestamp():.3f}"
        priority = Priority.URGENT if urgent else Priority.NORMAL
        subject = getattr(event, "external_userid", None) or None
        return await self._inbox.put(lane, Letter(event.kind, fields, key, subject=subject, priority=priority))

    def _app(self, request: web.Request) -> CallbackApp:
        app = self._apps.get(request.match_info["app"])
        if app is None:
            raise _RefusedError(404, "no such app")
        return app

    async def _read_body(self, request: web.Request) -> bytes:
        if (request.content_length or 0) > BODY_BYTES_MAX:
            raise _RefusedError(413, "body too large", request.content_length or 0)
        chunks = bytearray()
        async for chunk in request.content.iter_any():
            chunks += chunk
            if len(chunks) > BODY_BYTES_MAX:
                raise _RefusedError(413, "body too large", len(chunks))
        return bytes(chunks)

    def _fields(self, request: web.Request, app: CallbackApp, body: bytes) -> dict[str, str]:
        try:
            outer = parse_fields(body)
        except BadXml:
            raise _RefusedError(400, "body is not the platform's XML", len(body)) from None
        if outer.get("ToUserName", app.receive_id) != app.receive_id:
            raise _RefusedError(403, "ToUserName is another corp", len(body))
        message = self._open(request, app, outer.get("Encrypt", ""), len(body))
        try:
            fields = parse_fields(message)
        except BadXml:
            raise _RefusedError(400, "decrypted message is not XML", len(body)) from None
        if fields.get("ToUserName") != app.receive_id:
            raise _RefusedError(403, "message is for another corp", len(body))
        return fields

    def _open(self, request: web.Request, app: CallbackApp, encrypt: str, body_bytes: int = 0) -> bytes:
        query = {name: request.query.get(name, "") for name in ("msg_signature", "timestamp", "nonce")}
        if not encrypt:
            raise _RefusedError(400, "nothing encrypted in it", body_bytes)
        if not all(query.values()) or any(len(value) > QUERY_CHARS_MAX for value in query.values()):
            raise _RefusedError(400, "msg_signature, timestamp or nonce is missing", body_bytes)
        try:
            message = open_envelope(encrypt, **query, token=app.token, aes_key=app.aes_key, receive_id=app.receive_id)
        except (BadSignature, WrongReceiver) as error:
            raise _RefusedError(403, str(error), body_bytes) from None
        except (BadCiphertext, EnvelopeError) as error:
            raise _RefusedError(400, str(error), body_bytes) from None
        if not self._is_fresh(query["timestamp"]):
            raise _RefusedError(403, "timestamp is outside the replay window", body_bytes)
        return message

    def _is_fresh(self, timestamp: str) -> bool:
        return (
            timestamp.isascii()
            and timestamp.isdigit()
            and (abs(self._clock().timestamp() - int(timestamp[:15])) <= TIMESTAMP_SKEW_MAX.total_seconds())
        )

    async def _refuse(self, request: web.Request, refused: _RefusedError) -> web.Response:
        app = request.match_info["app"][:32]
        _log.warning("callback.refused", status=refused.status, reason=refused.reason, app=app)
        async with self._database.write() as db:
            db.add(
                Refusal(
                    at=self._clock(),
                    app=app,
                    peer=(request.remote or "")[:64],
                    status=refused.status,
                    reason=refused.reason,
                    body_bytes=refused.body_bytes,
                )
            )
            await db.flush()
            newest = await db.scalar(select(func.max(Refusal.id)))
            await db.execute(delete(Refusal).where(Refusal.id <= (newest or 0) - REFUSALS_KEPT))
        return web.Response(status=refused.status, text="refused")
