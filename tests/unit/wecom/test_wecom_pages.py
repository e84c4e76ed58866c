"""Signatures, login addresses, media age, and who may be asked what: the parts of the client without a socket."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from bot.wecom.call import Answer, Caller, pages
from bot.wecom.errors import Busy, OutcomeUnknown, Refused, Throttled, refused
from bot.wecom.kf import Menu, MenuItem
from bot.wecom.login import Login
from bot.wecom.media import HeldMedia
from bot.wecom.tickets import sign
from bot.wecom.ways import ContactWay

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TICKET = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"


@pytest.mark.parametrize("fragment", ["", "#chat"])
def test_the_official_signature_vector_is_met_whatever_follows_the_hash(fragment: str) -> None:
    """Platform reference 1.7 and 7.3."""
    url = "http://mp.weixin.qq.com?params=value" + fragment
    signature = sign(TICKET, nonce="Wm3WZYTPz0wzccnW", timestamp=1414587457, url=url)
    assert signature == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


async def test_a_login_address_carries_app_state_and_where_to_return() -> None:
    """Platform reference 7.1 and 7.2."""
    async with aiohttp.ClientSession() as session:
        call = Caller(session, base_url="http://127.0.0.1:1", corpid="ww1", secret="s", clock=lambda: NOW)
        login = Login(call, corpid="ww1", agentid=1_000_002)
        inside = urlsplit(login.client_url("https://shop.example/in?a=1&b=2", state="abc123"))
        outside = urlsplit(login.browser_url("https://shop.example/in", state="abc123"))
        with pytest.raises(ValueError, match="letters and digits"):
            login.client_url("https://shop.example/in", state="a b")
    assert (inside.fragment, outside.hostname) == ("wechat_redirect", "login.work.weixin.qq.com")
    assert parse_qs(inside.query)["redirect_uri"] == ["https://shop.example/in?a=1&b=2"]
    assert parse_qs(outside.query)["agentid"] == ["1000002"]


def test_a_file_is_renewed_half_a_day_before_its_id_dies() -> None:
    """Platform reference 6.4: three days."""
    held = HeldMedia("m", "image", NOW)
    assert not held.is_due(NOW + timedelta(hours=59))
    assert held.is_due(NOW + timedelta(hours=60))
    assert held.is_alive(NOW + timedelta(hours=71))
    assert not held.is_alive(NOW + timedelta(days=3))


@pytest.mark.parametrize(
    ("errcode", "kind", "seconds"),
    [(45009, Throttled, 60), (45033, Throttled, 5), (41063, Busy, 5), (-1, Busy, None), (84061, Refused, None)],
)
def test_an_error_says_how_long_to_wait_where_that_is_known(
    errcode: int, kind: type[Refused], seconds: int | None
) -> None:
    """Platform reference 2.4."""
    error = refused("p", errcode)
    assert type(error) is kind
    assert error.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_one_person_is_another_kind_of_contact_way_than_several() -> None:
    """Platform reference 3.10."""
    assert [ContactWay(users, "s").kind for users in (("a",), ("a", "b"))] == [1, 2]
    assert ContactWay(("a",), "s", departments=(1,)).kind == 2


def test_a_menu_without_a_tail_says_nothing_about_it() -> None:
    assert Menu("选一个", (MenuItem("1", "查订单"),)).as_json() == {
        "head_content": "选一个",
        "list": [{"type": "click", "click": {"id": "1", "content": "查订单"}}],
    }


async def test_pages_follow_the_cursor_to_its_end() -> None:
    asked: list[str] = []

    async def fetch(cursor: str) -> Answer:
        asked.append(cursor)
        return {"next_cursor": {"": "a", "a": "b", "b": ""}[cursor]}

    assert len([page async for page in pages(fetch)]) == 3
    assert asked == ["", "a", "b"]


async def test_a_cursor_that_stands_still_ends_the_list_with_an_error() -> None:
    async def fetch(_cursor: str) -> Answer:
        return {"next_cursor": "a"}

    with pytest.raises(OutcomeUnknown):
        _ = [page async for page in pages(fetch)]
