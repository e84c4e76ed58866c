"""What a room's page needs to know of the shell around it: who looks, and how to render."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in person. ``csrf_token`` goes into every form as the hidden field ``csrf_token``."""

    name: str
    roles: frozenset[str]  # operator | compliance | finance | admin
    csrf_token: str

    def may(self, *roles: str) -> bool:
        """True when the person has one of ``roles`` or is an admin."""
        return "admin" in self.roles or not self.roles.isdisjoint(roles)


ViewerOf = Callable[[web.Request], Viewer]


class Render(Protocol):
    """Render a template of the shared environment inside the shell's layout."""

    def __call__(
        self, request: web.Request, template: str, context: dict[str, object] | None = None, /, *, status: int = 200
    ) -> web.Response: ...


def require(viewer: Viewer, *roles: str) -> None:
    """Refuse with 403 and a sentence that says whom to ask, unless the viewer has one of ``roles``."""
    if not viewer.may(*roles):
        names = "、".join(
            {"operator": "运营", "compliance": "质检", "finance": "财务", "admin": "管理员"}[r] for r in roles
        )
        raise web.HTTPForbidden(text=f"这一步需要「{names}」角色。请联系管理员为您开通。")
