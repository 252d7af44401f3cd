"""Hears an answer while it passes, and says at its end what is to be kept. Pure; it changes nothing, and never raises.

Events are held until the answer is over, then put together once. Bytes that only pass are read as well where the model
wants its reasoning back from a client that may not bring it, and nowhere else.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from llmux.conversation import turns
from llmux.dialects.base import SAME, Decoder, Dialect
from llmux.errors import GatewayError
from llmux.ir.content import Reasoning
from llmux.ir.events import Event, MessageEnd, Opened, StreamError, Verbatim
from llmux.ir.fold import explode, fold
from llmux.ir.request import Request

# An answer of more events than this is not remembered: it would be held in memory as a whole.
MOST_EVENTS = 200_000

ENDS = frozenset({MessageEnd, StreamError})

Note = tuple[str, bytes]  # the key of a turn, and the turn
Read = Callable[[Sequence[Event]], Iterable[Event]]


class Ear:
    """Listens to one answer."""

    __slots__ = ("_begun", "_dialect", "_events", "_ids", "_read", "_request", "deaf")

    def __init__(self, request: Request, dialect: Dialect, *, ids: bool) -> None:
        """`ids`: the client tells tool calls apart by their ids."""
        self._request, self._dialect, self._ids = request, dialect, ids
        self._events: list[Event] = []
        self._begun = False
        self._read: Read | None = None  # how bytes that only pass are read
        self.deaf = False  # nothing will be heard any more

    def hear(self, batch: Sequence[Event]) -> Note | None:
        """The next events. What is to be kept, once they are the last."""
        if not self._begun:
            batch = self._begin(batch)
        events = self._events
        events += batch if self._read is None else self._read(batch)
        if not events or type(events[-1]) not in ENDS:
            self.deaf = self.deaf or len(events) > MOST_EVENTS
            return None
        self.deaf = True
        return self._note()

    def _begin(self, batch: Sequence[Event]) -> Sequence[Event]:
        """Decide how this answer is heard, by its first event. The batch without what is none of the answer's."""
        opened = batch[0]
        events = batch[1:] if isinstance(opened, Opened) else batch
        if not events:
            return events
        self._begun = True
        if not isinstance(events[0], Verbatim):
            return events
        wanted = isinstance(opened, Opened) and opened.replays
        if not wanted or self._request.form or _brings_reasoning(self._request):
            self.deaf = True
            return ()
        self._read = _from_stream(self._dialect.decoder(SAME)) if self._request.stream else self._from_document
        return events

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
        turn = turns.read(parts)
        if turn is None:  # nearly always
            return None
        key = turns.key(parts, ids=self._ids)
        return (key, msgspec.json.encode(turn)) if key else None


def _brings_reasoning(request: Request) -> bool:
    """Whether the client has brought back what it heard before: then it will again, and needs nobody's help."""
    return any(isinstance(part, Reasoning) for message in request.messages for part in message.parts)


def _from_stream(decoder: Decoder) -> Read:
    def read(batch: Sequence[Event]) -> Iterable[Event]:
        for event in batch:
            if isinstance(event, Verbatim):
                yield from decoder.feed(event.data)
                yield from decoder.close() if event.done else ()

    return read
