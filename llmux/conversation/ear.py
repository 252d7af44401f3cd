"""Hears an answer while it passes, and says at its end what is to be kept. Pure; it changes nothing, and never raises.

Events are held until the answer is over, then put together once. Bytes that only pass are read as well where the model
wants its reasoning back, and nowhere else.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from llmux.conversation import turns
from llmux.dialects.base import SAME, Decoder, Dialect
from llmux.errors import GatewayError
from llmux.ir.events import Event, MessageEnd, Opened, StreamError, Verbatim
from llmux.ir.fold import explode, fold
from llmux.ir.request import Request

# An answer of more events than this is not remembered: it would be held in memory as a whole.
MOST_EVENTS = 200_000

Note = tuple[str, bytes]  # the key of a turn, and the turn
Read = Callable[[Sequence[Event]], Iterable[Event]]


class Ear:
    """Listens to one answer."""

    __slots__ = ("_dialect", "_events", "_ids", "_read", "_request", "deaf")

    def __init__(self, request: Request, dialect: Dialect, *, ids: bool) -> None:
        """`ids`: the client tells tool calls apart by their ids."""
        self._request, self._dialect, self._ids = request, dialect, ids
        self._events: list[Event] = []
        self._read: Read | None = None
        self.deaf = False  # nothing will be heard any more

    def hear(self, batch: Sequence[Event]) -> Note | None:
        """The next events. What is to be kept, once they are the last."""
        if self._read is None:
            opened = batch[0]
            if isinstance(opened, Opened):
                batch = batch[1:]
            if not batch:
                return None
            self._read = self._reader(batch[0], replays=isinstance(opened, Opened) and opened.replays)
        self._events += self._read(batch)
        self.deaf = self.deaf or len(self._events) > MOST_EVENTS
        if self.deaf or not self._events or not isinstance(self._events[-1], MessageEnd | StreamError):
            return None
        self.deaf = True
        return self._note()

    def _reader(self, first: Event, *, replays: bool) -> Read:
        """How the events of this answer are read, by its first one."""
        if not isinstance(first, Verbatim):
            return tuple
        if not replays or self._request.form:
            self.deaf = True
            return lambda _: ()
        return _from_stream(self._dialect.decoder(SAME)) if self._request.stream else self._from_document

    def _from_document(self, batch: Sequence[Event]) -> Iterable[Event]:
        data = b"".join(event.data for event in batch if isinstance(event, Verbatim))
        try:
            return explode(self._dialect.decode_response(data, SAME))
        except GatewayError:  # its client will find out
            return ()

    def _note(self) -> Note | None:
        try:
            parts = fold(self._events).parts
        except GatewayError:  # it broke off: nobody will go on from it
            return None
        turn, key = turns.read(parts), turns.key(parts, ids=self._ids)
        return (key, msgspec.json.encode(turn)) if turn is not None and key else None


def _from_stream(decoder: Decoder) -> Read:
    def read(batch: Sequence[Event]) -> Iterable[Event]:
        for event in batch:
            if isinstance(event, Verbatim):
                yield from decoder.feed(event.data)
                yield from decoder.close() if event.done else ()

    return read
