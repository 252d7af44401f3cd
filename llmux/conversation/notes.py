"""The store as conversations use it: notes of a client, within bounds, asked for with patience. It decides nothing.

After a fault the store is left alone for a moment, so that not every request waits for it. Notes are an aid or belong
to one client; they are never worth more than a request's time.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from llmux.clock import Clock
from llmux.ir.value import Value
from llmux.store.base import Store, StoreError
from llmux.telemetry import Listener, StoreFault

Answer = TypeVar("Answer")

# Seconds for one answer of the store. A store has a patience of its own, which is shorter; this one is the request's.
PATIENCE = 1.5

# Seconds for which a store that failed is not asked again.
AWAY_FOR = 1.0

# Between two looks at how much is kept, that share of the bound may come on top of it, in each worker.
SLACK = 1 / 16


class Bounds(Value):
    """How much may be kept, in bytes: for one client, and for all of them."""

    client: int
    total: int


class Archive:
    """The store at arm's length: who asks waits `patience` seconds at most, and is told at once when it is away."""

    def __init__(self, store: Store, clock: Clock, tell: Listener, patience: float = PATIENCE) -> None:
        self._store, self._clock, self._tell, self._patience = store, clock, tell, patience
        self._asked_again_at = 0.0  # monotonic seconds
        self._away = False

    async def ask(self, verb: Callable[[Store], Awaitable[Answer]]) -> Answer:
        """What the store says. Raises StoreError: it fails, takes too long, or did so a moment ago."""
        now = self._clock.monotonic()
        if now < self._asked_again_at:
            raise StoreError("the store is away")
        if self._away:
            self._asked_again_at = now + AWAY_FOR  # one asks for all
        try:
            async with asyncio.timeout(self._patience):
                answer = await verb(self._store)
        except TimeoutError:
            raise self._fault(StoreError(f"the store did not answer within {self._patience} s")) from None
        except StoreError as error:
            raise self._fault(error) from None
        self._away, self._asked_again_at = False, 0.0
        return answer

    def _fault(self, error: StoreError) -> StoreError:
        self._asked_again_at = self._clock.monotonic() + AWAY_FOR
        if not self._away:
            self._away = True
            self._tell(StoreFault(str(error)))
        return error


class Notes:
    """Notes of one kind. What would expire first is forgotten first where a bound is met."""

    def __init__(self, archive: Archive, kind: str, bounds: Bounds) -> None:
        self._archive, self._kind, self._bounds = archive, kind, bounds
        self._since: dict[str, int] = {}  # a prefix -> bytes kept below it since it was last trimmed

    async def put(self, client: str, key: str, value: bytes, expires: float) -> None:
        """Keep a note until `expires` (Unix seconds), unless it alone is too large. Raises StoreError."""
        if len(value) > self._bounds.client:
            return
        shelf = self._of(client)
        await self._archive.ask(lambda store: store.put(shelf + key, value, expires))
        await self._trim(shelf, len(value), self._bounds.client)
        await self._trim(f"{self._kind}/", len(value), self._bounds.total)

    async def fetch(self, client: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """The notes that are kept among `keys`. Raises StoreError."""
        shelf = self._of(client)
        found = await self._archive.ask(lambda store: store.fetch([shelf + key for key in keys]))
        return {key.removeprefix(shelf): value for key, value in found.items()}

    async def remove(self, client: str, key: str) -> None:
        """Forget a note. Raises StoreError."""
        shelf = self._of(client)
        await self._archive.ask(lambda store: store.remove([shelf + key]))

    def _of(self, client: str) -> str:
        """Where a client's notes are. Its name may hold anything, and no name may be the beginning of another."""
        return f"{self._kind}/{hashlib.blake2b(client.encode(), digest_size=12).hexdigest()}/"

    async def _trim(self, prefix: str, size: int, most: int) -> None:
        since = self._since.get(prefix, 0) + size
        if since > most * SLACK:
            await self._archive.ask(lambda store: store.trim(prefix, most))
            since = 0
        self._since[prefix] = since
