"""A store inside this process: for tests, and for who wants nothing kept. It never touches a disk."""

from collections.abc import Mapping, Sequence

from llmux.clock import Clock
from llmux.store.base import StoreError, add_onto, surplus

# Between two looks for what has expired, s. Until then an expired row costs its bytes and nothing else.
SWEEP_EVERY = 600.0


class MemoryStore:
    """Two dictionaries. Each verb is one step of the event loop, hence atomic."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counters: dict[str, tuple[float, float]] = {}  # key -> (value, expires)
        self._notes: dict[str, tuple[bytes, float]] = {}
        self._closed = False
        self._sweep_at = clock.now() + SWEEP_EVERY

    async def add(self, deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        now = self._now()  # first: it may sweep, and put other counters in place of these
        return add_onto(self._counters, deltas, expires, now)

    async def counters(self, keys: Sequence[str]) -> Mapping[str, float]:
        now = self._now()
        found = ((key, self._counters.get(key, (0.0, 0.0))) for key in keys)
        return {key: value for key, (value, until) in found if until > now}

    async def tallies(self, prefix: str) -> Mapping[str, float]:
        now = self._now()
        return {k: v for k, (v, until) in sorted(self._counters.items()) if until > now and k.startswith(prefix)}

    async def put(self, key: str, value: bytes, expires: float) -> None:
        self._now()
        self._notes[key] = (value, expires)

    async def notes(self, prefix: str) -> Mapping[str, bytes]:
        now = self._now()
        return {k: v for k, (v, until) in sorted(self._notes.items()) if until > now and k.startswith(prefix)}

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        now = self._now()
        found = ((key, self._notes.get(key, (b"", 0.0))) for key in keys)
        return {key: value for key, (value, until) in found if until > now}

    async def trim(self, prefix: str, most: int) -> None:
        self._now()
        sizes = ((key, len(value), until) for key, (value, until) in self._notes.items() if key.startswith(prefix))
        for key in surplus(sizes, most):
            del self._notes[key]

    async def remove(self, keys: Sequence[str]) -> None:
        self._now()
        for key in keys:
            self._counters.pop(key, None)
            self._notes.pop(key, None)

    async def close(self) -> None:
        self._closed = True

    def _now(self) -> float:
        """The time. Every verb begins by asking, so this is where a closed store says so, and where it sweeps."""
        if self._closed:
            raise StoreError("the store is closed")
        now = self._clock.now()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            self._counters = {key: row for key, row in self._counters.items() if row[1] > now}
            self._notes = {key: note for key, note in self._notes.items() if note[1] > now}
        return now
