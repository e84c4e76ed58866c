"""Misbehaviour on request: which call goes wrong, how, and whether its effect takes place all the same.

Armed faults strike the next calls of a path; chances strike by seed. Nothing is armed by default.
"""

import random
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    CUT = "cut"  # the connection is closed without an answer
    BUSY = "busy"  # WeCom -1; WeChat Pay SYSTEMERROR
    THROTTLED = "throttled"  # WeCom 45009; WeChat Pay FREQ_LIMIT
    GARBAGE = "garbage"  # an HTML page instead of an answer
    EMPTY = "empty"  # HTTP 200 without a body
    HTTP_500 = "http_500"
    SLOW = "slow"  # the right answer, late; the work is done before the delay (effect) or after it
    PROCESSING = "processing"  # WeChat Pay only: accepted; the outcome shows after 20 minutes
    SEND_FAILED = "send_failed"  # WeChat Pay only
    MISMATCH = "mismatch"  # WeChat Pay's send only: paid, but the answer speaks of another amount


@dataclass(frozen=True, slots=True)
class Fault:
    """``effect`` True: the call did its work (money moved), only the answer is wrong.

    PROCESSING and MISMATCH say themselves what happens to the money; ``effect`` changes nothing there.
    """

    kind: FaultKind
    effect: bool = False
    delay_s: float = 0.0


class Faults:
    """Paths are written without ``/cgi-bin/``: ``externalcontact/mark_tag``, ``mmpaymkttransfers/sendredpack``."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._armed: dict[str, deque[Fault]] = {}
        self._chances: list[tuple[str, Fault, float]] = []
        self.struck: Counter[str] = Counter()

    def arm(self, path: str, fault: Fault, *, times: int = 1) -> None:
        """The next ``times`` calls to ``path`` do ``fault``; several arms queue up."""
        self._armed.setdefault(path, deque()).extend([fault] * times)

    def sometimes(self, path_prefix: str, fault: Fault, probability: float) -> None:
        """Each call whose path starts so does ``fault`` with this probability."""
        assert 0 <= probability <= 1
        self._chances.append((path_prefix, fault, probability))

    def clear(self) -> None:
        self._armed.clear()
        self._chances.clear()

    def take(self, path: str) -> Fault | None:
        """The fault of this call, if any; an armed one is used up."""
        fault = self._take(path)
        if fault is not None:
            self.struck[fault.kind] += 1
        return fault

    def _take(self, path: str) -> Fault | None:
        if queue := self._armed.get(path):
            return queue.popleft()
        for prefix, fault, probability in self._chances:
            if path.startswith(prefix) and self._rng.random() < probability:
                return fault
        return None
