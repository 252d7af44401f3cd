"""What was used and what is left: for the administrator of everybody, for a client of its own."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import orjson
from aiohttp import web

from llmux.errors import BadRequest
from llmux.server.auth import QUERY_KEY
from llmux.server.endpoint import RECORD, enter, read_body
from llmux.server.office import admit
from llmux.server.services import Desk
from llmux.telemetry import Administered

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class AccountsEndpoint:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def usage(self, inbound: web.BaseRequest) -> web.Response:
        """What everybody has used, as the query asks."""
        admit(inbound, self._desk)
        return _json(await self._desk.current().accounts.usage(inbound.query, None))

    async def own(self, inbound: web.BaseRequest) -> web.Response:
        """What the client that asks has used, and what is left of its windows."""
        services = self._desk.current()
        client = await enter(inbound, self._desk)
        words = {word: value for word, value in inbound.query.items() if word != QUERY_KEY}
        if "client" in words:
            raise BadRequest("llmux: client: a client sees its own usage only.", param="client")
        used = await services.accounts.usage(words, client)
        return _json({"client": client.name, **used, "windows": await services.accounts.left(client)})

    async def quota(self, inbound: web.BaseRequest) -> web.Response:
        """How every backend stands, and what is left of its windows."""
        admit(inbound, self._desk)
        return _json(await self._desk.current().accounts.quota())

    async def reset(self, inbound: web.BaseRequest) -> web.Response:
        """Empty windows and end rests: of every backend, or of what the body names."""
        admit(inbound, self._desk)
        done = await self._desk.current().accounts.reset(await read_body(inbound))
        self._desk.tell(reset_of(done, inbound[RECORD].remote))
        return _json({"reset": done})


def reset_of(done: Mapping[str, Any], remote: str) -> Administered:
    """The fact that this has been reset, on the word of somebody there."""
    return Administered("quota reset", "; ".join(f"{kind}: {', '.join(names)}" for kind, names in done.items()), remote)


def routes(desk: Desk) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler."""
    accounts = AccountsEndpoint(desk)
    yield "GET", "/api/usage", accounts.usage
    yield "GET", "/api/usage/me", accounts.own
    yield "GET", "/api/quota", accounts.quota
    yield "POST", "/api/quota/reset", accounts.reset


def _json(told: Mapping[str, Any]) -> web.Response:
    headers = {"cache-control": "no-store"}
    return web.Response(body=orjson.dumps(told), headers=headers, content_type="application/json")
