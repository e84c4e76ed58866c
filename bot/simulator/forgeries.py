"""What the platform would never send: wrong signatures, foreign corps, broken and oversized bodies.

Each forgery is posted once and the receiver's status is returned; a good receiver refuses all of them,
stores nothing, and stays up.
"""

from datetime import timedelta
from enum import StrEnum

import aiohttp

from bot.simulator import sealing
from bot.simulator.callbacks import Callbacks
from bot.simulator.config import WorldConfig

REPLAY_AGE = timedelta(days=2)
OVERSIZED_BYTES = 1_000_000  # a real push has a few thousand


class Forgery(StrEnum):
    BAD_SIGNATURE = "bad_signature"  # one hex digit changed
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - a name, not a password: signed by somebody who guessed the token
    REPLAYED = "replayed"  # a true push, recorded two days ago and posted again
    NO_SIGNATURE = "no_signature"  # no query at all
    WRONG_CORP = "wrong_corp"  # sealed with the right key for another receive id
    SWAPPED_BODY = "swapped_body"  # signature of one body, ciphertext of another
    BAD_PADDING = "bad_padding"  # right signature, nonsense inside
    BAD_LENGTH = "bad_length"  # the length field points past the end
    NOT_BASE64 = "not_base64"
    NOT_XML_INSIDE = "not_xml_inside"  # a good envelope around something that is no XML
    NOT_XML = "not_xml"
    NO_ENCRYPT = "no_encrypt"
    ENTITY_BOMB = "entity_bomb"
    EMPTY = "empty"
    OVERSIZED = "oversized"


async def send_forgery(kind: Forgery, *, callbacks: Callbacks, config: WorldConfig, xml: bytes) -> int | None:
    """Post a forged version of the event ``xml``; the HTTP status, or None when the receiver hung up on it."""
    url, body = _forge(kind, callbacks, config, xml)
    try:
        return await callbacks.post(url, body)
    except aiohttp.ClientError:
        return None


def _forge(kind: Forgery, callbacks: Callbacks, config: WorldConfig, xml: bytes) -> tuple[str, bytes]:
    good = callbacks.encrypt(xml)
    url = callbacks.signed_url(good)
    plain_bodies = {
        Forgery.NOT_XML: b'{"encrypt": "no"}',
        Forgery.NO_ENCRYPT: f"<xml><ToUserName>{config.corpid}</ToUserName></xml>".encode(),
        Forgery.ENTITY_BOMB: _entity_bomb(good),
        Forgery.EMPTY: b"",
    }
    if kind in plain_bodies:
        return url, plain_bodies[kind]
    encrypted = _encrypted(kind, callbacks, config, xml, good)
    if kind is Forgery.BAD_SIGNATURE:
        url = _flip_signature(url)
    elif kind is Forgery.WRONG_TOKEN:
        url = callbacks.signed_url(encrypted, token="guessed")  # noqa: S106 - a wrong token is the point
    elif kind is Forgery.REPLAYED:
        url = callbacks.signed_url(encrypted, age=REPLAY_AGE)
    elif kind is Forgery.NO_SIGNATURE:
        url = callbacks.callback_url
    elif kind is not Forgery.SWAPPED_BODY:  # that one keeps the signature of the good body
        url = callbacks.signed_url(encrypted)
    return url, sealing.outer_xml(encrypted, to_user=config.corpid, agentid=None)


def _encrypted(kind: Forgery, callbacks: Callbacks, config: WorldConfig, xml: bytes, good: str) -> str:
    key = config.encoding_aes_key
    too_long = b"r" * 16 + b"\x7f\xff\xff\xff" + b"x" * 12 + bytes([32]) * 32
    forged = {
        Forgery.WRONG_CORP: callbacks.encrypt(xml, receive_id="ww0000000000000000"),
        Forgery.SWAPPED_BODY: callbacks.encrypt(xml.replace(b"sys", b"someone")),
        Forgery.BAD_PADDING: sealing.encrypt_padded(b"\xff" * 96, encoding_aes_key=key),
        Forgery.BAD_LENGTH: sealing.encrypt_padded(too_long, encoding_aes_key=key),
        Forgery.NOT_BASE64: "~" * 64,
        Forgery.NOT_XML_INSIDE: callbacks.encrypt(b"\x00\xff<xml"),
        Forgery.OVERSIZED: "A" * OVERSIZED_BYTES if kind is Forgery.OVERSIZED else "",
    }
    return forged.get(kind, good)


def _flip_signature(url: str) -> str:
    head, _, tail = url.partition("msg_signature=")
    return f"{head}msg_signature={'0' if tail[0] != '0' else '1'}{tail[1:]}"


def _entity_bomb(encrypted: str) -> bytes:
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefg", "bcdefgh", strict=True)
    )
    return f"<!DOCTYPE xml [{entities}]><xml><Encrypt>{encrypted}</Encrypt><X>&h;</X></xml>".encode()
