"""Pages under /red-packets: the list with sums, one packet's story, campaigns, the kill switch."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot.contacts.store import contact_names
from bot.orders.listing import PLATFORM_NAMES
from bot.red_packets import campaigns, store
from bot.red_packets.campaign_form import EMPTY, Typed, read_form, typed_of
from bot.red_packets.engine import BEIJING, REISSUABLE, UNSETTLED, State, merchant_of
from bot.red_packets.errors import InvalidCampaign, NotAllowed
from bot.red_packets.moves import get_packet
from bot.red_packets.tables import RedPacket, RedPacketAttempt
from bot.red_packets.words import KINDS, STATES, explain, state_name, state_tone
from kernel.database import Database
from kernel.pages import Render, TableQuery, ViewerOf, csv_response, redirect, require

ROLE = "finance"
FIRST_LENGTH = timedelta(days=30)  # how long a new campaign runs unless somebody says otherwise
COLUMNS = (
    {"key": "created_at", "label": "时间", "sort": True},
    {"key": "mch_billno", "label": "商户单号"},
    {"key": "order_key", "label": "订单"},
    {"key": "external_userid", "label": "客户"},
    {"key": "amount_fen", "label": "金额（元）", "sort": True, "number": True},
    {"key": "state", "label": "状态", "sort": True},
    {"key": "why", "label": "为什么"},
)
CAMPAIGN_COLUMNS = (
    {"key": "name", "label": "活动"},
    {"key": "state", "label": "状态"},
    {"key": "amount_fen", "label": "每个（元）", "number": True},
    {"key": "remaining_fen", "label": "剩余 / 预算（元）", "number": True},
    {"key": "starts_at", "label": "开始"},
    {"key": "ends_at", "label": "结束"},
)


def make_app(*, database: Database, render: Render, viewer: ViewerOf, clock: Callable[[], datetime]) -> web.Application:
    """The sub-application for /red-packets. Needs the role finance (or admin) everywhere."""
    pages = _Pages(database, render, viewer, clock)
    app = web.Application()
    add_get, add_post = app.router.add_get, app.router.add_post
    add_get("/", pages.packets, name="packets")
    add_get("", pages.packets, name="packets_bare")
    add_get("/campaigns", pages.campaigns, name="campaigns")
    add_get("/campaigns/new", pages.new_campaign, name="campaign_new")
    add_post("/campaigns/new", pages.save_campaign, name="campaign_add")
    add_get(r"/campaigns/{id:\d{1,9}}", pages.campaign, name="campaign")
    add_post(r"/campaigns/{id:\d{1,9}}", pages.save_campaign, name="campaign_save")
    add_post("/switch", pages.turn_switch, name="switch")
    add_get(r"/{id:\d{1,9}}", pages.packet, name="packet")
    add_post(r"/{id:\d{1,9}}/{deed:reissue|reject|look}", pages.act, name="act")
    return app


class _Pages:
    def __init__(self, database: Database, render: Render, viewer: ViewerOf, clock: Callable[[], datetime]) -> None:
        self.database, self.render, self.viewer, self.clock = database, render, viewer, clock

    async def packets(self, request: web.Request) -> web.Response:
        require(self.viewer(request), ROLE)
        sorts = ("created_at", "amount_fen", "state")
        query = TableQuery.of(request, sorts=sorts, default="-created_at", filters=("state",))
        wanted = store.PacketFilter(state=query.filters["state"], search=query.q)
        async with self.database.read() as db:
            rows = await store.list_packets(
                db, wanted, sort=query.sort, descending=query.descending, offset=query.offset, limit=query.limit
            )
            totals = await store.sums(db, wanted)
            switch = await campaigns.get_switch(db)
            open_campaign = await campaigns.get_open_campaign(db, now=self.clock())
            names = await contact_names(db, [row.external_userid for row in rows])
        if query.export:
            return csv_response("红包.csv", [str(column["label"]) for column in COLUMNS], map(_exported, rows))
        context: dict[str, object] = {
            "columns": COLUMNS,
            "rows": rows,
            "query": query,
            "total": sum(total.count for total in totals.values()),
            "totals": [(state, *STATES[state], totals[state]) for state in STATES if state in totals],
            "state_options": [(state, name) for state, (name, _tone) in STATES.items()],
            "switch": switch,
            "campaign": open_campaign,
            "names": names,
        }
        return self._page(request, "packets", context)

    async def packet(self, request: web.Request) -> web.Response:
        require(self.viewer(request), ROLE)
        async with self.database.read() as db:
            packet = await _found(db, request)
            context: dict[str, object] = {
                "packet": packet,
                "campaign": await campaigns.get_campaign(db, packet.campaign_id),
                "name": (await contact_names(db, [packet.external_userid])).get(packet.external_userid, ""),
                "entries": [_told(entry) for entry in reversed(await store.timeline(db, packet.id))],
                "may_reissue": State(packet.state) in REISSUABLE,
                "may_reject": State(packet.state) is State.APPROVED,
                "may_look": State(packet.state) in UNSETTLED | {State.SENT},
            }
        return self._page(request, "packet", context)

    async def act(self, request: web.Request) -> web.Response:
        viewer = self.viewer(request)
        require(viewer, ROLE)
        deed, now = request.match_info["deed"], self.clock()
        try:
            async with self.database.write() as db:
                packet = await _found(db, request)
                if deed == "reissue":
                    mch_id = merchant_of(packet.mch_billno or "")
                    packet = await store.reissue(db, packet.id, mch_id=mch_id, by=viewer.name, now=now)
                    said = "已重新发放，马上就会发送"
                elif deed == "reject":
                    await store.reject(db, packet.id, by=viewer.name, why=f"由{viewer.name}撤回", now=now)
                    said = "已撤回，金额退回活动预算"
                else:
                    await store.look_now(db, packet.id, by=viewer.name, now=now)
                    said = "马上会再查询一次"
        except NotAllowed as refused:
            here = request.app.router["packet"].url_for(id=request.match_info["id"])
            return redirect(here, toast=refused.why, tone="warn")
        return redirect(request.app.router["packet"].url_for(id=str(packet.id)), toast=said)

    async def campaigns(self, request: web.Request) -> web.Response:
        require(self.viewer(request), ROLE)
        async with self.database.read() as db:
            rows = await campaigns.list_campaigns(db)
        return self._page(request, "campaigns", {"columns": CAMPAIGN_COLUMNS, "rows": rows, "now": self.clock()})

    async def new_campaign(self, request: web.Request) -> web.Response:
        require(self.viewer(request), ROLE)
        now = self.clock().astimezone(BEIJING).replace(second=0, microsecond=0)
        times = {"starts_at": f"{now:%Y-%m-%dT%H:%M}", "ends_at": f"{now + FIRST_LENGTH:%Y-%m-%dT%H:%M}"}
        return self._page(request, "campaign", {"form": replace(EMPTY, **times), "errors": {}, "campaign": None})

    async def campaign(self, request: web.Request) -> web.Response:
        require(self.viewer(request), ROLE)
        async with self.database.read() as db:
            try:
                campaign = await campaigns.get_campaign(db, int(request.match_info["id"]))
            except LookupError:
                raise web.HTTPNotFound(text="没有这个活动") from None
        return self._page(request, "campaign", {"form": typed_of(campaign), "errors": {}, "campaign": campaign})

    async def save_campaign(self, request: web.Request) -> web.Response:
        viewer = self.viewer(request)
        require(viewer, ROLE)
        posted = await request.post()
        typed = Typed.of({**posted, "platforms": " ".join(map(str, posted.getall("platforms", [])))})
        campaign_id = request.match_info.get("id")
        try:
            form = read_form(typed)
            async with self.database.write() as db:
                if campaign_id is None:
                    await campaigns.add_campaign(db, form, by=viewer.name, now=self.clock())
                else:
                    await campaigns.change_campaign(db, int(campaign_id), form, by=viewer.name, now=self.clock())
        except InvalidCampaign as invalid:
            context: dict[str, object] = {"form": typed, "errors": invalid.errors, "campaign": campaign_id}
            return self._page(request, "campaign", context, status=422)
        except LookupError:
            raise web.HTTPNotFound(text="没有这个活动") from None
        return redirect(request.app.router["campaigns"].url_for(), toast="活动已保存")

    async def turn_switch(self, request: web.Request) -> web.Response:
        viewer = self.viewer(request)
        require(viewer, ROLE)
        is_open = (await request.post()).get("open") == "1"
        async with self.database.write() as db:
            await campaigns.set_switch(db, is_open=is_open, by=viewer.name, now=self.clock())
        said = "红包发放已打开" if is_open else "已紧急停发：不会再发出任何红包"
        return redirect(request.app.router["packets"].url_for(), toast=said, tone="good" if is_open else "warn")

    def _page(self, request: web.Request, name: str, context: dict[str, object], *, status: int = 200) -> web.Response:
        def url(route: str, **parts: object) -> str:
            return str(request.app.router[route].url_for(**{key: str(value) for key, value in parts.items()}))

        words = {
            "url": url,
            "explain": explain,
            "state_name": state_name,
            "state_tone": state_tone,
            "platforms": [(key, name, "") for key, name in PLATFORM_NAMES.items()],
        }
        return self.render(request, f"red_packets/{name}.html", {**words, **context}, status=status)


async def _found(db: AsyncSession, request: web.Request) -> RedPacket:
    try:
        return await get_packet(db, int(request.match_info["id"]))
    except LookupError:
        raise web.HTTPNotFound(text="没有这个红包") from None


def _exported(packet: RedPacket) -> list[object]:
    yuan = f"{packet.amount_fen // 100}.{packet.amount_fen % 100:02d}"
    why = explain(packet.state_reason, packet.reason_detail)
    at = packet.created_at.isoformat(timespec="seconds")
    # A backtick before long digits, as in WeChat Pay's own bills: spreadsheets then keep every digit.
    return [at, f"`{packet.mch_billno}", packet.order_key, packet.external_userid, yuan, state_name(packet.state), why]


def _told(entry: RedPacketAttempt) -> dict[str, object]:
    """One step of the story: the reason in plain sight, what was answered word for word folded below."""
    what = KINDS.get(entry.kind, entry.kind)
    tone = state_tone(entry.state_after)
    title = what if entry.state_before == entry.state_after else f"{what} → {state_name(entry.state_after)}"
    text = explain(entry.reason)
    if not entry.applied:
        title, text, tone = (
            f"{what}（迟到的回答，没有生效）",
            "另一个进程已经接手这个红包，这个回答只作记录。",
            "neutral",
        )
    if entry.by:
        title += f"（{entry.by}）"
    return {
        "at": entry.at,
        "title": title,
        "tone": tone,
        "text": text,
        "why": entry.summary,
        "why_title": "详情" if entry.kind == "note" else "微信支付的原话",
    }
