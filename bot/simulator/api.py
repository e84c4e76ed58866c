"""``/cgi-bin``: the door of the WeCom API. Verb, token, frequency, body; then the part that owns the call.

Platform reference 0.3 (manners), 2.1 to 2.4 (tokens, limits) and 10 (codes). The archive's pull lives
here as well, under a path that says it is simulated.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from bot.simulator.config import App
from bot.simulator.faults import FaultKind
from bot.simulator.limits import CallCounter
from bot.simulator.replies import Fields, JsonObject, PlatformError
from bot.simulator.web import BODY_BYTES_MAX, WORLD, perform
from bot.simulator.world import World

FINANCE_PATH = "simulated/finance/getchatdata"
FINANCE_HEADER = "X-Archive-Secret"  # the library takes the secret in Init
HELP = "https://open.work.weixin.qq.com/devtool/query?e="

Handler = Callable[[Fields, App], JsonObject]


@dataclass(frozen=True, slots=True)
class Call:
    verb: Literal["GET", "POST"]
    handler: Handler


def call_table(world: World) -> dict[str, Call]:
    """Every path after ``/cgi-bin/`` that needs a token."""
    contacts, kf, tags = world.contact_calls, world.kf_calls, world.tags
    reads: dict[str, Callable[[Fields], JsonObject]] = {
        "externalcontact/get_follow_user_list": contacts.get_follow_user_list,
        "externalcontact/list": contacts.list_contacts,
        "externalcontact/get": contacts.get_contact,
        "user/get": contacts.user_get,
        "getcallbackip": lambda _fields: {"ip_list": ["127.0.0.1"]},
        "kf/servicer/list": kf.servicer_list,
    }
    posts: dict[str, Callable[[Fields], JsonObject]] = {
        "externalcontact/batch/get_by_user": contacts.batch_get_by_user,
        "externalcontact/get_corp_tag_list": tags.get_corp_tag_list,
        "externalcontact/add_corp_tag": tags.add_corp_tag,
        "externalcontact/edit_corp_tag": tags.edit_corp_tag,
        "externalcontact/del_corp_tag": tags.del_corp_tag,
        "externalcontact/mark_tag": contacts.mark_tag,
        "externalcontact/remark": contacts.remark,
        "externalcontact/send_welcome_msg": contacts.send_welcome_msg,
        "externalcontact/convert_to_openid": contacts.convert_to_openid,
        "externalcontact/add_contact_way": contacts.add_contact_way,
        "externalcontact/get_contact_way": contacts.get_contact_way,
        "kf/account/list": kf.account_list,
        "kf/sync_msg": kf.sync_msg,
        "kf/send_msg": kf.send_msg,
        "kf/send_msg_on_event": kf.send_msg_on_event,
        "kf/service_state/get": kf.service_state_get,
        "kf/service_state/trans": kf.service_state_trans,
        "kf/customer/batchget": kf.customer_batchget,
    }
    table = {path: Call("GET", _without_app(handler)) for path, handler in reads.items()}
    table |= {path: Call("POST", _without_app(handler)) for path, handler in posts.items()}
    return table | {"message/send": Call("POST", world.staff_messages.send)}


def make_api(world: World) -> web.Application:
    """The sub-application for ``/cgi-bin``."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app[WORLD] = world
    door = _Door(world)
    app.router.add_route("*", "/{path:.+}", door.enter)
    return app


async def pull_archive(request: web.Request) -> web.StreamResponse:
    """``POST /simulated/finance/getchatdata {"seq", "limit"}``: what the C library's GetChatData would return."""
    world = request.app[WORLD]
    raw = await request.read()

    def answer() -> tuple[web.Response, int | str]:
        try:
            fields = _json_fields(raw)
            reply = world.archive.pull(
                secret=request.headers.get(FINANCE_HEADER, ""),
                seq=fields.values.get("seq"),
                limit=fields.values.get("limit"),
            )
        except PlatformError as error:
            return _refusal(world, error), error.errcode
        return _reply(world, reply, 0, "ok"), 0

    return await perform(request, FINANCE_PATH, answer, lambda kind: _refuse_fault(world, kind))


class _Door:
    def __init__(self, world: World) -> None:
        self._world, self._calls = world, call_table(world)
        self._counter = CallCounter(world.clock)

    async def enter(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        raw = await request.read()

        def answer() -> tuple[web.Response, int | str]:
            try:
                reply = self._handle(request, path, raw)
            except PlatformError as error:
                return _refusal(self._world, error), error.errcode
            return _reply(self._world, reply, 0, "ok"), 0

        if path != "gettoken" and path not in self._calls:
            raise web.HTTPNotFound
        return await perform(request, path, answer, lambda kind: _refuse_fault(self._world, kind))

    def _handle(self, request: web.Request, path: str, raw: bytes) -> JsonObject:
        config = self._world.config
        if not self._counter.take(path, config.calls_per_minute_by_path.get(path, config.calls_per_minute)):
            raise PlatformError(45009)
        if path == "gettoken":
            _check_verb(request, "GET")
            return self._world.access_tokens.get(Fields(request.query))
        call = self._calls[path]
        app = self._world.access_tokens.check(request.query.get("access_token", ""), path)
        _check_verb(request, call.verb)
        fields = Fields(request.query) if call.verb == "GET" else _json_fields(raw)
        return call.handler(fields, app)


def _without_app(handler: Callable[[Fields], JsonObject]) -> Handler:
    return lambda fields, _app: handler(fields)


def _check_verb(request: web.Request, verb: str) -> None:
    if request.method != verb:
        raise PlatformError(43001 if verb == "GET" else 43002)


def _json_fields(raw: bytes) -> Fields:
    try:
        values = json.loads(raw)
    except ValueError:
        raise PlatformError(47001) from None
    if not isinstance(values, dict):
        raise PlatformError(47001)
    return Fields(values)


def _refuse_fault(world: World, kind: FaultKind) -> tuple[web.Response, int | str]:
    error = PlatformError(45009 if kind is FaultKind.THROTTLED else -1)
    return _refusal(world, error), error.errcode


def _refusal(world: World, error: PlatformError) -> web.Response:
    """HTTP 200, the code in body and headers, and a text that changes each time: nobody may match on it."""
    hint = f"{world.context.unix()}{world.rng.randrange(10**14, 10**15)}"
    text = f"{error.text}, hint: [{hint}], from ip: 127.0.0.1, more info at {HELP}{error.errcode}"
    return _reply(world, dict(error.extra), error.errcode, text)


def _reply(world: World, fields: JsonObject, errcode: int, errmsg: str) -> web.Response:
    body: JsonObject = {"errcode": errcode, "errmsg": errmsg, **fields}
    if world.rng.random() < world.config.drift:  # new fields appear without notice, and keys have no order
        body[f"new_field_{world.rng.randrange(10_000)}"] = {"drift": [1]}
        keys = list(body)
        world.rng.shuffle(keys)
        body = {key: body[key] for key in keys}
    return web.Response(
        body=json.dumps(body, ensure_ascii=False).encode(),
        content_type="application/json",
        charset="UTF-8",
        headers={"Error-Code": str(errcode), "Error-Msg": errmsg, "Server": "nginx"},
    )
