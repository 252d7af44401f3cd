"""How many requests are at a backend, or at a provider, at once: counted in the store by all processes that share it.

Time is cut into epochs of a few seconds, and each name has a counter for each epoch. A process keeps two of them, the
epoch's that is now and the next one's, at the number of requests that it has there itself: what they hold is what all
processes have under way. Whoever comes adds one to both, in the question that its windows ask anyway, and may stay if
neither is above the limit then.

- Exact: additions are atomic, so of those who come together each is told another number. The next epoch's counter is
  whole long before it begins (`tell`, every second), and both are looked at: clocks that differ by less than that,
  and an addition that arrives when its epoch has just ended, change nothing.
- A process that is killed has told no later epoch of its requests: they are gone when the second next one begins,
  between one and two epochs later. So is whatever a faulty store counted twice. Nobody has to know who lives.
- A process that stands still for longer than an epoch is taken for dead. What it had under way is counted again as soon
  as it goes on; until then that much may come on top.
- Who leaves is not waited for: the store hears of it with whoever comes next, or soon.
- While the store is away nothing is refused here: `limits.Keeper` holds each process to the limit by itself.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from llmux.clock import Clock, Timer
from llmux.errors import OurLimit
from llmux.gateway.books import SOON, Books
from llmux.gateway.limits import Bound, is_full
from llmux.store.base import StoreError

EPOCH = 5.0  # s; the dead sit for up to two of them, and clocks may differ by somewhat less than one

# Seconds for which is believed that others have taken all seats. It spares the store questions of which the answer is
# known; a request that is refused by what has passed would be worse than a question.
HEARD_FOR = 0.25


class Crowd:
    """Who is at one name: `here`, of this process, and `others`, as they were when last heard of."""

    __slots__ = ("_counters", "_epoch", "_name", "believed_until", "here", "others", "told")

    def __init__(self, name: str) -> None:
        self._name, self._epoch, self._counters = name, -1, dict[int, str]()
        self.here = 0
        self.told: dict[int, int] = {}  # epoch -> how many of this process its counter knows, or is being told of
        self.others, self.believed_until = 0.0, 0.0  # monotonic seconds

    def counters(self, epoch: int) -> Mapping[int, str]:
        """Those that are kept in `epoch`, by their own."""
        if epoch != self._epoch:
            self._epoch, self._counters = epoch, {one: f"atonce/{self._name}:{one}" for one in (epoch, epoch + 1)}
        return self._counters

    def behind(self, epoch: int) -> int:
        """How many more this process has here than the counter of `epoch` has been told."""
        return self.here - self.told.get(epoch, 0)


class Telling:
    """What counters are told at one moment: `deltas` and `expires` are for a store's `add`, inside of `with`."""

    __slots__ = ("_clock", "_crowds", "deltas", "expires", "found")

    def __init__(self, crowds: Mapping[str, Crowd], clock: Clock) -> None:
        self._clock = clock
        epoch = epoch_at(clock.now())
        self._crowds = [(name, one, one.here, one.counters(epoch)) for name, one in crowds.items()]
        self.deltas: dict[str, float] = {}
        self.expires: dict[str, float] = {}
        self.found: Mapping[str, float] = {}  # how many were at each name then, if the store has said it
        for _, crowd, here, counters in self._crowds:
            for one, key in counters.items():
                self.deltas[key], self.expires[key] = crowd.behind(one), (one + 2) * EPOCH
            crowd.told = dict.fromkeys(counters, here)

    def heard(self, values: Mapping[str, float]) -> None:
        """The store has added, and said what the counters hold."""
        self.found = {name: max(map(values.__getitem__, keys.values())) for name, _, _, keys in self._crowds}
        until = self._clock.monotonic() + HEARD_FOR
        for name, crowd, here, _ in self._crowds:
            crowd.others, crowd.believed_until = max(self.found[name] - here, 0.0), until

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Where the store failed they are told another time. If it has added without a word, some are counted twice."""
        if not isinstance(error, StoreError):
            return
        for _, crowd, _, counters in self._crowds:
            for one in crowd.told.keys() & counters.keys():
                crowd.told[one] -= int(self.deltas[counters[one]])


class Seats:
    """By name, of a backend or a provider."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self._books, self._clock = books, clock
        self._crowds: dict[str, Crowd] = {}
        self._due = asyncio.Event()
        self._timer: Timer | None = None

    def at(self, name: str) -> int:
        """How many are there, as far as is known."""
        crowd = self._crowds.get(name)
        return crowd.here + self._others(name) if crowd else 0

    def full(self, bounds: Sequence[Bound]) -> bool:
        """Whether others alone fill one of them, as far as is known: then the store need not be asked.

        One that is filled by them and us may have a seat any moment: the store is asked.
        """
        return any(self._others(name) >= most for name, most in bounds)

    def sit(self, whose: str, bounds: Sequence[Bound]) -> "Sitting":
        """Take a seat at each of these names, for a try at `whose`. Whether there was one, the store says."""
        for name, _ in bounds:
            if name not in self._crowds:
                self._crowds[name] = Crowd(name)
            self._crowds[name].here += 1
        return Sitting(self, whose, bounds)

    def stand_up(self, bounds: Sequence[Bound]) -> None:
        """Leave these seats. The store hears of it soon, and at once where others may be waiting for one."""
        wanted = False
        for name, most in bounds:
            crowd = self._crowds[name]
            wanted = wanted or crowd.here + crowd.others >= most
            crowd.here -= 1
        if wanted:
            self._due.set()
        elif self._timer is None:
            self._timer = self._clock.timer(SOON, self._ring)

    def telling(self, names: Collection[str]) -> Telling:
        """What the store is to be told of these."""
        return Telling({name: self._crowds[name] for name in names}, self._clock)

    async def tell(self) -> None:
        """Tell the store what it does not know, and that who sits here lives. Raises StoreError."""
        epoch = epoch_at(self._clock.now())
        await self._tell({name for name, one in self._crowds.items() if one.here or one.behind(epoch)})

    async def run(self) -> None:
        """Tell the store who has left, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            epoch = epoch_at(self._clock.now())
            with suppress(StoreError):  # told; and told again
                await self._tell({name for name, one in self._crowds.items() if one.behind(epoch)})

    async def _tell(self, names: Collection[str]) -> None:
        if names:  # who stops us meanwhile must know what has been told
            await asyncio.shield(self._ask(self.telling(names)))

    async def _ask(self, telling: Telling) -> None:
        with telling:
            telling.heard(await self._books.ask(lambda store: store.add(telling.deltas, telling.expires)))

    def _others(self, name: str) -> int:
        crowd = self._crowds.get(name)
        return int(crowd.others) if crowd and self._clock.monotonic() < crowd.believed_until else 0

    def _ring(self) -> None:
        self._timer = None
        self._due.set()


class Sitting:
    """The seats of one try."""

    __slots__ = ("_bounds", "_left", "_seats", "_whose", "refusal")

    def __init__(self, seats: Seats, whose: str, bounds: Sequence[Bound]) -> None:
        self._seats, self._whose, self._bounds = seats, whose, bounds
        self.refusal: OurLimit | None = None  # the store has said that there was no seat
        self._left = False

    def telling(self) -> Telling:
        """What the store is to be told."""
        return self._seats.telling([name for name, _ in self._bounds])

    def hear(self, telling: Telling) -> None:
        """What has come of it. A store that has said nothing refuses nobody."""
        if any(telling.found.get(name, 0.0) > most for name, most in self._bounds):
            self.refusal = is_full(self._whose)

    def leave(self) -> None:
        """The try is over. The second time does nothing."""
        if not self._left:
            self._left = True
            self._seats.stand_up(self._bounds)


def epoch_at(now: float) -> int:
    """The epoch at a Unix time."""
    return int(now // EPOCH)
