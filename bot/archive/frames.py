"""The frames between the decoder process and its supervisor: a JSON head and raw bytes behind it.

``head length, body length`` as two big-endian 32-bit numbers, then the head, then the body.
"""

import asyncio
import json
import struct
from typing import Any, BinaryIO

LENGTHS = struct.Struct(">II")
HEAD_BYTES_MAX = 64 * 1024 * 1024  # a batch of sealed messages travels in the head
BODY_BYTES_MAX = 256 * 1024 * 1024  # a page of a thousand envelopes, or 512 KB of a file

Head = dict[str, Any]


class BrokenFrame(Exception):
    """The other side does not speak this protocol (any more). End it."""


def pack(head: Head, body: bytes = b"") -> bytes:
    packed = json.dumps(head, separators=(",", ":")).encode()
    return LENGTHS.pack(len(packed), len(body)) + packed + body


def read_frame(stream: BinaryIO) -> tuple[Head, bytes] | None:
    """The next frame; None when the other side has closed. Raises BrokenFrame."""
    lengths = stream.read(LENGTHS.size)
    if not lengths:
        return None
    if len(lengths) < LENGTHS.size:
        raise BrokenFrame("cut inside a length")
    head, body = _check(lengths)
    content = stream.read(head + body)
    if len(content) < head + body:
        raise BrokenFrame("cut inside a frame")
    return _parse(content[:head]), content[head:]


async def receive_frame(stream: asyncio.StreamReader) -> tuple[Head, bytes]:
    """The next frame. Raises BrokenFrame, also when the other side has closed."""
    try:
        head, body = _check(await stream.readexactly(LENGTHS.size))
        content = await stream.readexactly(head + body)
    except asyncio.IncompleteReadError:
        raise BrokenFrame("closed") from None
    return _parse(content[:head]), content[head:]


def _check(lengths: bytes) -> tuple[int, int]:
    head, body = LENGTHS.unpack(lengths)
    if head > HEAD_BYTES_MAX or body > BODY_BYTES_MAX:
        raise BrokenFrame("a length beyond the limit")
    return head, body


def _parse(packed: bytes) -> Head:
    try:
        head = json.loads(packed)
    except ValueError:
        raise BrokenFrame("a head that is not JSON") from None
    if not isinstance(head, dict):
        raise BrokenFrame("a head that is not an object")
    return head
