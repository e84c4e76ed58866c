"""Whether the work gets done: live workers, how long items have waited in each lane, what was given up."""

from datetime import timedelta

from sqlalchemy import func, select

from bot.doctor.findings import Outcome, fail, ok, warn
from bot.doctor.services import DoctorServices
from bot.mailbox import BEAT_MISSED_MAX, Lane, Mail, State, Worker

WAIT_WARN = {Lane.WELCOMES: timedelta(seconds=10)}  # a welcome dies after 20 seconds
WAIT_WARN_OTHERS = timedelta(minutes=2)
WAIT_FAIL = timedelta(hours=1)
LANE_NAMES = {
    Lane.EVENTS: "事件",
    Lane.MESSAGES: "消息",
    Lane.FETCH: "读取",
    Lane.WELCOMES: "欢迎语",
    Lane.CALLS: "对外调用",
}


async def check_workers(services: DoctorServices) -> Outcome:
    now = services.clock()
    async with services.database.read() as db:
        workers = (await db.scalars(select(Worker))).all()
    alive = [one for one in workers if now - one.beat_at <= BEAT_MISSED_MAX]
    if alive:
        return ok(f"{len(alive)} 个进程在工作（{'、'.join(sorted({one.host for one in alive}))}）")
    advice = "运行 xiaoer serve（自带工作进程），或另开 xiaoer work；用 systemd 或容器让它开机自启、退出重启"
    if not workers:
        return fail("没有工作进程：收到的回调没有人处理", advice)
    last = max(one.beat_at for one in workers)
    return fail(f"最后一个工作进程 {_span(now - last)}前就没有动静了", advice)


async def check_waiting(services: DoctorServices) -> Outcome:
    """The longest overdue item of each lane. An item that waits for its own later hour is not overdue."""
    now = services.clock()
    query = select(Mail.lane, func.count(), func.min(Mail.due_at))
    query = query.where(Mail.state == State.WAITING, Mail.due_at <= now).group_by(Mail.lane)
    async with services.database.read() as db:
        lanes = {Lane(lane): (int(count), now - oldest) for lane, count, oldest in await db.execute(query)}
    slow = {lane: late for lane, late in lanes.items() if late[1] > WAIT_WARN.get(lane, WAIT_WARN_OTHERS)}
    if not slow:
        return ok(f"没有积压（{sum(count for count, _age in lanes.values())} 件到期待办）")
    said = "；".join(f"{LANE_NAMES[lane]} {count} 件，最久等了 {_span(age)}" for lane, (count, age) in slow.items())
    judge = fail if max(age for _count, age in slow.values()) > WAIT_FAIL else warn
    return judge(said, "看「工作进程」一项；进程都在时，看控制台「事件」里反复出错的那一条")


async def check_dead_letters(services: DoctorServices) -> Outcome:
    query = select(Mail.lane, func.count()).where(Mail.state == State.DEAD).group_by(Mail.lane)
    async with services.database.read() as db:
        dead = {Lane(lane): int(count) for lane, count in await db.execute(query)}
    if not dead:
        return ok("没有被放弃的事项")
    said = "、".join(f"{LANE_NAMES[lane]} {count} 件" for lane, count in dead.items())
    return warn(f"被放弃的事项：{said}", "控制台「事件」里逐条看原因：修好后点「重放」")


def _span(age: timedelta) -> str:
    seconds = age.total_seconds()
    for size, unit in ((86_400, "天"), (3_600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} 秒"
