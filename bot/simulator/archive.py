"""The message archive: envelopes with RSA-wrapped keys, numbered by ``seq`` (platform reference 5.1, 5.4, 5.8).

The real transport is the vendor's C library; here the pull is an HTTP call with ``simulated`` in its
name, and the message cipher is the simulated one of ``finance_cipher``.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.simulator import finance_cipher
from bot.simulator.contacts import Contacts
from bot.simulator.context import Context
from bot.simulator.replies import JsonObject, PlatformError

PULL_MAX = 1000
ARCHIVE_AGENTID = 2_000_004


class Damage(StrEnum):
    UNKNOWN_KEY = "unknown_key"  # encrypted for a key version the corp never uploaded
    BROKEN_KEY = "broken_key"  # encrypt_random_key is not a valid RSA block
    BROKEN_BODY = "broken_body"  # the random key opens, the message does not


@dataclass(frozen=True, slots=True)
class Envelope:
    seq: int
    msgid: str
    publickey_ver: int
    encrypt_random_key: str
    encrypt_chat_msg: str
    at: datetime  # when it entered the archive; it leaves five days later


def make_key_pair() -> tuple[str, str]:
    """(private PEM, public PEM), RSA 2048: what an administrator makes before switching the archive on."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


class Archive:
    def __init__(self, context: Context, contacts: Contacts) -> None:
        self._context, self._contacts = context, contacts
        self._keys = {ver: _load(pem) for ver, pem in context.config.archive_public_keys.items()}
        self.envelopes: list[Envelope] = []  # seq is position + 1
        self.acknowledged_seq = 0  # the highest seq a pull has asked to go on from
        self._notified_at: datetime | None = None
        self._notice_owed = False

    # What people and the admin do

    def write(
        self,
        sender: str,
        receivers: Sequence[str],
        text: str,
        *,
        roomid: str = "",
        at: datetime | None = None,
        msgid: str | None = None,
    ) -> int:
        """A text message between staff and customers; returns its seq."""
        message: JsonObject = {"msgtype": "text", "text": {"content": text}}
        return self.write_message(sender, receivers, message, roomid=roomid, at=at, msgid=msgid)

    def write_message(
        self,
        sender: str,
        receivers: Sequence[str],
        body: JsonObject,
        *,
        roomid: str = "",
        at: datetime | None = None,
        msgid: str | None = None,
        action: str = "send",
    ) -> int:
        """A message of any type: ``body`` holds ``msgtype`` and its own key (reference 5.9)."""
        if not roomid and len(receivers) != 1:
            raise ValueError("a single chat has exactly one receiver; give a roomid for a group")
        external = any(name.startswith(("wm", "wo")) for name in (sender, *receivers))
        message: JsonObject = {
            "msgid": msgid or self._new_msgid(external=external),
            "action": action,
            "from": sender,
            "tolist": list(receivers),
            "roomid": roomid,
            "msgtime": int((at or self._context.clock()).timestamp() * 1000),
            **body,
        }
        if sender.startswith(("wm", "wo")):
            for receiver in receivers:
                self._contacts.note_chat(sender, receiver)
        return self._append(message)

    def recall(self, seq: int, *, by: str, receivers: Sequence[str], roomid: str = "") -> int:
        """A recall is a record of its own; the original stays."""
        body: JsonObject = {"msgtype": "revoke", "revoke": {"pre_msgid": self.envelopes[seq - 1].msgid}}
        return self.write_message(by, receivers, body, roomid=roomid, action="recall")

    def switch(self, userid: str) -> int:
        """A staff member moved to this corp in the client: no sender, no receivers, ``time`` instead of msgtime."""
        time_ms = int(self._context.clock().timestamp() * 1000)
        message: JsonObject = {"msgid": self._new_msgid(external=False), "action": "switch"}
        return self._append(message | {"time": time_ms, "user": userid})

    def repeat(self, seq: int) -> int:
        """The same message once more under a new seq: the platform does that."""
        return self._add(replace(self.envelopes[seq - 1], seq=len(self.envelopes) + 1, at=self._context.clock()))

    def damage(self, seq: int, how: Damage) -> None:
        """Make an envelope undecryptable where it lies. Pull it after, not before."""
        envelope = self.envelopes[seq - 1]
        if how is Damage.UNKNOWN_KEY:
            broken = replace(envelope, publickey_ver=max(self._keys) + 1000)
        elif how is Damage.BROKEN_KEY:
            garbage = base64.b64encode(b"\x00" + self._context.rng.randbytes(255)).decode()
            broken = replace(envelope, encrypt_random_key=garbage)
        else:
            blob = bytearray(base64.b64decode(envelope.encrypt_chat_msg))
            blob[len(blob) // 2] ^= 0xFF
            broken = replace(envelope, encrypt_chat_msg=base64.b64encode(blob).decode())
        self.envelopes[seq - 1] = broken

    def upload_key(self, public_pem: str) -> int:
        """The admin uploads a new public key; later messages use it. Returns its version."""
        version = max(self._keys, default=0) + 1
        self._keys[version] = _load(public_pem)
        return version

    # What the library asks

    def pull(self, *, secret: str, seq: object, limit: object) -> JsonObject:
        """``GetChatData``: records after ``seq``; ``chatdata`` may be missing when there is none."""
        config = self._context.config
        if not self._keys:
            raise PlatformError(301053)
        if secret != config.archive_secret:
            raise PlatformError(41001)
        if not isinstance(seq, int) or not isinstance(limit, int) or seq < 0 or not 1 <= limit <= PULL_MAX:
            raise PlatformError(10000)
        self.acknowledged_seq = max(self.acknowledged_seq, min(seq, len(self.envelopes)))
        oldest = self._context.clock() - config.archive_window
        shown: list[JsonObject] = []
        for envelope in self.envelopes[seq:]:
            if envelope.at < oldest:
                continue  # silently gone: a jump in seq is all a late client sees
            shown.append(_envelope_json(envelope))
            if len(shown) == limit:
                break
        if not shown and self._context.rng.random() < 0.5:
            return {}
        return {"chatdata": shown}

    def tick(self) -> None:
        """Send the notice that was held back, once 15 s have passed since the last one."""
        gap = self._context.config.archive_notify_gap
        now = self._context.clock()
        if self._notice_owed and (self._notified_at is None or now - self._notified_at >= gap):
            self._notice_owed, self._notified_at = False, now
            self._context.emit({"AgentID": ARCHIVE_AGENTID, "Event": "msgaudit_notify"}, agentid=ARCHIVE_AGENTID)

    def _append(self, message: JsonObject) -> int:
        if not self._keys:
            raise ValueError("the archive is off: the corp uploaded no public key")
        rng = self._context.rng
        random_key = base64.b64encode(rng.randbytes(24)).decode()  # a printable string, as the library's is
        version = max(self._keys)
        wrapped = self._keys[version].encrypt(random_key.encode(), padding.PKCS1v15())
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        return self._add(
            Envelope(
                seq=len(self.envelopes) + 1,
                msgid=str(message["msgid"]),
                publickey_ver=version,
                encrypt_random_key=base64.b64encode(wrapped).decode(),
                encrypt_chat_msg=finance_cipher.encrypt(random_key, body),
                at=self._context.clock(),
            )
        )

    def _add(self, envelope: Envelope) -> int:
        self.envelopes.append(envelope)
        self._notice_owed = True
        self.tick()
        return envelope.seq

    def _new_msgid(self, *, external: bool) -> str:
        return f"{self._context.rng.randrange(10**18, 10**19)}_{self._context.unix()}" + (
            "_external" if external else ""
        )


def _load(pem: str) -> rsa.RSAPublicKey:
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except ValueError:
        raise PlatformError(40211) from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != 2048:
        raise PlatformError(40211)
    return key


def _envelope_json(envelope: Envelope) -> JsonObject:
    return {
        "seq": envelope.seq,
        "msgid": envelope.msgid,
        "publickey_ver": envelope.publickey_ver,
        "encrypt_random_key": envelope.encrypt_random_key,
        "encrypt_chat_msg": envelope.encrypt_chat_msg,
    }
