"""The one loop that writes to a client. It pulls, so the client's socket sets the pace.

An error before the first byte leaves by raising, so that a status can be set. After it, the error is an event in the
client's own dialect. Leaving the loop closes the backend.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from aiohttp import web

from llmux.clock import Clock, Timer
from llmux.dialects.base import Encoder
from llmux.errors import GatewayError
from llmux.ir.events import Batch, Opened, StreamError
from llmux.server.record import Record

OpenResponse = Callable[[Opened | None], web.StreamResponse]


class ClientStream:
    """The stream to one client: it begins with the first byte, and is kept alive in silence."""

    __slots__ = ("_beat", "_clock", "_encoder", "_keepalive", "_last", "_open", "_request", "_response", "_timer")

    def __init__(
        self, request: web.BaseRequest, open_response: OpenResponse, encoder: Encoder, clock: Clock, keepalive: float
    ) -> None:
        self._request = request
        self._open = open_response
        self._encoder = encoder
        self._clock = clock
        self._keepalive = keepalive
        self._response: web.StreamResponse | None = None
        self._last = clock.monotonic()
        self._beat: asyncio.Task[None] | None = None
        self._timer: Timer = clock.timer(keepalive, self._check)

    @property
    def response(self) -> web.StreamResponse | None:
        """None until the first byte."""
        return self._response

    async def begin(self, opened: Opened | None) -> None:
        """Send the head. A keep-alive may have done so, before anybody answered."""
        if self._beat is not None:
            await self._beat
        if self._response is None:
            response = self._open(opened)
            await response.prepare(self._request)
            self._response = response

    async def write(self, batch: Batch) -> None:
        """Send the bytes that tell `batch`; waits while the client does not read."""
        if self._beat is not None:
            await self._beat
        data = self._encoder.feed(batch)
        if data and self._response is not None:
            await self._response.write(data)
            self._last = self._clock.monotonic()

    async def end(self, last: Batch = ()) -> None:
        """Send what tells `last`, and that nothing more will come: one write. Harmless twice."""
        self.stop()
        if self._beat is not None:
            await self._beat
        data = self._encoder.feed(last)
        if self._response is not None:
            await self._response.write_eof(data)

    def stop(self) -> None:
        """No more keep-alives. Harmless twice."""
        self._timer.cancel()

    def _check(self) -> None:
        silent = self._clock.monotonic() - self._last
        if silent >= self._keepalive:
            self._last, silent = self._clock.monotonic(), 0.0
            if self._beat is None or self._beat.done():  # else the last one waits for a client that does not read
                # Owned by this stream: every other write waits for it first.
                self._beat = asyncio.get_running_loop().create_task(self._keep_alive())
        self._timer = self._clock.timer(self._keepalive - silent, self._check)

    async def _keep_alive(self) -> None:
        try:
            if self._response is None:
                response = self._open(None)
                await response.prepare(self._request)
                self._response = response
            await self._response.write(self._encoder.keepalive())
        except ConnectionError:
            pass  # the client has left: whoever writes next finds out, and says so
        finally:
            self._beat = None


async def relay(batches: AsyncGenerator[Batch, None], client: ClientStream, record: Record, clock: Clock) -> None:
    """Send every batch to the client.

    Raises:
        GatewayError: nobody could answer, and the client has not been sent a byte.
        ConnectionError: the client has left.
    """
    try:
        async with aclosing(batches):
            try:
                async for batch in batches:
                    opened, events = split(batch)
                    if opened is not None:
                        record.opened(opened, clock.monotonic())
                        await client.begin(opened)
                    if record.note(events):  # the client need not wait for the backend to hang up
                        await client.end(events)
                    else:
                        await client.write(events)
            except GatewayError as error:
                if client.response is None:
                    raise
                record.error = type(error).__name__
                await client.end([StreamError(error)])
    finally:
        client.stop()


def split(batch: Batch) -> tuple[Opened | None, Batch]:
    """Who answers, if this batch says so, and the events of the answer."""
    first = batch[0]
    return (first, batch[1:]) if isinstance(first, Opened) else (None, batch)
