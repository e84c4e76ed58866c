"""The platform's postman: signs, encrypts and delivers events, repeats what was not answered, checks the URL.

Platform reference 1.2 to 1.6. Delivery is at least once and in no promised order; ``knobs`` make it
worse on purpose. Forgeries, what the platform would never send, are in ``forgeries``.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp
from yarl import URL

from bot.simulator import sealing
from bot.simulator.config import WorldConfig
from bot.simulator.context import XmlValue

ECHO_TIMEOUT_S = 1.0
NOW = timedelta(0)
PARALLEL_DEFAULT = 8  # pushes on their way at the same time

BeforeAttempt = Callable[["Push", int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Push:
    """One event waiting for delivery: its decrypted XML, and the app it belongs to, if any."""

    number: int
    name: str  # Event, or Event.ChangeType
    xml: bytes
    agentid: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt. ``status`` is None when no answer came; ``failure`` says why, or why the answer counts as none."""

    push_number: int
    name: str
    attempt: int
    at: datetime
    status: int | None
    failure: str = ""

    @property
    def accepted(self) -> bool:
        return not self.failure


@dataclass(slots=True)
class Knobs:
    """How badly the post works. Probabilities; all off by default."""

    duplicate: float = 0.0  # delivered once more although it was answered
    reorder: bool = False  # waiting pushes leave in random order
    lose: float = 0.0  # never delivered
    parallel: int = PARALLEL_DEFAULT


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of the GET echo test an administrator triggers by saving the callback URL."""

    ok: bool
    status: int | None
    reason: str = ""


class Callbacks:
    def __init__(self, config: WorldConfig, clock: Callable[[], datetime], rng: random.Random) -> None:
        self._config, self._clock, self._rng = config, clock, rng
        self.callback_url = config.callback_url
        self.knobs = Knobs()
        self.before_attempt: BeforeAttempt | None = None
        self.deliveries: list[Delivery] = []
        self.given_up: list[Push] = []
        self.sent: list[Push] = []  # every push ever queued, in order
        self._waiting: list[Push] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._broken: list[BaseException] = []
        self._arrived = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None

    def emit(self, event: Mapping[str, XmlValue], *, sender: str | None = "sys", agentid: int | None = None) -> None:
        """Queue an event; the fields in front are those of every push (reference 1.6)."""
        fields: dict[str, XmlValue] = {"ToUserName": self._config.corpid}
        if sender is not None:
            fields["FromUserName"] = sender
        fields |= {"CreateTime": int(self._clock().timestamp()), "MsgType": "event", **event}
        if self._rng.random() < self._config.drift:
            fields[f"NewField{self._rng.randrange(10_000)}"] = "drift"
        name = ".".join(str(event[key]) for key in ("Event", "ChangeType") if key in event)
        push = Push(len(self.sent) + 1, name, sealing.event_xml(fields), agentid, self._clock())
        self.sent.append(push)
        self._put(push)

    def repeat(self, push: Push) -> None:
        """Deliver an old push again, as the platform does when an answer was slow."""
        self._put(push)

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._flying

    async def run(self) -> None:
        """Deliver whatever is queued, for ever. Cancel to stop."""
        while True:
            self._launch()
            await self._wait_for_change()

    async def deliver_all(self) -> None:
        """Deliver everything queued now and until nothing is left; works with or without ``run``."""
        self._launch()
        while not self.idle:
            await self._wait_for_change()
            self._launch()
        if self._broken:
            raise self._broken.pop()

    async def verify_callback_url(self) -> Verification:
        """GET with an encrypted echo; the answer must be its plaintext, byte for byte, within a second."""
        echo = str(self._rng.randrange(10**17, 10**19))
        url = self.signed_url(encrypted := self.encrypt(echo.encode()), echostr=encrypted)
        try:
            async with self.session.get(url, timeout=aiohttp.ClientTimeout(total=ECHO_TIMEOUT_S)) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            return Verification(ok=False, status=None, reason=type(error).__name__)
        if answer.status != 200:
            return Verification(ok=False, status=answer.status, reason="status")
        same = body == echo.encode()
        return Verification(ok=same, status=answer.status, reason="" if same else "body")

    async def close(self) -> None:
        for task in list(self._flying):
            task.cancel()
        await asyncio.gather(*self._flying, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    # The pen, also used by forgeries

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._session

    def encrypt(self, message: bytes, *, receive_id: str | None = None) -> str:
        return sealing.encrypt(
            message,
            encoding_aes_key=self._config.encoding_aes_key,
            receive_id=self._config.corpid if receive_id is None else receive_id,
            random16=self._rng.randbytes(16),
        )

    def signed_url(
        self, encrypted: str, *, echostr: str | None = None, token: str | None = None, age: timedelta = NOW
    ) -> str:
        """The URL that goes with a ciphertext; another token and an age are for forgeries."""
        timestamp = str(int((self._clock() - age).timestamp()))
        nonce = str(self._rng.randrange(10**9, 10**10))
        signature = sealing.sign(self._config.token if token is None else token, timestamp, nonce, encrypted)
        query = {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}
        if echostr is not None:
            query["echostr"] = echostr
        return str(URL(self.callback_url).update_query(query))

    async def post(self, url: str, body: bytes) -> int:
        """One POST; the status, or an exception when no answer came within the limit."""
        timeout = aiohttp.ClientTimeout(total=self._config.retry.timeout_s)
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        async with self.session.post(url, data=body, headers=headers, timeout=timeout) as answer:
            await answer.read()
            return answer.status

    # Delivery

    def _put(self, push: Push) -> None:
        self._waiting.append(push)
        self._arrived.set()

    def _launch(self) -> None:
        while self._waiting and len(self._flying) < self.knobs.parallel:
            at = self._rng.randrange(len(self._waiting)) if self.knobs.reorder else 0
            push = self._waiting.pop(at)
            if self._rng.random() < self.knobs.lose:
                continue
            task = asyncio.create_task(self._deliver(push))
            self._flying.add(task)
            task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken.append(error)  # a test's hook failed: ``deliver_all`` says so
        self._arrived.set()

    async def _wait_for_change(self) -> None:
        self._arrived.clear()
        if self._waiting and len(self._flying) < self.knobs.parallel:
            return
        await self._arrived.wait()

    async def _deliver(self, push: Push) -> None:
        for attempt in range(1, self._config.retry.attempts + 1):
            if attempt > 1:
                await asyncio.sleep(self._config.retry.pause_s)
            if self.before_attempt is not None:
                await self.before_attempt(push, attempt)
            if await self._attempt(push, attempt):
                break
        else:
            self.given_up.append(push)
            return
        if self._rng.random() < self.knobs.duplicate:
            await self._attempt(push, self._config.retry.attempts + 1)

    async def _attempt(self, push: Push, attempt: int) -> bool:
        """One POST. A repeat is sealed anew: a receiver must not compare ciphertexts."""
        encrypted = self.encrypt(push.xml)
        body = sealing.outer_xml(encrypted, to_user=self._config.corpid, agentid=push.agentid)
        status, failure = None, ""
        try:
            status = await self.post(self.signed_url(encrypted), body)
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = type(error).__name__
        if status not in {None, 200} and self._config.retry.retry_on_status:
            failure = "status"
        self.deliveries.append(Delivery(push.number, push.name, attempt, self._clock(), status, failure))
        return not failure
