"""Several answers to one request, asked for at the same time. It knows no plan and no backend, and joins nothing.

Whoever is asked here is let go here, whatever happens: a backend that nobody listens to costs money.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from llmux.clock import Clock
from llmux.errors import BackendSlow, GatewayError
from llmux.gateway.exchange import most_telling
from llmux.ir.events import Batch, Event, Opened, StreamError
from llmux.ir.value import Value

Batches = AsyncGenerator[Batch, None]


class Contest:
    """Answers of which only one is heard: the first that says something. At its end all others are let go.

    The winner is its caller's to close, once the contest is left in peace.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entered: list[Batches] = []
        self._running: dict[asyncio.Task[Batch | GatewayError], Batches] = {}
        self._errors: list[GatewayError] = []
        self._winner: Batches | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        in_peace = False
        try:
            await _stopped(self._running)
            in_peace = kind is None
        finally:
            for batches in self._entered:
                if batches is not self._winner or not in_peace:
                    await batches.aclose()

    def enter(self, batches: Batches) -> None:
        """Ask for one more."""
        self._entered.append(batches)
        # Owned by this contest: it ends with it.
        self._running[asyncio.get_running_loop().create_task(_begun(batches))] = batches

    async def is_decided_within(self, seconds: float) -> bool:
        """Whether one of them has said something, or failed, so soon."""
        alarm = asyncio.get_running_loop().create_future()
        timer = self._clock.timer(seconds, lambda: None if alarm.done() else alarm.set_result(None))
        try:
            await asyncio.wait({*self._running, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        return any(task.done() for task in self._running)

    async def won(self) -> tuple[Batches, Batch]:
        """The winner, and its first batch. More may enter when there was none.

        Raises:
            GatewayError: all of them failed; this is the most telling of what they said.
        """
        while self._running:
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=list(self._running).index):  # of two at once, who was asked first
                batches, told = self._running.pop(task), task.result()
                if not isinstance(told, GatewayError):
                    self._winner = batches
                    return batches, _asked_more_often(told, self._tries)
                self._errors.append(told)
        error, attempts = most_telling(self._errors), self._tries
        error.attempts = attempts
        raise error

    @property
    def _tries(self) -> int:
        """How often anybody but the winner was asked, at the least."""
        return sum(error.attempts for error in self._errors) + len(self._running)


class Heard(Value):
    """An answer that was heard to its end, or why not. The first of `events` is Opened."""

    name: str
    events: tuple[Event, ...] = ()
    error: GatewayError | None = None


async def hear_all(answers: Mapping[str, Batches], clock: Clock, patience: float) -> list[Heard]:
    """Every answer, in the order in which they end. Those that take longer than `patience` seconds are let go."""
    loop, heard = asyncio.get_running_loop(), list[Heard]()
    alarm = loop.create_future()
    timer = clock.timer(patience, lambda: None if alarm.done() else alarm.set_result(None))
    running = {loop.create_task(_whole(name, batches)): name for name, batches in answers.items()}
    try:
        while running and not alarm.done():
            done, _ = await asyncio.wait({*running, alarm}, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in running if task in done]:
                heard.append(task.result())
                del running[task]
    finally:
        timer.cancel()
        await _stopped(running)
    slow = BackendSlow("The backend did not end its answer in time.")
    return [*heard, *(Heard(name, error=slow) for name in running.values())]


async def _begun(batches: Batches) -> Batch | GatewayError:
    try:
        return await anext(batches)
    except GatewayError as error:
        return error


async def _whole(name: str, batches: Batches) -> Heard:
    try:
        async with aclosing(batches):
            events = tuple([event async for batch in batches for event in batch])
    except GatewayError as error:
        return Heard(name, error=error)
    last = events[-1]
    return Heard(name, events, last.error if isinstance(last, StreamError) else None)


async def _stopped(tasks: Iterable[asyncio.Task[object]]) -> None:
    """Cancel them, and wait until they have let go of what they hold, also when this itself is cancelled meanwhile."""
    tasks, interrupted = list(tasks), None
    for task in tasks:
        task.cancel()
    while left := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError as error:
            interrupted = error
    for task in tasks:
        if not task.cancelled():
            task.exception()  # has been looked at: nobody waits for it
    if interrupted is not None:
        raise interrupted


def _asked_more_often(batch: Batch, others: int) -> Batch:
    first, *rest = batch
    return [replace(first, attempts=first.attempts + others) if isinstance(first, Opened) else first, *rest]
