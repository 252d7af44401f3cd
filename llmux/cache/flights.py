"""Answers on their way, each for everybody who asks the same meanwhile. It knows no key's meaning, and keeps nothing.

A flight is a task of its own: it outlives the client that asked first, and goes on while anybody listens. Each listener
hears it at its own pace. What they have not heard is held for them, within a bound: the flight waits for the fastest
listener, and lets go of those who are far behind it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from llmux.cache.tasks import Tasks
from llmux.errors import BackendCut, GatewayError, InternalError
from llmux.ir.events import Batch, Event, MessageEnd, PartDelta, StreamError, Verbatim

# What an event takes that brings no text, bytes: about.
EVENT_BYTES = 100
# How many times as much as the fastest listener another one may have unheard.
BEHIND = 4

Land = Callable[[Sequence[Batch]], None]  # told of an answer that has passed whole, unless it was too much to hold


def _as_it_is(batch: Batch) -> Batch:
    return batch


class Listener:
    """One who hears a flight."""

    __slots__ = ("_error", "_news", "_over", "_unheard", "backlog")

    def __init__(self, said: Sequence[tuple[Batch, int]]) -> None:
        """`said`: what it has missed, each with its size in bytes."""
        self._unheard = deque(said)
        self.backlog = sum(size for _, size in said)  # bytes
        self._over = False
        self._error: Exception | None = None
        self._news: asyncio.Future[None] | None = None  # half of what an Event costs

    def tell(self, batch: Batch, size: int) -> None:
        """There is more."""
        self._unheard.append((batch, size))
        self.backlog += size
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """There will be no more; `error` is why, if something is."""
        self._over, self._error = True, error
        self._wake()

    def drop(self, error: GatewayError) -> None:
        """It hears no more of this: what it has not heard is let go of."""
        self._unheard.clear()
        self.backlog = 0
        self.tell([StreamError(error)], 0)
        self.end()

    async def next(self) -> Batch | None:
        """The next batch; None when there is none. Raises what the flight has failed with."""
        while not self._unheard:
            if self._error is not None:
                raise self._error
            if self._over:
                return None
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        batch, size = self._unheard.popleft()
        self.backlog -= size
        return batch

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class Flight:
    """One question that is being answered."""

    def __init__(self, client: str, most: int, land: Land) -> None:
        """`client` is who asked first. `most`: bytes that are held, for those who come later and those who are slow."""
        self.client = client
        self._most, self._land = most, land
        self._said: list[tuple[Batch, int]] | None = []  # all of it; None once that is too much
        self._size = 0
        self._listeners: set[Listener] = set()
        self._room: asyncio.Future[None] | None = None  # what it waits for while its listeners have much to hear
        self._over = False
        self.task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody may still join: it can be heard from its start."""
        return self._said is not None and not self._over

    def cancel(self) -> None:
        """Nobody wants it any more."""
        self._over = True
        if self.task is not None:
            self.task.cancel()

    async def listen(self, first: Callable[[Batch], Batch] = _as_it_is) -> AsyncGenerator[Batch, None]:
        """Everything that it says, from its start: its first batch as `first` has it. Raises what it fails with."""
        listener, begun = Listener(self._said or ()), False
        self._listeners.add(listener)
        try:
            while (batch := await listener.next()) is not None:
                self._moved()
                yield batch if begun else first(batch)
                begun = True
        finally:
            self._listeners.discard(listener)
            self._moved()
            if not (self._listeners or self._over):
                self.cancel()

    async def fly(self, answer: AsyncGenerator[Batch, None]) -> None:
        """Hear `answer`, and tell it. Never raises: who listens does."""
        try:
            async with aclosing(answer):
                async for batch in answer:
                    self._say(batch)
                    if self._size > self._most:
                        await self._wait_for_room()
            self._end(None)
        except asyncio.CancelledError:
            self._end(InternalError("llmux: the answer was abandoned."))
            raise
        except Exception as error:  # noqa: BLE001 - whoever listens raises it; here it would end every other flight
            self._end(error)

    def _end(self, error: Exception | None) -> None:
        self._over = True
        for listener in self._listeners:
            listener.end(error)

    def _say(self, batch: Batch) -> None:
        size = sum(map(_size, batch))
        self._size += size
        if self._said is not None:
            self._said.append((batch, size))
            if self._size > self._most:
                self._said = None
            elif is_last(batch[-1]):  # before its listeners can ask again; some hang up at once
                self._land([batch for batch, _ in self._said])
        for listener in self._listeners:
            listener.tell(batch, size)

    async def _wait_for_room(self) -> None:
        """Until the fastest listener has little left to hear; those who are far behind it hear no more."""
        while self._listeners and min(listener.backlog for listener in self._listeners) > self._most:
            self._room = asyncio.get_running_loop().create_future()
            await self._room
        for listener in [slow for slow in self._listeners if slow.backlog > self._most * BEHIND]:
            self._listeners.discard(listener)
            listener.drop(BackendCut("llmux: others who asked the same are far ahead. Ask again, and read faster."))

    def _moved(self) -> None:
        """A listener has heard something, or has left."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)


def is_last(event: Event) -> bool:
    """Whether an answer is over with it."""
    return event.done if isinstance(event, Verbatim) else isinstance(event, MessageEnd | StreamError)


def _size(event: Event) -> int:
    if type(event) is Verbatim:
        return EVENT_BYTES + len(event.data)
    return EVENT_BYTES + (len(event.delta) if type(event) is PartDelta else 0)


class Flights:
    """Every flight, by its key."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._flights: dict[bytes, Flight] = {}

    def find(self, key: bytes) -> Flight | None:
        """One that can still be joined."""
        flight = self._flights.get(key)
        return flight if flight is not None and flight.is_open else None

    def begin(self, key: bytes, flight: Flight, answer: AsyncGenerator[Batch, None]) -> None:
        """Let it take off: it hears `answer` in a task of its own. Who asks the same from now on joins this one."""
        self._flights[key] = flight
        flight.task = self._tasks.begin(flight.fly(answer), lambda: self._forget(key, flight))

    def _forget(self, key: bytes, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
