"""GET /admin/live and /admin/state: the picture as it changes, and as it is. For whoever has the admin key."""

from collections.abc import AsyncIterator, Iterator

import orjson
from aiohttp import web

from llmux.admin.board import Board
from llmux.admin.picture import Picture, patch, picture
from llmux.server.application import Handler
from llmux.server.endpoint import STREAM_HEADERS
from llmux.server.office import admit
from llmux.server.services import Desk


class Live:
    """Shows the board."""

    def __init__(self, desk: Desk, board: Board) -> None:
        self._desk, self._board = desk, board

    async def state(self, inbound: web.BaseRequest) -> web.Response:
        """The picture, once."""
        admit(inbound, self._desk)
        return web.Response(body=orjson.dumps(self._picture()), content_type="application/json")

    async def live(self, inbound: web.BaseRequest) -> web.StreamResponse:
        """Server-sent events: a `snapshot` of the picture, then each second a `change`, a merge patch of it.

        It ends when the gateway stops, and when the admin key has become another.
        """
        admit(inbound, self._desk)
        response = web.StreamResponse(headers={**STREAM_HEADERS, "content-type": "text/event-stream; charset=utf-8"})
        await response.prepare(inbound)
        async for event, told in self._changes():
            await response.write(b"event: " + event + b"\ndata: " + orjson.dumps(told) + b"\n\n")
        return response

    async def _changes(self) -> AsyncIterator[tuple[bytes, Picture]]:
        """Each against the one that was given before: who reads slowly gets fewer, never an old one."""
        key, before = self._desk.current().admin_key, self._picture()
        yield b"snapshot", before
        while await self._board.next() and self._desk.current().admin_key == key:
            after = self._picture()
            yield b"change", patch(before, after)
            before = after

    def _picture(self) -> Picture:
        self._board.watch()
        standings = self._desk.current().standings()
        return picture(self._board.reports(standings), standings, self._desk.clock.now())


def routes(desk: Desk, board: Board) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler."""
    live = Live(desk, board)
    yield "GET", "/admin/live", live.live
    yield "GET", "/admin/state", live.state
