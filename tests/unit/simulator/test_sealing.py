"""The simulator's pen against the public vectors of platform reference 1.7, and against the product's reader."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from bot.simulator.sealing import encrypt, event_xml, sign
from bot.wecom.envelope import open_envelope
from bot.wecom.events import parse_fields

V3_KEY = "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"
V3_MESSAGE = (
    "<xml>\n<MsgType><![CDATA[text]]></MsgType>\n<Content><![CDATA[test]]></Content>\n"
    "<FromUserName><![CDATA[wx49f0ab532d5d035a]]></FromUserName>\n<ToUserName><![CDATA[messense]]></ToUserName>\n"
    "<AgentID>1</AgentID>\n<CreateTime>1411525903</CreateTime>\n</xml>"
)
V3_ENCRYPT = (
    "9s4gMv99m88kKTh/H8IdkOiMg6bisoy3ypwy9H4hvSPe9nsGaqyw5hhSjdYbcrKk+j3nba4HMOTzHrluLBYqxgNcBqGsL8GqxlhZgURnAtObvesEl"
    "5nZ+uBE8bviY0LWke8Zy9V/QYKxNV2FqllNXcfmstttyIkMKCCmVbCFM2JTF5wY0nFhHZSjPUL2Q1qvSUCUld+/WIXrx0oyKQmpB6o8NRrrNrsDf03"
    "oxI1p9FxUgMnwKKZeOA/uu+2IEvEBtb7muXsVbwbgX05UPPJvFurDXafG0RQyPR+mf1nDnAtQmmNOuiR5MIkdQ39xn1vWwi1O5oazPoQJz0nTYjxxE"
    "E8kv3kFxtAGVRe3ypD3WeK2XeFYFMNMpatF9XiKzHo3"
)
V8_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
V8_ENCRYPT = (
    "sKqRbbiSUnDhFHOvPjtUMUwAjYDZ9DNVsjzaxws8W79/yryY8nwBq8ZYt04CLqvj99x5gFgJec5Y+xH7Nd7782V0BKGXmM9wChdDbuViBJ9ORhA87A8V"
    "p83E6PZEJ1s6"
)


def test_the_public_vector_of_deterministic_encryption_is_met() -> None:
    """Vector V3b."""
    sealed = encrypt(
        V3_MESSAGE.encode(), encoding_aes_key=V3_KEY, receive_id="wx49f0ab532d5d035a", random16=b"1234567890123456"
    )
    assert sealed == V3_ENCRYPT
    assert sign("123456", "1411525903", "461056294", sealed) == "407518b7649e86ef23978113f92d27afa9296533"


def test_an_aligned_plaintext_gets_a_whole_block_of_padding() -> None:
    """Vector V8: the pad is 32, not 16 and not none."""
    sealed = encrypt(
        b"<xml><A>abcdefgh</A></xml>",
        encoding_aes_key=V8_KEY,
        receive_id="wx5823bf96d3bd56c7",
        random16=b"0123456789abcdef",
    )
    assert sealed == V8_ENCRYPT
    assert sign("QDG6eK", "1700000000", "1234567890", sealed) == "d07b6f389f31efb03e6c2eb60b2ff131b9f44246"


@given(message=st.binary(max_size=200), random16=st.binary(min_size=16, max_size=16))
def test_the_product_reads_what_the_simulator_writes(message: bytes, random16: bytes) -> None:
    """Two implementations written apart agree."""
    sealed = encrypt(message, encoding_aes_key=V3_KEY, receive_id="ww6a112864f8022910", random16=random16)
    opened = open_envelope(
        sealed,
        msg_signature=sign("token", "1", "2", sealed),
        timestamp="1",
        nonce="2",
        token="token",
        aes_key=base64.b64decode(V3_KEY + "="),
        receive_id="ww6a112864f8022910",
    )
    assert opened == message


printable = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=60)


@given(text=printable)
def test_any_text_survives_the_xml(text: str) -> None:
    """Also one that holds the end of a CDATA section."""
    xml = event_xml({"Event": "x", "State": f"{text}]]>{text}", "Nested": {"Item": [1, 2]}})
    fields = parse_fields(xml)
    assert fields["State"] == f"{text}]]>{text}"
    assert fields["Nested.Item"] == "1,2"
