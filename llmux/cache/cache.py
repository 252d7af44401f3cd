"""What is kept and what is on its way, for one process; what others keep behind it. It outlives a reload.

In memory always. In the store too where machines share one, so that every instance answers with what any of them has
kept. What an administrator clears is noted there in any case, and the others do as it says within a second.
"""

import contextlib
import itertools
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from llmux.cache.entry import Entry
from llmux.cache.flights import Flights
from llmux.cache.shelf import Shelf
from llmux.cache.tasks import Tasks
from llmux.clock import Clock
from llmux.ir.value import Value
from llmux.routing.catalog import matches
from llmux.store.base import Store, StoreError
from llmux.telemetry import CacheOutcome, CacheUsed, Listener

Answer = TypeVar("Answer")

CLEARED = "cache-cleared/"  # of the notes that say what was cleared
OUTCOMES: Sequence[CacheOutcome] = ("hit", "coalesced", "miss", "bypass")
LOOK_EVERY = 1.0  # s, between two looks at what others have cleared

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


class Bounds(Value):
    """What may be kept: `seconds` for which an answer holds, bytes of all and of one, and how many."""

    seconds: float = 300.0
    total: int = 64 * 2**20
    one: int = 2**20
    number: int = 10_000


class Clearing(Value):
    """Answers to models like the glob `model` that were asked for until `at` (Unix seconds) are not told again."""

    at: float
    model: str

    def hits(self, entry: Entry) -> bool:
        """Whether it speaks of this answer."""
        return entry.times.began <= self.at and matches((self.model,), entry.asked)


class Shared(Protocol):
    """Where instances share what they keep. Both raise StoreError."""

    async def put(self, client: str, key: str, value: bytes, expires: float) -> None: ...
    async def fetch(self, client: str, keys: Sequence[str]) -> Mapping[str, bytes]: ...


class Ask(Protocol):
    """Asks the store, with patience. Raises StoreError."""

    async def __call__(self, verb: Callable[[Store], Awaitable[Answer]]) -> Answer: ...


class Cache:
    """Finds, keeps and clears."""

    def __init__(self, clock: Clock, tell: Listener, ask: Ask, tasks: Tasks) -> None:
        """`tasks` own what outlives a request: answers on their way, and what is written behind them."""
        self.flights = Flights(tasks)
        self._clock, self._tell, self._ask, self._tasks = clock, tell, ask, tasks
        self._outcomes = Counter[CacheOutcome]()
        self._since = clock.now()
        self._clearings: dict[str, Clearing] = {}
        self._names = (f"{secrets.token_hex(6)}-{number}" for number in itertools.count())
        self.bounds: Bounds | None = None  # None: nothing is kept
        self.epoch = 0  # another whenever something was cleared
        self._shared: Shared | None = None
        self._shelf = Shelf(0, 0)

    def configure(self, bounds: Bounds | None, shared: Shared | None = None) -> None:
        """Keep so much from now on, or nothing. What is kept stays, unless the bounds are others."""
        self._shared = shared
        if bounds != self.bounds:
            self.bounds = bounds
            self._shelf = Shelf(bounds.total, bounds.number) if bounds else Shelf(0, 0)

    def now(self) -> float:
        """Unix seconds."""
        return self._clock.now()

    def age(self, entry: Entry) -> float:
        """Seconds since an answer was complete."""
        return max(0.0, self._clock.now() - entry.times.ended)

    def count(self, outcome: CacheOutcome, request_id: str) -> None:
        """Note, and tell, what became of a request here."""
        self._outcomes[outcome] += 1
        self._tell(CacheUsed(request_id, outcome))

    def find(self, key: bytes) -> Entry | None:
        """What is kept here."""
        return self._shelf.find(key, self._clock.now())

    async def fetch(self, key: bytes) -> Entry | None:
        """What others have kept."""
        if self._shared is None:
            return None
        try:
            found = await self._shared.fetch("", [key.hex()])
            entry = _decode(found[key.hex()]) if found else None
        except (StoreError, msgspec.MsgspecError):  # away, and it has told it; or written by another version of llmux
            return None
        if entry is None or entry.times.expires <= self._clock.now() or self._is_cleared(entry):
            return None
        self._shelf.put(key, entry)
        return entry

    def keep(self, key: bytes, entry: Entry) -> None:
        """Keep an answer: here at once, for others a little later. Not one that was cleared while it came."""
        if self.bounds is None or len(entry.events) > self.bounds.one or self._is_cleared(entry):
            return
        self._shelf.put(key, entry)
        if self._shared is not None:
            self._tasks.begin(self._share(self._shared, key, entry))

    def outdate(self) -> None:
        """What was told is not to be told again without us: something that it names is gone."""
        self.epoch += 1

    async def clear(self, model: str = "*") -> int:
        """Tell nobody again what was answered until now to models like the glob `model`. How many were kept here."""
        clearing = Clearing(self._clock.now(), model)
        name = CLEARED + next(self._names)
        self._clearings[name] = clearing
        self.epoch += 1
        if self.bounds:
            expires = clearing.at + self.bounds.seconds + LOOK_EVERY
            with contextlib.suppress(StoreError):  # it has told it: the others go on with what they know
                await self._ask(lambda store: store.put(name, _encode(clearing), expires))
        return self._shelf.remove(clearing.hits)

    def stats(self) -> dict[str, Any]:
        """How it does, as this process knows it: a JSON object."""
        heard: dict[str, int] = {word: self._outcomes[word] for word in OUTCOMES}
        asked = heard["hit"] + heard["coalesced"] + heard["miss"]
        rate = (heard["hit"] + heard["coalesced"]) / asked if asked else None
        return {
            "enabled": self.bounds is not None,
            "entries": len(self._shelf),
            "bytes": self._shelf.size,
            **heard,
            "hit_rate": None if rate is None else round(rate, 4),
            "since": int(self._since),
            "shared": self._shared is not None,
        }

    async def run(self) -> None:
        """Do what others have cleared, until cancelled."""
        while True:
            await self.refresh()
            await self._clock.sleep(LOOK_EVERY)

    async def refresh(self) -> None:
        """Look once at what others have cleared."""
        if self.bounds is None:
            return
        try:
            notes = await self._ask(lambda store: store.notes(CLEARED))
        except StoreError:
            return
        known = self._clearings
        now = {name: clearing for name, note in notes.items() if (clearing := known.get(name) or _clearing(note))}
        for name in now.keys() - known.keys():
            self.epoch += 1
            self._shelf.remove(now[name].hits)
        oldest = self._clock.now() - self.bounds.seconds - LOOK_EVERY
        mine = {name: clearing for name, clearing in self._clearings.items() if clearing.at > oldest}
        self._clearings = mine | now

    def _is_cleared(self, entry: Entry) -> bool:
        return any(clearing.hits(entry) for clearing in self._clearings.values())

    async def _share(self, shared: Shared, key: bytes, entry: Entry) -> None:
        try:
            await shared.put("", key.hex(), _encode(entry), entry.times.expires)
        except StoreError:
            return  # it has told it


def _clearing(note: bytes) -> Clearing | None:
    try:
        return msgspec.msgpack.decode(note, type=Clearing)
    except msgspec.MsgspecError:  # another version of llmux has written it
        return None
