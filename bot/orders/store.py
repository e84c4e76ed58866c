"""Look orders up, decide claims, bind. The insert into ``order_binding`` is the lock: one order, one contact.

Every function works inside the caller's transaction and never commits. Handling one message twice
gives the same outcome twice.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import decisions
from bot.orders import claims
from bot.orders.candidates import Candidate
from bot.orders.claims import Ambiguous, ClaimOutcome, Found, FoundOrder, Lookup, NotFound
from bot.orders.tables import OrderAlias, OrderBinding, OrderClaim, OrderRecord
from kernel.database import insert_once

RECHECK_BATCH = 200

log = structlog.get_logger()


async def lookup(db: AsyncSession, candidate: Candidate) -> Lookup:
    """Find the order of a candidate by its number or by one of its sub-order numbers."""
    return await _lookup_keys(db, candidate.keys)


async def claim(
    db: AsyncSession,
    candidate: Candidate,
    *,
    external_userid: str,
    userid: str | None,
    origin: str,
    message_key: str,
    now: datetime,
    is_correction: bool = False,
) -> ClaimOutcome:
    """Register that a contact says an order is theirs, and decide at once what that comes to.

    ``message_key`` names the message, so that handling it again changes nothing and answers the same.
    ``is_correction``: the message corrects a number sent just before, which then is no miss any more.
    """
    first = {
        **_reading_values(candidate),
        "external_userid": external_userid,
        "userid": userid,
        "origin": origin,
        "message_key": message_key,
        "state": "waiting",
        "reason": "",
        "created_at": now,
    }
    row = await _claim_row(db, first)
    if row.message_key == message_key and row.decided_at is not None:
        return await _repeat(db, row)
    if is_correction:
        await _withdraw_miss(db, row, now=now)
    return await _decide(db, row, candidate, message_key=message_key, userid=userid, origin=origin, now=now)


async def recheck_waiting(db: AsyncSession, *, now: datetime) -> list[ClaimOutcome]:
    """Look all waiting claims up again, as after an import; only claims that changed are answered.

    Claims older than CLAIM_WAITS expire quietly.
    """
    expired = update(OrderClaim).where(OrderClaim.state == "waiting", OrderClaim.created_at < now - claims.CLAIM_WAITS)
    await db.execute(expired.values(state="expired", reason="expired", decided_at=now))
    outcomes: list[ClaimOutcome] = []
    after = 0
    while batch := await _open_claims(db, after):
        after = batch[-1].id
        hits = await _known_keys(db, {key for row in batch for key in row.keys})
        for row in batch:
            if hits.isdisjoint(row.keys):
                continue
            before = (row.state, row.reason)
            outcome = await _settle(db, row, now=now)
            if (row.state, row.reason) != before:
                outcomes.append(outcome)
    return outcomes


async def unbind(db: AsyncSession, order_key: str, *, by: str, now: datetime) -> bool:
    """Take a binding away again; the claim stays, rejected. True when there was one."""
    binding = await db.scalar(select(OrderBinding).where(OrderBinding.order_key == order_key))
    if binding is None:
        return False
    await db.execute(delete(OrderBinding).where(OrderBinding.id == binding.id))
    taken_back = update(OrderClaim).where(OrderClaim.id == binding.claim_id)
    await db.execute(taken_back.values(state="rejected", reason="unbound", decided_at=now))
    await decisions.add(
        db,
        decisions.DecisionKind.ORDER,
        key=f"unbind:{binding.id}",
        external_userid=binding.external_userid,
        outcome=f"订单 …{order_key[-4:]} 解除登记",
        because=[f"由 {by} 在订单页操作"],
        now=now,
    )
    log.info("order_unbound", claim_id=binding.claim_id)
    return True


async def claims_of(db: AsyncSession, external_userid: str) -> list[OrderClaim]:
    """A contact's claims, newest first."""
    chosen = select(OrderClaim).where(OrderClaim.external_userid == external_userid)
    return list(await db.scalars(chosen.order_by(OrderClaim.created_at.desc(), OrderClaim.id.desc())))


async def bindings_of(db: AsyncSession, external_userid: str) -> list[tuple[OrderBinding, OrderRecord]]:
    """A contact's bound orders with their records, newest first."""
    chosen = (
        select(OrderBinding, OrderRecord)
        .join(OrderRecord, OrderRecord.key == OrderBinding.order_key)
        .where(OrderBinding.external_userid == external_userid)
        .order_by(OrderBinding.bound_at.desc(), OrderBinding.id.desc())
    )
    return [(binding, record) for binding, record in await db.execute(chosen)]


async def get_order(db: AsyncSession, order_key: str) -> FoundOrder | None:
    """One order by its key, for instance to check its state again before money moves."""
    record = await db.scalar(select(OrderRecord).where(OrderRecord.key == order_key))
    return _found_order(record) if record else None


async def _claim_row(db: AsyncSession, first: dict[str, object]) -> OrderClaim:
    """The row of this contact and number; ``first`` is written when there was none."""
    await insert_once(db, OrderClaim, first, unique=("external_userid", "number"))
    chosen = select(OrderClaim).where(
        OrderClaim.external_userid == first["external_userid"], OrderClaim.number == first["number"]
    )
    return (await db.scalars(chosen.with_for_update().execution_options(populate_existing=True))).one()


def _reading_values(candidate: Candidate) -> dict[str, object]:
    return {
        "number": candidate.number,
        "keys": list(candidate.keys),
        "span_start": candidate.span[0],
        "span_end": candidate.span[1],
        "confidence": candidate.confidence,
        "reading": list(candidate.reasons),
    }


async def _repeat(db: AsyncSession, row: OrderClaim) -> ClaimOutcome:
    """The outcome this very message had before."""
    kinds: dict[str, claims.ClaimKind] = {
        "bound": "bound",
        "taken": "taken",
        "waiting": "not_found",
        "not_eligible": "not_eligible",
        "expired": "not_found",
    }
    order = await get_order(db, row.order_key) if row.state == "bound" and row.order_key else None
    if row.reason == "repeated":
        return _outcome(row, "already_yours", order)
    return _outcome(row, kinds.get(row.state, "too_many" if row.reason == "too_many" else "not_found"), order)


async def _decide(
    db: AsyncSession,
    row: OrderClaim,
    candidate: Candidate,
    *,
    message_key: str,
    userid: str | None,
    origin: str,
    now: datetime,
) -> ClaimOutcome:
    if row.state == "bound":
        order = await get_order(db, row.order_key) if row.order_key else None
        return _outcome(row, "already_yours", order, message_key=message_key)
    row.message_key, row.userid, row.origin, row.created_at = message_key, userid, origin, now
    for name, value in _reading_values(candidate).items():
        setattr(row, name, value)
    if await _too_many_misses(db, row, now=now):
        _set(row, "rejected", "too_many", now)
        await db.flush()
        return _outcome(row, "too_many")
    return await _settle(db, row, now=now)


async def _settle(db: AsyncSession, row: OrderClaim, *, now: datetime) -> ClaimOutcome:
    """Look up, check, bind: the row says afterwards what it came to."""
    found = await _lookup_keys(db, row.keys)
    if not isinstance(found, Found):
        _set(row, "waiting", "ambiguous" if isinstance(found, Ambiguous) else "not_imported", now)
        await db.flush()
        return _outcome(row, "not_found")
    order = found.order
    owner = await _owner(db, order.key)
    if owner is None and (reason := claims.refusal(order)):
        row.order_key = order.key
        _set(row, "not_eligible", reason, now)
        await db.flush()
        return _outcome(row, "not_eligible")
    if owner is None and await _bind(db, row, order, by=found.by, now=now):
        row.order_key = order.key
        _set(row, "bound", "", now)
        await db.flush()
        log.info("order_bound", claim_id=row.id, external_userid=row.external_userid)
        return _outcome(row, "bound", order)
    owner = owner or await _owner(db, order.key)
    row.order_key = order.key
    if owner == row.external_userid:  # for example by the sub-order's number
        _set(row, "bound", "repeated", now)
        await db.flush()
        return _outcome(row, "already_yours", order)
    _set(row, "taken", "other_contact", now)
    await db.flush()
    return _outcome(row, "taken")


async def _bind(db: AsyncSession, row: OrderClaim, order: FoundOrder, *, by: str, now: datetime) -> bool:
    evidence = {
        "message_key": row.message_key,
        "span": [row.span_start, row.span_end],
        "number": row.number,
        "confidence": row.confidence,
        "found_by": by,
        "import_id": order.import_id,
        "import_row": order.import_row,
    }
    values = {
        "order_key": order.key,
        "external_userid": row.external_userid,
        "claim_id": row.id,
        "evidence": evidence,
        "bound_at": now,
    }
    return await insert_once(db, OrderBinding, values, unique=("order_key",))


async def _owner(db: AsyncSession, order_key: str) -> str | None:
    return await db.scalar(select(OrderBinding.external_userid).where(OrderBinding.order_key == order_key))


async def _too_many_misses(db: AsyncSession, row: OrderClaim, *, now: datetime) -> bool:
    """Misses are other numbers of this contact that were not found; guessing gets no further."""

    async def misses(since: datetime) -> int:
        chosen = select(func.count()).where(
            OrderClaim.external_userid == row.external_userid,
            OrderClaim.id != row.id,
            OrderClaim.created_at > since,
            OrderClaim.reason.in_(("not_imported", "too_many")),
        )
        return await db.scalar(chosen) or 0

    return (
        await misses(now - claims.MISSES_WITHIN) >= claims.MISSES_MAX
        or await misses(now - 144 * claims.MISSES_WITHIN) >= claims.MISSES_PER_DAY_MAX
    )


async def _withdraw_miss(db: AsyncSession, row: OrderClaim, *, now: datetime) -> None:
    """The contact's latest number not found is replaced by the one that follows it."""
    latest = await db.scalar(
        select(OrderClaim)
        .where(
            OrderClaim.external_userid == row.external_userid,
            OrderClaim.id != row.id,
            OrderClaim.state == "waiting",
            OrderClaim.created_at >= now - claims.CORRECTION_WITHIN,
        )
        .order_by(OrderClaim.created_at.desc(), OrderClaim.id.desc())
        .limit(1)
    )
    if latest is not None:
        _set(latest, "rejected", "corrected", now)


async def _open_claims(db: AsyncSession, after: int) -> Sequence[OrderClaim]:
    may_change = (OrderClaim.state == "not_eligible") & OrderClaim.reason.in_(claims.MAY_CHANGE)
    chosen = select(OrderClaim).where((OrderClaim.state == "waiting") | may_change, OrderClaim.id > after)
    return (await db.scalars(chosen.order_by(OrderClaim.id).limit(RECHECK_BATCH))).all()


async def _known_keys(db: AsyncSession, keys: set[str]) -> set[str]:
    known = set(await db.scalars(select(OrderRecord.key).where(OrderRecord.key.in_(keys))))
    return known | set(await db.scalars(select(OrderAlias.key).where(OrderAlias.key.in_(keys))))


async def _lookup_keys(db: AsyncSession, keys: Iterable[str]) -> Lookup:
    wanted = list(keys)
    records = (await db.scalars(select(OrderRecord).where(OrderRecord.key.in_(wanted)))).all()
    by = "number"
    if not records:
        by = "sub_number"
        resolved = select(OrderAlias.order_key).where(OrderAlias.key.in_(wanted))
        records = (await db.scalars(select(OrderRecord).where(OrderRecord.key.in_(resolved)))).all()
    if not records:
        return NotFound()
    if len(records) > 1:
        return Ambiguous(tuple(sorted(record.key for record in records)))
    return Found(_found_order(records[0]), by)


def _found_order(record: OrderRecord) -> FoundOrder:
    return FoundOrder(
        key=record.key,
        platform=record.platform,
        shop=record.shop,
        number=record.number,
        status=record.status,
        status_text=record.status_text,
        paid_fen=record.paid_fen,
        refunded_fen=record.refunded_fen,
        paid_at=record.paid_at,
        finished_at=record.finished_at,
        products=tuple(record.products),
        import_id=record.import_id,
        import_row=record.import_row,
    )


def _set(row: OrderClaim, state: str, reason: str, now: datetime) -> None:
    row.state, row.reason, row.decided_at = state, reason, now


def _outcome(
    row: OrderClaim, kind: claims.ClaimKind, order: FoundOrder | None = None, *, message_key: str = ""
) -> ClaimOutcome:
    return ClaimOutcome(
        kind=kind,
        reason=row.reason,
        claim_id=row.id,
        number=row.number,
        external_userid=row.external_userid,
        userid=row.userid,
        origin=row.origin,
        message_key=message_key or row.message_key,
        order=order,
    )
