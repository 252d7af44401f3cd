"""The contract of a store: what must be remembered between requests, behind a few atomic verbs. No rule lives here."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Protocol


class StoreError(Exception):
    """The store cannot be used now. Callers go on with what they know; a request never fails for this."""


def surplus(sizes: Iterable[tuple[str, int, float]], most: int) -> list[str]:
    """The keys that a `trim` forgets. `sizes` are key, bytes and expiry of each note."""
    held, keys = 0, list[str]()
    for key, size, _ in sorted(sizes, key=lambda row: row[2], reverse=True):
        held += size
        if held > most:
            keys.append(key)
    return keys


def add_onto(
    rows: MutableMapping[str, tuple[float, float]],
    deltas: Mapping[str, float],
    expires: Mapping[str, float],
    now: float,
) -> Mapping[str, float]:
    """What `add` does to counters that are at hand. `rows` are value and expiry by key."""
    for key, delta in deltas.items():
        value, until = rows.get(key, (0.0, 0.0))
        rows[key] = (value + delta, until) if until > now else (delta, expires[key])
    return {key: rows[key][0] for key in deltas}


class StoreNotOpenedError(ValueError):
    """The place cannot be opened, or its URL names none: the start stops. The message says what to do."""


class Store(Protocol):
    """Counters and small notes, shared by every process that opens the same place. Each verb is atomic.

    Times are Unix seconds. Anything past its `expires` is as if it had never been. Counters and notes are two sets of
    keys. Every verb raises StoreError, and does so within a patience of its own: nobody waits for a slow place. A verb
    that gave up may still have been done, or be done a little later.
    """

    async def add(self, deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        """Add to counters (absent ones are 0), all at once; each lives until `expires[key]`. Their new values.

        `expires` is set when a counter is created and kept while it lives, so that a window can start at its first
        request. What was acknowledged outlives a kill -9 of the process, where the place outlives a process at all.
        Callers in one process are answered in the order in which they were added: who is told a value knows all that
        those did who were told lower ones.
        """

    async def counters(self, keys: Sequence[str]) -> Mapping[str, float]:
        """The counters that exist among `keys`."""

    async def tallies(self, prefix: str) -> Mapping[str, float]:
        """Every counter whose key begins with `prefix`, in the order of their keys. For people: it may be many."""

    async def put(self, key: str, value: bytes, expires: float) -> None:
        """Keep a note until `expires`, in place of what `key` held."""

    async def notes(self, prefix: str) -> Mapping[str, bytes]:
        """Every note whose key begins with `prefix`, in the order of their keys."""

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """The notes that exist among `keys`."""

    async def trim(self, prefix: str, most: int) -> None:
        """Forget notes whose key begins with `prefix`, those first that expire first, until the rest hold at most
        `most` bytes.
        """

    async def remove(self, keys: Sequence[str]) -> None:
        """Forget counters and notes."""

    async def close(self) -> None:
        """Let go of the place. Harmless when done already; every other verb then raises StoreError."""
