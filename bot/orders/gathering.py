"""Join the lines of a file to orders, and count what was read and refused. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from bot.orders.exports import STATUS_RANK, TITLES_MAX, ExportForm, OrderLine, RefusedRow
from bot.orders.shapes import order_key

REFUSED_ROWS_KEPT = 500  # the report names this many; the count is exact


@dataclass(frozen=True, slots=True)
class ImportedOrder:
    """All adjacent lines of one order, summed where the platform writes a line per product."""

    key: str
    platform: str
    number: str
    sub_numbers: tuple[str, ...]
    shop: str
    status: str
    status_text: str
    paid_fen: int | None
    refunded_fen: int
    paid_at: datetime | None
    finished_at: datetime | None
    products: tuple[str, ...]
    phone_tail: str
    receiver_hash: str
    waybill: str
    row: int


class Counts:
    """The running totals of one import."""

    def __init__(self) -> None:
        self.rows = self.added = self.updated = self.unchanged = self.refused = 0
        self.refused_rows: list[RefusedRow] = []

    def refuse(self, row: RefusedRow) -> None:
        self.refused += 1
        if len(self.refused_rows) < REFUSED_ROWS_KEPT:
            self.refused_rows.append(row)


def gather(rows: Iterable[OrderLine | RefusedRow], form: ExportForm, counts: Counts) -> Iterator[ImportedOrder]:
    """Join adjacent lines of one order; refused rows go to ``counts``."""

    def lines() -> Iterator[OrderLine]:
        for row in rows:
            counts.rows += 1
            if isinstance(row, RefusedRow):
                counts.refuse(row)
            else:
                yield row

    for _, group in groupby(lines(), key=lambda line: line.number):
        yield _join(list(group), sums=form.sums_lines)


def _join(lines: Sequence[OrderLine], *, sums: bool) -> ImportedOrder:
    """One order of its lines. A dead line among living ones counts as refunded; without summing the last line holds."""
    last = lines[-1]
    alive = [line for line in lines if line.status != "dead"] if sums else [last]
    leading = max(alive or lines, key=lambda line: STATUS_RANK[line.status])
    paid, refunded = last.paid_fen, last.refunded_fen
    if sums:
        amounts = [line.paid_fen for line in lines]
        paid = None if None in amounts else sum(amount for amount in amounts if amount is not None)
        refunded = sum((line.paid_fen or 0) if line.status == "dead" else line.refunded_fen for line in lines)
    return ImportedOrder(
        key=order_key(last.platform, last.number),
        platform=last.platform,
        number=last.number,
        sub_numbers=tuple(dict.fromkeys(line.sub_number for line in lines if line.sub_number)),
        shop=last.shop,
        status=leading.status,
        status_text=leading.status_text,
        paid_fen=paid,
        refunded_fen=refunded,
        paid_at=leading.paid_at,
        finished_at=leading.finished_at,
        products=tuple(dict.fromkeys(line.product for line in lines if line.product))[:TITLES_MAX],
        phone_tail=last.phone_tail,
        receiver_hash=last.receiver_hash,
        waybill=last.waybill,
        row=lines[0].row,
    )
