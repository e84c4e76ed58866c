"""Flags and verdicts on both databases: nothing twice, nothing lost, nothing changed unnoticed."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from compliance import Hit, NothingToUndo, UnknownFlag, store
from compliance.audit import list_audit, verify_audit
from compliance.store import Filters, Scanned
from compliance.tables import Audit, Flag
from kernel.database import Database

NOW = datetime(2026, 3, 8, 9, 30, 0, 123456, tzinfo=UTC)


def hit(word: str = "加微信", *, category: str = "off_platform", severity: str = "high", start: int = 0) -> Hit:
    return Hit(category, severity, word, word, start, start + len(word), ("homophone",), "理由", f"{category}/{word}")  # type: ignore[arg-type]  # severities come as plain strings here


async def record(database: Database, hits: list[Hit], *, message_key: str = "m1", now: datetime = NOW) -> int:
    async with database.write() as db:
        return await store.record(
            db,
            hits,
            message_key=message_key,
            external_userid="wm_li",
            userid="zhang",
            role="staff",
            lexicon_version="v1",
            now=now,
        )


async def test_a_message_scanned_twice_is_flagged_once(database: Database) -> None:
    assert await record(database, [hit(), hit("转账", start=5)]) == 2
    assert await record(database, [hit(), hit("转账", start=5)]) == 0
    async with database.read() as db:
        flags = await store.list_flags(db, Filters())
    assert [(f.word, f.matched_start, f.matched_end, f.how) for f in flags] == [
        ("加微信", 0, 3, ["homophone"]),
        ("转账", 5, 7, ["homophone"]),
    ]
    assert (flags[0].state, flags[0].created_at, flags[0].lexicon_version) == ("open", NOW, "v1")


async def test_many_messages_are_flagged_in_one_call(database: Database) -> None:
    batch = [Scanned([hit(), hit("转账", start=5)], f"m{n}", "wm_li", "zhang", "staff") for n in range(450)]
    async with database.write() as db:
        assert await store.record_many(db, batch, now=NOW) == 900
    async with database.write() as db:
        assert await store.record_many(db, [*batch, Scanned([], "m900", "wm", "z", "staff")], now=NOW) == 0
    async with database.read() as db:
        assert await store.count_flags(db, Filters()) == 900


async def test_the_queue_is_filtered_ordered_and_paged(database: Database) -> None:
    await record(database, [hit(severity="low")], message_key="m1")
    await record(database, [hit("去死", category="abuse")], message_key="m2")
    await record(database, [hit(severity="medium")], message_key="m3")
    async with database.read() as db:

        async def keys(filters: Filters, order: store.Order) -> list[str]:
            return [flag.message_key for flag in await store.list_flags(db, filters, order=order)]

        assert await keys(Filters(), "oldest") == ["m1", "m2", "m3"]
        assert await keys(Filters(), "newest") == ["m3", "m2", "m1"]
        assert await keys(Filters(), "severity") == ["m2", "m3", "m1"]
        assert await keys(Filters(category="abuse"), "oldest") == ["m2"]
        assert await keys(Filters(severity="low", state="open"), "oldest") == ["m1"]
        assert await keys(Filters(state="judged"), "oldest") == []
        assert [f.message_key for f in await store.list_flags(db, Filters(), limit=1, offset=1)] == ["m2"]
        counts = await store.get_counts(db)
    async with database.write() as db:
        gravest = (await store.list_flags(db, Filters(), order="severity"))[0]
        await store.judge(db, gravest.id, "violation", "", by="王敏", now=NOW)
        assert [f.message_key for f in await store.list_flags(db, Filters(), order="severity")] == ["m3", "m1", "m2"]
    assert (counts.open, counts.judged) == (3, 0)
    assert counts.open_by_category == {"off_platform": 2, "abuse": 1}
    assert counts.open_by_severity == {"low": 1, "high": 1, "medium": 1}


@pytest.mark.parametrize(
    ("order", "expected"),
    [("oldest", ("m1", "m3")), ("newest", ("m3", "m1")), ("severity", (None, "m3"))],
)
async def test_the_neighbours_are_those_of_the_chosen_order(
    database: Database, order: store.Order, expected: tuple[str | None, str | None]
) -> None:
    for key, severity in (("m1", "low"), ("m2", "high"), ("m3", "medium")):
        await record(database, [hit(severity=severity)], message_key=key)
    async with database.read() as db:
        flags = {flag.id: flag for flag in await store.list_flags(db, Filters())}
        middle = next(flag for flag in flags.values() if flag.message_key == "m2")
        around = await store.get_neighbours(db, middle, Filters(), order=order)
    assert tuple(flags[found].message_key if found else None for found in around) == expected


async def test_a_verdict_is_kept_and_logged_and_can_be_taken_back(database: Database) -> None:
    await record(database, [hit()])
    async with database.write() as db:
        flag = (await store.list_flags(db, Filters()))[0]
        judged = await store.judge(db, flag.id, "violation", " 私加微信 ", by="王敏", now=NOW)
        assert (judged.state, judged.verdict, judged.note) == ("judged", "violation", "私加微信")
        assert (judged.judged_by, judged.judged_at) == ("王敏", NOW)
    async with database.write() as db:
        assert await store.get_last_judged(db, by="王敏") == flag.id
        again = await store.undo(db, flag.id, by="王敏", now=NOW + timedelta(minutes=1))
        assert (again.state, again.verdict, again.judged_by) == ("open", None, None)
    async with database.read() as db:
        rows = await list_audit(db)
        report = await verify_audit(db)
    assert [(row.seq, row.who, row.what["act"]) for row in rows] == [(2, "王敏", "undo"), (1, "王敏", "judge")]
    assert (report.rows, report.broken_at) == (2, None)


async def test_the_same_verdict_twice_is_logged_once(database: Database) -> None:
    """A double click must not look like a change of mind."""
    await record(database, [hit()])
    async with database.write() as db:
        flag = (await store.list_flags(db, Filters()))[0]
        for _ in range(2):
            await store.judge(db, flag.id, "unclear", "", by="王敏", now=NOW)
        assert len(await list_audit(db)) == 1
        await store.judge(db, flag.id, "violation", "", by="王敏", now=NOW)
        assert len(await list_audit(db)) == 2
        counts = await store.get_counts(db)
    assert (counts.open, counts.judged, counts.by_verdict) == (0, 1, {"violation": 1})


async def test_an_unknown_flag_is_said_to_be_unknown(database: Database) -> None:
    async with database.read() as db:
        with pytest.raises(UnknownFlag):
            await store.get_flag(db, 404)


async def test_an_open_flag_has_nothing_to_undo(database: Database) -> None:
    await record(database, [hit()])
    async with database.write() as db:
        flag = (await store.list_flags(db, Filters()))[0]
        with pytest.raises(NothingToUndo):
            await store.undo(db, flag.id, by="王敏", now=NOW)


@pytest.mark.parametrize("crime", ["verdict", "who", "at", "removed", "hash"])
async def test_a_changed_log_is_found_out(database: Database, crime: str) -> None:
    """Somebody with access to the database rewrites history."""
    async with database.write() as db:
        for number in range(5):
            hits = [hit()]
            await store.record_many(db, [Scanned(hits, f"m{number}", "wm", "zhang", "staff")], now=NOW)
        for flag in await store.list_flags(db, Filters()):
            await store.judge(db, flag.id, "violation", "", by="王敏", now=NOW)
        assert (await verify_audit(db)).is_intact
        third = (await db.scalars(select(Audit).where(Audit.seq == 3))).one()
        changes = {
            "verdict": update(Audit).where(Audit.seq == 3).values(what={**third.what, "verdict": "not_violation"}),
            "who": update(Audit).where(Audit.seq == 3).values(who="李四"),
            "at": update(Audit).where(Audit.seq == 3).values(at=NOW - timedelta(days=1)),
            "removed": delete(Audit).where(Audit.seq == 3),
            "hash": update(Audit).where(Audit.seq == 3).values(hash="f" * 64),
        }
        await db.execute(changes[crime])
        db.expire_all()
        report = await verify_audit(db)
    assert (report.is_intact, report.broken_at, report.rows) == (False, 3, 2)


async def test_an_erased_contact_leaves_no_flags(database: Database) -> None:
    await record(database, [hit()])
    async with database.write() as db:
        assert await store.erase_contact(db, "wm_li") == 1
        assert (await db.scalars(select(Flag))).all() == []
