"""Build the stand-in of the Finance SDK, and write its scripts: what it answers, and how it fails."""

import atexit
import base64
import json
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa

SOURCE = Path(__file__).with_name("finance_sdk.c")
COMPILER = shutil.which("gcc") or shutil.which("cc")
ABSENT = None if COMPILER else "no C compiler: the archive's real binding is not driven here"


@cache
def library() -> Path:
    """Compile it, once in a test run."""
    assert COMPILER is not None
    folder = tempfile.mkdtemp(prefix="stand-in-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = Path(folder) / "libstandin.so"
    flags = ["-shared", "-fPIC", "-O1", "-w"]
    subprocess.run([COMPILER, *flags, "-o", str(library), str(SOURCE)], check=True, capture_output=True)  # noqa: S603  # our own source
    return library


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Script:
    """The folder that tells one stand-in what to do; its path goes in as the corpid."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def corpid(self) -> str:
        return str(self.folder)

    def plan(self, *lines: str) -> None:
        """``"GetChatData 10001"``: the next such call fails so; also ``crash`` and ``hang``."""
        (self.folder / "codes").write_text("\n".join(lines) + "\n")

    def page(self, seq: int, raw: str | bytes) -> None:
        """The raw answer for records after ``seq``."""
        (self.folder / f"page.{seq}").write_bytes(raw.encode() if isinstance(raw, str) else raw)

    def records(self, after: int, messages: dict[int, str]) -> None:
        """A page of sealed messages by seq; each is what ``DecryptData`` will be given."""
        chatdata = [record(seq, message) for seq, message in messages.items()]
        self.page(after, json.dumps({"errcode": 0, "errmsg": "ok", "chatdata": chatdata}))

    def media(self, sdkfileid: str, content: bytes, *, piece_bytes: int = 524_288) -> None:
        (self.folder / f"media.{sdkfileid}").write_bytes(content)
        (self.folder / "piece_bytes").write_text(str(piece_bytes))

    def most(self, limit: int) -> None:
        """More records than this at once are refused as too big."""
        (self.folder / "page_max").write_text(str(limit))

    def calls(self, function: str) -> list[str]:
        """Arguments of every call of a function so far."""
        log = self.folder / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.removeprefix(f"{function} ") for line in lines if line.startswith(f"{function} ")]

    def balance(self) -> str:
        """Slices and media buffers that were not freed when the handle was given back."""
        return (self.folder / "balance").read_text()


RANDOM_KEY = "k3y-of-printable-characters"


def sealed(message: dict[str, Any]) -> str:
    """A message as the stand-in seals it."""
    return f"ok:{RANDOM_KEY}:{json.dumps(message)}"


def text_message(msgid: str, content: str) -> dict[str, Any]:
    return {
        "msgid": msgid,
        "action": "send",
        "from": "wm" + "a" * 30,
        "tolist": ["zhangqian"],
        "roomid": "",
        "msgtime": 1_790_000_000_000,
        "msgtype": "text",
        "text": {"content": content},
    }


def record(seq: int, encrypt_chat_msg: str) -> dict[str, Any]:
    wrapped = private_key().public_key().encrypt(RANDOM_KEY.encode(), padding.PKCS1v15())
    return {
        "seq": seq,
        "msgid": f"m{seq}",
        "publickey_ver": 1,
        "encrypt_random_key": base64.b64encode(wrapped).decode(),
        "encrypt_chat_msg": encrypt_chat_msg,
    }
