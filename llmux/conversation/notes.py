"""The store as conversations use it: notes of a client, within bounds, asked for with patience. It decides nothing.

Notes are an aid or belong to one client; they are never worth more than a request's time.
"""

import hashlib
from collections.abc import Mapping, Sequence

from llmux.ir.value import Value
from llmux.store.archive import Archive

# Between two looks at how much is kept, that share of the bound may come on top of it, in each worker.
SLACK = 1 / 16


class Bounds(Value):
    """How much may be kept, in bytes: for one client, and for all of them."""

    client: int
    total: int


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
