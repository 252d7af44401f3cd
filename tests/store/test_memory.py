"""The store in memory: what is its own beside the contract."""

from llmux.store.memory import SWEEP_EVERY, MemoryStore
from tests.fakes import FakeClock


async def test_what_has_expired_frees_its_memory(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    await store.add({"a": 1}, {"a": clock.now() + 5})
    await store.put("k", b"", clock.now() + 5)
    clock.advance(SWEEP_EVERY)
    await store.counters([])
    assert (store._counters, store._notes) == ({}, {})
