"""What balance goes by: whose turn it is, how long backends take to begin, who may still be asked twice.

Kept by name and in this process only, so that it outlives a reload and no request waits for it. It chooses nothing.
"""

from collections.abc import Iterable, Mapping

from cachetools import LRUCache

from llmux.clock import Clock
from llmux.gateway.limits import Keeper
from llmux.routing.balance import NOBODYS, Load, Turns
from llmux.routing.catalog import Backend
from llmux.routing.delays import Average, Spread

# Sets of backends whose turns are remembered: those that fit the same requests. One that is forgotten begins anew.
MOST_TURNS = 1_024
# What is called usual: so many of a backend's answers begin sooner.
USUAL = 0.95
# Requests that may be asked twice in a row, if none was for long enough before.
MOST_SAVED = 10.0

TurnsOf = tuple[str, tuple[str, ...]]  # a role, "" where the name is no role's, and the backends that fit


class _Pace:
    """How one backend begins its answers."""

    __slots__ = ("average", "spread")

    def __init__(self) -> None:
        self.average, self.spread = Average(), Spread()


class Track:
    """The record of every backend, as far as somebody looks at it."""

    def __init__(self, clock: Clock, limits: Keeper) -> None:
        self._clock, self._limits = clock, limits
        self._turns = LRUCache[TurnsOf, Turns](MOST_TURNS)
        self._paces: dict[tuple[str, bool], _Pace] = {}  # of streams, and of whole answers: those begin at their end
        self._saved: dict[str, float] = {}
        self.is_timed = False

    def configure(self, *, timed: bool) -> None:
        """From now on, somebody looks at how long answers take to begin, or nobody does. What is known stays known."""
        self.is_timed = timed

    # --- turns ---

    def turns(self, of: TurnsOf) -> Turns:
        """Whose turn it is."""
        return self._turns.get(of, NOBODYS)

    def took(self, of: TurnsOf, turns: Turns) -> None:
        """A turn has been taken."""
        self._turns[of] = turns

    # --- how busy they are, and how long it takes ---

    def loads(self, backends: Iterable[Backend], *, stream: bool) -> Mapping[str, Load]:
        """How busy each backend is just now; `stream`: for requests that want a stream, or a whole answer."""
        limits, latency = self._limits, self.latency
        return {
            one.name: Load(
                limits.in_flight(one), latency(one.name, stream=stream), limits.limited(one) and limits.paced(one)
            )
            for one in backends
        }

    def began(self, backend: str, seconds: float, *, stream: bool) -> None:
        """An answer began so many seconds after it was asked for; or has not begun within them."""
        if self.is_timed:
            pace = self._paces.get((backend, stream))
            if pace is None:
                pace = self._paces[backend, stream] = _Pace()
            pace.average.add(seconds, self._clock.monotonic())
            pace.spread.add(seconds)

    def latency(self, backend: str, *, stream: bool) -> float:
        """How long it takes to begin, lately, in seconds; 0.0: nobody knows."""
        pace = self._paces.get((backend, stream))
        return pace.average.value(self._clock.monotonic()) if pace else 0.0

    def usual(self, backend: str, *, stream: bool) -> float | None:
        """Seconds within which it usually begins; None: nobody knows."""
        pace = self._paces.get((backend, stream))
        return pace.spread.quantile(USUAL) if pace else None

    # --- asking twice ---

    def save(self, role: str, share: float) -> None:
        """A request for `role` has come, of which `share` may be asked twice."""
        if share:
            self._saved[role] = min(self._saved.get(role, 1.0) + share, MOST_SAVED)

    def spend(self, role: str) -> bool:
        """Ask one of them twice, if so many have come by now that it may be."""
        left = self._saved.get(role, 0.0) - 1.0
        if left < 0:
            return False
        self._saved[role] = left
        return True
