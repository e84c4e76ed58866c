"""``/chat``: be a customer. Add a staff member, write to 微信客服 or to staff, open red packets, watch what happens.

Every deed is one of the world's verbs, so the bot cannot tell it from the platform's. Works without scripts;
``box.js`` renews the window while one looks.
"""

from urllib.parse import quote
from zlib import crc32

from aiohttp import web

from bot.simulator.conversations import (
    Note,
    Thread,
    bubbles_of,
    happenings,
    openable,
    tags_of,
    threads_of,
)
from bot.simulator.pages import WrongInput, console_url, go, loopback_only, render, show
from bot.simulator.replies import PlatformError
from bot.simulator.world import World

NAME_CHARS_MAX = 30
TEXT_CHARS_MAX = 1000
NOTES_MAX = 2000
FORM_BYTES_MAX = 16 * 1024


def make_chat(world: World) -> web.Application:
    """The sub-application for ``/chat``."""
    app = web.Application(middlewares=[loopback_only], client_max_size=FORM_BYTES_MAX)
    pages = _Pages(world)
    app.router.add_get("", pages.show_people)
    app.router.add_post("/new", pages.arrive)
    app.router.add_get("/{external_userid}", pages.show_chat)
    app.router.add_get("/{external_userid}/live", pages.send_live)
    app.router.add_post("/{external_userid}/add", pages.add)
    app.router.add_post("/{external_userid}/leave", pages.leave)
    app.router.add_post("/{external_userid}/write", pages.write)
    app.router.add_post("/{external_userid}/open", pages.open_packet)
    return app


class _Pages:
    def __init__(self, world: World) -> None:
        self._world = world
        self._notes: list[Note] = []

    # -- looking --------------------------------------------------------------------------------

    async def show_people(self, _request: web.Request) -> web.Response:
        return self._people_page()

    async def show_chat(self, request: web.Request) -> web.Response:
        return self._chat_page(request)

    async def send_live(self, request: web.Request) -> web.Response:
        """The parts of the page that change by themselves, for the script."""
        external_userid = self._person(request)
        thread = self._thread(request, external_userid)
        return web.json_response(self._live(external_userid, thread), headers={"Cache-Control": "no-store"})

    # -- doing ----------------------------------------------------------------------------------

    async def arrive(self, request: web.Request) -> web.Response:
        """A new customer: scans a code, adds a staff member, or just opens 微信客服."""
        form = await request.post()
        name, way = str(form.get("name", "")).strip(), str(form.get("way", ""))
        try:
            external_userid, thread = self._arrive(_check_name(name), way, external_userid=None)
        except WrongInput as wrong:
            return self._people_page(name=name, way=way, error=str(wrong), status=422)
        return go(_address(external_userid, thread))

    async def add(self, request: web.Request) -> web.Response:
        """A customer who is here already adds one more staff member."""
        external_userid = self._person(request)
        way = str((await request.post()).get("way", ""))
        try:
            _same, thread = self._arrive(
                self._world.contacts.people[external_userid].name, way, external_userid=external_userid
            )
        except WrongInput as wrong:
            return self._chat_page(request, error=str(wrong))
        return go(_address(external_userid, thread))

    async def leave(self, request: web.Request) -> web.Response:
        external_userid = self._person(request)
        thread = self._thread(request, external_userid)
        if thread is None or thread.kind != "staff" or not thread.writable:
            return self._chat_page(request, error="没有可以删除的员工")
        self._world.delete_follow(external_userid, staff=thread.id)
        return go(_address(external_userid, thread.key))

    async def write(self, request: web.Request) -> web.Response:
        """To 微信客服 directly; to or from a staff member through the archive."""
        external_userid = self._person(request)
        thread = self._thread(request, external_userid)
        form = await request.post()
        text = str(form.get("text", "")).strip()
        if thread is None or not thread.writable:
            return self._chat_page(request, error="这里不能写消息，请换一个会话")
        if not 0 < len(text) <= TEXT_CHARS_MAX:
            return self._chat_page(request, error=f"请写点什么，最多 {TEXT_CHARS_MAX} 个字", text=text)
        if thread.kind == "kf":
            if external_userid not in self._world.kf.account(thread.id).sessions:
                self._world.kf_enter(external_userid, open_kfid=thread.id)
            self._world.kf_write(external_userid, text, open_kfid=thread.id)
        else:
            self._say(external_userid, thread.id, text, by_customer=form.get("by") != "staff")
        return go(_address(external_userid, thread.key))

    async def open_packet(self, request: web.Request) -> web.Response:
        external_userid = self._person(request)
        thread = self._thread(request, external_userid)
        number = str((await request.post()).get("mch_billno", ""))
        if not openable(self._world, external_userid, number):
            return self._chat_page(request, error="没有这个红包")
        try:
            self._world.open_packet(number)
        except ValueError:
            return self._chat_page(request, error="这个红包已经打开过，或者已经退回了")
        return go(_address(external_userid, thread.key if thread else ""))

    # -- parts ----------------------------------------------------------------------------------

    def _arrive(self, name: str, way: str, *, external_userid: str | None) -> tuple[str, str]:
        """Returns who it is and the thread to show."""
        world = self._world
        kind, _, value = way.partition(":")
        if kind == "visitor" and world.kf.accounts:
            found = world.add_visitor(name, external_userid=external_userid)
            return found, f"kf:{next(iter(world.kf.accounts))}"
        if kind == "channel":
            staff = next((one.userids[0] for one in world.contacts.ways.values() if one.channel_state == value), "")
        else:
            staff = value if kind == "staff" else ""
        try:
            found = world.add_contact(
                name,
                staff=staff,
                channel_state=value if kind == "channel" else "",
                external_userid=external_userid,
            )
        except PlatformError:
            raise WrongInput("请选择怎么来：扫渠道码、加员工，或者只找微信客服") from None
        except ValueError:
            raise WrongInput("已经加过这位员工了") from None
        return found, f"staff:{world.contacts.staff_member(staff).userid}"

    def _say(self, external_userid: str, userid: str, text: str, *, by_customer: bool) -> None:
        sender, receiver = (external_userid, userid) if by_customer else (userid, external_userid)
        self._world.archive_write(sender, [receiver], text)
        self._notes.append(Note(external_userid, userid, by_customer, text, self._world.clock()))
        del self._notes[:-NOTES_MAX]

    def _person(self, request: web.Request) -> str:
        external_userid = request.match_info["external_userid"]
        if external_userid not in self._world.contacts.people:
            raise web.HTTPNotFound(text="没有这位客户")
        return external_userid

    def _thread(self, request: web.Request, external_userid: str) -> Thread | None:
        """The one the address names; else the newest."""
        threads = threads_of(self._world, external_userid)
        wanted = request.query.get("with", "")
        return next((one for one in threads if one.key == wanted), threads[-1] if threads else None)

    def _live(self, external_userid: str, thread: Thread | None) -> dict[str, dict[str, str]]:
        """Each part's HTML, and a version by which the script sees whether it changed."""
        world = self._world
        bubbles = bubbles_of(world, external_userid, thread, self._notes) if thread else []
        known = {"external_userid": external_userid, "thread": thread}
        strip = {"rows": happenings(world), "tags": tags_of(world, external_userid)}
        parts = {
            "bubbles": render("bubbles.html", {**known, "bubbles": bubbles}),
            "happenings": render("happenings.html", strip),
        }
        return {name: {"html": html, "version": f"{crc32(html.encode()):08x}"} for name, html in parts.items()}

    def _people_page(self, *, name: str = "", way: str = "", error: str = "", status: int = 200) -> web.Response:
        world = self._world
        people = [
            (person, len([one for one in world.contacts.follows.values() if one.external_userid == external_userid]))
            for external_userid, person in reversed(world.contacts.people.items())
        ]
        context = {"people": people, "name": name, "way": way, "error": error, **self._ways()}
        return show(world, "people.html", context, status=status)

    def _chat_page(self, request: web.Request, *, error: str = "", text: str = "") -> web.Response:
        world, external_userid = self._world, self._person(request)
        thread = self._thread(request, external_userid)
        context = {
            "person": world.contacts.people[external_userid],
            "external_userid": external_userid,
            "card_url": console_url(world, f"/contacts/{external_userid}"),
            "threads": threads_of(world, external_userid),
            "thread": thread,
            "live": self._live(external_userid, thread),
            "error": error,
            "text": text,
            **self._ways(),
        }
        return show(world, "chat.html", context, status=422 if error else 200)

    def _ways(self) -> dict[str, object]:
        contacts = self._world.contacts
        return {
            "staff": list(contacts.staff.values()),
            "channels": [
                (one.channel_state, contacts.staff_member(one.userids[0]).name) for one in contacts.ways.values()
            ],
            "has_kf": bool(self._world.kf.accounts),
        }


def _check_name(name: str) -> str:
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise WrongInput(f"请给这位客户起个名字，最多 {NAME_CHARS_MAX} 个字")
    return name


def _address(external_userid: str, thread_key: str) -> str:
    return f"/chat/{quote(external_userid)}" + (f"?with={quote(thread_key)}" if thread_key else "")
