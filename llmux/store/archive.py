"""A store at arm's length: asked with patience, and left alone for a moment after a fault. It decides nothing.

For what requests need of the store themselves; not every one of them waits for one that is away.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from llmux.clock import Clock
from llmux.store.base import Store, StoreError
from llmux.telemetry import Listener, StoreFault

Answer = TypeVar("Answer")

# Seconds for one answer of the store. A store has a patience of its own, which is shorter; this one is the request's.
PATIENCE = 1.5

# Seconds for which a store that failed is not asked again.
AWAY_FOR = 1.0


class Archive:
    """The store at arm's length: who asks waits `patience` seconds at most, and is told at once when it is away."""

    def __init__(self, store: Store, clock: Clock, tell: Listener, patience: float = PATIENCE) -> None:
        self._store, self._clock, self._tell, self._patience = store, clock, tell, patience
        self._asked_again_at = 0.0  # monotonic seconds
        self._away = False

    @property
    def away(self) -> bool:
        """Whether the store failed when it was last asked."""
        return self._away

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
