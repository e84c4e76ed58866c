"""One decoder process, from start to grave: frames in, frames out, and no zombie.

It gets neither our environment (settings stand there, so secrets) nor our stderr.
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

from bot.archive.errors import DecoderDied, DecoderHung
from bot.archive.frames import BrokenFrame, Head, pack, receive_frame

MODULE = "bot.archive.decoder_process"
ENDING_S = 2.0  # from closing its pipe to being gone
# What the library needs of our environment: where it finds other libraries, certificates and a proxy.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Child:
    """One process, from start to grave. Its failures are DecoderDied and DecoderHung."""

    def __init__(self, process: asyncio.subprocess.Process, *, started_at: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self.started_at, self.pid = started_at, process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._stdout.at_eof()

    async def send(self, request: Head, *, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                self._stdin.write(pack(request))
                await self._stdin.drain()
        except TimeoutError:
            raise DecoderHung(f"did not read within {limit_s:g} s") from None
        except ConnectionError:
            raise DecoderDied("ended") from None

    async def receive(self, *, limit_s: float) -> tuple[Head, bytes]:
        try:
            async with asyncio.timeout(limit_s):
                return await receive_frame(self._stdout)
        except TimeoutError:
            raise DecoderHung(f"no answer within {limit_s:g} s") from None
        except (BrokenFrame, ConnectionError) as error:
            raise DecoderDied(f"ended: {error}") from None

    async def close(self, *, limit_s: float) -> None:
        """Closing its stdin asks it to end."""
        self._stdin.close()
        try:
            async with asyncio.timeout(limit_s):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> int:
        """End it now, and wait until it is gone: no zombie. Returns its exit code (negative: the signal)."""
        self._stdin.close()
        if self._stdout.at_eof():
            # It is ending by itself; a signal now could take the exit code away from who waits for it.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ENDING_S):
                    return await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()


async def start_child(*, started_at: float) -> Child:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # the library prints what it likes, and we log no content
        env=_environment(),
        start_new_session=True,  # Ctrl-C is for us; we close the process in our own order
    )
    return Child(process, started_at=started_at)


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in (*PASSED_ON, *PROXIES) if name in os.environ}
    return passed | {"PYTHONPATH": str(Path(__file__).parents[2])}
