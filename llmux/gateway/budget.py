"""What is left of rate windows: counted in the store, where workers and restarts share it, and seen from here.

The store's word decides. While it is away, what this process has seen and counted does. Tokens and money are reserved
before a request and settled after it.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Literal

from llmux.clock import Clock
from llmux.errors import OurLimit
from llmux.gateway.books import Books
from llmux.gateway.reservation import NOTHING, Charge, Page, Reservation, Spend
from llmux.gateway.seats import Sitting, Telling
from llmux.ir.value import Value
from llmux.responder import FOREVER, Unit, Window
from llmux.routing.windows import Slot, belongs, used, wait
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


UNKNOWN = (0.0, 0.0)  # value and expiry of a counter of which nothing has been heard
NOBODY: Mapping[str, float] = {}  # has added anything


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
        self._pages: dict[str, Page] = {}
        self._watched: dict[str, Sequence[Window]] = {}

    def watch(self, account: str, windows: Sequence[Window]) -> None:
        """Have the next `refresh` look at them."""
        if windows:
            self._watched[account] = windows

    def opens_at(self, account: str, windows: Sequence[Window], now: float) -> float:
        """The Unix time at which one more request fits, as far as is known here; 0.0 is now."""
        page = self._page(account, windows, now)
        if self._has_room(page, now):
            return 0.0
        return now + max(self._wait(*place, now) for place in page.places)

    def use(self, account: str, windows: Sequence[Window]) -> tuple[WindowUse, ...]:
        """How far each window is used, as far as is known here."""
        now = self._clock.now()
        return tuple(self._use(*place, now) for place in self._page(account, windows, now).places) if windows else ()

    async def spend(self, *charges: Charge, sitting: Sitting | None = None) -> Sequence[Reservation]:
        """Count a request in, at several accounts with one question to the store. A reservation for each charge.

        The same question takes the seats of `sitting`, if there are any.

        Raises:
            OurLimit: one of them has no room; nothing is counted at any.
        """
        now = self._clock.now()
        pages = [self._page(charge.account, charge.windows, now) for charge in charges]
        for charge, page in zip(charges, pages, strict=True):
            if charge.error is not OurLimit and not self._has_room(page, now):  # a backend's is known to the planner
                # As far as is known: a refusal that counts first takes room, for a moment, from who still has some.
                self.watch(charge.account, charge.windows)
                raise self._refusal(charge, page, now, NOTHING)
        pairs = list(zip(charges, pages, strict=True))
        reservations = [Reservation(self._add, page.places, charge.spend) for charge, page in pairs]
        if sitting is None:
            await self._count(charges, pages, now)
        else:
            telling = sitting.telling()
            await _to_the_end(self._count(charges, pages, now, telling), lambda: _give_back(reservations))
            sitting.hear(telling)
        error = sitting.refusal if sitting else None
        for charge, page in pairs:
            if not self._has_room(page, now, charge.spend):
                error = error or self._refusal(charge, page, now, charge.spend)
        if error is not None:
            _give_back(reservations)
            raise error
        return reservations

    def forget(self, account: str) -> None:
        """Its windows have been emptied in the store: know nothing of them, and owe it nothing."""
        self._seen = {key: seen for key, seen in self._seen.items() if not belongs(account, key)}
        self._books.forgive(lambda key: belongs(account, key))

    async def refresh(self) -> None:
        """Look at what is watched, as the store has it. Raises StoreError."""
        now = self._clock.now()
        watched, self._watched = self._watched, {}
        pages = [self._page(account, windows, now) for account, windows in watched.items()]
        if pages:
            keys = [key for page in pages for key in page.ends]
            values = await self._books.ask(lambda store: store.counters(keys))
            for page in pages:
                self._see(page.ends, values)
                self._begin(page, now)
        self._seen = {key: seen for key, seen in self._seen.items() if seen[1] > now}
        self._pages = {account: page for account, page in self._pages.items() if page.until > now}

    def _page(self, account: str, windows: Sequence[Window], now: float) -> Page:
        page = self._pages.get(account)
        if page is None or not page.since <= now < page.until or page.windows != windows:
            page = self._pages[account] = Page(account, windows, now)
        return page

    async def _count(
        self, charges: Sequence[Charge], pages: Sequence[Page], now: float, telling: Telling | None = None
    ) -> None:
        """Add what is spent; know then what the counters hold."""
        ends, added = pages[0].ends if pages else NOBODY, charges[0].on(pages[0]) if pages else NOBODY
        for charge, page in zip(charges[1:], pages[1:], strict=True):
            ends, added = {**ends, **page.ends}, {**added, **charge.on(page)}
        try:
            adding = self._books.add(added, ends) if telling is None else self._add_up(added, ends, telling)
            self._see(ends, await adding)
        except StoreError:
            for key, delta in added.items():
                if delta:
                    self._raise(key, delta, ends[key])
        for page in pages:
            if page.starting:
                self._begin(page, now, added)

    async def _add_up(
        self, added: Mapping[str, float], ends: Mapping[str, float], telling: Telling
    ) -> Mapping[str, float]:
        """What the counters hold, these of windows and those of seats. Raises StoreError."""
        with telling:
            values = await self._books.add({**added, **telling.deltas}, {**ends, **telling.expires})
            telling.heard(values)
            return values

    def _begin(self, page: Page, now: float, added: Mapping[str, float] = NOBODY) -> None:
        """Windows that begin with a request: know when they end, and note their beginning, if this was the first."""
        for window, place in page.starting:
            start, current = self._value(place.previous, now), self._value(place.current, now)
            if start:
                until = start + window.seconds
                self._seen |= {place.previous: (start, until), place.current: (current, until)}
            elif current and current == added.get(place.current):
                self._raise(place.previous, now, place.expires)

    def _refusal(self, charge: Charge, page: Page, now: float, added: Spend) -> OurLimit:
        """What is said to who finds no room: by the window that opens last. `added`: what of it has been counted."""
        waits = [(self._wait(*place, now, getattr(added, place[0].unit)), place[0]) for place in page.places]
        longest, window = max(waits, key=lambda found: found[0])
        retry_after = None if math.isinf(longest) else longest
        return charge.error(f"{charge.whose} has used up its {said(window)}", retry_after=retry_after)

    def _add(self, place: Slot, delta: float) -> None:
        self._raise(place.current, delta, place.expires)

    def _raise(self, counter: str, delta: float, expires: float) -> None:
        """Add here at once, and soon in the store."""
        now = self._clock.now()
        if expires > now:
            value, until = self._seen.get(counter, (0.0, 0.0))
            self._seen[counter] = (value + delta, until) if until > now else (delta, expires)
            self._books.owe(counter, delta, expires)

    def _see(self, ends: Mapping[str, float], values: Mapping[str, float]) -> None:
        """Know what the store has just said, and what it has still to be told."""
        seen, books = self._seen, self._books
        owed = books.owed if books.owes else _nothing
        for key, end in ends.items():
            seen[key] = (values.get(key, 0.0) + owed(key), end)

    def _value(self, counter: str, now: float) -> float:
        value, until = self._seen.get(counter, UNKNOWN)
        return value if until > now else 0.0

    def _has_room(self, page: Page, now: float, added: Spend = NOTHING) -> bool:
        """Whether the least fits into every window, beside what others have added. Asked three times a request."""
        seen = self._seen
        for window, place in page.places:
            (current, until), (previous, expires) = seen.get(place.current, UNKNOWN), seen.get(place.previous, UNKNOWN)
            held = (current if until > now else 0.0) + (previous if expires > now else 0.0)
            own = getattr(added, window.unit)
            # Whatever fades fits nearly always; else it is looked at in detail, as are windows that keep a start there.
            if (place.starts or held - own + LEAST[window.unit] > window.limit) and self._wait(window, place, now, own):
                return False
        return True

    def _wait(self, window: Window, place: Slot, now: float, added: float = 0.0) -> float:
        """Seconds until the least fits, beside what others have added."""
        others, previous = self._value(place.current, now) - added, self._value(place.previous, now)
        return wait(window, now, previous, others, LEAST[window.unit])

    def _use(self, window: Window, place: Slot, now: float) -> WindowUse:
        so_far = used(window, now, self._value(place.previous, now), self._value(place.current, now))
        opens_in = self._wait(window, place, now)
        return WindowUse(window.seconds, window.kind, window.limit, so_far, opens_in, window.unit)


def _nothing(_counter: str) -> float:
    return 0.0


def _give_back(reservations: Sequence[Reservation]) -> None:
    for reservation in reservations:
        reservation.give_back()


async def _to_the_end(counting: Coroutine[None, None, None], undo: Callable[[], None]) -> None:
    """Count to the end: whoever goes away meanwhile must be counted, to be counted out, which `undo` does."""
    counted = asyncio.ensure_future(counting)
    try:
        await asyncio.shield(counted)
    except asyncio.CancelledError:
        counted.add_done_callback(lambda done: None if done.cancelled() or done.exception() else undo())
        raise


def said(window: Window | WindowUse) -> str:
    """A window in words: "5 requests per hour"."""
    amount = f"${window.limit:g}" if window.unit == "usd" else f"{window.limit:,.0f} {window.unit}"
    return f"{amount} per {SPANS[window.seconds]}" if window.seconds else f"{amount} in all"
