"""The tagger's store on both back ends: rules with versions, suggestions once, people's word final."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kernel.database import Database
from tagger import Suggestion, shipped_library, shipped_rules, store, suggest, suggestions
from tagger.errors import RuleChanged, SuggestionMissing
from tagger.suggestions import Recording

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LI = "wm_li"


def earned(text: str) -> tuple[Suggestion, ...]:
    return tuple(suggest(text, shipped_library(), speaker="customer"))


async def record(database: Database, text: str, *, key: str, contact: str = LI, at: datetime = NOW) -> list[str]:
    async with database.write() as db:
        found = await suggestions.record(
            db, earned(text), external_userid=contact, userid="zhang", message_key=key, now=at
        )
    return [s.tag for s in found]


async def tags_of(database: Database, contact: str = LI) -> Sequence[suggestions.ContactTag]:
    async with database.read() as db:
        return await suggestions.tags_of(db, contact)


async def test_shipped_rules_are_seeded_once(database: Database) -> None:
    async with database.write() as db:
        assert await store.seed_shipped_rules(db, now=NOW) == len(shipped_rules())
    async with database.write() as db:
        assert await store.seed_shipped_rules(db, now=NOW) == 0
        assert await store.library_version(db) == 1


async def test_seeding_again_keeps_what_people_edited_and_deleted(database: Database) -> None:
    first, second = shipped_rules()[:2]
    async with database.write() as db:
        await store.seed_shipped_rules(db, now=NOW)
        await store.save_rule(db, replace(first, note="我们改的"), by="王", now=NOW)
        assert await store.delete_rule(db, second.rule_id)
    async with database.write() as db:
        assert await store.seed_shipped_rules(db, now=NOW) == 0
        row = await store.get_rule(db, first.rule_id)
        assert row is not None
        assert (row.version, row.content["note"], row.updated_by) == (2, "我们改的", "王")
        assert await store.get_rule(db, second.rule_id) is None


async def test_the_library_in_the_database_answers_like_the_shipped_file(database: Database) -> None:
    async with database.write() as db:
        await store.seed_shipped_rules(db, now=NOW)
    async with database.read() as db:
        library = await store.load_library(db)
    for text in ("我是敏感机", "不是油皮，是干皮", "什么时候发货，能开发票吗"):
        assert tuple(suggest(text, library, speaker="customer")) == earned(text)


async def test_the_cache_compiles_again_only_after_a_change(database: Database) -> None:
    cache = store.LibraryCache()
    async with database.write() as db:
        await store.seed_shipped_rules(db, now=NOW)
    async with database.read() as db:
        library = await cache.get(db)
        assert await cache.get(db) is library
    off = replace(shipped_rules()[0], mode="off")
    async with database.write() as db:
        await store.save_rule(db, off, by="王", now=NOW)
    async with database.read() as db:
        changed = await cache.get(db)
    assert changed.version == library.version + 1
    assert off.rule_id not in changed.by_id


async def test_two_editors_do_not_overwrite_each_other(database: Database) -> None:
    rule = shipped_rules()[0]
    async with database.write() as db:
        assert await store.save_rule(db, rule, by="王", now=NOW, expected_version=0) == 1
        assert await store.save_rule(db, rule, by="王", now=NOW, expected_version=1) == 2
        with pytest.raises(RuleChanged):
            await store.save_rule(db, rule, by="李", now=NOW, expected_version=1)


async def test_an_automatic_tag_is_handed_out_once(database: Database) -> None:
    assert await record(database, "我是敏感肌", key="m1") == ["敏感肌"]
    assert await record(database, "我是敏感肌", key="m1") == []  # the same message again
    assert await record(database, "敏感肌能用吗", key="m2") == []
    (tag,) = await tags_of(database)
    assert (tag.state, [r.message_key for r in tag.receipts]) == ("applied", ["m2", "m1"])
    assert tag.receipts[0].evidence[0]["matched"] == "敏感肌"


async def test_a_suggested_tag_is_kept_and_not_handed_out(database: Database) -> None:
    assert await record(database, "能不能便宜点", key="m1") == []
    (tag,) = await tags_of(database)
    assert (tag.tag, tag.state) == ("比价砍价", "suggested")


async def test_a_rejected_tag_never_comes_back(database: Database) -> None:
    await record(database, "我是敏感肌", key="m1")
    async with database.write() as db:
        decision = await suggestions.reject(db, (LI, "肤质", "敏感肌"), by="王", now=NOW)
    assert (decision.state, decision.was_applied, decision.userid) == ("removed", True, "zhang")
    assert await record(database, "我是敏感肌", key="m2") == []
    (tag,) = await tags_of(database)
    assert (tag.state, len(tag.receipts)) == ("removed", 1)


async def test_accepting_by_id_applies_all_receipts(database: Database) -> None:
    await record(database, "能不能便宜点", key="m1")
    await record(database, "太贵了", key="m2", at=NOW + timedelta(hours=1))
    (tag,) = await tags_of(database)
    async with database.write() as db:
        decision = await suggestions.accept(db, tag.receipts[0].id, by="王", now=NOW)
    assert (decision.state, decision.was_applied) == ("applied", False)
    (tag,) = await tags_of(database)
    assert {r.state for r in tag.receipts} == {"applied"}


async def test_deciding_about_nothing_is_an_error(database: Database) -> None:
    async with database.write() as db:
        with pytest.raises(SuggestionMissing):
            await suggestions.reject(db, 404, by="王", now=NOW)
        with pytest.raises(SuggestionMissing):
            await suggestions.reject(db, (LI, "肤质", "油皮"), by="王", now=NOW)


async def test_a_batch_hands_out_each_contacts_tag_once(database: Database) -> None:
    texts = ["我是敏感肌", "敏感肌能用吗", "能开发票吗", "你好"] * 50
    items = [
        Recording(f"wm_{number % 10}", f"m{number}", earned(text), "zhang", 7) for number, text in enumerate(texts)
    ]
    async with database.write() as db:
        markings = await suggestions.record_many(db, items, now=NOW)
    given = [(m.external_userid, m.suggestion.tag) for m in markings]
    assert len(given) == len(set(given)) == len({(i.external_userid, s.tag) for i in items for s in i.suggestions})
    async with database.write() as db:
        assert await suggestions.record_many(db, items, now=NOW) == []
        counts = await store.count_suggestions(db, since=NOW - timedelta(days=30))
        latest = await suggestions.latest_of_rule(db, "skin-sensitive", limit=5)
    assert counts["skin-sensitive"] == {"applied": 100}
    assert [row.library_version for row in latest] == [7] * 5
