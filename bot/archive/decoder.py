"""Keeps one decoder process running: starts it, times it, buries it, starts the next.

The vendor's library may crash or hang on a single message. Calls go to the process one at a time, so
when it dies, the first one without an answer is the one that killed it. A message that does so twice
is poison: it is answered with ``Undecryptable`` and everything behind it goes on. Deaths are limited
too: a process that dies again and again is left alone for a while (``DecoderResting``).

The account's secret goes through the pipe. The process gets neither our environment nor our stderr.
"""

import asyncio
import contextlib
import hashlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from bot.archive.child import Child, start_child
from bot.archive.errors import (
    Again,
    DecoderDied,
    DecoderResting,
    LibraryAbsent,
    Undecryptable,
    advice,
    failure,
)
from bot.archive.finance_sdk import Account, Piece
from bot.archive.frames import Head
from bot.archive.source import Locked, Opened, Postponed
from bot.wecom.errors import Refused

DEATHS_MAX = 2  # a message that killed this many decoders is poison
TRIES_MAX = 3  # of one decryption that is answered "try again"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each call may take, and how often the process may start. Longer than the library's own timeout."""

    start_s: float = 20.0
    fetch_s: float = 45.0
    decrypt_s: float = 10.0  # each message of a batch
    media_s: float = 45.0
    stop_s: float = 5.0
    age_s: float = 7200.0  # a handle is good for two hours: then a fresh process, between two calls
    starts_max: int = 20  # within the window
    starts_window_s: float = 60.0


class Decoder:
    """One process with one handle; calls wait for each other. Close it, or use ``async with``."""

    def __init__(
        self,
        library: Path,
        account: Account,
        *,
        limits: Limits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._library, self._account = library, account
        self._limits, self._monotonic = limits or Limits(), monotonic
        self._turn = asyncio.Lock()
        self._child: Child | None = None
        self._starts: deque[float] = deque()
        self._deaths: dict[str, int] = {}  # by digest of the sealed message, while it is not settled

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def pid(self) -> int | None:
        """Of the running process, if there is one."""
        return self._child.pid if self._child is not None else None

    async def aclose(self) -> None:
        """Let the process give back its handle and end; kill it when it does not. A later call starts a new one."""
        async with self._turn:
            await self._stop()

    async def fetch(self, seq: int, *, limit: int) -> bytes:
        """The library's answer for records after ``seq``. Raises WeComError."""
        _, body = await self._ask({"call": "fetch", "seq": seq, "limit": limit}, limit_s=self._limits.fetch_s)
        return body

    async def media(self, sdkfileid: str, index: str) -> Piece:
        """One piece of a file. Raises WeComError."""
        request = {"call": "media", "sdkfileid": sdkfileid, "index": index}
        head, body = await self._ask(request, limit_s=self._limits.media_s)
        return Piece(body, next_index=str(head["next_index"]), finished=bool(head["finished"]))

    async def decrypt(self, locked: Sequence[Locked]) -> list[Opened]:
        """One answer for each, in order. Raises WeComError only when no process can be started."""
        answers: list[Opened | Again] = [Again("DecryptData", 0)] * len(locked)
        for _ in range(TRIES_MAX):
            open_still = [at for at, answer in enumerate(answers) if isinstance(answer, Again)]
            if not open_still:
                break
            async with self._turn:
                again = await self._decrypt_in_order([locked[at] for at in open_still])
            for at, answer in zip(open_still, again, strict=True):
                answers[at] = answer
        return [
            Undecryptable(f"官方库一再要求重试({one.errcode})") if isinstance(one, Again) else one for one in answers
        ]

    async def _decrypt_in_order(self, locked: Sequence[Locked]) -> list[Opened | Again]:
        answers: list[Opened | Again] = []
        while len(answers) < len(locked):
            rest = locked[len(answers) :]
            try:
                child = await self._running()
            except DecoderResting:
                return answers + [Postponed()] * len(rest)
            try:
                await self._decrypt_with(child, rest, answers)
            except DecoderDied as death:
                culprit = locked[len(answers)]
                deaths = self._count_death(culprit)
                _log.warning("decoder.message_killed_it", deaths=deaths, how=str(death))
                if deaths >= DEATHS_MAX:
                    self._settle(culprit)
                    answers.append(Undecryptable(f"这条消息让解密进程退出了 {deaths} 次,已隔离"))
        return answers

    async def _decrypt_with(self, child: Child, locked: Sequence[Locked], answers: list[Opened | Again]) -> None:
        """Append answers as they come; what is missing after DecoderDied was not answered."""
        request = {"call": "decrypt", "sealed": [[one.random_key, one.encrypt_chat_msg] for one in locked]}
        async with self._ending_it_on_failure(child):
            await child.send(request, limit_s=self._limits.decrypt_s)
            for one in locked:
                head, body = await child.receive(limit_s=self._limits.decrypt_s)
                if "code" not in head:
                    answers.append(body)
                else:
                    refusal = failure(str(head["at"]), int(head["code"]))
                    answers.append(refusal if isinstance(refusal, Again) else _refusal(refusal))
                self._settle(one)

    async def _ask(self, request: Head, *, limit_s: float) -> tuple[Head, bytes]:
        async with self._turn:
            child = await self._running()
            async with self._ending_it_on_failure(child):
                await child.send(request, limit_s=limit_s)
                head, body = await child.receive(limit_s=limit_s)
        if "code" in head:
            raise failure(str(head["at"]), int(head["code"]))
        return head, body

    # -- the life of the process --

    async def _running(self) -> Child:
        child = self._child
        if child is not None and child.alive and self._monotonic() - child.started_at < self._limits.age_s:
            return child
        await self._stop()
        self._child = child = await self._start()
        account = self._account
        init = {
            "call": "init",
            "library": str(self._library),
            "corpid": account.corpid,
            "secret": account.secret,
            "proxy": account.proxy,
            "proxy_password": account.proxy_password,
            "timeout_s": account.timeout_s,
        }
        async with self._ending_it_on_failure(child):
            await child.send(init, limit_s=self._limits.start_s)
            head, _ = await child.receive(limit_s=self._limits.start_s)
            if "absent" in head:
                raise LibraryAbsent(str(head["absent"]))
            if "code" in head:
                raise failure(str(head["at"]), int(head["code"]))
        _log.info("decoder.started", pid=child.pid)
        return child

    async def _start(self) -> Child:
        now = self._monotonic()
        while self._starts and now - self._starts[0] >= self._limits.starts_window_s:
            self._starts.popleft()
        if len(self._starts) >= self._limits.starts_max:
            raise DecoderResting(f"{len(self._starts)} starts within {self._limits.starts_window_s:g} s")
        self._starts.append(now)
        return await start_child(started_at=now)

    async def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.close(limit_s=self._limits.stop_s)

    @contextlib.asynccontextmanager
    async def _ending_it_on_failure(self, child: Child) -> AsyncIterator[None]:
        """A call that was cut, also by cancellation, leaves answers nobody waits for: that process must go."""
        try:
            yield
        except BaseException as error:
            if self._child is child:
                self._child = None
            code = await child.kill()
            if isinstance(error, DecoderDied):
                _log.warning("decoder.died", pid=child.pid, exit_code=code, how=str(error))
            raise

    def _count_death(self, locked: Locked) -> int:
        digest = _digest(locked)
        self._deaths[digest] = self._deaths.get(digest, 0) + 1
        return self._deaths[digest]

    def _settle(self, locked: Locked) -> None:
        if self._deaths:
            self._deaths.pop(_digest(locked), None)


def _refusal(refusal: Refused) -> Undecryptable:
    return Undecryptable(f"消息正文解不开({refusal.errcode}):{advice(refusal)}")


def _digest(locked: Locked) -> str:
    return hashlib.sha256(locked.encrypt_chat_msg.encode()).hexdigest()
