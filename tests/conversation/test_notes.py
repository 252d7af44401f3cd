"""Notes of a client in the store: apart from all others, within bounds, and never worth a long wait."""

import asyncio

import pytest

from llmux.conversation.notes import Bounds, Notes
from llmux.store.archive import AWAY_FOR, Archive
from llmux.store.base import StoreError
from llmux.telemetry import Fact, StoreFault
from tests.fakes import FakeClock
from tests.gateway.accounts import FaultyStore

LATER = 2_000_000_000.0  # Unix seconds


class Room:
    def __init__(self, clock: FakeClock, bounds: Bounds | None = None) -> None:
        self.store, self.facts = FaultyStore(clock), list[Fact]()
        self.archive = Archive(self.store, clock, self.facts.append, patience=0.01)
        self.notes = Notes(self.archive, "kind", bounds or Bounds(1000, 3000))

    async def kept(self, client: str, keys: str = "123456789") -> str:
        return "".join(await self.notes.fetch(client, list(keys)))


async def test_what_is_kept_is_found_until_it_is_removed(clock: FakeClock) -> None:
    room = Room(clock)
    await room.notes.put("a", "1", b"one", LATER)
    await room.notes.put("a", "2", b"two", LATER)
    assert await room.notes.fetch("a", ["1", "2", "3"]) == {"1": b"one", "2": b"two"}
    await room.notes.remove("a", "1")
    assert await room.notes.fetch("a", ["1", "2"]) == {"2": b"two"}


@pytest.mark.parametrize("other", ["b", "", "a/", "a/1", "A"])
async def test_no_client_sees_anothers(other: str, clock: FakeClock) -> None:
    room = Room(clock)
    await room.notes.put("a", "1", b"one", LATER)
    assert await room.kept(other) == ""


async def test_a_kind_is_apart_from_another(clock: FakeClock) -> None:
    room = Room(clock)
    await room.notes.put("a", "1", b"one", LATER)
    assert await Notes(room.archive, "other", Bounds(1, 1)).fetch("a", ["1"]) == {}


async def test_a_client_that_keeps_too_much_loses_its_oldest(clock: FakeClock) -> None:
    room = Room(clock)
    await room.notes.put("b", "9", b"x" * 900, LATER)
    for number in range(1, 7):
        await room.notes.put("a", str(number), b"x" * 300, LATER + number)
    assert await room.kept("a") == "456"
    assert await room.kept("b") == "9"


async def test_all_clients_together_keep_no_more_than_the_bound(clock: FakeClock) -> None:
    room = Room(clock, Bounds(1000, 2000))
    for number, client in enumerate("abcde"):
        await room.notes.put(client, "1", b"x" * 900, LATER + number)
    assert [client for client in "abcde" if await room.kept(client)] == ["d", "e"]


async def test_a_note_that_alone_is_too_large_is_not_kept(clock: FakeClock) -> None:
    room = Room(clock)
    await room.notes.put("a", "1", b"x" * 1001, LATER)
    assert room.store.calls == 0


async def test_small_notes_are_not_counted_each_time(clock: FakeClock) -> None:
    room = Room(clock, Bounds(16_000, 160_000))
    for number in range(10):
        await room.notes.put("a", str(number), b"x" * 100, LATER)
    assert room.store.calls == 10


async def test_a_store_that_fails_is_left_alone_for_a_moment_and_told_once(clock: FakeClock) -> None:
    room = Room(clock)
    room.store.fault = StoreError("disk")
    for wait in (0.0, AWAY_FOR / 2, AWAY_FOR / 2):
        clock.advance(wait)
        with pytest.raises(StoreError):
            await room.notes.fetch("a", ["1"])
    assert room.store.calls == 2
    assert room.facts == [StoreFault("disk")]
    room.store.fault = None
    clock.advance(AWAY_FOR)
    assert await room.kept("a") == ""
    room.store.fault = StoreError("again")
    with pytest.raises(StoreError, match="again"):
        await room.notes.fetch("a", ["1"])
    assert room.facts == [StoreFault("disk"), StoreFault("again")]


async def test_one_asks_for_all_whether_it_is_back(clock: FakeClock) -> None:
    room = Room(clock)
    room.store.fault = StoreError("disk")
    for calls in (1, 2):
        asking = [room.notes.fetch("a", ["1"]) for _ in range(5)]
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert [str(each) for each in told] == ["disk"] + ["the store is away"] * 4
        assert room.store.calls == calls
        clock.advance(AWAY_FOR)
    room.store.fault = None
    for _ in range(2):
        assert await room.notes.fetch("a", ["1"]) == {}


async def test_a_store_that_says_nothing_is_not_waited_for(clock: FakeClock) -> None:
    room = Room(clock)
    room.store.hangs = True
    with pytest.raises(StoreError, match="did not answer within"):
        await room.notes.fetch("a", ["1"])
