"""Bytes in, a class of answer out: only what is documented means more than unknown."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.wechat_pay.answers import AnswerClass, QueryClass, mask, read_query_answer, read_send_answer
from bot.wechat_pay.errors import InvalidRequest, Unreadable
from bot.wechat_pay.messages import RedPacketRequest, digest, read_xml, write_xml

OPENID = "oxTWIuGaIt6gTKsQRLau2M0yL16E"
NUMBER = "1900000001202611220000000101"
FIELDS: dict[str, str | int] = {
    "mch_billno": NUMBER,
    "mch_id": "1900000001",
    "wxappid": "wx8888888888888888",
    "send_name": "小店",
    "re_openid": OPENID,
    "total_amount": 200,
    "wishing": "感谢<您>&的购买",
    "client_ip": "127.0.0.1",
    "act_name": "购物回馈",
    "remark": "感谢",
}
REQUEST = RedPacketRequest.of(FIELDS)
SUCCESS: dict[str, str | int] = {
    "return_code": "SUCCESS",
    "return_msg": "发放成功",
    "result_code": "SUCCESS",
    "err_code": "SUCCESS",
    "mch_billno": NUMBER,
    "mch_id": "1900000001",
    "wxappid": "wx8888888888888888",
    "re_openid": OPENID,
    "total_amount": 200,
    "send_listid": "100000000020150520314766074200",
}


def failed(code: str, words: str = "失败") -> bytes:
    return write_xml({"return_code": "SUCCESS", "result_code": "FAIL", "err_code": code, "err_code_des": words})


def test_a_success_about_our_request_is_sent() -> None:
    answer = read_send_answer(write_xml(SUCCESS), REQUEST)
    assert (answer.kind, answer.send_listid) == (AnswerClass.SENT, "100000000020150520314766074200")


def test_cdata_new_fields_and_another_order_change_nothing() -> None:
    body = "".join(f"<{k}><![CDATA[{v}]]></{k}>\n" for k, v in reversed(SUCCESS.items()))
    assert read_send_answer(f"<xml><new>1</new>{body}</xml>".encode(), REQUEST).kind is AnswerClass.SENT


@pytest.mark.parametrize("field", ["mch_billno", "mch_id", "wxappid", "re_openid", "total_amount"])
def test_a_success_about_something_else_goes_to_people(field: str) -> None:
    """F9."""
    assert read_send_answer(write_xml(SUCCESS | {field: "999"}), REQUEST).kind is AnswerClass.MISMATCH


@pytest.mark.parametrize("field", ["mch_billno", "re_openid", "total_amount"])
def test_a_success_that_does_not_say_about_what_is_unknown(field: str) -> None:
    body = write_xml({key: value for key, value in SUCCESS.items() if key != field})
    assert read_send_answer(body, REQUEST).kind is AnswerClass.UNKNOWN


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ("SYSTEMERROR NOT_FOUND SOMETHING_NEW", AnswerClass.UNKNOWN),
        ("PROCESSING", AnswerClass.WAIT),
        ("FREQ_LIMIT SECOND_OVER_LIMITED", AnswerClass.SAME_NUMBER_LATER),
        ("SEND_FAILED", AnswerClass.FINAL_FAILURE),
        ("OPENID_ERROR V2_ACCOUNT_SIMPLE_BAN RECV_ACCOUNT_NOT_ALLOWED", AnswerClass.PAYEE_FINAL),
        ("SENDNUM_LIMIT SENDAMOUNT_LIMIT RCVDAMOUNT_LIMIT DAY_OVER_LIMITED", AnswerClass.HOLD),
        (
            (
                "PARAM_ERROR XML_ERROR SIGN_ERROR CA_ERROR NO_AUTH ILLEGAL_APPID MSGAPPID_ERROR ACCEPTMODE_ERROR"
                " API_METHOD_CLOSED NO_COMPETENCE PAYER_ACCOUNT_ABNORMAL NOTENOUGH MONEY_LIMIT"
            ),
            AnswerClass.BLOCKED_CONFIG,
        ),
        ("FATAL_ERROR", AnswerClass.CONFLICT),
    ],
)
def test_each_documented_code_has_its_class(codes: str, kind: AnswerClass) -> None:
    for code in codes.split():
        assert read_send_answer(failed(code), REQUEST).kind is kind, code


def test_the_sentence_beside_a_code_decides_nothing() -> None:
    assert read_send_answer(failed("SYSTEMERROR", "发放失败，此请求可能存在风险"), REQUEST).kind is AnswerClass.UNKNOWN
    assert read_send_answer(failed("", "签名错误"), REQUEST).kind is AnswerClass.UNKNOWN


UNREADABLE = [
    b"",
    b"<html><body>502 Bad Gateway</body></html>",
    write_xml(SUCCESS)[:-20],
    gzip.compress(b"<xml></xml>"),
    "<xml><return_code>成功</return_code></xml>".encode("gbk"),
    b"<xml><return_code>SUCCESS</return_code><return_code>FAIL</return_code></xml>",
    b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><return_code>&a;</return_code></xml>',
    b'<!DOCTYPE xml SYSTEM "http://127.0.0.1/x.dtd"><xml></xml>',
    b'<!DOCTYPE xml [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><xml><r>&b;</r></xml>',
    b'{"return_code":"SUCCESS"}',
    b'<?xml version="1.0" encoding="no-such"?><xml></xml>',
    b"<xml>" + b"<a>1</a>" * 20_000 + b"</xml>",
]


@pytest.mark.parametrize("body", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_cannot_be_read_is_unknown_and_dtds_and_entities_are_refused(body: bytes) -> None:
    """F7, and the entity attacks every XML endpoint gets."""
    assert read_send_answer(body, REQUEST).kind is AnswerClass.UNKNOWN
    assert read_query_answer(body, mch_billno=NUMBER, mch_id="1900000001").kind is QueryClass.UNKNOWN
    with pytest.raises(Unreadable):
        read_xml(body)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_the_reader_fall_over(body: bytes) -> None:
    assert read_send_answer(body, REQUEST).kind is AnswerClass.UNKNOWN


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("SENDING", QueryClass.SENDING),
        ("SENT", QueryClass.SENT),
        ("FAILED", QueryClass.FAILED),
        ("RECEIVED", QueryClass.RECEIVED),
        ("RFUND_ING", QueryClass.RETURNING),
        ("REFUND", QueryClass.RETURNED),
        ("SOMETHING_NEW", QueryClass.UNKNOWN),
    ],
)
def test_a_good_query_carries_err_code_success_and_a_status(status: str, kind: QueryClass) -> None:
    body = write_xml(SUCCESS | {"err_code_des": "OK", "status": status, "reason": "已达到领取上限"})
    answer = read_query_answer(body, mch_billno=NUMBER, mch_id="1900000001")
    assert (answer.kind, answer.err_code, answer.amount_fen, answer.reason) == (kind, "", 200, "已达到领取上限")
    assert not answer.contradicts(REQUEST)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("NOT_FOUND", QueryClass.NOT_FOUND),
        ("SYSTEMERROR", QueryClass.UNKNOWN),
        ("FREQ_LIMIT", QueryClass.UNKNOWN),
        ("CA_ERROR", QueryClass.BLOCKED_CONFIG),
        ("SIGN_ERROR", QueryClass.BLOCKED_CONFIG),
    ],
)
def test_query_errors(code: str, kind: QueryClass) -> None:
    assert read_query_answer(failed(code), mch_billno=NUMBER, mch_id="1900000001").kind is kind


def test_a_query_about_another_number_sum_or_person_is_noticed() -> None:
    received = SUCCESS | {"status": "RECEIVED"}
    other = write_xml(received | {"mch_billno": "1"})
    assert read_query_answer(other, mch_billno=NUMBER, mch_id="1900000001").kind is QueryClass.MISMATCH
    sum_differs = read_query_answer(write_xml(received | {"total_amount": 201}), mch_billno=NUMBER, mch_id="1900000001")
    assert sum_differs.contradicts(REQUEST)
    for openid, contradicts in ((OPENID, False), ("oSomebodyElse_0000000000000", True)):
        hbinfo = f"<hblist><hbinfo><openid>{openid}</openid><amount>200</amount></hbinfo></hblist></xml>"
        body = write_xml(received).removesuffix(b"</xml>") + hbinfo.encode()
        answer = read_query_answer(body, mch_billno=NUMBER, mch_id="1900000001")
        assert answer.contradicts(REQUEST) is contradicts


def test_summaries_show_codes_and_never_an_openid() -> None:
    answer = read_send_answer(failed("OPENID_ERROR", f"openid {OPENID} 不存在"), REQUEST)
    assert "OPENID_ERROR" in answer.summary
    assert OPENID not in answer.summary
    assert mask(OPENID) in answer.summary
    assert OPENID not in read_send_answer(write_xml(SUCCESS), REQUEST).summary


def test_a_request_written_and_read_is_the_same_and_keeps_its_digest() -> None:
    fields, _ = read_xml(write_xml(REQUEST.fields))
    assert fields == {name: str(value) for name, value in REQUEST.fields.items()}
    assert RedPacketRequest.of(REQUEST.fields) == REQUEST
    assert digest(dict(reversed(REQUEST.fields.items()))) == REQUEST.digest
    assert "nonce_str" not in REQUEST.fields


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"mch_billno": "19000000012026112200000001011"}, "mch_billno"),
        ({"mch_billno": "1900-1"}, "mch_billno"),
        ({"act_name": "一个超过十个汉字的活动名"}, "act_name"),
        ({"send_name": ""}, "send_name"),
        ({"remark": "a\nb"}, "remark"),
        ({"wishing": "\ud800"}, "wishing"),
        ({"total_amount": 0}, "total_amount"),
        ({"total_amount": 99}, "scene_id"),
        ({"total_amount": 20_001}, "scene_id"),
    ],
)
def test_a_request_wechat_would_refuse_is_refused_before_it_is_sent(changed: dict[str, str | int], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        RedPacketRequest.of(FIELDS | changed)
    assert refused.value.field == field


def test_a_named_scene_allows_small_and_large_sums() -> None:
    assert RedPacketRequest.of(FIELDS | {"total_amount": 30, "scene_id": "PRODUCT_1"}).fields["scene_id"] == "PRODUCT_1"
