"""The contract of a store: what must be remembered between requests, behind four atomic verbs. No rule lives here."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class StoreError(Exception):
    """The store cannot be used now. Callers go on with what they know; a request never fails for this."""


class Store(Protocol):
    """Counters and small notes, shared by every process that opens the same place. Each verb is atomic.

    Times are Unix seconds. Anything past its `expires` is as if it had never been. Every verb raises StoreError.
    """

    async def add(self, deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        """Add to counters (absent ones are 0), all at once; each lives until `expires[key]`. Their new values."""

    async def counters(self, keys: Sequence[str]) -> Mapping[str, float]:
        """The counters that exist among `keys`."""

    async def put(self, key: str, value: bytes, expires: float) -> None:
        """Keep a note, in place of what `key` held."""

    async def notes(self, prefix: str) -> Mapping[str, bytes]:
        """Every note whose key begins with `prefix`."""

    async def remove(self, keys: Sequence[str]) -> None:
        """Forget counters and notes."""

    async def close(self) -> None:
        """Let go of the place."""
