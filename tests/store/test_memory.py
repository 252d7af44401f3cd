"""The store in memory: what is its own beside the contract."""

from llmux.clock import SystemClock
from llmux.store.memory import SWEEP_EVERY, MemoryStore


class Clock(SystemClock):
    """A clock that is set by hand."""

    at = 0.0

    def now(self) -> float:
        return self.at


async def test_what_has_expired_frees_its_memory() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    await store.add({"a": 1}, {"a": 5})
    await store.put("k", b"", 5)
    clock.at = SWEEP_EVERY
    await store.counters([])
    assert (store._counters, store._notes) == ({}, {})
