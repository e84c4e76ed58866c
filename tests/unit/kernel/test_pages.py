"""The pure helpers every page stands on: highlights, a list's query, CSV cells, amounts as typed."""

import csv
import io
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from kernel.pages import (
    PAGE_MAX,
    SEARCH_LENGTH_MAX,
    TableQuery,
    Viewer,
    csv_response,
    guard_cell,
    redirect,
    require,
    split_highlights,
    yuan_to_fen,
)

spans = st.lists(st.tuples(st.integers(-5, 30), st.integers(-5, 30)), max_size=8)


@given(text=st.text(max_size=20), spans=spans)
def test_highlight_pieces_joined_are_the_text_again(text: str, spans: list[tuple[int, int]]) -> None:
    """A page that drops or doubles a character would show a reviewer something nobody wrote."""
    assert "".join(piece.text for piece in split_highlights(text, spans)) == text


@given(text=st.text(max_size=20), spans=spans)
def test_exactly_the_characters_inside_a_span_are_marked(text: str, spans: list[tuple[int, int]]) -> None:
    marked = [flag for piece in split_highlights(text, spans) for flag in [piece.marked] * len(piece.text)]
    assert marked == [any(start <= at < end for start, end in spans) for at in range(len(text))]


@pytest.mark.parametrize(
    ("spans", "pieces"),
    [
        ([], [("我是敏感肌", False)]),
        ([(2, 5)], [("我是", False), ("敏感肌", True)]),
        ([(2, 4), (3, 5)], [("我是", False), ("敏感肌", True)]),
        ([(0, 1), (1, 2)], [("我是", True), ("敏感肌", False)]),
        ([(4, 99)], [("我是敏感", False), ("肌", True)]),
        ([(3, 3)], [("我是敏感肌", False)]),
    ],
)
def test_overlapping_and_touching_spans_become_one_mark(
    spans: list[tuple[int, int]], pieces: list[tuple[str, bool]]
) -> None:
    assert [(piece.text, piece.marked) for piece in split_highlights("我是敏感肌", spans)] == pieces


def ask(address: str) -> TableQuery:
    request = make_mocked_request("GET", address)
    return TableQuery.of(request, sorts=("name", "at"), default="-at", filters=("state",), size=10)


def test_a_list_without_wishes_shows_its_first_page_in_the_default_order() -> None:
    query = ask("/contacts")
    assert (query.page, query.order, query.q, query.narrowed, query.offset, query.limit) == (1, "-at", "", False, 0, 10)


@pytest.mark.parametrize("page", ["0", "-3", "two", "²", "", "1e3", "9" * 40])
def test_a_page_number_that_is_none_means_the_first_page(page: str) -> None:
    assert ask(f"/contacts?page={page}").page == 1


def test_what_the_address_asks_stays_within_limits() -> None:
    query = ask(f"/contacts?page=999999&sort=password&q={'x' * 500}")
    assert (query.page, query.order, len(query.q)) == (PAGE_MAX, "-at", SEARCH_LENGTH_MAX)


def test_sorting_again_by_the_same_column_turns_the_order_round() -> None:
    query = ask("/contacts?sort=name&page=3")
    assert query.to_sort("name") == "?sort=-name"
    assert query.to_sort("at") == "?sort=at"


def test_links_of_a_list_keep_the_search_and_the_filters() -> None:
    query = ask("/contacts?q=敏感&state=lost&sort=name")
    again = ask("/contacts" + query.to_page(4))
    assert again == replace(query, page=4)
    assert ask("/contacts" + query.to_export).export


def test_an_export_holds_all_rows_and_not_one_page() -> None:
    query = ask("/contacts?page=3&format=csv")
    assert query.offset == 0
    assert query.limit > 10


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (1, 1), (10, 1), (11, 2), (57, 6)])
def test_the_number_of_pages_is_rounded_up_and_never_zero(total: int, pages: int) -> None:
    assert ask("/contacts").pages(total) == pages


@pytest.mark.parametrize("cell", ["=1+1", "+86", "-1", "@me", "\t=1", "＝1+1", "  =1", "\r=1"])
def test_a_cell_that_looks_like_a_formula_is_disarmed(cell: str) -> None:
    """A nickname is chosen by a stranger; a spreadsheet would run it."""
    assert guard_cell(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["林小满", "1-1", "", -5, 12.5, None])
def test_other_cells_stay_as_they_are(cell: object) -> None:
    assert guard_cell(cell) == cell


def test_a_csv_download_opens_in_excel_with_chinese_intact() -> None:
    response = csv_response("客户.csv", ["客户", "订单"], [["=SUM(A1)", 3], ['他说"好"', None]])
    assert isinstance(response.body, bytes)
    assert response.body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(response.body.decode("utf-8-sig"))))
    assert rows == [["客户", "订单"], ["'=SUM(A1)", "3"], ['他说"好"', ""]]
    assert "%E5%AE%A2%E6%88%B7.csv" in response.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("typed", "fen"),
    [("1.23", 123), ("1.2", 120), ("0.30", 30), (" ¥88 ", 8800), ("200元", 20000), ("0", 0)],
)
def test_an_amount_as_people_type_it_becomes_fen(typed: str, fen: int) -> None:
    assert yuan_to_fen(typed) == fen


@pytest.mark.parametrize("typed", ["", "一块八", "1.234", "-1", "1e3", "1,000", "٣", ".5", "NaN", "1.", "9" * 10])
def test_what_is_no_amount_is_refused_and_not_guessed(typed: str) -> None:
    assert yuan_to_fen(typed) is None


def test_a_redirect_after_a_post_says_so_once() -> None:
    response = redirect("/scripts", toast="已保存")
    assert (response.status, response.headers["Location"]) == (303, "/scripts")
    assert response.cookies["xiaoer_toast"]["max-age"] == "60"


def test_an_admin_may_everything_and_others_only_their_own() -> None:
    finance = Viewer("李", frozenset({"finance"}), "t")
    require(Viewer("王", frozenset({"admin"}), "t"), "finance")
    require(finance, "operator", "finance")
    with pytest.raises(web.HTTPForbidden) as refused:
        require(finance, "compliance")
    assert "质检" in str(refused.value.text)
