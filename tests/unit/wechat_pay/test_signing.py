"""The vectors of WeChat Pay's own samples and SDKs, and what must be refused."""

import base64
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from bot.wechat_pay.signing import (
    PROBE_PREFIX,
    CannotDecrypt,
    Merchant,
    SignatureRefused,
    SignKind,
    decrypt_aead,
    request_message,
    sign_v2,
    verify_rsa,
    verify_v3,
    workwx_sign,
)

KEY = "192006250b4c09247ec02edce69f6a2d"
SAMPLE = {
    "appid": "wxd930ea5d5a258f4f",
    "body": "test",
    "device_info": "1000",
    "mch_id": "10000100",
    "nonce_str": "ibuaiVcKdpRxkhJA",
}
SENDREDPACK: dict[str, str | int] = {
    "act_name": "新年红包",
    "client_ip": "127.0.0.1",
    "mch_billno": "10000098201411111234567890",
    "mch_id": "10000098",
    "nonce_str": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
    "re_openid": "oxTWIuGaIt6gTKsQRLau2M0yL16E",
    "remark": "新年红包",
    "scene_id": "PRODUCT_1",
    "send_name": "天虹百货",
    "total_amount": 100,
    "total_num": 1,
    "wishing": "恭喜发财",
    "wxappid": "wx8888888888888888",
}
GETHBINFO = {
    "appid": "wx8888888888888888",
    "bill_type": "MCHT",
    "mch_billno": "10000098201411111234567890",
    "mch_id": "10000098",
    "nonce_str": "50780e0cca98c8c8e814883e5caa672e",
}


@pytest.mark.parametrize(
    ("fields", "kind", "sign"),
    [
        (SAMPLE, SignKind.MD5, "9A0A8659F005D6984697E2CA0A9CF3B7"),
        (SAMPLE, SignKind.HMAC_SHA256, "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"),
        (SENDREDPACK, SignKind.MD5, "39A2C9D8D53BCB2D7F3A8FFAA4A06BBE"),
        (SENDREDPACK, SignKind.HMAC_SHA256, "47192C64BC7CB1EB6578D0F7043CDC0348EEF58764DBFFAFF62584EE97029AD5"),
        (GETHBINFO, SignKind.MD5, "2056045634D130AC502647559CAC8988"),
    ],
    ids=["official md5", "official hmac", "sendredpack md5", "sendredpack hmac", "gethbinfo md5"],
)
def test_v2_signatures_are_what_wechat_computes(fields: dict[str, str | int], kind: SignKind, sign: str) -> None:
    assert sign_v2(fields, KEY, kind) == sign


def test_the_enterprise_red_packet_signs_seven_fields_with_wecoms_secret() -> None:
    fields: dict[str, str | int] = {
        "act_name": "XXX",
        "mch_billno": "11111234567890",
        "mch_id": "10000098",
        "nonce_str": "qFKEgfig76DF9912fewmkp",
        "re_openid": "oxTWIuGaIt6gTKsQRLau2M0yL16E",
        "total_amount": 100,
        "wxappid": "wx123456789",
        "remark": "not signed here",
    }
    assert workwx_sign(fields, KEY) == "8B8D04AFC9FD08094CC5A0C2FA8BB60C"


def test_v2_leaves_out_empty_fields_and_the_sign_but_never_a_zero() -> None:
    assert sign_v2(SAMPLE | {"scene_id": "", "sign": "OLD"}, KEY) == sign_v2(SAMPLE, KEY)
    assert sign_v2(SAMPLE | {"amount": 0}, KEY) != sign_v2(SAMPLE, KEY)


C1 = (
    "X2nBhq6iwe4ffjOSPFvARSCgau1yBv7iofOp3+xhXyrWyHZzroGzHTuQbF9TJCbmamduEjEFNHAPKJQCBqZIVhqEX3OvSFMn6Ei1Kz2kc3yTBfTl6BbS"
    "2Zp944FIP0/GP2dlwi247SP3QeY7+E465eoeCcZYEDvn0BfnJ7UAaLSbmM6/FTd3GJAgflvwbToTT1Ncg6lR6tjtLOC+TfCO7xpKsNUsVOUU6AFo8ecO"
    "7tO8OtAbxc3bNCRZ7SkzYam9ROov1ivoJ2rj+kg7D69rJzSawuGpZ8sweB4+1BiuUdNL4zqyYpYph4MvqEra67J95Ul8+DBGmIVvSaisDqEifOERltuC"
    "+d/XM877aSLKTzIxyAg9i0sthTJ1QknmOjgUhT5PvpQqUPRn4FzPjA=="
)
K1 = load_der_public_key(
    base64.b64decode(
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2VCTd91fnUn73Xy9DLvt/V62TVxRTEEstVdeRaZ3B3leO0pldE806mXO4RwdHXagHQ4vGeZN"
        "0yqm++rDsGK+U3AH7kejyD2pXshNP9Cq5YwbptiLGtjcquw4HNxJQUOmDeJf2vg6byms9RUipiq4SzbJKqJFlUpbuIPDpSpWz10PYmyCNeDGUUK65E5h"
        "2B834uxl1zNLYQCrkdBzb8oUxwYeP5a2DNxmjL5lsJML7DGr5znsevnoqGRwTm9fxCGfy8wus7hwKz6clt3Whmmda7UAdb1c08hEQFVRbF14AR73xbnd"
        "8N0obCWJPCbzMCtkaSef4FdEEgEXJiw0VAJT8wIDAQAB"
    )
)
S1 = (
    "BKyAfU4iMCuvXMXS0Wzam3V/cnxZ+JaqigPM5OhljS2iOT95OO6Fsuml2JkFANJU9K6q9bLlDhPXuoVz+pp4hAm6pHU4ld815U4jsKu1RkyaII+1CYBU"
    "YC8TK0XtJ8FwUXXz8vZHh58rrAVN1XwNyvD1vfpxrMT4SL536GLwvpUHlCqIMzoZUguLli/K8V29QiOhuH6IEqLNJn8e9b3nwNcQ7be3CzYGpDAKBfDG"
    "PCqCv8Rw5zndhlffk2FEA70G4hvMwe51qMN/RAJbknXG23bSlObuTCN7Ndj1aJGH6/L+hdwfLpUtJm4QYVazzW7DFD27EpSQEqA8bX9+8m1rLg=="
)
N1_HEADERS = {
    "Wechatpay-Serial": "D7CE59D1F522D701",
    "Wechatpay-Timestamp": "1624523846",
    "Wechatpay-Nonce": "EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz",
    "Wechatpay-Signature": (
        "tJHIiIS9eB2hAYstmAmbbD3ZE5LiIm/Ug5tuL4fC0YOFRWIHV39UFIZXC0e9Wl6lBu6sKvkqDkzpqzBsVHyXFlbYZTOQrVdG4b6LfTnK4mikv9++ixJM"
        "d3vTf2yCqvBkh98zs3Ds5zsYQakzbcwhmw4fMJs4nPLws28H0UW9FjDR//rxELLwXvV1VEA1IBLX70xptjL8hrfUjEE8kkry6yNJTHZRU8CAc7qHli2N"
        "g1V1qb9ARbK8A3ThmFmPQvRGrapI/jS2laKKgYUmfdEdkNO6B2Cke5e8VTxY406ArAmQ90GAihDwIcb16TQMnzCMBoutnwZKNiKRACrFmtxw2Q=="
    ),
}
N1_BODY = (
    '{"id":"3119dfba-e649-5eec-ab1e-3412bc4d2e17","create_time":"2021-06-24T16:37:26+08:00",'
    '"resource_type":"encrypt-resource","event_type":"PAYSCORE.USER_OPEN_SERVICE","summary":"签约成功",'
    '"resource":{"original_type":"payscore","algorithm":"AEAD_AES_256_GCM","ciphertext":'
    '"YDS3lKPaC4Y52Gf3uhft5qUBlIa8b428AWTtTauHQfQrRw+X1WpiuHIDy0vo1Vd6VEq67aVyqPdDYMkRVSDaZL3iZttevRMOoPKMifozg6XPWjIZumks'
    "/GpT48lI4NizyeaqLBokNebthah3o1H76qSlO9NkDjp9bzmKLEYYH9TEklFUpsvPqOTOcgSLgh21YJXYR7dEBXFgRLiNIKRgO5JdXh1hccRUAlyVWxE5"
    '4PXpnQ==","associated_data":"payscore","nonce":"Kj7QIyUiYx1q"}}'
).encode()
N1_AT = datetime.fromtimestamp(1624523846, UTC)


def k1() -> rsa.RSAPublicKey:
    assert isinstance(K1, rsa.RSAPublicKey)
    return K1


def test_the_texts_of_the_vectors_are_exact() -> None:
    assert len(N1_BODY) == 568
    assert hashlib.sha256(N1_BODY).hexdigest() == "b6fdfc5e4afdc463950d873c4fdc3c494df05965016225c6a1e8e2e887cdc94d"


@pytest.mark.parametrize(
    ("key", "nonce", "associated_data", "ciphertext", "plain"),
    [
        (
            "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb",
            "uluk4a9R25RW",
            "associatedData",
            "ulwSiIajGClcvcOYvOQ7+l+0PAbzzwI=",
            b"message",
        ),
        (
            "testAPIv3Key0000",
            "wCq51qZv4Yfg",
            "Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR8",
            "FsdXzxryWfKwvLJKf8LG/ToRPTRh8RN9wROC",
            b"Hello World",
        ),
    ],
    ids=["32-byte key", "16-byte key"],
)
def test_sealed_texts_open(key: str, nonce: str, associated_data: str, ciphertext: str, plain: bytes) -> None:
    assert decrypt_aead(ciphertext, key=key, nonce=nonce, associated_data=associated_data) == plain


def test_a_sealed_transfer_callback_opens() -> None:
    plain = decrypt_aead(
        C1, key="0123456789abcdef0123456789abcdef", nonce="aBcDeFgHiJkL", associated_data="mch_payment"
    )
    assert len(plain) == 285
    assert hashlib.sha256(plain).hexdigest() == "c90c4313125d2debba6ff38e33581c2671c211adeedb33084d83318bfacafde5"
    bill = json.loads(plain)
    assert (bill["out_bill_no"], bill["state"], bill["transfer_amount"]) == ("hb20250601000000001", "SUCCESS", 100)


@pytest.mark.parametrize("changed", [{"key": "x" * 32}, {"nonce": "aBcDeFgHiJkM"}, {"associated_data": ""}])
def test_a_sealed_text_opens_only_with_its_own_key_nonce_and_data(changed: dict[str, str]) -> None:
    right = {"key": "0123456789abcdef0123456789abcdef", "nonce": "aBcDeFgHiJkL", "associated_data": "mch_payment"}
    with pytest.raises(CannotDecrypt):
        decrypt_aead(C1, **(right | changed))


@pytest.mark.parametrize("rubbish", ["", "AAAA", "不是", "@@@@"])
def test_rubbish_does_not_open(rubbish: str) -> None:
    with pytest.raises(CannotDecrypt):
        decrypt_aead(rubbish, key="0" * 32, nonce="aBcDeFgHiJkL", associated_data="")


def test_an_rsa_signature_of_the_public_sdk_verifies() -> None:
    verify_rsa(b"source", S1, k1())
    with pytest.raises(SignatureRefused):
        verify_rsa(b"Source", S1, k1())


def test_a_full_notification_verifies_and_opens() -> None:
    verify_v3(N1_HEADERS, N1_BODY, {"D7CE59D1F522D701": k1()}, now=N1_AT)
    resource = json.loads(N1_BODY)["resource"]
    plain = decrypt_aead(
        resource["ciphertext"],
        key="testMchAPIv3Key0",
        nonce=resource["nonce"],
        associated_data=resource["associated_data"],
    )
    opened = json.loads(plain)
    assert opened["mchid"] == "1234567890"
    assert opened["appid"] == "054aa7d7a2a54ab5898df65bd96f001c"
    assert opened["out_contract_code"] == "21640bdbd08e473e828f3206a2741c6e"


def test_header_names_may_be_written_in_any_case_and_serials_are_text() -> None:
    headers = {name.lower(): value for name, value in N1_HEADERS.items()} | {"wechatpay-serial": "PUB_KEY_ID_01"}
    verify_v3(headers, N1_BODY, {"PUB_KEY_ID_01": k1()}, now=N1_AT)


@pytest.mark.parametrize(
    ("changed", "body", "seconds_late"),
    [
        ({}, N1_BODY, 301),
        ({}, N1_BODY, -301),
        ({}, N1_BODY + b" ", 0),
        ({"Wechatpay-Nonce": "other"}, N1_BODY, 0),
        ({"Wechatpay-Serial": "0000"}, N1_BODY, 0),
        ({"Wechatpay-Timestamp": "1624523846.0"}, N1_BODY, 0),
        ({"Wechatpay-Timestamp": "１６２４５２３８４６"}, N1_BODY, 0),
        ({"Wechatpay-Signature": PROBE_PREFIX + N1_HEADERS["Wechatpay-Signature"]}, N1_BODY, 0),
        ({"Wechatpay-Signature": "not base64"}, N1_BODY, 0),
    ],
    ids=["stale", "from the future", "body", "nonce", "unknown key", "time", "wide digits", "probe", "not base64"],
)
def test_a_changed_stale_or_probing_message_is_refused(changed: dict[str, str], body: bytes, seconds_late: int) -> None:
    now = N1_AT + timedelta(seconds=seconds_late)
    with pytest.raises(SignatureRefused):
        verify_v3(N1_HEADERS | changed, body, {"D7CE59D1F522D701": k1()}, now=now)


@pytest.mark.parametrize("name", sorted(N1_HEADERS))
def test_a_missing_header_is_refused(name: str) -> None:
    headers = {key: value for key, value in N1_HEADERS.items() if key != name}
    with pytest.raises(SignatureRefused):
        verify_v3(headers, N1_BODY, {"D7CE59D1F522D701": k1()}, now=N1_AT)


def test_a_v3_request_is_signed_over_five_lines_each_ended() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    merchant = Merchant("1900000001", "ABC123", key)
    get = request_message(method="GET", path="/v3/certificates?a=1", timestamp=1554208460, nonce="n", body=b"")
    assert get == b"GET\n/v3/certificates?a=1\n1554208460\nn\n\n"
    header = merchant.authorization(
        method="GET", path="/v3/certificates?a=1", timestamp=1554208460, nonce="n", body=b""
    )
    assert header.startswith('WECHATPAY2-SHA256-RSA2048 mchid="1900000001",nonce_str="n",signature="')
    assert header.endswith('",timestamp="1554208460",serial_no="ABC123"')
    verify_rsa(get, header.split('signature="')[1].split('"')[0], key.public_key())


def test_signing_needs_no_event_loop_and_no_database() -> None:
    code = "import sys, bot.wechat_pay.signing; assert not {'aiohttp', 'sqlalchemy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603  # our own interpreter, a fixed text
