"""``/cgi-bin``: the door of the WeCom API. Verb, token, frequency, body; then the part that owns the call.

Platform reference 0.3 (manners), 2.1 to 2.4 (tokens, limits) and 10 (codes). The archive's pull lives
here as well, under a path that says it is simulated.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from bot.simulator.config import App
from bot.simulator.faults import FaultKind
from bot.simulator.limits import CallCounter
from bot.simulator.replies import Blob, Fields, JsonObject, PlatformError, UploadedFile
from bot.simulator.web import BODY_BYTES_MAX, FILE_BYTES_MAX, WORLD, perform
from bot.simulator.world import World

FINANCE_PATH = "simulated/finance/getchatdata"
FINANCE_HEADER = "X-Archive-Secret"  # the library takes the secret in Init
HELP = "https://open.work.weixin.qq.com/devtool/query?e="

PlainHandler = Callable[[Fields], JsonObject | Blob]
Handler = Callable[[Fields, App], JsonObject | Blob]


@dataclass(frozen=True, slots=True)
class Call:
    verb: Literal["GET", "POST"]
    handler: Handler


def call_table(world: World) -> dict[str, Call]:
    """Every path after ``/cgi-bin/`` that needs a token."""
    contacts, kf, accounts = world.contact_calls, world.kf_calls, world.kf_accounts
    logins, media, moments = world.logins, world.media, world.moments
    plain_reads: dict[str, PlainHandler] = {
        "externalcontact/get_follow_user_list": contacts.get_follow_user_list,
        "externalcontact/list": contacts.list_contacts,
        "externalcontact/get": contacts.get_contact,
        "externalcontact/get_intercept_rule_list": world.intercepts.list_all,
        "externalcontact/get_moment_task_result": moments.task_result,
        "user/get": contacts.user_get,
        "getcallbackip": lambda _fields: {"ip_list": ["127.0.0.1"]},
        "kf/servicer/list": accounts.servicer_list,
        "auth/getuserinfo": logins.get_user_info,
        "get_jsapi_ticket": logins.corp_ticket,
        "media/get": media.get,
    }
    plain_posts = _contact_posts(world) | {
        "kf/account/list": accounts.list_all,
        "kf/account/add": accounts.add,
        "kf/account/update": accounts.update,
        "kf/account/del": accounts.delete,
        "kf/add_contact_way": accounts.add_contact_way,
        "kf/servicer/add": accounts.servicer_add,
        "kf/servicer/del": accounts.servicer_del,
        "kf/sync_msg": kf.sync_msg,
        "kf/send_msg": kf.send_msg,
        "kf/send_msg_on_event": kf.send_msg_on_event,
        "kf/service_state/get": kf.service_state_get,
        "kf/service_state/trans": kf.service_state_trans,
        "kf/customer/batchget": kf.customer_batchget,
        "media/upload": media.upload,
        "media/upload_attachment": media.upload_attachment,
        "media/uploadimg": media.upload_image,
        "message/recall": world.staff_messages.recall,
        "msgaudit/get_permit_user_list": world.consents.get_permit_user_list,
        "msgaudit/check_single_agree": world.consents.check_single_agree,
        "msgaudit/check_room_agree": world.consents.check_room_agree,
    }
    table = {path: Call("GET", _without_app(handler)) for path, handler in plain_reads.items()}
    table |= {path: Call("POST", _without_app(handler)) for path, handler in plain_posts.items()}
    return table | {
        "ticket/get": Call("GET", logins.app_ticket),
        "message/send": Call("POST", world.staff_messages.send),
        "message/update_template_card": Call("POST", world.staff_messages.update_card),
        "externalcontact/add_intercept_rule": Call("POST", _with_agentid(world.intercepts.add)),
        "externalcontact/update_intercept_rule": Call("POST", _with_agentid(world.intercepts.update)),
        "externalcontact/del_intercept_rule": Call("POST", _with_agentid(world.intercepts.delete)),
    }


def _contact_posts(world: World) -> dict[str, PlainHandler]:
    contacts, tags, ways, transfers = world.contact_calls, world.tags, world.way_calls, world.transfers
    sends, moments = world.group_sends, world.moments
    calls: dict[str, PlainHandler] = {
        "batch/get_by_user": contacts.batch_get_by_user,
        "contact_list": contacts.contact_list,
        "get_corp_tag_list": tags.get_corp_tag_list,
        "add_corp_tag": tags.add_corp_tag,
        "edit_corp_tag": tags.edit_corp_tag,
        "del_corp_tag": tags.del_corp_tag,
        "mark_tag": contacts.mark_tag,
        "remark": contacts.remark,
        "send_welcome_msg": contacts.send_welcome_msg,
        "convert_to_openid": contacts.convert_to_openid,
        "add_contact_way": ways.add,
        "get_contact_way": ways.get,
        "update_contact_way": ways.update,
        "del_contact_way": ways.delete,
        "list_contact_way": ways.list_all,
        "groupchat/list": world.groups.list_all,
        "groupchat/get": world.groups.get,
        "groupchat/transfer": transfers.transfer_groups_of_leaver,
        "groupchat/onjob_transfer": transfers.transfer_groups_onjob,
        "transfer_customer": transfers.transfer_customer,
        "transfer_result": transfers.transfer_result,
        "get_unassigned_list": transfers.get_unassigned_list,
        "resigned/transfer_customer": transfers.transfer_resigned_customer,
        "resigned/transfer_result": transfers.transfer_resigned_result,
        "add_msg_template": sends.add,
        "get_groupmsg_list_v2": sends.list_all,
        "get_groupmsg_task": sends.task,
        "get_groupmsg_send_result": sends.result,
        "remind_groupmsg_send": sends.remind,
        "cancel_groupmsg_send": sends.cancel,
        "get_intercept_rule": world.intercepts.get,
        "add_moment_task": moments.add_task,
        "get_moment_list": moments.list_all,
        "get_moment_task": moments.task,
        "get_moment_comments": moments.comments,
        "cancel_moment_task": moments.cancel,
    }
    return {f"externalcontact/{path}": handler for path, handler in calls.items()}


def make_api(world: World) -> web.Application:
    """The sub-application for ``/cgi-bin``."""
    app = web.Application(client_max_size=FILE_BYTES_MAX)
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
        self._inside: Counter[str] = Counter()

    async def enter(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if path != "gettoken" and path not in self._calls:
            raise web.HTTPNotFound
        at_once = self._world.door.at_once
        crowded = at_once is not None and self._inside[path] >= at_once
        self._inside[path] += 1
        try:
            body = await _read_body(request)
            return await perform(
                request,
                path,
                lambda: self._answer(request, path, body, crowded=crowded),
                lambda kind: _refuse_fault(self._world, kind),
            )
        finally:
            self._inside[path] -= 1

    def _answer(
        self, request: web.Request, path: str, body: bytes | Fields, *, crowded: bool
    ) -> tuple[web.Response, int | str]:
        try:
            reply = self._handle(request, path, body, crowded=crowded)
        except PlatformError as error:
            return _refusal(self._world, error), error.errcode
        if isinstance(reply, Blob):
            return _file(request, reply), 0
        return _reply(self._world, reply, 0, "ok"), 0

    def _handle(self, request: web.Request, path: str, body: bytes | Fields, *, crowded: bool) -> JsonObject | Blob:
        config = self._world.config
        if crowded:
            raise PlatformError(45033)
        if not self._counter.take(path, config.calls_per_minute_by_path.get(path, config.calls_per_minute)):
            raise PlatformError(45009)
        if path == "gettoken":
            _check_verb(request, "GET")
            return self._world.access_tokens.get(Fields(request.query))
        call = self._calls[path]
        app = self._world.access_tokens.check(request.query.get("access_token", ""), path)
        if not self._world.door.address_trusted:
            raise PlatformError(60020)
        _check_verb(request, call.verb)
        if call.verb == "GET":
            return call.handler(Fields(request.query), app)
        return call.handler(body if isinstance(body, Fields) else _json_fields(body), app)


async def _read_body(request: web.Request) -> bytes | Fields:
    """JSON as it came, or the fields of a multipart upload together with those of the query."""
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    values: dict[str, object] = dict(request.query)
    for name, part in (await request.post()).items():
        values[name] = (
            UploadedFile(part.filename, part.file.read()) if isinstance(part, web.FileField) else str(part)
        )  # fmt: skip
    return Fields(values)


def _file(request: web.Request, blob: Blob) -> web.Response:
    """A file, whole or the range asked for."""
    headers = {"Content-Disposition": f'attachment; filename="{blob.filename}"'}
    wanted = request.http_range
    if wanted.start is None and wanted.stop is None:
        return web.Response(body=blob.content, headers=headers)
    part = blob.content[wanted]
    start = len(blob.content) + wanted.start if (wanted.start or 0) < 0 else wanted.start or 0
    headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(blob.content)}"
    return web.Response(status=206, body=part, headers=headers)


def _with_agentid(handler: Callable[[Fields, int], JsonObject]) -> Handler:
    return lambda fields, app: handler(fields, app.agentid)


def _without_app(handler: PlainHandler) -> Handler:
    return lambda fields, _app: handler(fields)


def _check_verb(request: web.Request, verb: str) -> None:
    if request.method != verb:
        raise PlatformError(43001 if verb == "GET" else 43002)


def _json_fields(raw: bytes) -> Fields:
    if len(raw) > BODY_BYTES_MAX:
        raise PlatformError(40206)
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
