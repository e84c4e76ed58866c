"""The process that loads the Finance SDK: ``python -m bot.archive.decoder_process``, started by ``decoder.Decoder``.

It answers frames on stdin with frames on stdout, one at a time, until stdin closes:

    {"call": "init", "library", "corpid", "secret", "proxy", "proxy_password", "timeout_s"}  → {}
    {"call": "fetch", "seq", "limit"}                → {}, body = the library's JSON
    {"call": "decrypt", "sealed": [[key, text], …]}  → one answer for each, in order: {}, body = the message
    {"call": "media", "sdkfileid", "index"}          → {"next_index", "finished"}, body = the piece

A failure is {"code", "at"}: a return code and the C function, or {"absent": why}. The library may print
and may read: it gets /dev/null for both, the pipes are moved away before it is loaded.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO

from bot.archive.errors import LibraryAbsent
from bot.archive.finance_sdk import Account, FinanceSdk
from bot.archive.frames import BrokenFrame, Head, pack, read_frame
from bot.wecom.errors import Refused

GRACE_S = 5.0  # for a call that still runs when the supervisor has gone
REASON_CHARS_MAX = 200

Answer = tuple[Head, bytes]


def main() -> None:
    requests, answers = _take_pipes()
    queue: SimpleQueue[Answer | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(requests, queue), daemon=True).start()
    sdk: FinanceSdk | None = None
    while (request := queue.get()) is not None:
        head, _ = request
        try:
            if head["call"] == "init":
                sdk = _init(head)
                answers.write(pack({}))
            else:
                assert sdk is not None, "init comes first"
                for answer in _work(sdk, head):
                    answers.write(pack(*answer))
                    answers.flush()  # one by one: the first that is missing is the one that killed us
        except LibraryAbsent as error:
            answers.write(pack({"absent": str(error)[:REASON_CHARS_MAX]}))
        except Refused as error:
            answers.write(pack({"code": error.errcode, "at": error.call}))
        answers.flush()
    if sdk is not None:
        sdk.close()


def _init(head: Head) -> FinanceSdk:
    account = Account(
        str(head["corpid"]),
        str(head["secret"]),
        str(head["proxy"]),
        str(head["proxy_password"]),
        int(head["timeout_s"]),
    )
    return FinanceSdk(Path(str(head["library"])), account)


def _work(sdk: FinanceSdk, head: Head) -> Iterator[Answer]:
    match head["call"]:
        case "fetch":
            yield {}, sdk.get_chat_data(int(head["seq"]), limit=int(head["limit"]))
        case "decrypt":
            for random_key, encrypt_chat_msg in head["sealed"]:
                try:
                    yield {}, sdk.decrypt(random_key, encrypt_chat_msg)
                except Refused as error:
                    yield {"code": error.errcode, "at": error.call}, b""
        case "media":
            piece = sdk.get_media_data(str(head["sdkfileid"]), str(head["index"]))
            yield {"next_index": piece.next_index, "finished": piece.finished}, piece.data
        case unknown:
            raise AssertionError(f"no such call: {unknown}")


def _listen(requests: BinaryIO, queue: "SimpleQueue[Answer | None]") -> None:
    """Hand over requests. When the supervisor is gone, a call that hangs must not keep us alive."""
    try:
        while (request := read_frame(requests)) is not None:
            queue.put(request)
    except BrokenFrame:
        pass
    queue.put(None)
    time.sleep(GRACE_S)
    os._exit(1)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes under numbers nobody knows, and leave /dev/null under 0 and 1."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return requests, answers


if __name__ == "__main__":
    main()
    sys.exit(0)
