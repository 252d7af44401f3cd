"""Windows that are emptied on request: in the store, here, and in every other worker, which hears of it from the store.

What is under way meanwhile is settled afterwards: an emptied window may begin with what that differs from its estimate.
"""

from collections.abc import Sequence

from llmux.clock import Clock
from llmux.gateway.books import Books, Mirror
from llmux.gateway.budget import Budget
from llmux.routing.windows import belongs

KNOWN_FOR = 600.0  # s; a worker that hears nothing from the store for longer knows its windows by itself anyway


class Resets:
    """By account. Another worker's reset is followed once."""

    def __init__(self, books: Books, budget: Budget, clock: Clock) -> None:
        self._books, self._budget, self._clock = books, budget, clock
        self._known = Mirror(books, "reset/", float)  # key: the account; value: when
        self._followed: dict[tuple[str, ...], float] = {}

    async def empty(self, accounts: Sequence[str]) -> None:
        """Empty all windows of these accounts; others hear of it once that is written. Raises StoreError: none is."""
        counters = [key for account in accounts for key in await self._counters(account)]
        if counters:
            await self._books.ask(lambda store: store.remove(counters))
        now = self._clock.now()
        for account in accounts:
            self._budget.forget(account)
            self._followed[account,] = now
            self._known.put((account,), now, now + KNOWN_FOR)

    async def refresh(self) -> None:
        """Follow what others have reset. Raises StoreError."""
        await self._known.refresh()
        for key, when in self._known.values.items():
            if self._followed.get(key) != when:
                self._budget.forget(key[0])
        self._followed = dict(self._known.values)

    async def _counters(self, account: str) -> list[str]:
        found = await self._books.ask(lambda store: store.tallies(f"{account}:"))
        return [key for key in found if belongs(account, key)]
