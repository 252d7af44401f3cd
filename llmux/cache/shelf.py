"""Kept answers in memory, within bounds in bytes and in number: the least recently used go first. No I/O, no clock.

cachetools' LRUCache does it. Its TTLCache and TLRUCache would drop by themselves what has expired, and cost five times
as much to look at (0.6, 3.2 and 2.6 us): whoever finds an answer here looks at its time, and the bounds do the rest.
"""

from collections.abc import Callable

from cachetools import LRUCache

from llmux.cache.entry import Entry

# What an answer costs beside its bytes: its key, its fields, its place in two dictionaries. Measured with CPython 3.11.
ENTRY_BYTES = 900


class Shelf:
    """Answers by key."""

    def __init__(self, most_bytes: int, most: int) -> None:
        """`most_bytes` of all answers together; `most` is their number."""
        self._most = most
        self._kept: LRUCache[bytes, Entry] = LRUCache(most_bytes, getsizeof=cost)

    def find(self, key: bytes, now: float) -> Entry | None:
        """The answer, unless it has expired by `now` (Unix seconds)."""
        entry = self._kept.get(key)
        if entry is None or entry.times.expires > now:
            return entry
        del self._kept[key]
        return None

    def put(self, key: bytes, entry: Entry) -> None:
        """Keep it, in place of what `key` held. One that is too large by itself is not kept."""
        if cost(entry) > self._kept.maxsize:
            return
        while len(self._kept) >= self._most and key not in self._kept:
            self._kept.popitem()
        self._kept[key] = entry

    def remove(self, unwanted: Callable[[Entry], bool]) -> int:
        """Forget what is `unwanted`. How many there were."""
        keys = [key for key, entry in self._kept.items() if unwanted(entry)]
        for key in keys:
            del self._kept[key]
        return len(keys)

    @property
    def size(self) -> int:
        """Bytes."""
        return int(self._kept.currsize)

    def __len__(self) -> int:
        return len(self._kept)


def cost(entry: Entry) -> int:
    """Bytes that an answer takes in memory."""
    return len(entry.events) + ENTRY_BYTES
