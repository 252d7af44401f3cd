"""Connections of clients that keep us waiting: each has a patience, and a sweep ends what has used it up.

aiohttp waits for ever for a head that never ends, for a body that drips and for a client that does not read. One timer
looks over every connection a few times within the shortest patience, so that a request pays nothing for it. What is
answered to a request is not decided here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from llmux.clock import Clock
from llmux.config.schema import Http
from llmux.errors import BadRequest, GatewayError, HeadTooLarge, RequestSlow, TargetTooLong
from llmux.ir.value import Value
from llmux.server.sendqueue import untaken
from llmux.telemetry import Listener, Notice

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
RequestFactory = Callable[..., web.BaseRequest]

KIBIBYTE = 1024
LOOKS = 4  # within the shortest patience: what is late is found a quarter of it later at most
SLOWEST_BODY = 512  # bytes a second, over each span of `body_timeout`: the slowest link that anybody calls a model over
LINGER_S = 1.0  # for a client that still sends what cannot be read: hung up on at once, it would miss our answer
# So many connections beyond `max_connections` are told that we are full; further ones are closed without a word.
TOLD = 64
TOO_SLOW = b'{"error":"llmux: no whole request came within http.head_timeout."}'
NO_HEAD = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(TOO_SLOW), TOO_SLOW)
)


class Answers(Value):
    """Who answers: a request; one that comes when all connections are taken; what is no request at all."""

    handle: Handler
    turn_away: Handler
    refuse: Callable[[GatewayError, web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(web.RequestHandler):
    """One client's connection, and since when it keeps us waiting. Times are monotonic seconds."""

    __slots__ = ("_begun", "_body", "_body_mark", "_broken", "_guard", "_head_since", "_link", "_taken")

    def __init__(self, guard: "Guard", **options: Any) -> None:
        super().__init__(guard, **options)
        self._guard = guard
        self._link: asyncio.Transport | None = None  # aiohttp lets go of its own while bytes still wait in it
        self._head_since: float | None = None  # None: no head is awaited
        self._begun = False  # a part of that head has come
        self._broken = False  # what came is no HTTP: nothing more is read
        self._body: StreamReader = EMPTY_PAYLOAD
        self._body_mark = (0.0, 0)  # a moment, and the bytes of the body that had come by then
        self._taken = (0.0, 0, 0)  # when the client last took something, what it had taken by then, of which answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._link = cast("asyncio.Transport", transport)
        now = self._guard.clock.monotonic()
        self._head_since, self._taken = now, (now, 0, 0)
        super().connection_made(transport)
        places = self._guard.settings.max_connections
        if places and self._guard.open > places:
            self._request_handler = self._guard.answers.turn_away
            if self._guard.open > places + TOLD:
                self._link.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It has gone."""
        self._link = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note whether a head is awaited after this, or a body."""
        if self._broken:
            return
        heads = self._request_count
        super().data_received(data)
        if self._request_count != heads:
            self._head_since, self._begun = None, False
            self._body = self._messages[-1][1]
            if not self._body.is_eof():
                self._body_mark = (self._guard.clock.monotonic(), 0)
        elif (
            self._body.is_eof() and not self._upgraded and data.strip(b"\r\n")
        ):  # an empty line may stand before a head
            self._begun = True
            if self._head_since is None:
                self._head_since = self._guard.clock.monotonic()

    def look(self, now: float) -> None:
        """End what has used our patience up."""
        patience, link = self._guard.settings, self._link
        if link is None:
            return
        if self._head_since is not None and self._current_request is None:
            if now - self._head_since >= patience.head_timeout:
                self._hang_up()
        elif not self._body.is_eof():
            self._look_at_body(now, patience.body_timeout)
        self._look_at_reader(link, now, patience.client_timeout)

    def _look_at_body(self, now: float, patience: float) -> None:
        """A span without enough of the body, or its end, is too slow; whoever reads it is told."""
        since, had = self._body_mark
        if self._reading_paused:  # it waits for us
            self._body_mark = (now, self._body.total_bytes)
        elif now - since >= patience:
            if self._body.total_bytes - had < SLOWEST_BODY * patience and self._body.exception() is None:
                self._body.set_exception(RequestSlow("llmux: the body came too slowly; see http.body_timeout."))
            self._body_mark = (now, self._body.total_bytes)

    def _look_at_reader(self, link: asyncio.Transport, now: float, patience: float) -> None:
        """A client that takes something between two looks may be as slow as it likes."""
        since, before, whose = self._taken
        waiting, asked = untaken(link), self._current_request
        # While it takes, more is written: what waits may grow all the same.
        taken = (0 if asked is None else asked.writer.output_size) - waiting
        if not waiting or taken > before or id(asked) != whose:
            since = now
        self._taken = (since, taken, id(asked))
        if now - since >= patience:
            self._guard.say("read nothing of its answer", patience, self.peername)
            link.abort()  # with what waits in it: closing would wait for the client to take that

    def _hang_up(self) -> None:
        if self._begun and self._link is not None and not self._link.is_closing():
            self._link.write(NO_HEAD)
        self._guard.say("sent no whole head", self._guard.settings.head_timeout, self.peername)
        self.force_close()

    def _make_error_handler(self, err_info: Any) -> Handler:
        """What came is no HTTP that we take: say so, and wait a moment until the client stops sending."""
        self._broken = True

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            response = await self._guard.answers.refuse(self._guard.in_words(err_info.exc), request)
            await response.prepare(request)
            await response.write_eof()
            if self._link is not None and self._link.can_write_eof():
                self._link.write_eof()
            await self._guard.clock.sleep(LINGER_S)
            return response

        return answer

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """What aiohttp would write into a log of its own is told as a fact."""
        error = kwargs.get("exc_info")
        if not isinstance(error, GatewayError):  # one is told to the client, and with the request
            self._guard.tell(Notice("error", f"{args[0] if args else 'a connection'}: {error!r}"))


class Guard(web.Server):
    """The server, whose connections are looked after."""

    def __init__(
        self, answers: Answers, settings: Http, clock: Clock, tell: Listener, request_factory: RequestFactory
    ) -> None:
        super().__init__(
            answers.handle,
            request_factory=request_factory,
            handler_cancellation=True,  # else a backend runs on for a client that has left
        )
        self.answers, self.settings, self.clock, self.tell = answers, settings, clock, tell
        self.open = 0  # connections
        self._looking = False
        self._pause = min(settings.head_timeout, settings.body_timeout, settings.client_timeout) / LOOKS
        longest = settings.max_header_kb * KIBIBYTE
        self._options: dict[str, Any] = {
            "access_log": None,
            "keepalive_timeout": settings.connection_timeout,
            "max_line_size": longest,
            "max_field_size": longest + 1,  # tells a line from a field: aiohttp's complaint names the limit alone
            "max_headers": settings.max_headers,
        }

    def __call__(self) -> Connection:
        """A protocol for one connection, as `create_server` wants it."""
        return Connection(self, loop=self._loop, **self._options)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """See `web.Server`."""
        super().connection_made(handler, transport)
        self.open += 1
        if not self._looking:
            self._looking = True
            self.clock.timer(self._pause, self._look)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """See `web.Server`."""
        self.open -= 1
        super().connection_lost(handler, exc)

    def say(self, what: str, patience: float, peer: object) -> None:
        """Tell whose connection is ended, and why."""
        address = peer[0] if isinstance(peer, tuple) else peer
        self.tell(Notice("debug", f"a client at {address} {what} for {patience:g} s: its connection is closed"))

    def in_words(self, error: BaseException) -> GatewayError:
        """What aiohttp could not read, as a failure of ours."""
        if isinstance(error, LineTooLong):
            if error.args[1] == self._options["max_line_size"]:
                return TargetTooLong("llmux: the address is longer than http.max_header_kb.")
            return HeadTooLarge("llmux: a header is longer than http.max_header_kb.")
        said = str(getattr(error, "message", error)).splitlines() or [""]
        if "Too many headers" in said[0]:
            return HeadTooLarge("llmux: there are more headers than http.max_headers.")
        reason = ascii(said[0][:100])[1:-1].rstrip(":.")
        return BadRequest(f"llmux: this is no request in HTTP/1.1: {reason}.")

    def _look(self) -> None:
        now = self.clock.monotonic()
        for connection in self.connections:
            if isinstance(connection, Connection):
                connection.look(now)
        self._looking = self.open > 0
        if self._looking:
            self.clock.timer(self._pause, self._look)
