"""The control page: turn the clock, arm faults, spoil the post, furnish a shop, and see what happened."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

from aiohttp import web

from bot.simulator.api import FINANCE_PATH, call_table
from bot.simulator.context import TurnableClock
from bot.simulator.conversations import happenings
from bot.simulator.faults import Fault, FaultKind
from bot.simulator.forgeries import Forgery
from bot.simulator.pages import WrongInput, go, show
from bot.simulator.pay_api import QUERY_PATH, SEND_PATH
from bot.simulator.world import World

TURN_S_MAX = 366 * 86_400
TIMES_MAX = 1000
DELAY_S_MAX = 60
YUAN_MAX = 100_000
TURNS = ((60, "一分钟"), (1200, "二十分钟"), (3600, "一小时"), (86_400, "一天"))
CHANCES = ((0.0, "从不"), (0.1, "一成"), (0.5, "一半"), (1.0, "每次"))
KINDS = {
    FaultKind.CUT: "连接断开，没有回答",
    FaultKind.BUSY: "系统繁忙（-1）",
    FaultKind.THROTTLED: "超过频率（45009）",
    FaultKind.GARBAGE: "回答是一个网页",
    FaultKind.EMPTY: "回答是空的",
    FaultKind.HTTP_500: "HTTP 500",
    FaultKind.SLOW: "很慢，但回答正确",
    FaultKind.PROCESSING: "红包：处理中，20 分钟后见分晓",
    FaultKind.SEND_FAILED: "红包：发放失败",
    FaultKind.MISMATCH: "红包：发了，回答里的金额不对",
}
DONE = {  # what a form's redirect may say: never text from the address itself
    "turn_clock": "时钟拨快了。",
    "arm_fault": "布置好了：下一次调用就会出错。",
    "clear_faults": "布置的错误都撤销了。",
    "knobs": "保存好了。",
    "furnish": "小店开好了，去扮演客户吧。",
    "fund": "充值好了。",
    "verified": "回调地址的回显正确。",
    "refused": "对方拒收了这条伪造的回调，正该如此。",
}
KFID, CHANNEL = "wkBoxKeFu0000000000000000000001", "parcel-card"
STAFF = (("zhangqian", "张倩"), ("lixiang", "李想"))
FUND_FEN = 50_000

Form = Mapping[str, object]
Deed = Callable[[Form], Awaitable[str]]  # returns a key of DONE


class ControlPage:
    """Stateless: everything it shows is read from the world."""

    def __init__(self, world: World, *, verbs: Sequence[str]) -> None:
        self._world, self._verbs = world, verbs
        self._deeds: dict[str, Deed] = {
            "turn_clock": self._turn_clock,
            "arm_fault": self._arm_fault,
            "clear_faults": self._clear_faults,
            "knobs": self._set_knobs,
            "furnish": self._furnish,
            "fund": self._fund,
            "verify": self._verify,
            "forge": self._forge,
        }

    def show(self, *, done: str = "", error: str = "") -> web.Response:
        world = self._world
        counts = (
            ("员工", len(world.contacts.staff)),
            ("客户", len(world.contacts.people)),
            ("欢迎语", len(world.welcomes)),
            ("存档消息", len(world.archive.envelopes)),
            ("红包", len(world.red_packets)),
            ("推送", len(world.deliveries)),
            ("接口请求", len(world.requests)),
        )
        context = {
            "done": DONE.get(done, ""),
            "error": error,
            "counts": counts,
            "turns": TURNS,
            "chances": CHANCES,
            "kinds": KINDS.items(),
            "paths": sorted(["gettoken", *call_table(world), FINANCE_PATH, SEND_PATH, QUERY_PATH]),
            "forgeries": list(Forgery),
            "knobs": world.callbacks.knobs,
            "trusted": world.door.address_trusted,
            "struck": world.faults.struck.total(),
            "balance_fen": world.pay.balance_fen,
            "rows": happenings(world),
            "verbs": self._verbs,
        }
        return show(world, "control.html", context, status=422 if error else 200)

    async def act(self, request: web.Request) -> web.Response:
        """One form. What was typed wrongly is said on the page."""
        deed = self._deeds.get(request.match_info["deed"])
        if deed is None:
            raise web.HTTPNotFound
        try:
            done = await deed(await request.post())
        except WrongInput as wrong:
            return self.show(error=str(wrong))
        return go(f"/?done={done}")

    async def _turn_clock(self, form: Form) -> str:
        clock = self._world.clock
        if not isinstance(clock, TurnableClock):
            raise WrongInput("这个模拟器跟着本机的时钟走，不能拨")
        clock.advance(timedelta(seconds=_number(form, "seconds", high=TURN_S_MAX, name="秒数")))
        self._world.tick()
        return "turn_clock"

    async def _arm_fault(self, form: Form) -> str:
        kind = _choice(form, "kind", [kind.value for kind in FaultKind], name="怎么错")
        fault = Fault(
            FaultKind(kind),
            effect=form.get("effect") == "1",
            delay_s=_number(form, "delay_s", high=DELAY_S_MAX, name="先等几秒"),
        )
        times = int(_number(form, "times", low=1, high=TIMES_MAX, name="接下来几次"))
        self._world.faults.arm(str(form.get("path", "")), fault, times=times)
        return "arm_fault"

    async def _clear_faults(self, _form: Form) -> str:
        self._world.faults.clear()
        return "clear_faults"

    async def _set_knobs(self, form: Form) -> str:
        duplicate = _number(form, "duplicate", high=1, name="重复推送的可能")
        lose = _number(form, "lose", high=1, name="丢失的可能")
        knobs = self._world.callbacks.knobs
        knobs.duplicate, knobs.lose, knobs.reorder = duplicate, lose, form.get("reorder") == "1"
        self._world.door.address_trusted = form.get("untrusted") != "1"
        return "knobs"

    async def _furnish(self, _form: Form) -> str:
        world = self._world
        for userid, name in STAFF:
            if userid not in world.contacts.staff:
                world.add_staff(userid, name)
        if all(way.channel_state != CHANNEL for way in world.contacts.ways.values()):
            world.add_contact_way(CHANNEL, STAFF[0][0])
        if not world.kf.accounts:
            world.kf_account(KFID, "小店客服")
        if world.pay.balance_fen < FUND_FEN:
            world.fund(FUND_FEN)
        return "furnish"

    async def _fund(self, form: Form) -> str:
        self._world.fund(100 * int(_number(form, "yuan", low=1, high=YUAN_MAX, name="充值金额")))
        return "fund"

    async def _verify(self, _form: Form) -> str:
        verification = await self._world.verify_callback_url()
        if not verification.ok:
            raise WrongInput(f"回调地址没有通过：{verification.reason}（HTTP {verification.status or '没有回答'}）")
        return "verified"

    async def _forge(self, form: Form) -> str:
        kind = _choice(form, "kind", [kind.value for kind in Forgery], name="伪造的种类")
        status = await self._world.forge(Forgery(kind))
        if status == 200:
            raise WrongInput("对方收下了伪造的回调（HTTP 200）：这不应该")
        return "refused"


def _number(form: Form, field: str, *, low: float = 0, high: float, name: str) -> float:
    try:
        number = float(str(form.get(field, "")))
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise WrongInput(f"{name}要是 {low:g} 到 {high:g} 之间的数")
    return number


def _choice(form: Form, field: str, values: Sequence[str], *, name: str) -> str:
    value = str(form.get(field, ""))
    if value not in values:
        raise WrongInput(f"请选择{name}")
    return value
