"""Addresses of the room's pages: the routes' names are spelt here and in ``web.make_app`` only."""

from aiohttp import web


class Urls:
    """Addresses of the room's pages, under whatever prefix it is mounted."""

    def __init__(self, request: web.Request) -> None:
        self._router = request.app.router

    @property
    def rules(self) -> str:
        return str(self._router["tagger_rules"].url_for())

    @property
    def new(self) -> str:
        return str(self._router["tagger_new"].url_for())

    @property
    def seed(self) -> str:
        return str(self._router["tagger_seed"].url_for())

    @property
    def trial(self) -> str:
        return str(self._router["tagger_try"].url_for())

    def rule(self, rule_id: str) -> str:
        return str(self._router["tagger_rule"].url_for(rule_id=rule_id))

    def edit(self, rule_id: str) -> str:
        return str(self._router["tagger_edit"].url_for(rule_id=rule_id))

    def delete(self, rule_id: str) -> str:
        return str(self._router["tagger_delete"].url_for(rule_id=rule_id))

    def decide(self, suggestion_id: int, verdict: str) -> str:
        return str(self._router["tagger_decide"].url_for(id=str(suggestion_id), verdict=verdict))
