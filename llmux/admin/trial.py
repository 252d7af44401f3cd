"""A request that the administrator tries: answered, or explained, as a client's would be, without a client's token."""

from collections.abc import Iterator, Mapping

import orjson
from aiohttp import web

from llmux.dialects.base import Dialect
from llmux.errors import BadRequest
from llmux.responder import Client
from llmux.server.application import Handler
from llmux.server.endpoint import Endpoint
from llmux.server.office import ADMIN, admit
from llmux.server.operations import Operations
from llmux.server.services import Desk

ADMINISTRATOR = Client(ADMIN)  # every model, no windows; what it spends is in the accounts under this name
USUAL = "openai_chat"


class Trial:
    """The handlers."""

    def __init__(self, desk: Desk, dialects: Mapping[str, Dialect]) -> None:
        self._desk = desk
        self._operations = Operations(desk)
        # One whose model stands in the path has no place for it in ours.
        self._endpoints = {name: Endpoint(of, of, desk) for name, of in dialects.items() if of.model_in_body}

    async def send(self, inbound: web.BaseRequest) -> web.StreamResponse:
        """Answer the body, a request in the dialect that `?dialect=` names: OpenAI's chat, if none."""
        admit(inbound, self._desk)
        name = inbound.query.get("dialect") or USUAL
        if name not in self._endpoints:
            known = ", ".join(sorted(self._endpoints))
            raise BadRequest(f"dialect: one of {known} is expected, not {name!r}.", param="dialect")
        return await self._endpoints[name].answer(inbound, ADMINISTRATOR)

    async def explain(self, inbound: web.BaseRequest) -> web.Response:
        """What would become of the body; nobody is asked. See `Operations.explain`."""
        admit(inbound, self._desk)
        return await self._operations.explained(inbound, ADMINISTRATOR)

    async def models(self, inbound: web.BaseRequest) -> web.Response:
        """The names of the models that can be tried."""
        admit(inbound, self._desk)
        names = [card.id for card in self._desk.current().cards(ADMINISTRATOR)]
        return web.Response(body=orjson.dumps({"models": names}), content_type="application/json")


def routes(desk: Desk, dialects: Mapping[str, Dialect]) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler."""
    trial = Trial(desk, dialects)
    yield "POST", "/admin/try", trial.send
    yield "POST", "/admin/explain", trial.explain
    yield "GET", "/admin/models", trial.models
