"""Read a platform's order export as rows of one shape. Reads a text stream, else pure; the data is ``exports.yaml``.

Every cell is text: numbers keep all their digits, formulas stay words. Files are read row by row.
"""

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources

import yaml

from bot.orders import lookalikes
from bot.orders.cleaning import clean

BEIJING = timezone(timedelta(hours=8))
HEADER_ROWS_MAX = 10  # some exports open with a note
TITLE_MAX, TITLES_MAX = 120, 20
FEN_MAX = 10**12

STATUS_RANK = {"unknown": 0, "unpaid": 1, "paid": 2, "finished": 3, "dead": 4}

_PROTECTED = re.compile(r'\A="(.*)"\Z', re.DOTALL)
_AMOUNT = re.compile(r"-?\d+(?:\.\d+)?\Z")
_NUMBER = re.compile(r"[0-9A-Z]{6,40}\Z")
_TIME_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")


class UnknownExport(Exception):
    """No platform's columns are in the file. ``seen`` is the first row, for the message to the person."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__("no known export header")
        self.seen = seen


class UnreadableFile(Exception):
    """Not a CSV at all; ``reason`` is Chinese, for the person who chose the file."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ExportForm:
    """One platform's way of writing an export."""

    platform: str
    must: frozenset[str]
    columns: dict[str, tuple[str, ...]]  # our field → the names it may have
    sums_lines: bool  # one row per product: amounts of one order add up


@dataclass(frozen=True, slots=True)
class ExportBook:
    forms: tuple[ExportForm, ...]
    statuses: dict[str, str]
    refund_done: frozenset[str]

    def form_of(self, header: Iterable[str]) -> ExportForm | None:
        """The most specific form whose columns are all there."""
        names = set(header)
        fitting = [form for form in self.forms if form.must <= names]
        return max(fitting, key=lambda form: len(form.must), default=None)

    def status(self, text: str, after_sale: str) -> str:
        """The class of a platform's words; what is not in the table is unknown."""
        word = _plain_status(text)
        if after_sale.strip() in self.refund_done or word.startswith("(删除)"):
            return "dead"
        return self.statuses.get(word, "unknown")


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One row of a file, understood."""

    row: int
    platform: str
    number: str
    sub_number: str
    shop: str
    status: str
    status_text: str
    paid_fen: int | None
    refunded_fen: int
    paid_at: datetime | None
    finished_at: datetime | None
    product: str
    phone_tail: str
    receiver_hash: str
    waybill: str


@dataclass(frozen=True, slots=True)
class RefusedRow:
    row: int  # as a spreadsheet counts: the header is row 1
    reason: str


@cache
def shipped_exports() -> ExportBook:
    data = yaml.safe_load(resources.files(__package__).joinpath("exports.yaml").read_text(encoding="utf-8"))
    forms = [
        ExportForm(
            platform,
            frozenset(entry["must"]),
            {name: tuple(names) for name, names in entry.items() if name not in {"must", "sums_lines"}},
            bool(entry.get("sums_lines")),
        )
        for platform, entry in data["platforms"].items()
    ]
    statuses = {_plain_status(word): status for status, words in data["statuses"].items() for word in words}
    return ExportBook(tuple(forms), statuses, frozenset(data["refund_done"]))


def read_export(
    lines: Iterable[str], *, platform: str | None = None
) -> tuple[ExportForm, Iterator[OrderLine | RefusedRow]]:
    """The form of a file and its rows, one at a time. Raises UnknownExport when no header fits."""
    book = shipped_exports()
    stream = iter(lines)
    head = next(stream, "")
    delimiter = "\t" if head.count("\t") > head.count(",") else ","
    reader = csv.reader(_chain(head, stream), delimiter=delimiter)
    first: list[str] = []
    for at in range(1, HEADER_ROWS_MAX + 1):
        row = next(reader, None)
        if row is None:
            break
        header = [cell_text(cell) for cell in row]
        first = first or header
        form = book.form_of(header)
        if form is not None and platform in {None, form.platform}:
            return form, _read_rows(reader, header, form, book, at)
    raise UnknownExport(first)


def cell_text(cell: str) -> str:
    """A cell without what spreadsheets wrap around it: tabs, ="…", an apostrophe, a byte-order mark."""
    text = cell.strip().lstrip("\ufeff").strip()
    protected = _PROTECTED.match(text)
    if protected:
        text = protected[1].strip()
    return text.removeprefix("'").strip()


def to_fen(text: str) -> int | None:
    """Yuan as written (¥1,299.00) to fen; None for blank, negative, unreadable or absurd."""
    plain = re.sub(r"[¥￥,，\s元]", "", clean(text).text)
    if not _AMOUNT.match(plain):
        return None
    try:
        fen = Decimal(plain) * 100
    except InvalidOperation:
        return None
    return int(fen) if 0 <= fen <= FEN_MAX and fen == fen.to_integral_value() else None


def to_moment(text: str) -> datetime | None:
    """A Beijing time as exports write it, in UTC."""
    for form in _TIME_FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=BEIJING).astimezone(UTC)
        except ValueError:
            continue
    return None


def normal_number(platform: str, text: str) -> tuple[str, str]:
    """(key text, "") or ("", why it is refused)."""
    word = re.sub(r"[\s\-_]", "", clean(text).text).upper()
    if not word:
        return "", "没有订单编号"
    if "E+" in word or re.search(r"\d\.\d", word):
        return "", "订单编号被表格软件改成了科学计数法，请把该列设为文本后重新导出"
    if platform == "taobao":
        word = re.sub(r"\AT\d{2,4}P(?=\d{15,20}\Z)", "", word)
    if platform == "douyin":
        word = re.sub(r"\A(\d{19})A\Z", r"\1", word)
    if not _NUMBER.match(word):
        return "", "订单编号里有不认识的字符，或位数不对"
    if word.isdigit() and lookalikes.is_damaged(word):
        return "", "订单编号后几位全是 0，多半被表格软件改坏了，请重新导出"
    return word, ""


def receiver_hash(name: str) -> str:
    """A match key for the receiver, so that the name itself is not stored. Masked names give none."""
    return "" if not name or "*" in name else hashlib.sha256(f"receiver:{name}".encode()).hexdigest()


def _plain_status(text: str) -> str:
    return re.sub(r"\s+", "", clean(text).text.replace("，", ","))


def _chain(head: str, stream: Iterator[str]) -> Iterator[str]:
    yield head
    yield from stream


def _read_rows(
    reader: Iterator[list[str]], header: list[str], form: ExportForm, book: ExportBook, at: int
) -> Iterator[OrderLine | RefusedRow]:
    """``at`` counts records as a spreadsheet counts rows: the header's own number comes in."""
    places = {}
    for name, wanted in form.columns.items():
        column = next((header.index(one) for one in wanted if one in header), None)
        if column is not None:
            places[name] = column
    while True:
        at += 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield RefusedRow(at, f"这一行不是合格的 CSV：{error}")
            continue
        if row is None:
            return
        if any(cell.strip() for cell in row):
            cells = {name: cell_text(row[at]) if at < len(row) else "" for name, at in places.items()}
            yield _line(at, cells, form, book)


def _line(row: int, cells: dict[str, str], form: ExportForm, book: ExportBook) -> OrderLine | RefusedRow:
    number, refusal = normal_number(form.platform, cells["number"])
    if refusal:
        return RefusedRow(row, refusal)
    sub, sub_refusal = normal_number(form.platform, cells.get("sub", ""))
    paid_at = to_moment(cells.get("paid_at", ""))
    paid = to_fen(cells.get("paid", ""))
    status_text = cells.get("status", "")
    if "status" in cells or cells.get("after_sale") in book.refund_done:
        status = book.status(status_text, cells.get("after_sale", ""))
    else:
        status = "paid" if paid_at else "unknown"
    refunded = to_fen(cells.get("refunded", "")) or 0
    is_refund = cells.get("after_sale", "") in book.refund_done
    return OrderLine(
        row=row,
        platform=form.platform,
        number=number,
        sub_number="" if sub_refusal or sub == number else sub,
        shop=cells.get("shop", "")[:100],
        status=status,
        status_text=" / ".join(filter(None, (status_text, cells.get("after_sale", "").strip("-"))))[:100],
        paid_fen=paid,
        refunded_fen=max(refunded, (paid or 0) if is_refund else 0),
        paid_at=paid_at,
        finished_at=to_moment(cells.get("finished_at", "")),
        product=cells.get("product", "")[:TITLE_MAX],
        phone_tail=_phone_tail(cells.get("phone", "")),
        receiver_hash=receiver_hash(cells.get("receiver", "")),
        waybill=cells.get("waybill", "")[:64],
    )


def _phone_tail(text: str) -> str:
    found = re.search(r"(\d{4})\D*\Z", text)
    return found[1] if found else ""
