"""Reading exports as the platforms write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.orders.exports import (
    OrderLine,
    RefusedRow,
    UnknownExport,
    cell_text,
    normal_number,
    read_export,
    shipped_exports,
    to_fen,
    to_moment,
)
from bot.orders.samples import SampleOrder, pdd_csv, taobao_csv

PAID = datetime(2025, 6, 1, 4, 30, tzinfo=UTC)


def read(text: str) -> list[OrderLine | RefusedRow]:
    return list(read_export(text.splitlines(keepends=True))[1])


@pytest.mark.parametrize(
    ("written", "fen"),
    [
        ("129.00", 12900), ("¥1,299.50", 129950), ("￥ 1，299", 129900), ("0.00", 0),
        ("12.5 元", 1250), ("１２.５", 1250),
        ("", None), ("-3.00", None), ("--", None), ("1.005", None), ("abc", None), ("9" * 20, None),
    ],
)  # fmt: skip
def test_yuan_become_fen_without_a_float(written: str, fen: int | None) -> None:
    assert to_fen(written) == fen


@given(st.integers(0, 10**11))
def test_every_amount_survives_the_way_through_a_spreadsheet(fen: int) -> None:
    assert to_fen(f"¥{fen // 100:,}.{fen % 100:02d}") == fen


@pytest.mark.parametrize(
    "written",
    ['="2226688164543500001"', "'2226688164543500001", "\t2226688164543500001\t", " 2226688164543500001 "],
)
def test_what_protects_a_number_in_a_spreadsheet_is_taken_off(written: str) -> None:
    assert cell_text(written) == "2226688164543500001"


@pytest.mark.parametrize(
    ("platform", "written", "number"),
    [
        ("pdd", "250601-123456789012345", "250601123456789012345"),
        ("taobao", "T200P2226688164543500001", "2226688164543500001"),
        ("douyin", "6921458812075433121A", "6921458812075433121"),
        ("xiaohongshu", "p712345678901234567", "P712345678901234567"),
        ("youzan", "E20250601123456012300001", "E20250601123456012300001"),
    ],
)
def test_a_number_in_a_file_has_the_same_key_as_in_chat(platform: str, written: str, number: str) -> None:
    assert normal_number(platform, written) == (number, "")


@pytest.mark.parametrize("written", ["", "2.22669E+18", "2226688164543500000", "12345", "合计"])
def test_a_damaged_number_is_refused_with_a_reason(written: str) -> None:
    number, reason = normal_number("taobao", written)
    assert not number
    assert reason


def test_times_in_files_are_beijing_time() -> None:
    assert to_moment("2025-06-01 12:30:00") == PAID
    assert to_moment("2025/6/1 12:30") == PAID
    assert to_moment("昨天") is None


def test_the_samples_read_back_as_they_were_written() -> None:
    one = SampleOrder("2226688164543500001", 129900, PAID)
    taobao = read(taobao_csv([one]).decode("gb18030"))[0]
    assert isinstance(taobao, OrderLine)
    assert (taobao.platform, taobao.number, taobao.paid_fen, taobao.status) == (
        "taobao",
        one.number,
        129900,
        "finished",
    )
    assert (taobao.phone_tail, taobao.receiver_hash, taobao.paid_at) == ("0000", "", PAID)
    two = SampleOrder("250601123456789012345", 990, PAID, after_sale="退款成功")
    pdd = read(pdd_csv([two]).decode("utf-8-sig"))[0]
    assert isinstance(pdd, OrderLine)
    assert (pdd.platform, pdd.number, pdd.status, pdd.refunded_fen) == ("pdd", two.number, "dead", 990)


@pytest.mark.parametrize(
    ("header", "platform"),
    [
        ("订单编号,买家会员名,买家实际支付金额,订单状态,多出来的列", "taobao"),
        ("商品,订单号,订单状态,商品总价(元),用户实付金额(元)", "pdd"),
        ("订单号,商品ID,商品名称,订购数量,应付金额,订单状态", "jd"),
        ("主订单编号,子订单编号,选购商品,订单应付金额,订单状态", "douyin"),
        ("订单成交时间,商家应收金额(元)(支付金额),SKU件数,SKU名称,订单号", "xiaohongshu"),
        ("订单号\t买家付款时间\t全部商品名称\t订单实付金额", "youzan"),
        ("\ufeff订单编号 ,买家实际支付金额 , 订单状态", "taobao"),
    ],
)
def test_the_platform_is_told_from_the_header(header: str, platform: str) -> None:
    assert read_export([header + "\n"])[0].platform == platform


def test_a_note_above_the_header_does_no_harm_and_rows_are_counted_as_a_spreadsheet_does() -> None:
    rows = read(
        "导出时间：2025-06-01\n订单编号,买家实际支付金额,订单状态\n2226688164543500001,9.90,交易成功\n坏,1,交易成功\n"
    )
    assert isinstance(rows[0], OrderLine)
    assert [row.row for row in rows] == [3, 4]


def test_a_file_of_nobody_is_refused_and_shows_what_was_seen() -> None:
    with pytest.raises(UnknownExport) as refusal:
        read_export(["姓名,年龄\n", "李雷,3\n"])
    assert refusal.value.seen == ["姓名", "年龄"]


@pytest.mark.parametrize(
    ("word", "after_sale", "status"),
    [
        ("交易成功", "", "finished"), ("买家已付款，等待卖家发货", "", "paid"),
        ("卖家已发货，等待买家确认", "", "paid"),
        ("等待买家付款", "", "unpaid"), ("交易关闭", "", "dead"), ("(删除)等待出库", "", "dead"),
        ("已收货", "退款成功", "dead"), ("已收货", "无售后或售后取消", "finished"), ("新的说法", "", "unknown"),
        ("已发货,待收货", "", "paid"), ("已发货，待收货", "", "paid"),
    ],
)  # fmt: skip
def test_status_words_have_a_class_and_new_ones_are_unknown(word: str, after_sale: str, status: str) -> None:
    assert shipped_exports().status(word, after_sale) == status


@given(st.text(max_size=300))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    header = "订单编号,买家实际支付金额,订单状态\n"
    for row in read_export([header, *text.splitlines(keepends=True)])[1]:
        assert isinstance(row, OrderLine | RefusedRow)
