"""What the tests of the ledger share: a ledger with all that it needs, and a store that can be told to fail."""

import asyncio
from collections.abc import Mapping, Sequence

from llmux.errors import OurLimit
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.responder import Window
from llmux.routing.catalog import Backend, Limits
from llmux.store.base import Store, StoreError
from llmux.store.memory import MemoryStore
from llmux.telemetry import Fact
from tests.fakes import FakeClock

HOUR, FIVE_HOURS, DAY = 3600, 18_000, 86_400  # s
MIDNIGHT = 1_750_032_000.0  # Unix seconds; an hour, five hours and a day begin


def backend(name: str = "p:a", *windows: Window, limits: Limits | None = None) -> Backend:
    provider, _, model = name.partition(":")
    return Backend(
        name=name, provider=provider, model=model, dialect="claude", windows=windows, limits=limits or Limits()
    )


class House:
    """A ledger, and what it needs and says. Two of them with one store are two workers."""

    def __init__(self, clock: FakeClock, store: Store | None = None) -> None:
        self.clock, self.facts, self.limits = clock, list[Fact](), Keeper()
        self.store = store or MemoryStore(clock)
        self.ledger = Ledger(self.store, clock, self.facts.append, self.limits)

    async def sends(self, *backends: Backend) -> int:
        """How many of these get through their windows."""
        through = 0
        for one in backends:
            try:
                await self.ledger.reserve(one)
                through += 1
            except OurLimit:
                pass
        return through

    def rests_for(self, one: Backend, model: str = "m") -> float:
        until = self.ledger.conditions([one], model)[one.name].rests_until
        return max(until - self.clock.now(), 0.0)

    def opens_in(self, one: Backend) -> float:
        opens_at = self.ledger.conditions([one], "m")[one.name].opens_at
        return opens_at - self.clock.now() if opens_at else 0.0


class FaultyStore(MemoryStore):
    """A store that can be told to fail, or to say nothing."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.fault: StoreError | None = None
        self.hangs = False
        self.calls = 0

    async def _trouble(self) -> None:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        if self.hangs:
            await asyncio.get_running_loop().create_future()

    async def add(self, deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        if self.hangs:  # as every store does, it gives up by itself
            self.calls += 1
            await asyncio.sleep(0.01)
            raise StoreError("the store took longer than 0.01 s")
        await self._trouble()
        return await super().add(deltas, expires)

    async def counters(self, keys: Sequence[str]) -> Mapping[str, float]:
        await self._trouble()
        return await super().counters(keys)

    async def tallies(self, prefix: str) -> Mapping[str, float]:
        await self._trouble()
        return await super().tallies(prefix)

    async def put(self, key: str, value: bytes, expires: float) -> None:
        await self._trouble()
        await super().put(key, value, expires)

    async def notes(self, prefix: str) -> Mapping[str, bytes]:
        await self._trouble()
        return await super().notes(prefix)

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        await self._trouble()
        return await super().fetch(keys)

    async def trim(self, prefix: str, most: int) -> None:
        await self._trouble()
        await super().trim(prefix, most)

    async def remove(self, keys: Sequence[str]) -> None:
        await self._trouble()
        await super().remove(keys)


def two(clock: FakeClock) -> tuple[House, House]:
    first = House(clock)
    return first, House(clock, first.store)


async def share(*houses: House) -> None:
    for house in houses:
        await house.ledger.refresh()
