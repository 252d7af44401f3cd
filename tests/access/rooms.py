"""What the tests of keys share: the access of a process, over a store that can be told to fail."""

from typing import Any

import msgspec

from llmux.access.access import Access
from llmux.store.archive import Archive
from llmux.telemetry import Fact
from tests.fakes import FakeClock
from tests.gateway.accounts import FaultyStore


class Room:
    def __init__(self, clock: FakeClock, store: FaultyStore | None = None) -> None:
        self.clock, self.store, self.facts = clock, store or FaultyStore(clock), list[Fact]()
        self.archive = Archive(self.store, clock, self.facts.append, patience=0.01)
        self.access = Access(self.archive, clock)
        self.ring, self.register, self.audit = self.access.ring, self.access.register, self.access.audit

    async def make(self, **wished: Any) -> tuple[str, str]:
        """A new key's secret and its id."""
        made = await self.register.make(msgspec.json.encode(wished))
        return made["key"], made["id"]

    async def name(self, secret: str) -> str | None:
        """Who calls with it."""
        client = await self.ring.find(secret)
        return client and client.name


def two(clock: FakeClock) -> tuple[Room, Room]:
    first = Room(clock)
    return first, Room(clock, first.store)
