"""The main menu: which pages there are, in which order, and for whom."""

from dataclasses import dataclass

from kernel.pages import Viewer


@dataclass(frozen=True, slots=True)
class Entry:
    label: str
    href: str
    icon: str
    roles: tuple[str, ...] = ()  # empty: everybody who is signed in
    current: bool = False


MENU = (
    Entry("概览", "/", "layout-dashboard"),
    Entry("客户", "/contacts", "users"),
    Entry("话术", "/scripts", "message-square-text", ("operator", "compliance")),
    Entry("标签", "/tags", "tags", ("operator",)),
    Entry("质检", "/flags", "shield-check", ("compliance",)),
    Entry("订单", "/orders", "receipt-text", ("operator", "finance")),
    Entry("红包", "/red-packets", "gift", ("finance",)),
    Entry("会话存档", "/archive", "archive", ("compliance",)),
    Entry("事件", "/events", "activity", ("operator", "compliance", "finance")),
    Entry("组件", "/kit", "component", ("admin",)),
    Entry("账号", "/accounts", "user-cog", ("admin",)),
)


def menu_for(viewer: Viewer, path: str) -> list[Entry]:
    """The entries this person may open; the one that holds ``path`` is current."""
    return [
        Entry(entry.label, entry.href, entry.icon, entry.roles, current=_holds(entry.href, path))
        for entry in MENU
        if not entry.roles or viewer.may(*entry.roles)
    ]


def _holds(href: str, path: str) -> bool:
    return path == href or (href != "/" and path.startswith(href + "/"))


def may_open(viewer: Viewer, address: str) -> bool:
    """False when the menu keeps the page behind ``address`` from this person."""
    path = address.partition("?")[0]
    return all(not entry.roles or viewer.may(*entry.roles) for entry in MENU if _holds(entry.href, path))
