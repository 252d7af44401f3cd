"""A backend's answer, from its first bytes to its last: read, decoded, held back until it says something.

It is given an open reply and a decoder; it opens nothing and retries nothing.
"""

from collections.abc import AsyncGenerator

from llmux.clock import Clock
from llmux.dialects.base import Decoder
from llmux.errors import BackendCut, BackendSlow, GatewayError
from llmux.gateway.watch import Watch
from llmux.ir.content import Opaque, ToolCall
from llmux.ir.events import (
    Batch,
    Event,
    MessageEnd,
    OtherChoice,
    PartDelta,
    PartStart,
    PartState,
    StreamError,
    Verbatim,
)
from llmux.normalise.normaliser import Normaliser
from llmux.transports.base import Reply

ENDS = (MessageEnd, StreamError)
# What a backend may still take to close a stream whose last event it has sent, so that the connection can be kept.
LINGER_S = 0.2


def says_something(event: Event) -> bool:
    """Is this the commit point: content, or the end of an empty answer?"""
    if isinstance(event, Verbatim):
        return event.content or event.done
    if isinstance(event, PartStart):
        return isinstance(event.part, ToolCall | Opaque)
    return isinstance(event, PartDelta | PartState | OtherChoice | MessageEnd)


def ended(batch: Batch) -> bool:
    """Is the answer complete, or broken, with this batch?"""
    last = batch[-1]
    return last.done if isinstance(last, Verbatim) else isinstance(last, ENDS)


class Answer:
    """One answer. `hold` once, then `batches`, then `close`, whatever happened."""

    def __init__(
        self, reply: Reply, decoder: Decoder, clock: Clock, deadline: float, normaliser: Normaliser | None = None
    ) -> None:
        """`deadline`: monotonic seconds at which the first event must be there."""
        self._reply = reply
        self._decoder = decoder
        self._clock = clock
        self._normaliser = normaliser
        self._ended = self._at_eof = self._heard = False
        self._complete = False  # the backend has said all of it
        self._watch = Watch(clock, reply, deadline, "The backend did not begin its answer in time.")

    async def hold(self, idle: float) -> Batch:
        """Everything up to and including the first batch that says something.

        `idle`: seconds of silence that end the answer from now on.

        Raises:
            GatewayError: the answer failed before that. The client has seen nothing of it.
        """
        held: list[Event] = []
        while not any(map(says_something, held)):
            held += await self._next()
            if self._heard:  # what it says may be held back for long: a call is printed as text
                self._watch.allow(idle)
                self._watch.wait()
            if held and isinstance(held[-1], StreamError):
                raise held[-1].error
            if self._at_eof and not any(map(says_something, held)):
                raise BackendCut("The backend ended its answer before it had begun.")
        self._watch.allow(idle)
        self._ended = ended(held)
        return held

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """The rest. The last batch ends in MessageEnd, StreamError or a Verbatim that is done."""
        while not self._ended:
            self._watch.wait()
            batch: Batch
            try:
                batch = await self._next()
            except GatewayError as error:
                batch = [StreamError(error)]
            self._watch.pause()
            if self._at_eof and not (batch and ended(batch)):
                batch = [*batch, StreamError(BackendCut("The backend's answer broke off."))]
            if batch:
                self._ended = ended(batch)
                yield batch

    async def close(self) -> None:
        """Let go of the backend: its connection is kept if the answer was read to its end, else cut."""
        self._watch.stop()
        try:
            if self._complete and not self._at_eof:
                await self._linger()
        finally:
            self._reply.close()

    async def _next(self) -> Batch:
        data = await self._reply.read()
        self._at_eof = not data
        events = self._decoder.feed(data) if data else self._decoder.close()
        self._complete = bool(events) and ended(events)
        if self._normaliser is None:
            return events
        self._heard = self._heard or any(map(says_something, events))
        return self._normaliser.feed(events)

    async def _linger(self) -> None:
        timer = self._clock.timer(LINGER_S, lambda: self._reply.abort(BackendSlow("The backend keeps talking.")))
        try:
            while await self._reply.read():
                pass
        except GatewayError:
            pass  # the answer is complete; only the connection is lost
        finally:
            timer.cancel()


class WholeAnswer:
    """An answer that came in one piece: the same face as Answer, without a stream behind it."""

    def __init__(self, events: Batch) -> None:
        self._events = events

    async def hold(self, idle: float) -> Batch:
        """All of it; `idle` does not matter."""
        del idle
        return self._events

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Nothing more."""
        nothing: tuple[Batch, ...] = ()
        for batch in nothing:
            yield batch

    async def close(self) -> None:
        """Nothing to let go of."""


async def read_all(reply: Reply, clock: Clock, deadline: float, limit: int) -> bytes:
    """A body that is not a stream, whole.

    Raises:
        GatewayError: it broke off, came too late, or is larger than `limit` bytes.
    """
    watch = Watch(clock, reply, deadline, "The backend did not finish its answer in time.")
    pieces, size = list[bytes](), 0
    try:
        while data := await reply.read():
            pieces.append(data)
            size += len(data)
            if size > limit:
                raise BackendCut("The backend's answer is too large.")
        return b"".join(pieces)
    finally:
        watch.stop()
        reply.close()
