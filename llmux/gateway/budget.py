"""What is left of rate windows: counted in the store, where workers and restarts share it, and seen from here.

The store's word decides. While it is away, what this process has seen and counted does. Tokens and money are reserved
before a request and settled after it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from llmux.clock import Clock
from llmux.errors import OurLimit
from llmux.gateway.books import Books
from llmux.ir.value import Value
from llmux.responder import FOREVER, Unit, Window
from llmux.routing.windows import Slot, belongs, slot, used, wait
from llmux.store.base import StoreError

SPANS: Mapping[int, str] = {
    3600: "hour",
    18_000: "5 hours",
    86_400: "day",
    2_592_000: "30 days",
    FOREVER: "all time",
}
# What a window must have room for at least: whoever finds any tokens or money left may send a request. What it may take
# is reserved whole, so that those who come beside it find less.
LEAST: Mapping[Unit, float] = {"requests": 1.0, "tokens": 1.0, "usd": 1e-6}


class Spend(Value):
    """What a request takes, or is taken to take. A field for each unit of a window."""

    requests: float = 0.0
    tokens: float = 0.0
    usd: float = 0.0


REQUEST = Spend(requests=1.0)
NOTHING = Spend()


def one() -> Spend:
    """A request of which no more is known."""
    return REQUEST


class Charge(Value):
    """What is asked of one account. `whose` says in an error who may not spend it.

    `error` is what is raised where there is no room.
    """

    account: str
    whose: str
    windows: Sequence[Window]
    spend: Spend = REQUEST
    error: type[OurLimit] = OurLimit


class _Place(Value):
    """A window, the counters that it has now, and what was added to the current one."""

    window: Window
    slot: Slot
    added: float = 0.0


class Reservation:
    """What has been counted for one charge, until it is known what it took."""

    def __init__(self, add: Callable[[Slot, float], None], places: Sequence[_Place]) -> None:
        self._add, self._places = add, places

    def settle(self, took: Spend) -> None:
        """It took so many tokens and so much money: count the difference, here at once and soon in the store.

        Whoever settles, or gives back, a second time does nothing.
        """
        self._end([place for place in self._places if place.window.unit != "requests"], took)

    def give_back(self) -> None:
        """Nobody has seen the request: it took nothing."""
        self._end(self._places, NOTHING)

    def _end(self, places: Sequence[_Place], took: Spend) -> None:
        self._places = ()
        for place in places:
            difference = getattr(took, place.window.unit) - place.added
            if difference:
                self._add(place.slot, difference)


class WindowUse(Value):
    """How far a window is used. `used` is an estimate where the window slides; `opens_in` is seconds, 0 when open."""

    seconds: int
    kind: Literal["sliding", "calendar"]
    limit: float
    used: float
    opens_in: float
    unit: Unit = "requests"


class Budget:
    """Rate windows, by the account that they limit."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self._books, self._clock = books, clock
        self._seen: dict[str, tuple[float, float]] = {}  # counter -> (value, expires)
        self._watched: dict[str, Sequence[Window]] = {}

    def watch(self, account: str, windows: Sequence[Window]) -> None:
        """Have the next `refresh` look at them."""
        self._watched[account] = windows

    def opens_at(self, account: str, windows: Sequence[Window], now: float) -> float:
        """The Unix time at which one more request fits, as far as is known here; 0.0 is now."""
        longest = max(self._wait(place, now) for place in _places(account, windows, now))
        return now + longest if longest > 0 else 0.0

    def use(self, account: str, windows: Sequence[Window]) -> tuple[WindowUse, ...]:
        """How far each window is used, as far as is known here."""
        now = self._clock.now()
        return tuple(self._use(place, now) for place in _places(account, windows, now))

    async def spend(self, *charges: Charge) -> Sequence[Reservation]:
        """Count a request in, at several accounts with one question to the store. A reservation for each charge.

        Raises:
            OurLimit: one of them has no room; nothing is counted at any.
        """
        now = self._clock.now()
        asked = [_places(charge.account, charge.windows, now, charge.spend) for charge in charges]
        await self._count([place for places in asked for place in places], now)
        reservations = [Reservation(self._add, places) for places in asked]
        for charge, places in zip(charges, asked, strict=True):
            longest, place = max(((self._wait(place, now), place) for place in places), key=lambda found: found[0])
            if longest > 0:
                for reservation in reservations:
                    reservation.give_back()
                retry_after = None if math.isinf(longest) else longest
                raise charge.error(f"{charge.whose} has used up its {said(place.window)}", retry_after=retry_after)
        return reservations

    def forget(self, account: str) -> None:
        """Its windows have been emptied in the store: know nothing of them, and owe it nothing."""
        self._seen = {key: seen for key, seen in self._seen.items() if not belongs(account, key)}
        self._books.forgive(lambda key: belongs(account, key))

    async def refresh(self) -> None:
        """Look at what is watched, as the store has it. Raises StoreError."""
        now = self._clock.now()
        watched, self._watched = self._watched, {}
        places = [place for account, windows in watched.items() for place in _places(account, windows, now)]
        if places:
            keys = [key for place in places for key in (place.slot.previous, place.slot.current) if key]
            self._see(places, await self._books.ask(lambda store: store.counters(keys)))
        self._seen = {key: seen for key, seen in self._seen.items() if seen[1] > now}

    async def _count(self, places: Sequence[_Place], now: float) -> None:
        """Add what is spent; know then what the counters hold."""
        ends = {key: p.slot.expires for p in places for key in (p.slot.previous, p.slot.current) if key}
        added = dict.fromkeys(ends, 0.0) | {place.slot.current: place.added for place in places}
        try:
            self._see(places, await self._books.ask(lambda store: store.add(added, ends)))
        except StoreError:
            for place in places:
                self._add(place.slot, place.added)
        for p in places:
            if p.slot.starts and self._value(p.slot.current, now) == p.added and not self._value(p.slot.previous, now):
                self._raise(p.slot.previous, now, p.slot.expires)

    def _add(self, slot: Slot, delta: float) -> None:
        self._raise(slot.current, delta, slot.expires)

    def _raise(self, counter: str, delta: float, expires: float) -> None:
        """Add here at once, and soon in the store."""
        now = self._clock.now()
        if expires > now:
            value, until = self._seen.get(counter, (0.0, 0.0))
            self._seen[counter] = (value + delta, until) if until > now else (delta, expires)
            self._books.owe(counter, delta, expires)

    def _see(self, places: Sequence[_Place], values: Mapping[str, float]) -> None:
        """Know what the store has just said, and what it has still to be told."""
        for place in places:
            s = place.slot
            found = {key: values.get(key, 0.0) + self._books.owed(key) for key in (s.previous, s.current) if key}
            start = found[s.previous] if s.starts else 0.0
            until = start + place.window.seconds if start else s.expires
            self._seen |= {key: (value, until) for key, value in found.items()}

    def _value(self, counter: str, now: float) -> float:
        value, until = self._seen.get(counter, (0.0, 0.0))
        return value if until > now else 0.0

    def _wait(self, place: _Place, now: float) -> float:
        """Seconds until the least fits, beside what others have added."""
        window, s = place.window, place.slot
        others = self._value(s.current, now) - place.added
        return wait(window, now, self._value(s.previous, now), others, LEAST[window.unit])

    def _use(self, place: _Place, now: float) -> WindowUse:
        window, s = place.window, place.slot
        so_far = used(window, now, self._value(s.previous, now), self._value(s.current, now))
        return WindowUse(window.seconds, window.kind, window.limit, so_far, self._wait(place, now), window.unit)


def said(window: Window | WindowUse) -> str:
    """A window in words: "5 requests per hour"."""
    amount = f"${window.limit:g}" if window.unit == "usd" else f"{window.limit:,.0f} {window.unit}"
    return f"{amount} per {SPANS[window.seconds]}" if window.seconds else f"{amount} in all"


def _places(account: str, windows: Sequence[Window], now: float, spend: Spend = NOTHING) -> Sequence[_Place]:
    return [_Place(window, slot(account, window, now), getattr(spend, window.unit)) for window in windows]
