"""The memory of earlier turns: here at once, with other workers a little later, and an aid only."""

from llmux.conversation.memory import ASK_EVERY, IN_MEMORY, Memory
from llmux.conversation.notes import Bounds, Notes
from llmux.conversation.shelf import Shelf
from llmux.store.archive import Archive
from llmux.store.base import StoreError
from llmux.telemetry import Fact
from tests.fakes import FakeClock
from tests.gateway.accounts import FaultyStore

LIFE = 100.0  # s


def worker(clock: FakeClock, store: FaultyStore, facts: list[Fact] | None = None) -> Memory:
    archive = Archive(store, clock, (facts if facts is not None else []).append)
    return Memory(
        Shelf(IN_MEMORY.client, IN_MEMORY.total), Notes(archive, "reasoning", Bounds(10_000, 10_000)), clock, LIFE
    )


async def test_what_is_kept_is_found_at_once_and_for_its_time(clock: FakeClock) -> None:
    memory = worker(clock, FaultyStore(clock))
    memory.keep("a", "k", b"v")
    assert await memory.knows("a")
    assert await memory.find("a", ["k", "l"]) == {"k": b"v"}
    clock.advance(LIFE)
    assert await memory.find("a", ["k"]) == {}
    assert not await memory.knows("a")


async def test_another_worker_and_the_next_start_find_it(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    first, second = worker(clock, store), worker(clock, store)
    first.keep("a", "k", b"v")
    await first.save("a", "k", b"v")
    assert await second.knows("a")
    assert await second.find("a", ["k", "l"]) == {"k": b"v"}
    calls = store.calls
    assert await second.find("a", ["k"]) == {"k": b"v"}  # it is here now
    assert store.calls == calls


async def test_for_clients_of_whom_nothing_is_known_the_store_is_asked_once_a_second(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    memory = worker(clock, store)
    for _ in range(20):
        assert not await memory.knows("a")
    assert store.calls == 1
    clock.advance(ASK_EVERY)
    assert not await memory.knows("a")
    assert store.calls == 2


async def test_the_mark_of_a_client_is_written_once_a_while_and_outlives_its_notes(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    first, second = worker(clock, store), worker(clock, store)
    for number in range(10):
        await first.save("a", f"k{number}", b"v")
    assert store.calls == 11
    clock.advance(LIFE * 0.9)
    await first.save("a", "late", b"v")
    clock.advance(LIFE * 0.9)
    assert await second.knows("a")
    assert await second.find("a", ["k1", "late"]) == {"late": b"v"}


async def test_without_the_store_this_process_remembers(clock: FakeClock) -> None:
    store, facts = FaultyStore(clock), list[Fact]()
    memory = worker(clock, store, facts)
    store.fault = StoreError("away")
    assert not await memory.knows("a")
    memory.keep("a", "k", b"v")
    await memory.save("a", "k", b"v")
    assert await memory.find("a", ["k", "l"]) == {"k": b"v"}
    assert len(facts) == 1


async def test_a_store_that_goes_away_later_is_done_without(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    memory = worker(clock, store)
    memory.keep("a", "k", b"v")
    await memory.save("a", "k", b"v")
    store.fault = StoreError("away")
    assert await memory.find("a", ["k", "l"]) == {"k": b"v"}
