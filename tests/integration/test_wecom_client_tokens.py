"""Tokens that processes share: one fetches, the others wait or go on; one that died while fetching blocks nobody."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.wecom.errors import Unreachable
from bot.wecom.token_store import DatabaseTokenStore
from bot.wecom.tokens import LEASE, MemoryTokenStore, Token, TokenKeeper, TokenStore, app_name
from kernel.database import Database

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
LIFE = timedelta(seconds=7200)
APP = app_name("ww1", "secret")


class Platform:
    """Hands out tokens, counts them, and keeps the time."""

    def __init__(self) -> None:
        self.now = START
        self.fetched = 0
        self.fail = False

    def clock(self) -> datetime:
        return self.now

    async def fetch(self) -> tuple[str, timedelta]:
        await asyncio.sleep(0)
        if self.fail:
            raise Unreachable("gettoken: down")
        self.fetched += 1
        return f"token-{self.fetched}", LIFE

    async def sleep(self, _seconds: float) -> None:
        await asyncio.sleep(0.01)

    def keeper(self, store: TokenStore) -> TokenKeeper:
        """One process."""
        return TokenKeeper(APP, fetch=self.fetch, store=store, clock=self.clock, sleep=self.sleep)


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture(params=["memory", "database"])
def store(request: pytest.FixtureRequest, database: Database) -> TokenStore:
    return MemoryTokenStore() if request.param == "memory" else DatabaseTokenStore(database)


async def test_processes_fetch_one_token_between_them(platform: Platform, store: TokenStore) -> None:
    keepers = [platform.keeper(store) for _ in range(5)]
    tokens = await asyncio.gather(*(keeper.get() for keeper in keepers))
    assert set(tokens) == {"token-1"}


async def test_a_refused_token_is_replaced_once_by_all_of_them(platform: Platform, store: TokenStore) -> None:
    keepers = [platform.keeper(store) for _ in range(5)]
    await asyncio.gather(*(keeper.get() for keeper in keepers))
    tokens = await asyncio.gather(*(keeper.get(stale="token-1") for keeper in keepers))
    assert set(tokens) == {"token-2"}
    assert platform.fetched == 2


async def test_while_one_renews_early_the_others_go_on_with_the_old_token(
    platform: Platform, store: TokenStore
) -> None:
    """Renewal is early for this: nobody waits for it."""
    await platform.keeper(store).get()
    platform.now += timedelta(seconds=7000)
    assert await store.claim(APP, 1, now=platform.now, until=platform.now + LEASE)  # another process, busy fetching
    assert await platform.keeper(store).get() == "token-1"
    assert platform.fetched == 1


async def test_a_process_that_died_renewing_blocks_the_others_only_for_its_lease(
    platform: Platform, store: TokenStore
) -> None:
    assert await store.claim(APP, 0, now=platform.now, until=platform.now + LEASE)
    waiting = asyncio.create_task(platform.keeper(store).get())
    await asyncio.sleep(0.03)
    assert not waiting.done()
    platform.now += LEASE
    assert await waiting == "token-1"


async def test_a_failed_renewal_gives_its_claim_back(platform: Platform, store: TokenStore) -> None:
    platform.fail = True
    keeper = platform.keeper(store)
    with pytest.raises(Unreachable):
        await keeper.get()
    platform.fail = False
    assert await platform.keeper(store).get() == "token-1"


async def test_a_token_that_was_overtaken_is_not_stored(store: TokenStore) -> None:
    """Compare-and-set: whoever comes late does not overwrite a newer token."""
    assert await store.claim(APP, 0, now=START, until=START + LEASE)
    one = Token("one", 1, START + LIFE, START + LIFE)
    assert await store.put(APP, one)
    assert not await store.put(APP, Token("late", 1, START + LIFE, START + LIFE))
    assert await store.get(APP) == one
    assert not await store.claim(APP, 0, now=START, until=START + LEASE)


async def test_when_the_store_is_down_a_process_goes_on_alone(platform: Platform, database: Database) -> None:
    """Platform reference 2.3, design rule: keep a token in memory."""
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE wecom_token")
    keeper = platform.keeper(DatabaseTokenStore(database))
    assert [await keeper.get() for _ in range(2)] == ["token-1", "token-1"]
    assert await keeper.get(stale="token-1") == "token-2"


def test_an_app_is_named_without_its_secret() -> None:
    assert "secret" not in APP
    assert app_name("ww1", "other") != APP
