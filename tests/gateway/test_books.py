"""The ledger without its store: it goes on with what it knows, and catches up."""

import asyncio
import math

import pytest

from llmux.gateway.books import Books
from llmux.responder import Window
from llmux.store.base import StoreError
from llmux.telemetry import Notice, StoreFault
from tests.fakes import FakeClock
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
    assert house.facts == [StoreFault("the store did not answer within 0.01 s")]


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
