"""Importing orders, claiming them and binding them, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.orders import claims, store
from bot.orders.claims import ClaimOutcome
from bot.orders.exports import UnknownExport, UnreadableFile
from bot.orders.importing import BATCH_ORDERS, ImportReport, import_file
from bot.orders.reading import Candidate, extract
from bot.orders.samples import SampleOrder, pdd_csv, taobao_csv
from bot.orders.tables import OrderBinding, OrderClaim, OrderImport, OrderRecord
from kernel.database import Database

NOW = datetime(2025, 6, 20, 4, 0, tzinfo=UTC)
PAID = datetime(2025, 6, 1, 4, 30, tzinfo=UTC)
NUMBER = "2226688164543500011"


def order(number: str = NUMBER, fen: int = 9900, **more: str | int) -> SampleOrder:
    return SampleOrder(number, fen, PAID, **more)  # type: ignore[arg-type]  # a test's shorthand


def candidate(number: str = NUMBER) -> Candidate:
    return extract(f"订单号：{number}").orders[0]


async def bring_in(database: Database, *orders: SampleOrder, at: datetime = NOW) -> ImportReport:
    return await import_file(database, taobao_csv(orders), by="小何", now=at)


async def ask(
    database: Database, number: str = NUMBER, *, who: str = "wm_li", message: str = "m1", at: datetime = NOW,
    is_correction: bool = False,
) -> ClaimOutcome:  # fmt: skip
    async with database.write() as db:
        return await store.claim(
            db,
            candidate(number),
            external_userid=who,
            userid="zhang",
            origin="archive",
            message_key=message,
            now=at,
            is_correction=is_correction,
        )


async def test_an_imported_order_is_bound_to_the_first_who_claims_it(database: Database) -> None:
    report = await bring_in(database, order())
    assert (report.platform, report.rows, report.added, report.refused) == ("taobao", 1, 1, 0)
    outcome = await ask(database)
    assert (outcome.kind, outcome.order and outcome.order.paid_fen) == ("bound", 9900)
    async with database.read() as db:
        [(binding, record)] = await store.bindings_of(db, "wm_li")
        assert record.number == NUMBER
        assert binding.evidence["message_key"] == "m1"
        assert binding.evidence["import_row"] == 2


async def test_the_same_message_handled_twice_answers_the_same(database: Database) -> None:
    """Handlers run at least once: a repeat after a crash must see bound again, not taken."""
    await bring_in(database, order())
    kinds = [(await ask(database)).kind for _ in range(3)]
    assert kinds == ["bound", "bound", "bound"]
    assert (await ask(database, message="m2")).kind == "already_yours"
    assert (await ask(database)).kind in {"bound", "already_yours"}


async def test_the_second_claimant_hears_taken_and_never_whose_it_is(database: Database) -> None:
    await bring_in(database, order())
    await ask(database)
    outcome = await ask(database, who="wm_han", message="m2")
    assert (outcome.kind, outcome.order) == ("taken", None)
    assert "wm_li" not in repr(outcome)
    assert (await ask(database, who="wm_han", message="m2")).kind == "taken"


async def test_a_hundred_claims_at_once_bind_one(database: Database) -> None:
    await bring_in(database, order())
    outcomes = await asyncio.gather(*(ask(database, who=f"wm_{n}", message=f"m{n}") for n in range(24)))
    assert sorted(one.kind for one in outcomes) == ["bound"] + ["taken"] * 23
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(OrderBinding)) == 1


async def test_a_claim_waits_for_the_next_import_and_is_answered_once(database: Database) -> None:
    assert (await ask(database)).kind == "not_found"
    assert (await ask(database)).kind == "not_found"
    async with database.write() as db:
        assert await store.recheck_waiting(db, now=NOW) == []
    await bring_in(database, order())
    async with database.write() as db:
        [outcome] = await store.recheck_waiting(db, now=NOW)
    assert (outcome.kind, outcome.external_userid, outcome.userid, outcome.origin) == (
        "bound",
        "wm_li",
        "zhang",
        "archive",
    )
    async with database.write() as db:
        assert await store.recheck_waiting(db, now=NOW) == []


async def test_of_two_waiting_contacts_the_earlier_one_gets_the_order(database: Database) -> None:
    await ask(database)
    await ask(database, who="wm_han", message="m2")
    await bring_in(database, order())
    async with database.write() as db:
        outcomes = await store.recheck_waiting(db, now=NOW)
    assert [(one.external_userid, one.kind) for one in outcomes] == [("wm_li", "bound"), ("wm_han", "taken")]


async def test_a_claim_nobody_answers_expires(database: Database) -> None:
    await ask(database)
    late = NOW + claims.CLAIM_WAITS + timedelta(minutes=1)
    await bring_in(database, order(), at=late)
    async with database.write() as db:
        assert await store.recheck_waiting(db, now=late) == []
        assert [one.state for one in await store.claims_of(db, "wm_li")] == ["expired"]
    assert (await ask(database, message="m2", at=late)).kind == "bound"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"status": "交易关闭"}, "dead"),
        ({"status": "等待买家付款"}, "unpaid"),
        ({"status": "没见过的状态"}, "unknown_status"),
        ({"fen": 0}, "no_amount"),
        ({"refunded_fen": 9900}, "refunded"),
    ],
)
async def test_an_order_that_is_not_paid_for_is_not_bound(
    database: Database, more: dict[str, str | int], reason: str
) -> None:
    await bring_in(database, order(**more))  # type: ignore[arg-type]  # a test's shorthand
    outcome = await ask(database)
    assert (outcome.kind, outcome.reason) == ("not_eligible", reason)
    assert claims.REASONS[reason]


async def test_an_unpaid_order_is_bound_once_it_is_paid(database: Database) -> None:
    await bring_in(database, order(status="等待买家付款"))
    await ask(database)
    await bring_in(database, order(status="卖家已发货，等待买家确认"))
    async with database.write() as db:
        assert [one.kind for one in await store.recheck_waiting(db, now=NOW)] == ["bound"]


async def test_guessing_ends_after_three_misses_and_starts_again_later(database: Database) -> None:
    numbers = [f"22266881645435002{n}" for n in range(11, 16)]
    kinds = [(await ask(database, number, message=f"m{at}")).kind for at, number in enumerate(numbers)]
    assert kinds == ["not_found"] * 3 + ["too_many"] * 2
    assert (await ask(database, numbers[3], message="m3")).kind == "too_many"
    later = NOW + claims.MISSES_WITHIN + timedelta(seconds=1)
    assert (await ask(database, numbers[3], message="m9", at=later)).kind == "not_found"


async def test_a_correction_replaces_the_miss_before_it(database: Database) -> None:
    await bring_in(database, order())
    await ask(database, "222668816454350002", message="m1")
    outcome = await ask(database, message="m2", at=NOW + timedelta(seconds=30), is_correction=True)
    assert outcome.kind == "bound"
    async with database.read() as db:
        states = {one.number: (one.state, one.reason) for one in await store.claims_of(db, "wm_li")}
    assert states["222668816454350002"] == ("rejected", "corrected")


async def test_a_number_of_two_platforms_waits_for_a_person(database: Database) -> None:
    number = "4926688164543500011"
    await bring_in(database, order(number))
    douyin = f"主订单编号,子订单编号,选购商品,订单应付金额,订单状态\n{number},{number},面霜,99.00,已完成\n"
    await import_file(database, douyin.encode(), by="小何", now=NOW)
    async with database.write() as db:
        assert isinstance(await store.lookup(db, candidate(number)), claims.Ambiguous)
    outcome = await ask(database, number)
    assert (outcome.kind, outcome.reason) == ("not_found", "ambiguous")


async def test_a_sub_order_number_binds_the_main_order_once(database: Database) -> None:
    main, sub = "6921458812075433121", "6921458812075433122"
    text = f'主订单编号,子订单编号,选购商品,订单应付金额,订单状态\n\t{main},\t{sub},面霜,"1,099.00",已完成\n'
    await import_file(database, text.encode("gb18030"), by="小何", now=NOW)
    outcome = await ask(database, sub)
    assert outcome.kind == "bound"
    assert outcome.order is not None
    assert (outcome.order.number, outcome.order.paid_fen) == (main, 109900)
    assert (await ask(database, main, message="m2")).kind == "already_yours"
    assert (await ask(database, main, message="m2")).kind == "already_yours"
    assert (await ask(database, main, who="wm_han", message="m3")).kind == "taken"


async def test_lines_of_one_order_add_up_even_when_they_stand_apart(database: Database) -> None:
    text = (
        "订单号,商品ID,商品名称,订购数量,应付金额,订单状态,付款确认时间\n"
        "312345678902,1,洁面,1,100.00,完成,2025-06-01 12:30:00\n"
        "312345678902,2,面霜,1,50.50,完成,2025-06-01 12:30:00\n"
        "312345678903,2,面霜,1,50.00,完成,2025-06-01 12:30:00\n"
        "312345678902,3,赠品,1,0.00,完成,2025-06-01 12:30:00\n"
    )
    for _ in range(2):  # a second import of the same file changes no sum
        await import_file(database, text.encode(), by="小何", now=NOW)
        async with database.read() as db:
            record = (await db.scalars(select(OrderRecord).where(OrderRecord.key == "jd:312345678902"))).one()
        assert (record.paid_fen, record.products) == (15050, ["洁面", "面霜", "赠品"])


async def test_an_older_file_never_turns_a_status_back(database: Database) -> None:
    await bring_in(database, order(status="交易成功"))
    report = await bring_in(database, order(status="买家已付款，等待卖家发货"))
    assert (report.added, report.updated, report.unchanged) == (0, 0, 1)
    assert (await bring_in(database, order(status="交易关闭"))).updated == 1
    assert (await bring_in(database, order(status="交易成功"))).unchanged == 1


async def test_the_same_file_twice_is_noticed_and_changes_nothing(database: Database) -> None:
    first, second = await bring_in(database, order()), await bring_in(database, order())
    assert (first.is_repeat, second.is_repeat) == (False, True)
    assert (second.added, second.updated, second.unchanged) == (0, 0, 1)


async def test_a_refused_row_is_reported_with_its_number_and_the_rest_comes_in(database: Database) -> None:
    data = (
        taobao_csv([order(), order("2226688164543500012")])
        .decode("gb18030")
        .replace('"=""2226688164543500012"""', "2.22669E+18")
    )
    report = await import_file(database, data.encode(), by="小何", now=NOW)
    assert (report.added, report.refused, report.encoding) == (1, 1, "utf-8-sig")
    assert report.refused_rows[0].row == 3
    assert "科学计数法" in report.refused_rows[0].reason
    async with database.read() as db:
        kept = (await db.scalars(select(OrderImport))).one()
    assert kept.is_complete
    assert kept.refused_rows[0]["row"] == 3


async def test_pinduoduo_files_and_files_on_disk_report_their_progress(database: Database, tmp_path: Path) -> None:
    orders = [SampleOrder(f"250601{n + 1:015d}", 100 + n, PAID) for n in range(BATCH_ORDERS * 2 + 1)]
    path = tmp_path / "订单.csv"
    path.write_bytes(pdd_csv(orders))
    seen: list[tuple[int, float]] = []
    report = await import_file(
        database, path, by="小何", now=NOW, progress=lambda rows, share: seen.append((rows, share))
    )
    assert (report.added, len(seen), seen[-1]) == (len(orders), 3, (len(orders), 1.0))
    async with database.read() as db:
        assert await db.scalar(select(OrderImport.file_name)) == "订单.csv"


async def test_a_file_nobody_knows_is_refused_before_anything_is_written(database: Database) -> None:
    for data, error in ((b"name,age\n", UnknownExport), (b"", UnreadableFile), (b"PK\x03\x04rest", UnreadableFile)):
        with pytest.raises(error):
            await import_file(database, data, by="小何", now=NOW)
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(OrderImport)) == 0


async def test_an_unbound_order_can_be_claimed_by_another(database: Database) -> None:
    await bring_in(database, order())
    first = await ask(database)
    assert first.order is not None
    async with database.write() as db:
        assert await store.unbind(db, first.order.key, by="小何", now=NOW)
        assert not await store.unbind(db, first.order.key, by="小何", now=NOW)
    assert (await ask(database, who="wm_han", message="m2")).kind == "bound"
    async with database.read() as db:
        assert [one.reason for one in await store.claims_of(db, "wm_li")] == ["unbound"]
        assert await db.scalar(select(func.count()).select_from(OrderClaim)) == 2
