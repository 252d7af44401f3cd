"""Requests at once, over several workers: never more than may be, and nobody who has gone keeps a seat."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from llmux.errors import ClientLimit, OurLimit, Unsupported
from llmux.gateway.books import SOON
from llmux.gateway.ledger import REFRESH_EVERY, Ledger
from llmux.gateway.limits import FULL_RETRY, Keeper
from llmux.gateway.payer import NO_HOLD, Hold, Payer
from llmux.gateway.reservation import Spend
from llmux.gateway.seats import EPOCH, HEARD_FOR
from llmux.responder import Client, Window
from llmux.routing.catalog import Backend, Limits
from llmux.store.base import Store, StoreError
from llmux.store.memory import MemoryStore
from tests.fakes import FakeClock, settle
from tests.gateway.accounts import HOUR, MIDNIGHT, FaultyStore, House, backend, share, two


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT)


def at_once(most: int, name: str = "p:a", *windows: Window) -> Backend:
    return backend(name, *windows, limits=Limits(concurrent=most))


async def come(house: House, one: Backend, times: int = 1) -> list[Hold]:
    """Those of `times` tries that find a seat."""
    held = list[Hold]()
    for _ in range(times):
        with suppress(OurLimit):
            held.append(await house.ledger.reserve(one))
    return held


def gone(*holds: Hold) -> None:
    for hold in holds:
        hold.settle(Spend())


async def test_workers_share_seats(clock: FakeClock) -> None:
    one = at_once(3)
    first, second = two(clock)
    held = await come(first, one, 2)
    assert len(await come(second, one, 5)) == 1
    with pytest.raises(OurLimit, match="p:a takes no more requests at once") as caught:
        await first.ledger.reserve(one)
    assert caught.value.retry_after == FULL_RETRY
    gone(*held, *held)  # twice is once
    await share(first, second)
    assert len(await come(second, one, 5)) == 2


async def test_a_providers_seats_are_for_all_its_backends(clock: FakeClock) -> None:
    first, second = two(clock)
    for house in (first, second):
        house.limits.configure({"p": Limits(concurrent=2)})
    assert len(await come(first, backend("p:a"))) == 1
    assert len(await come(second, at_once(5, "p:b"), 3)) == 1
    assert len(await come(second, at_once(5, "q:b"), 3)) == 3
    assert len(await come(first, at_once(5, "p:c"))) == 0


async def test_a_name_is_no_beginning_of_another(clock: FakeClock) -> None:
    first, second = two(clock)
    names = ("p:a", "p:a:5", "p:a:350006400")
    for house, found in ((first, 1), (second, 0)):
        assert [len(await come(house, at_once(1, name))) for name in names] == [found] * 3


async def test_one_try_asks_once_and_who_leaves_is_not_waited_for(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    house = House(clock, store)
    client = Client("c", windows=(Window(9, HOUR),))
    held = await house.ledger.reserve(at_once(2, "p:a", Window(9, HOUR)), Payer(client))
    assert store.calls == 1
    held.settle(Spend())
    (await house.ledger.reserve(at_once(2))).settle(Spend())
    assert store.calls == 2
    assert await house.ledger.reserve(backend()) is NO_HOLD
    assert store.calls == 2


async def test_a_store_of_ones_own_is_not_asked(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    ledger = Ledger(store, clock, lambda _fact: None, Keeper(), shares_store=False)
    assert await ledger.reserve(at_once(1)) is NO_HOLD
    assert store.calls == 0


# How many seats there are for two who leave, and the seconds after which another worker finds theirs.
LEAVING = {"seats enough": (9, SOON), "none was left": (2, 0.0)}


@pytest.mark.parametrize(("most", "after"), LEAVING.values(), ids=LEAVING)
async def test_who_leaves_is_written_off_soon_and_at_once_where_a_seat_is_wanted(
    most: int, after: float, clock: FakeClock
) -> None:
    first, second = two(clock)
    running = asyncio.ensure_future(first.ledger.run())
    await clock.pass_time(0.0)
    gone(*await come(first, at_once(most), 2))
    await clock.pass_time(after)
    assert len(await come(second, at_once(2), 2)) == 2
    running.cancel()


async def test_who_was_refused_has_not_been_counted_anywhere(clock: FakeClock) -> None:
    first, second = two(clock)
    client = Client("c", windows=(Window(5, HOUR),))
    one = at_once(1, "p:a", Window(5, HOUR))
    held, payer = await come(first, one), Payer(client)
    with pytest.raises(OurLimit):
        await second.ledger.reserve(one, payer)
    assert second.ledger.use_of(client)[0].used == 0
    assert second.ledger.snapshot([one])[0].windows[0].used == 1
    await share(second)
    gone(*held)
    await share(first)
    await first.ledger.reserve(one, payer)  # and what is counted for its next try is a request


async def test_who_finds_a_seat_and_no_window_leaves_it(clock: FakeClock) -> None:
    first, second = two(clock)
    one, client = at_once(1), Client("c", windows=(Window(1, HOUR),))
    gone(await first.ledger.reserve(one, Payer(client)))
    with pytest.raises(ClientLimit):
        await first.ledger.reserve(one, Payer(client))
    await share(first)
    assert len(await come(second, one)) == 1


@pytest.mark.parametrize("turns", range(8))
async def test_who_goes_away_while_it_is_counted_has_taken_nothing(turns: int, clock: FakeClock) -> None:
    """Cancelled at any turn on the way to the store and back: neither a seat nor its budget may stay taken."""
    line = Line(MemoryStore(clock), random.Random(1))  # noqa: S311 - the same every time
    house = House(clock, line)  # type: ignore[arg-type]  # by __getattr__
    one, client = at_once(1, "p:a", Window(9, HOUR)), Client("c", windows=(Window(3, 0, unit="usd"),))
    goes = asyncio.ensure_future(house.ledger.reserve(one, Payer(client), lambda: Spend(requests=1, usd=2.5)))
    await settle(turns)
    goes.cancel()
    await asyncio.gather(goes, return_exceptions=True)
    await settle()
    if not goes.cancelled():  # it was done before
        goes.result().unseen()
    await share(house)
    assert house.ledger.use_of(client)[0].used == 0
    assert house.ledger.snapshot([one])[0].windows[0].used == 0
    assert len(await come(house, one, 2)) == 1


async def test_who_cannot_be_charged_takes_no_seat(clock: FakeClock) -> None:
    first, second = two(clock)

    def unpriced() -> Spend:
        raise Unsupported("no price")

    client = Client("c", windows=(Window(1, HOUR, unit="usd"),))
    with pytest.raises(Unsupported):
        await first.ledger.reserve(at_once(1), Payer(client), unpriced)
    assert len(await come(second, at_once(1))) == 1


async def test_a_full_backend_is_known_for_a_moment(clock: FakeClock) -> None:
    first, second = two(clock)
    one = at_once(2)
    await come(first, one, 2)
    pool = {one.name: one}
    assert second.ledger.all_open(pool)  # nothing has been heard
    assert not await come(second, one)
    condition = second.ledger.conditions([one], "m")[one.name]
    assert (condition.full, condition.in_flight) == (True, 2)
    assert not second.ledger.all_open(pool)
    clock.advance(HEARD_FOR)
    assert not second.ledger.conditions([one], "m")[one.name].full
    assert second.ledger.all_open(pool)


async def test_a_reset_of_windows_leaves_everybody_in_place(clock: FakeClock) -> None:
    first, second = two(clock)
    one = at_once(1, "p:a", Window(9, HOUR))
    await come(first, one)
    await second.ledger.reset_backends([one.name])
    assert not await come(second, one)


# --- who has gone ---


async def live(clock: FakeClock, seconds: float, *houses: House) -> None:
    """Time passes, and these live."""
    for _ in range(round(seconds / REFRESH_EVERY)):
        clock.advance(REFRESH_EVERY)
        await share(*houses)


async def test_a_long_answer_keeps_its_seat(clock: FakeClock) -> None:
    first, second = two(clock)
    held = await come(first, at_once(1))
    for _ in range(40):
        await live(clock, REFRESH_EVERY, first, second)
        assert not await come(second, at_once(1))
        await share(second)
    gone(*held)
    await share(first)
    assert await come(second, at_once(1))


@pytest.mark.parametrize("offset", [0.0, 0.001, EPOCH / 2, EPOCH - 0.001])
async def test_the_seats_of_a_killed_process_are_free_after_two_epochs_at_the_latest(offset: float) -> None:
    clock = FakeClock(MIDNIGHT + offset)
    dead, alive = two(clock)
    assert len(await come(dead, at_once(8), 8)) == 8
    await live(clock, EPOCH - REFRESH_EVERY, alive)
    assert not await come(alive, at_once(8))
    await live(clock, EPOCH + REFRESH_EVERY, alive)
    assert len(await come(alive, at_once(8), 9)) == 8


async def test_a_process_that_stops_leaves_nobody_behind(clock: FakeClock) -> None:
    first, second = two(clock)
    gone(*await come(first, at_once(2), 2))
    await first.ledger.close()
    assert len(await come(second, at_once(2), 3)) == 2


async def test_a_process_that_stops_while_it_tells_leaves_nobody_behind(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    line = Line(store, random.Random(1))  # noqa: S311 - the same every time
    first, second = House(clock, line), House(clock, store)  # type: ignore[arg-type]  # by __getattr__
    running = asyncio.ensure_future(first.ledger.run())
    await settle()
    held = await come(first, at_once(2), 2)
    await settle()
    gone(*held)
    await settle(2)  # it is being told
    running.cancel()
    await first.ledger.close()
    assert len(await come(second, at_once(2), 3)) == 2


async def test_a_process_that_stood_still_counts_again(clock: FakeClock) -> None:
    first, second = two(clock)
    await come(first, at_once(2), 1)
    clock.advance(3 * EPOCH)
    await share(first)
    assert len(await come(second, at_once(2), 3)) == 1


async def test_a_clock_that_is_put_back_frees_nobody(clock: FakeClock) -> None:
    first, second = two(clock)
    await come(first, at_once(1))
    clock.start -= EPOCH
    await share(first)
    assert not await come(second, at_once(1))


# --- the store is away ---


async def test_while_the_store_is_away_each_process_goes_by_itself(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    first, second = House(clock, store), House(clock, store)
    held = await come(first, at_once(2), 2)
    assert not await come(second, at_once(2))
    store.fault = StoreError("gone")
    theirs = await come(second, at_once(2), 2)
    assert len(theirs) == 2
    await live(clock, 3 * EPOCH, first, second)
    store.fault = None
    await live(clock, 2 * EPOCH, first, second)
    gone(*held)
    await share(first, second)
    assert not await come(first, at_once(2))  # those who came meanwhile have been told
    await share(first)
    gone(*theirs)
    await share(second)
    assert len(await come(first, at_once(2), 3)) == 2


async def test_what_a_fault_counts_twice_is_forgotten_with_its_epochs(clock: FakeClock) -> None:
    first, second = two(clock)
    store, add = first.store, first.store.add

    async def adds_and_fails(deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        await add(deltas, expires)
        raise StoreError("no answer")

    store.add = adds_and_fails  # type: ignore[method-assign]  # for one question
    held = await come(first, at_once(2))
    store.add = add  # type: ignore[method-assign]
    await share(first, second)
    assert not await come(second, at_once(2))
    await live(clock, 2 * EPOCH, first, second)
    assert len(await come(second, at_once(2), 2)) == 1
    gone(*held)


# --- laws ---


class Line:
    """A process's way to a store: as long as chance will have it, there and back, and nobody overtakes."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self._store, self._chance, self._one = store, chance, asyncio.Lock()

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._store, verb)

    async def add(self, deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        async with self._one:
            await settle(self._chance.randrange(4))
            values = await self._store.add(deltas, expires)
            await settle(self._chance.randrange(4))
            return values


class Room:
    """How many are in, and the most that there ever were."""

    def __init__(self) -> None:
        self.now = self.most = self.let_in = 0

    async def visit(self, house: House, one: Backend, turns: int) -> None:
        try:
            await house.limits.enter(one, 0)
        except OurLimit:
            return
        try:
            held = await house.ledger.reserve(one)
            self.now += 1
            self.let_in += 1
            self.most = max(self.most, self.now)
            try:
                await settle(turns)
            finally:
                self.now -= 1
                held.settle(Spend())
        except OurLimit:
            pass
        finally:
            house.limits.leave(one)


# How far the second worker's clock is off, in seconds.
SKEWS = (0.0, 0.3, -EPOCH / 2, EPOCH / 2)


@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize("seed", range(6))
async def test_never_more_than_may_be_and_nobody_stays(skew: float, seed: int) -> None:
    chance, most = random.Random(seed), 3  # noqa: S311 - the same every time
    clocks = (FakeClock(MIDNIGHT), FakeClock(MIDNIGHT + skew))
    store, one, room = MemoryStore(clocks[0]), at_once(most), Room()
    houses = [House(clock, Line(store, chance)) for clock in clocks]  # type: ignore[arg-type]  # by __getattr__
    sharing = [asyncio.ensure_future(house.ledger.run()) for house in houses]
    visits = list[asyncio.Task[None]]()
    for _ in range(300):
        visit = room.visit(chance.choice(houses), one, chance.randrange(40))
        visits.append(asyncio.ensure_future(visit))
        if chance.random() < 0.2:
            chance.choice(visits).cancel()
        await settle(chance.randrange(20))
        for clock in clocks:
            clock.advance(0.1)
    await asyncio.gather(*visits, return_exceptions=True)
    assert room.most == most
    assert room.let_in > 20
    await settle(200)  # the last ones are told
    for task in sharing:
        task.cancel()
    held = [await house.ledger.reserve(one) for house in (houses[0], houses[1], houses[0])]
    assert len(held) == most
    with pytest.raises(OurLimit):
        await houses[1].ledger.reserve(one)
