"""Bring an export into the order records: streamed, in batches of one transaction each, safe to repeat.

A file that broke off half-way is simply imported again: rows are upserted by key. A status only
moves forward or to dead, so an older file changes nothing. Files may be of any length; one batch
is what stands in memory.
"""

import codecs
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.orders.exports import (
    STATUS_RANK,
    TITLES_MAX,
    ExportForm,
    RefusedRow,
    UnreadableFile,
    read_export,
)
from bot.orders.gathering import Counts, ImportedOrder, gather
from bot.orders.shapes import order_key
from bot.orders.tables import OrderAlias, OrderImport, OrderRecord
from kernel.database import Database

BATCH_ORDERS = 500
BLOCK_BYTES = 1 << 18

log = structlog.get_logger()

Progress = Callable[[int, float], None]  # rows so far, share of the file in [0, 1]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came of a file."""

    import_id: int
    platform: str
    encoding: str
    rows: int
    added: int
    updated: int
    unchanged: int
    refused: int
    refused_rows: tuple[RefusedRow, ...]  # the first REFUSED_ROWS_KEPT
    is_repeat: bool  # the very same file had been imported before


async def import_file(
    database: Database,
    path_or_bytes: Path | bytes,
    *,
    platform: str | None = None,
    by: str,
    now: datetime,
    file_name: str = "",
    progress: Progress | None = None,
) -> ImportReport:
    """Read one export. The platform is told from the header unless given.

    Raises UnreadableFile or UnknownExport before anything is written. ``progress`` is called after each batch.
    """
    with _open(path_or_bytes) as file:
        sha256, encoding, size = _look_through(file)
        file.seek(0)
        text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
        form, rows = read_export(text, platform=platform)
        name = file_name or (path_or_bytes.name if isinstance(path_or_bytes, Path) else "")
        async with database.write() as db:
            is_repeat = await db.scalar(select(OrderImport.id).where(OrderImport.sha256 == sha256).limit(1)) is not None
            row = OrderImport(
                file_name=name[:200],
                sha256=sha256,
                platform=form.platform,
                encoding=encoding,
                imported_by=by,
                started_at=now,
            )
            db.add(row)
            await db.flush()
            import_id = row.id
        counts = Counts()
        orders = gather(rows, form, counts)
        while batch := list(islice(orders, BATCH_ORDERS)):
            async with database.write() as db:
                await _write_batch(db, batch, form, counts, import_id=import_id, now=now)
                await _write_counts(db, import_id, counts, is_complete=False)
            if progress is not None:
                progress(counts.rows, min(1.0, file.tell() / size) if size else 1.0)
        async with database.write() as db:
            await _write_counts(db, import_id, counts, is_complete=True)
        text.detach()  # the caller's file is closed by the caller's block
    log.info("orders_imported", import_id=import_id, platform=form.platform, rows=counts.rows, refused=counts.refused)
    return ImportReport(
        import_id,
        form.platform,
        encoding,
        counts.rows,
        counts.added,
        counts.updated,
        counts.unchanged,
        counts.refused,
        tuple(counts.refused_rows),
        is_repeat,
    )


async def _write_batch(
    db: AsyncSession,
    batch: Sequence[ImportedOrder],
    form: ExportForm,
    counts: Counts,
    *,
    import_id: int,
    now: datetime,
) -> None:
    keys = {order.key for order in batch}
    known = {record.key: record for record in await db.scalars(select(OrderRecord).where(OrderRecord.key.in_(keys)))}
    added: dict[str, dict[str, Any]] = {}
    changed: dict[str, dict[str, Any]] = {}
    for order in batch:
        before = (
            added.get(order.key)
            or changed.get(order.key)
            or (_values_of(known[order.key]) if order.key in known else None)
        )
        if before is None:
            added[order.key] = _new_values(order, import_id=import_id, now=now)
            continue
        after = merge(before, order, adds_up=form.sums_lines and before["import_id"] == import_id, import_id=import_id)
        if after is None:
            counts.unchanged += 1
        elif order.key in added:
            added[order.key] = after
        else:
            changed[order.key] = {**after, "updated_at": now}
    counts.added += len(added)
    counts.updated += len(changed)
    await _insert_missing(db, OrderRecord, list(added.values()))
    for key, values in changed.items():
        await db.execute(update(OrderRecord).where(OrderRecord.key == key).values(**values))
    await _write_aliases(db, batch)


async def _write_aliases(db: AsyncSession, batch: Sequence[ImportedOrder]) -> None:
    aliases = {order_key(order.platform, sub): order.key for order in batch for sub in order.sub_numbers}
    known = set(await db.scalars(select(OrderAlias.key).where(OrderAlias.key.in_(aliases)))) if aliases else set()
    missing = [{"key": key, "order_key": order} for key, order in aliases.items() if key not in known]
    await _insert_missing(db, OrderAlias, missing)


async def _insert_missing(db: AsyncSession, table: type[OrderRecord | OrderAlias], rows: list[dict[str, Any]]) -> None:
    """Insert rows by ``key``. An import running beside this one may have been first: its row holds."""
    if rows:
        make: Any = sqlite.insert if db.get_bind().dialect.name == "sqlite" else postgresql.insert
        # Core and one parameter set per row: the statement is compiled once and stays cached.
        await db.execute(make(table.__table__).on_conflict_do_nothing(index_elements=("key",)), rows)


def merge(before: dict[str, Any], order: ImportedOrder, *, adds_up: bool, import_id: int) -> dict[str, Any] | None:
    """The record's values after a later row of the same order, or None when the row is older or says nothing new.

    ``adds_up``: the row is a further line of the same file, so amounts add instead of replacing.
    """
    is_known_dead = before["status"] == "dead"
    if not adds_up and (is_known_dead or STATUS_RANK[order.status] < STATUS_RANK[before["status"]]):
        return None
    new = _new_values(order, import_id=import_id, now=before["created_at"])
    after = dict(before)
    for name in ("shop", "status_text", "paid_at", "finished_at", "products", "phone_tail", "receiver_hash", "waybill"):
        after[name] = new[name] or before[name]
    after["status"] = (
        max(before["status"], order.status, key=lambda status: STATUS_RANK[status] % STATUS_RANK["dead"])
        if adds_up
        else order.status
    )
    after["paid_fen"] = order.paid_fen if order.paid_fen is not None else before["paid_fen"]
    after["refunded_fen"] = max(before["refunded_fen"], order.refunded_fen)
    after["sub_numbers"] = list(dict.fromkeys([*before["sub_numbers"], *order.sub_numbers]))
    if adds_up:
        both_known = before["paid_fen"] is not None and order.paid_fen is not None
        after["paid_fen"] = before["paid_fen"] + order.paid_fen if both_known else None
        after["refunded_fen"] = before["refunded_fen"] + order.refunded_fen
        after["products"] = list(dict.fromkeys([*before["products"], *order.products]))[:TITLES_MAX]
    if after == before:
        return None
    return {**after, "import_id": import_id, "import_row": order.row}


def _new_values(order: ImportedOrder, *, import_id: int, now: datetime) -> dict[str, Any]:
    return {
        "key": order.key,
        "platform": order.platform,
        "shop": order.shop,
        "number": order.number,
        "sub_numbers": list(order.sub_numbers),
        "status": order.status,
        "status_text": order.status_text,
        "paid_fen": order.paid_fen,
        "refunded_fen": order.refunded_fen,
        "paid_at": order.paid_at,
        "finished_at": order.finished_at,
        "products": list(order.products),
        "phone_tail": order.phone_tail,
        "receiver_hash": order.receiver_hash,
        "waybill": order.waybill,
        "import_id": import_id,
        "import_row": order.row,
        "created_at": now,
        "updated_at": now,
    }


def _values_of(record: OrderRecord) -> dict[str, Any]:
    return {column.key: getattr(record, column.key) for column in OrderRecord.__table__.columns if column.key != "id"}


async def _write_counts(db: AsyncSession, import_id: int, counts: Counts, *, is_complete: bool) -> None:
    values = {
        "rows": counts.rows,
        "added": counts.added,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "refused": counts.refused,
        "refused_rows": [{"row": row.row, "reason": row.reason} for row in counts.refused_rows],
        "is_complete": is_complete,
    }
    await db.execute(update(OrderImport).where(OrderImport.id == import_id).values(**values))


def _open(path_or_bytes: Path | bytes) -> BinaryIO:
    return io.BytesIO(path_or_bytes) if isinstance(path_or_bytes, bytes) else path_or_bytes.open("rb")


def _look_through(file: BinaryIO) -> tuple[str, str, int]:
    """(sha256, encoding, bytes) in one pass of flat memory. UTF-8 when every byte agrees, else GB18030."""
    digest = hashlib.sha256()
    decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    size, head = 0, b""
    while block := file.read(BLOCK_BYTES):
        head = head or block[:4]
        size += len(block)
        digest.update(block)
        if decoder is not None:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                decoder = None
    if size == 0:
        raise UnreadableFile("文件是空的。")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UnreadableFile("这是 Excel 文件，请在表格软件里「另存为 CSV」后再上传，并先把订单编号列设为文本。")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return digest.hexdigest(), "utf-16", size
    return digest.hexdigest(), "utf-8-sig" if decoder is not None else "gb18030", size
