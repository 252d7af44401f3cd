"""Additions that come while others are under way go together, as one, when those are done.

Under load a turn to the place and back serves many requests. And since never two are under way, who waits is answered
in the order in which the place has added: what a caller does next, it does knowing no less than its counters say.

Nobody waits for long: one timer watches over all of them, which costs less than one for each. What was added for
somebody who had gone by then, or had been told that it failed, is taken back: nobody else would give it back.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from llmux.store.base import StoreError

# Seconds in which more may come to go together, where several have just done so: a turn costs more than this wait. Who
# comes alone does not wait.
LINGER = 0.001

# Additions that go together at the most: neither a transaction nor a script may become long for what others do there.
MOST = 500

Answer: TypeAlias = asyncio.Future[Mapping[str, float]]


class Addition(NamedTuple):
    """What somebody wants to add, at `now` (Unix seconds), and where the new values are waited for."""

    deltas: Mapping[str, float]
    expires: Mapping[str, float]
    now: float
    answer: Answer


Counted: TypeAlias = tuple[Answer, Mapping[str, float]]  # whom to tell, and what
# Adds in order, all or nothing, and leaves out whose answer is done: they have given up.
Begin: TypeAlias = Callable[[Sequence[Addition]], asyncio.Future[Sequence[Counted]]]


class Gathering:
    """Hands additions to `begin`, a batch at a time. Who waits for more than `patience` s hears a StoreError."""

    def __init__(self, begin: Begin, patience: float) -> None:
        self.patience = patience
        self._begin = begin
        self._waiting: list[Addition] = []
        self._batch: Sequence[Addition] = ()  # what is under way
        self._since = 0.0  # when that began, in the loop's seconds
        self._several = False  # went together last
        self._lingers = False
        self._watched = False

    def add(self, deltas: Mapping[str, float], expires: Mapping[str, float], now: float) -> Answer:
        """What the counters hold behind this addition, once it has been done. Cancelled before, it is left out."""
        for key in deltas:
            key.encode()  # half of a surrogate fails here, and spoils nobody else's addition
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        self._waiting.append(Addition(deltas, expires, now, answer))
        if not (self._batch or self._lingers):
            self._set_out(loop)
        if not self._watched:
            self._watched = True
            loop.call_later(self.patience, self._look, loop)
        return answer

    async def added(self, deltas: Mapping[str, float], expires: Mapping[str, float], now: float) -> Mapping[str, float]:
        """Wait for what `add` says. Raises StoreError, and what `begin` raises."""
        answer = self.add(deltas, expires, now)
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                # Told and cancelled in the same turn of the loop: who was told will never hear it.
                self._take_back([Addition(deltas, expires, now, answer)])
                if not (self._batch or self._lingers):
                    self._set_out(asyncio.get_running_loop())
            raise

    def _set_out(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lingers = self._several
        if self._several:
            loop.call_later(LINGER, self._go_on, loop)
        else:
            self._go_on(loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lingers = False
        self._batch, self._waiting, self._since = self._waiting[:MOST], self._waiting[MOST:], loop.time()
        if self._batch:
            self._several = len(self._batch) > 1
            self._begin(self._batch).add_done_callback(partial(self._done, self._batch))

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Has the place been silent for too long? Then it is for all who wait, those who have just come too."""
        left = self._since + self.patience - loop.time()
        self._watched = bool(self._batch)
        if not self._watched:
            return
        if left <= 0:
            left = self.patience
            self._give_up()
        loop.call_later(left, self._look, loop)

    def _give_up(self) -> None:
        error = StoreError(f"the store took longer than {self.patience} s")
        for one in (*self._batch, *self._waiting):
            if not one.answer.done():
                one.answer.set_exception(error)
        self._waiting.clear()

    def _done(self, batch: Sequence[Addition], done: asyncio.Future[Sequence[Counted]]) -> None:
        error = StoreError("the store is closed") if done.cancelled() else done.exception()
        if error is None:
            gone = list[Answer]()
            for answer, values in done.result():
                if answer.done():
                    gone.append(answer)
                else:
                    answer.set_result(values)
            if gone:
                self._take_back([one for one in batch if one.answer in gone])
        else:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
        self._batch = ()
        if self._waiting:
            self._set_out(asyncio.get_running_loop())

    def _take_back(self, additions: Sequence[Addition]) -> None:
        """Before whoever waits: they are to find it gone."""
        self._waiting[:0] = [
            Addition({key: -delta for key, delta in one.deltas.items()}, one.expires, one.now, _unheard())
            for one in additions
        ]


def _unheard() -> Answer:
    """An answer that nobody waits for."""
    answer: Answer = asyncio.get_running_loop().create_future()
    answer.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return answer
