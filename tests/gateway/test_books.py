"""The ledger without its store: it goes on with what it knows, and catches up."""

import asyncio
import math
from collections.abc import Mapping

import pytest

from llmux.gateway.books import SOON, Books
from llmux.responder import Window
from llmux.store.base import StoreError
from llmux.telemetry import Notice, StoreFault
from tests.fakes import FakeClock, settle
from tests.gateway.accounts import FIVE_HOURS, HOUR, MIDNIGHT, FaultyStore, House, backend


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT)


@pytest.fixture
def faulty(clock: FakeClock) -> FaultyStore:
    return FaultyStore(clock)


@pytest.mark.parametrize("known", [0, 2])
async def test_without_the_store_this_process_counts(known: int, clock: FakeClock, faulty: FaultyStore) -> None:
    one, house = backend("p:a", Window(4, HOUR), Window(9, FIVE_HOURS, "calendar")), House(clock, faulty)
    assert await house.sends(*[one] * known) == known
    faulty.fault = StoreError("no such disk")
    assert await house.sends(*[one] * 6) == 4 - known
    assert house.opens_in(one) > 0


async def test_a_fault_is_told_once_and_keeps_nobody_waiting_again(clock: FakeClock, faulty: FaultyStore) -> None:
    one, house = backend("p:a", Window(99, HOUR)), House(clock, faulty)
    faulty.fault = StoreError("no such disk")
    assert await house.sends(*[one] * 10) == 10
    assert (house.facts, faulty.calls) == ([StoreFault("no such disk")], 1)
    for _ in range(3):
        await house.ledger.refresh()
    await house.ledger.close()
    assert len(house.facts) == 1


async def test_what_was_counted_meanwhile_is_written_when_it_is_back(clock: FakeClock, faulty: FaultyStore) -> None:
    one, house, other = backend("p:a", Window(5, HOUR)), House(clock, faulty), House(clock, faulty)
    faulty.fault = StoreError("no such disk")
    assert await house.sends(one, one) == 2
    (await house.ledger.reserve(one)).unseen()
    house.ledger.learn(one, "seed")
    await house.ledger.refresh()
    faulty.fault = None
    await house.ledger.refresh()
    assert house.facts[-1] == Notice("info", "the store answers again")
    await other.ledger.refresh()
    assert await other.sends(*[one] * 5) == 3
    assert other.ledger.left_out(one) == {"seed"}


async def test_what_is_owed_to_a_window_that_is_over_is_dropped(clock: FakeClock, faulty: FaultyStore) -> None:
    one, house = backend("p:a", Window(5, HOUR, "calendar")), House(clock, faulty)
    faulty.fault = StoreError("no such disk")
    assert await house.sends(one) == 1
    clock.advance(HOUR)
    faulty.fault = None
    await house.ledger.refresh()
    assert faulty._counters == {}


async def test_a_store_that_says_nothing_is_waited_for_once(
    clock: FakeClock, faulty: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(clock, faulty)
    monkeypatch.setattr(house.ledger._books, "_patience", 0.01)
    faulty.hangs = True
    one = backend("p:a", Window(3, HOUR))
    assert await asyncio.wait_for(house.sends(*[one] * 5), 5) == 3
    assert faulty.calls == 1
    await asyncio.wait_for(house.ledger.refresh(), 5)
    await asyncio.wait_for(house.ledger.close(), 5)
    assert house.facts == [StoreFault("the store took longer than 0.01 s")]


async def test_a_note_that_changes_while_it_is_written_is_written_again(clock: FakeClock, faulty: FaultyStore) -> None:
    books = Books(faulty, clock, lambda _fact: None)
    put = faulty.put

    async def meanwhile(key: str, value: bytes, expires: float) -> None:
        await put(key, value, expires)
        if value == b"1":
            books.write(key, b"2", expires)

    faulty.put = meanwhile  # type: ignore[method-assign]  # one write that takes its time
    books.write("k", b"1", math.inf)
    await books.flush()
    assert books.unwritten("k")
    await books.flush()
    assert not books.unwritten("k")
    assert await faulty.notes("") == {"k": b"2"}


# --- what is owed is written soon ---


async def test_what_is_owed_is_written_a_moment_later_and_together(clock: FakeClock, faulty: FaultyStore) -> None:
    books = Books(faulty, clock, lambda _fact: None)
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(books.write_soon())
        for _ in range(3):
            books.owe("n", 1, math.inf)
            books.write("k", b"v", math.inf)
            await clock.pass_time(SOON / 4)
        assert faulty.calls == 0
        await clock.pass_time(SOON / 4)
        assert (await faulty.counters(["n"]), await faulty.notes("")) == ({"n": 3}, {"k": b"v"})
        calls = faulty.calls
        await clock.pass_time(10)  # nothing is owed: nothing is asked
        assert faulty.calls == calls
        books.owe("n", 1, math.inf)
        await clock.pass_time(SOON)
        assert await faulty.counters(["n"]) == {"n": 4}
        writing.cancel()


async def test_what_is_owed_while_others_are_written_is_written_next(clock: FakeClock, faulty: FaultyStore) -> None:
    books = Books(faulty, clock, lambda _fact: None)
    add = faulty.add

    async def meanwhile(deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        if deltas == {"n": 1}:
            books.owe("m", 1, math.inf)
        return await add(deltas, expires)

    faulty.add = meanwhile  # type: ignore[method-assign]  # one addition that takes its time
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(books.write_soon())
        books.owe("n", 1, math.inf)
        await clock.pass_time(SOON)
        await clock.pass_time(SOON)
        assert await faulty.counters(["n", "m"]) == {"n": 1, "m": 1}
        writing.cancel()


async def test_a_store_that_is_away_is_left_alone_until_it_is_found_again(
    clock: FakeClock, faulty: FaultyStore
) -> None:
    books = Books(faulty, clock, lambda _fact: None)
    faulty.fault = StoreError("no such disk")
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(books.write_soon())
        for _ in range(5):
            books.owe("n", 1, math.inf)
            await clock.pass_time(SOON)
        assert faulty.calls == 1
        faulty.fault = None
        await books.flush()
        assert await faulty.counters(["n"]) == {"n": 5}
        books.owe("n", 1, math.inf)
        await clock.pass_time(SOON)
        assert await faulty.counters(["n"]) == {"n": 6}
        writing.cancel()


async def test_a_note_is_not_overtaken_by_an_older_one(clock: FakeClock, faulty: FaultyStore) -> None:
    books, put, slow = Books(faulty, clock, lambda _fact: None), faulty.put, asyncio.Event()

    async def waits(key: str, value: bytes, expires: float) -> None:
        if value == b"1":
            await slow.wait()
        await put(key, value, expires)

    faulty.put = waits  # type: ignore[method-assign]  # one write that is slow
    books.write("k", b"1", math.inf)
    async with asyncio.TaskGroup() as group:
        group.create_task(books.flush())
        await settle()
        books.write("k", b"2", math.inf)
        group.create_task(books.flush())
        await settle()
        slow.set()
    assert await faulty.notes("") == {"k": b"2"}


async def test_what_is_being_written_when_this_process_stops_is_still_owed(
    clock: FakeClock, faulty: FaultyStore
) -> None:
    books = Books(faulty, clock, lambda _fact: None)
    books.owe("n", 1, math.inf)
    faulty.hangs = True
    writing = asyncio.create_task(books.flush())
    await settle()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    faulty.hangs = False
    await books.flush()
    assert await faulty.counters(["n"]) == {"n": 1}
