"""What is left of rate windows: counted in the store, where workers and restarts share it, and seen from here.

The store's word decides. While it is away, what this process has seen and counted does.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from llmux.clock import Clock
from llmux.errors import OurLimit
from llmux.gateway.books import Books
from llmux.ir.value import Value
from llmux.responder import Window
from llmux.routing.windows import Slot, slot, wait
from llmux.store.base import StoreError

SPANS: Mapping[int, str] = {3600: "hour", 18_000: "5 hours", 86_400: "day"}

_Slots = Sequence[tuple[Window, Slot]]


class Reservation:
    """A request that has been counted."""

    def __init__(self, undo: Callable[[], None] | None = None) -> None:
        self._undo = undo

    def give_back(self) -> None:
        """Nobody has seen it: count it out, here at once and soon in the store. The second time does nothing."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()


class WindowUse(Value):
    """How far a window is used. `used` is an estimate where the window slides; `opens_in` is seconds, 0 when open."""

    seconds: int
    kind: Literal["sliding", "calendar"]
    limit: float
    used: float
    opens_in: float


class Budget:
    """Rate windows, by the name of whom they limit."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self._books, self._clock = books, clock
        self._seen: dict[str, tuple[float, float]] = {}  # counter -> (value, expires)
        self._watched: dict[str, Sequence[Window]] = {}

    def watch(self, name: str, windows: Sequence[Window]) -> None:
        """Have the next `refresh` look at them."""
        self._watched[name] = windows

    def opens_at(self, name: str, windows: Sequence[Window], now: float) -> float:
        """The Unix time at which one more request fits, as far as is known here; 0.0 is now."""
        longest = max(self._wait(*one, now) for one in _slots(name, windows, now))
        return now + longest if longest > 0 else 0.0

    def use(self, name: str, windows: Sequence[Window]) -> tuple[WindowUse, ...]:
        """How far each window is used, as far as is known here."""
        now = self._clock.now()
        return tuple(self._use(*one, now) for one in _slots(name, windows, now))

    async def spend(self, name: str, windows: Sequence[Window], whose: str) -> Reservation:
        """Count a request in. `whose` says in an error who may not send it.

        Raises:
            OurLimit: there is no room; nothing is counted.
        """
        now = self._clock.now()
        slots = _slots(name, windows, now)
        await self._count(slots, now)
        reservation = Reservation(lambda: self._give_back(slots))
        longest, window = max(((self._wait(*one, now, counted=1), one[0]) for one in slots), key=lambda found: found[0])
        if longest > 0:
            reservation.give_back()
            text = f"{whose} has used up its {window.limit:g} requests per {SPANS[window.seconds]}"
            raise OurLimit(text, retry_after=None if math.isinf(longest) else longest)
        return reservation

    async def refresh(self) -> None:
        """Look at what is watched, as the store has it. Raises StoreError."""
        now = self._clock.now()
        watched, self._watched = self._watched, {}
        slots = [one for name, windows in watched.items() for one in _slots(name, windows, now)]
        if slots:
            keys = [key for _, s in slots for key in (s.previous, s.current) if key]
            self._see(slots, await self._books.ask(lambda store: store.counters(keys)))
        self._seen = {key: seen for key, seen in self._seen.items() if seen[1] > now}

    async def _count(self, slots: _Slots, now: float) -> None:
        """Add a request; know then what the counters hold."""
        ends = {key: s.expires for _, s in slots for key in (s.previous, s.current) if key}
        added = dict.fromkeys(ends, 0.0) | {s.current: 1.0 for _, s in slots}
        try:
            self._see(slots, await self._books.ask(lambda store: store.add(added, ends)))
        except StoreError:
            for _, s in slots:
                self._add(s.current, 1.0, s.expires)
        for _, s in slots:
            if s.starts and self._value(s.current, now) == 1 and not self._value(s.previous, now):
                self._add(s.previous, now, s.expires)

    def _give_back(self, slots: _Slots) -> None:
        for _, s in slots:
            self._add(s.current, -1.0, s.expires)

    def _add(self, counter: str, delta: float, expires: float) -> None:
        """Add here at once, and soon in the store."""
        now = self._clock.now()
        if expires > now:
            value, until = self._seen.get(counter, (0.0, 0.0))
            self._seen[counter] = (value + delta, until) if until > now else (delta, expires)
            self._books.owe(counter, delta, expires)

    def _see(self, slots: _Slots, values: Mapping[str, float]) -> None:
        """Know what the store has just said, and what it has still to be told."""
        for window, s in slots:
            found = {key: values.get(key, 0.0) + self._books.owed(key) for key in (s.previous, s.current) if key}
            start = found[s.previous] if s.starts else 0.0
            until = start + window.seconds if start else s.expires
            self._seen |= {key: (value, until) for key, value in found.items()}

    def _value(self, counter: str, now: float) -> float:
        value, until = self._seen.get(counter, (0.0, 0.0))
        return value if until > now else 0.0

    def _wait(self, window: Window, s: Slot, now: float, *, counted: int = 0) -> float:
        """Seconds until one more fits; `counted` is 1 when it has been added already."""
        return wait(window, now, self._value(s.previous, now), self._value(s.current, now) - counted)

    def _use(self, window: Window, s: Slot, now: float) -> WindowUse:
        used = self._value(s.current, now)
        if window.kind == "sliding":
            used += self._value(s.previous, now) * (1 - now % window.seconds / window.seconds)
        return WindowUse(window.seconds, window.kind, window.limit, used, self._wait(window, s, now))


def _slots(name: str, windows: Sequence[Window], now: float) -> _Slots:
    return [(window, slot(name, window, now)) for window in windows]
