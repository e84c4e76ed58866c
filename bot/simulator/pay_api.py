"""``/mmpaymkttransfers``: the door of WeChat Pay v2, with its faults (payments reference A8, F1 to F8)."""

from aiohttp import web

from bot.simulator.faults import FaultKind
from bot.simulator.pay_calls import Answer, answer_xml, failure
from bot.simulator.web import WORLD, perform
from bot.simulator.world import World

SEND_PATH, QUERY_PATH = "mmpaymkttransfers/sendredpack", "mmpaymkttransfers/gethbinfo"
ERR_CODES = {
    FaultKind.BUSY: "SYSTEMERROR",
    FaultKind.THROTTLED: "FREQ_LIMIT",
    FaultKind.PROCESSING: "PROCESSING",
    FaultKind.SEND_FAILED: "SEND_FAILED",
}


def make_pay_api(world: World) -> web.Application:
    """The sub-application for ``/mmpaymkttransfers``."""
    app = web.Application(client_max_size=64 * 1024)
    app[WORLD] = world
    app.router.add_post("/sendredpack", send_red_packet)
    app.router.add_post("/gethbinfo", query_red_packet)
    return app


async def send_red_packet(request: web.Request) -> web.StreamResponse:
    world, body = request.app[WORLD], await request.read()

    def refuse(kind: FaultKind) -> tuple[web.Response, int | str]:
        if kind is FaultKind.PROCESSING:  # accepted, and decided 20 minutes later
            return _respond(world.pay_calls.send(body, processing=True))
        if kind is FaultKind.MISMATCH:
            answer = world.pay_calls.send(body)
            return _respond(answer | ({"total_amount": "1"} if answer["result_code"] == "SUCCESS" else {}))
        return _refuse(kind)

    return await perform(request, SEND_PATH, lambda: _respond(world.pay_calls.send(body)), refuse)


async def query_red_packet(request: web.Request) -> web.StreamResponse:
    world, body = request.app[WORLD], await request.read()
    return await perform(request, QUERY_PATH, lambda: _respond(world.pay_calls.query(body)), _refuse)


def _refuse(kind: FaultKind) -> tuple[web.Response, int | str]:
    return _respond(failure(ERR_CODES.get(kind, "SYSTEMERROR"), "系统繁忙，请稍后再试"))


def _respond(answer: Answer) -> tuple[web.Response, int | str]:
    code = "SUCCESS" if answer["result_code"] == "SUCCESS" else answer["err_code"]
    return web.Response(body=answer_xml(answer), content_type="text/xml", charset="utf-8"), code
