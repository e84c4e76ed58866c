"""Single promises, each against a platform that misbehaves in one way. The bot is the real one."""

from datetime import timedelta

from sqlalchemy import select

from bot import mailbox
from bot.decisions import Decision
from bot.demo import shop
from bot.demo.shop import KFID
from bot.kinds import InboxKind
from bot.mailbox import Lane, Mail, State
from bot.orders.importing import import_file
from bot.orders.samples import SampleOrder, taobao_csv
from bot.simulator.context import TurnableClock
from bot.simulator.faults import Fault, FaultKind

from .conftest import Story

NUMBER = "2226688164543599917"


async def open_shop(story: Story) -> None:
    await story.day().prepare()


async def import_order(story: Story, *, status: str) -> None:
    content = taobao_csv([SampleOrder(NUMBER, 9_900, story.world.clock() - timedelta(days=10), status=status)])
    report = await import_file(story.database, content, by="test", now=story.world.clock())
    async with story.database.write() as db:
        key = f"imported:{report.import_id}"
        await mailbox.put(db, Lane.EVENTS, InboxKind.ORDERS_IMPORTED, {}, key=key, now=story.world.clock())
    await story.settle()


async def outcomes(story: Story, external_userid: str) -> list[str]:
    async with story.database.read() as db:
        query = select(Decision.outcome).where(Decision.external_userid == external_userid)
        return list(await db.scalars(query))


async def test_a_welcome_whose_answer_was_lost_is_not_sent_twice(story: Story) -> None:
    """The call took effect and the connection broke: the repeat is answered 41051 and counts as done."""
    await open_shop(story)
    story.world.faults.arm("externalcontact/send_welcome_msg", Fault(FaultKind.CUT, effect=True))
    li = story.world.add_contact("李雷", staff=shop.STAFF[0][0])
    await story.settle()
    assert [one.external_userid for one in story.world.welcomes] == [li]


async def test_a_welcome_that_cannot_be_sent_in_time_is_never_sent_late(story: Story) -> None:
    """It becomes a task for a person, with the text ready."""
    await open_shop(story)
    story.world.faults.arm("externalcontact/send_welcome_msg", Fault(FaultKind.BUSY), times=100)
    li = story.world.add_contact("李雷", staff=shop.STAFF[0][0])
    await story.world.deliver_all()
    assert isinstance(story.clock, TurnableClock)
    story.clock.advance(timedelta(seconds=21))
    await story.settle()
    assert story.world.welcomes == []
    assert "欢迎语没能在 20 秒内发出，请员工手动问候" in await outcomes(story, li)


async def test_an_answer_and_a_packet_whose_answers_were_lost_happen_once(story: Story) -> None:
    await open_shop(story)
    await import_order(story, status="交易成功")
    story.world.faults.arm("kf/send_msg", Fault(FaultKind.CUT, effect=True))
    story.world.faults.arm("mmpaymkttransfers/sendredpack", Fault(FaultKind.CUT, effect=True))
    li = story.world.add_visitor("李雷")
    story.world.kf_write(li, f"订单号 {NUMBER}", open_kfid=KFID)
    await story.settle()
    assert [one.external_userid for one in story.world.kf_sent] == [li]
    assert [packet.times_paid for packet in story.world.red_packets.values()] == [1]


async def test_an_order_that_is_not_finished_yet_earns_its_packet_once_it_is(story: Story) -> None:
    """Bound at once, paid when a later export says that the order is finished. The customer does nothing."""
    await open_shop(story)
    await import_order(story, status="卖家已发货,等待买家确认")
    li = story.world.add_visitor("李雷")
    story.world.kf_write(li, f"订单号 {NUMBER}", open_kfid=KFID)
    await story.settle()
    assert story.world.red_packets == {}
    await import_order(story, status="交易成功")
    await story.settle()
    assert len(story.world.red_packets) == 1
    assert "红包已发出，等待领取 1.88 元" in await outcomes(story, li)


async def test_one_broken_item_stops_nobody_and_ends_as_a_dead_letter_with_a_reason(story: Story) -> None:
    await open_shop(story)
    now = story.world.clock()
    async with story.database.write() as db:
        await mailbox.put(db, Lane.FETCH, InboxKind.PULL_KF, {"nothing": "useful"}, key="broken", now=now)
        await mailbox.put(db, Lane.MESSAGES, InboxKind.KF_MESSAGE, {"no": "msgid"}, key="broken message", now=now)
    li = story.world.add_visitor("李雷")
    story.world.kf_write(li, "你好", open_kfid=KFID)
    assert isinstance(story.clock, TurnableClock)
    for _ in range(mailbox.ATTEMPTS_MAX):
        await story.settle(soon=timedelta(0))
        story.clock.advance(mailbox.PAUSE_MAX * 2)
    await story.settle()
    async with story.database.read() as db:
        rows = await db.execute(select(Mail.key, Mail.state, Mail.error).where(Mail.key.startswith("broken")))
        states = {key: (state, error) for key, state, error in rows}
    assert states == {
        "broken": (State.DEAD, "处理时出错：KeyError"),
        "broken message": (State.DEAD, "处理时出错：KeyError"),
    }


async def test_a_pushed_event_of_an_unknown_kind_is_kept_and_shown(story: Story) -> None:
    await open_shop(story)
    story.world.callbacks.emit({"Event": "something_new", "ChangeType": "tomorrow"})
    await story.settle()
    async with story.database.read() as db:
        states = list(await db.scalars(select(Mail.state).where(Mail.kind == "something_new.tomorrow")))
    assert states == [State.IGNORED]


async def test_tags_earned_in_customer_service_reach_wecom_when_the_customer_becomes_a_friend(story: Story) -> None:
    await open_shop(story)
    li = story.world.add_visitor("李雷")
    story.world.kf_write(li, "我是敏感肌，可以用吗", open_kfid=KFID)
    await story.settle()
    assert story.world.marked_tags == {}
    story.world.add_contact("李雷", staff=shop.STAFF[0][0], external_userid=li)
    await story.settle()
    assert story.world.marked_tags[shop.STAFF[0][0], li] == {"敏感肌"}
