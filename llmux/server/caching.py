"""The administrator's pages of the cache: how it does, and that it be emptied."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import orjson
from aiohttp import web

from llmux.errors import BadRequest, NotFound
from llmux.server.endpoint import RECORD, read_body
from llmux.server.office import admit
from llmux.server.services import CacheDesk, Desk
from llmux.telemetry import Administered

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
EXPECTED = 'expected {} or {"model": "a glob of models\' names"}'


class Clearing(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be cleared: every answer to models like the glob `model`."""

    model: str = "*"


class CachePages:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def stats(self, inbound: web.BaseRequest) -> web.Response:
        """What is kept, and how often it was of use."""
        admit(inbound, self._desk)
        return _json(self._cache.stats())

    async def clear(self, inbound: web.BaseRequest) -> web.Response:
        """Forget answers, here and at every other worker and instance."""
        admit(inbound, self._desk)
        asked = _read(await read_body(inbound))
        cleared = await self._cache.clear(asked.model)
        self._desk.tell(Administered("cache clear", asked.model, inbound[RECORD].remote))
        return _json({"cleared": cleared, "model": asked.model})

    @property
    def _cache(self) -> CacheDesk:
        cache = self._desk.current().cache
        if cache is None:
            raise NotFound("llmux: this gateway has no cache.")
        return cache


def routes(desk: Desk) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler."""
    pages = CachePages(desk)
    yield "GET", "/api/cache/stats", pages.stats
    yield "POST", "/api/cache/clear", pages.clear


def _read(body: bytes) -> Clearing:
    try:
        return msgspec.json.decode(body or b"{}", type=Clearing)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"{error}: {EXPECTED}.") from None


def _json(told: Any) -> web.Response:
    return web.Response(body=orjson.dumps(told), content_type="application/json")
