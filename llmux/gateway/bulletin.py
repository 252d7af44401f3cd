"""Notes that workers and machines show each other for a few seconds. Nothing depends on them.

While the store is away nobody sees another's; who writes or reads one never hears of it.
"""

from collections.abc import Mapping

from llmux.clock import Clock
from llmux.gateway.books import Books
from llmux.store.base import Store, StoreError


class Bulletin:
    """Where they are put up."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._clock = clock
        self._books = Books(store, clock, lambda _fact: None)  # the ledger tells of the store's faults

    async def post(self, key: str, value: bytes, life: float) -> None:
        """Put a note up for `life` seconds, in place of what `key` held."""
        self._books.write(key, value, self._clock.now() + life)
        await self._flush()

    async def read(self, prefix: str) -> Mapping[str, bytes]:
        """Every note whose key begins with `prefix`."""
        try:
            return await self._books.ask(lambda store: store.notes(prefix))
        except StoreError:
            await self._flush()  # when it is back, the next one reads
            return {}

    async def _flush(self) -> None:
        try:
            await self._books.flush()
        except StoreError:
            return
