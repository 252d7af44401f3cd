"""Additions that come while others are under way go together, as one, when those are done.

Under load a turn to the place and back serves many requests. And since never two are under way, who waits is answered
in the order in which the place has added: what a caller does next, it does knowing no less than its counters say.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from llmux.store.base import StoreError

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
    """Hands additions to `begin`, a batch at a time."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._waiting: list[Addition] = []
        self._busy = False

    def add(self, deltas: Mapping[str, float], expires: Mapping[str, float], now: float) -> Answer:
        """What the counters hold behind this addition, once it has been done. Cancelled before, it is left out."""
        for key in deltas:
            key.encode()  # half of a surrogate fails here, and spoils nobody else's addition
        answer: Answer = asyncio.get_running_loop().create_future()
        self._waiting.append(Addition(deltas, expires, now, answer))
        if not self._busy:
            self._go_on()
        return answer

    def _go_on(self) -> None:
        batch, self._waiting = self._waiting, []
        self._busy = bool(batch)
        if batch:
            self._begin(batch).add_done_callback(partial(self._done, batch))

    def _done(self, batch: Sequence[Addition], done: asyncio.Future[Sequence[Counted]]) -> None:
        error = StoreError("the store is closed") if done.cancelled() else done.exception()
        if error is None:
            for answer, values in done.result():
                if not answer.done():
                    answer.set_result(values)
        else:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
        self._go_on()
