"""Who pays for a request: what its tries reserve of windows of requests, tokens and money, and what comes back."""

import asyncio

import pytest

from llmux.errors import ClientLimit, OurLimit
from llmux.gateway.payer import NO_HOLD, Payer
from llmux.gateway.reservation import NOTHING, Spend
from llmux.responder import FOREVER, Client, Window
from llmux.store.base import StoreError
from tests.fakes import FakeClock
from tests.gateway.accounts import DAY, HOUR, MIDNIGHT, FaultyStore, House, backend, share, two

DOLLAR = Client("c", windows=(Window(1, FOREVER, unit="usd"),))
MIXED = Client("m", windows=(Window(3, HOUR), Window(100, DAY, unit="tokens"), Window(1, DAY, unit="usd")))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT)


@pytest.fixture
def house(clock: FakeClock) -> House:
    return House(clock)


def used(house: House, client: Client) -> list[float]:
    return [round(use.used, 6) for use in house.ledger.use_of(client)]


async def test_what_a_request_may_take_is_reserved_and_what_it_took_stays(house: House) -> None:
    held = await house.ledger.reserve(backend(), Payer(MIXED), lambda: Spend(1, 60, 0.5))
    assert used(house, MIXED) == [1, 60, 0.5]
    held.settle(Spend(tokens=20, usd=0.125))
    held.settle(Spend(tokens=99, usd=9))  # once is enough
    assert used(house, MIXED) == [1, 20, 0.125]
    await house.ledger.refresh()
    assert used(house, MIXED) == [1, 20, 0.125]


async def test_whoever_finds_something_left_may_spend_more_and_the_next_may_not(house: House) -> None:
    for _ in range(2):  # 0, then 0.7 of 1 are spent
        await house.ledger.reserve(backend(), Payer(DOLLAR), lambda: Spend(1, 0, 0.7))
    with pytest.raises(ClientLimit, match=r"client c has used up its \$1 in all") as caught:
        await house.ledger.reserve(backend(), Payer(DOLLAR), lambda: Spend(1, 0, 0.0001))
    assert caught.value.retry_after is None
    assert used(house, DOLLAR) == [1.4]


async def test_those_who_come_together_see_each_others_reservations(clock: FakeClock) -> None:
    first, second = two(clock)

    async def come(house: House) -> bool:
        try:
            await house.ledger.reserve(backend(), Payer(DOLLAR), lambda: Spend(1, 0, 0.25))
        except ClientLimit:
            return False
        return True

    let_in = await asyncio.gather(*(come(house) for house in (first, second) * 16))
    assert sum(let_in) == 4


async def test_however_many_backends_are_tried_a_client_sends_one_request(house: House) -> None:
    payer = Payer(MIXED)
    first = await house.ledger.reserve(backend("p:a"), payer, lambda: Spend(1, 60, 0.5))
    first.settle(NOTHING)
    second = await house.ledger.reserve(backend("p:b"), payer, lambda: Spend(1, 30, 0.1))
    assert used(house, MIXED) == [1, 30, 0.1]
    second.unseen()
    assert used(house, MIXED) == [1, 0, 0]


async def test_the_last_request_of_a_window_may_fail_over(house: House) -> None:
    client = Client("c", windows=(Window(1, HOUR),))
    payer = Payer(client)
    await house.ledger.reserve(backend("p:a"), payer)
    assert await house.ledger.reserve(backend("p:b"), payer) is NO_HOLD
    with pytest.raises(ClientLimit):
        await house.ledger.reserve(backend("p:b"), Payer(client))


async def test_a_request_of_which_several_are_made_is_counted_once(house: House) -> None:
    await house.ledger.count(MIXED)
    for name in ("p:a", "p:b"):
        payer = Payer(MIXED, counted=True)
        (await house.ledger.reserve(backend(name), payer, lambda: Spend(1, 9, 0.5))).settle(Spend(tokens=9, usd=0.25))
    assert used(house, MIXED) == [1, 18, 0.5]
    for _ in range(2):
        await house.ledger.count(MIXED)
    with pytest.raises(ClientLimit):
        await house.ledger.count(MIXED)
    await house.ledger.count(Client("free"))


async def test_a_client_without_room_costs_its_backend_nothing_and_the_other_way_round(house: House) -> None:
    small, client = backend("p:a", Window(1, HOUR)), Client("c", windows=(Window(2, HOUR),))
    await house.ledger.reserve(small, Payer(client))
    with pytest.raises(OurLimit, match="p:a has used up its 1 requests per hour"):
        await house.ledger.reserve(small, Payer(client))
    assert used(house, client) == [1]
    await house.ledger.reserve(backend("p:b"), Payer(client))
    with pytest.raises(ClientLimit):
        await house.ledger.reserve(backend("p:c", Window(5, HOUR)), Payer(client))
    assert house.ledger.snapshot([backend("p:c", Window(5, HOUR))])[0].windows[0].used == 0


async def test_who_is_known_to_have_no_room_takes_none_from_the_others(house: House) -> None:
    shared, full = backend("p:a", Window(3, HOUR)), Client("full", windows=(Window(1, HOUR),))
    await house.ledger.reserve(shared, Payer(full))
    for _ in range(9):  # none of these is counted at the backend, not even for a moment
        with pytest.raises(ClientLimit):
            await house.ledger.reserve(shared, Payer(full))
    assert await house.store.tallies("backend/p:a:") == {"backend/p:a:3600:486119": 0, "backend/p:a:3600:486120": 1}


async def test_one_try_asks_the_store_once(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    house = House(clock, store)
    held = await house.ledger.reserve(backend("p:a", Window(9, HOUR)), Payer(MIXED), lambda: Spend(1, 5, 0.1))
    assert store.calls == 1
    held.settle(Spend(tokens=3, usd=0.01))
    assert store.calls == 1  # behind the request
    await House(clock, store).ledger.reserve(backend(), Payer(Client("free")))
    assert store.calls == 1


async def test_what_is_expected_is_not_worked_out_where_nothing_depends_on_it(house: House) -> None:
    def nobody_asks() -> Spend:
        raise AssertionError

    client = Client("c", windows=(Window(2, HOUR),))
    await house.ledger.reserve(backend("p:a", Window(9, HOUR)), Payer(client), nobody_asks)


async def test_money_is_counted_while_the_store_is_away_and_told_to_it_later(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    house, other = House(clock, store), House(clock, store)
    store.fault = StoreError("away")
    held = await house.ledger.reserve(backend(), Payer(DOLLAR), lambda: Spend(1, 0, 0.9))
    held.settle(Spend(usd=0.6))
    await house.ledger.reserve(backend(), Payer(DOLLAR), lambda: Spend(1, 0, 0.5))
    with pytest.raises(ClientLimit):
        await house.ledger.reserve(backend(), Payer(DOLLAR), lambda: Spend(1, 0, 0.1))
    store.fault = None
    used(other, DOLLAR)
    await share(house, other)
    assert used(other, DOLLAR) == [1.1]


async def test_money_in_all_is_still_counted_years_later(house: House) -> None:
    (await house.ledger.reserve(backend(), Payer(DOLLAR), lambda: Spend(1, 0, 0.9))).settle(Spend(usd=0.9))
    await house.ledger.refresh()
    house.clock.advance(5 * 365 * DAY)
    assert used(House(house.clock, house.store), DOLLAR) == [0]  # it has not looked yet
    await house.ledger.refresh()
    assert used(house, DOLLAR) == [0.9]


async def test_settling_after_the_window_has_gone_is_no_gain(house: House) -> None:
    client = Client("c", windows=(Window(10, HOUR, "calendar", "tokens"),))
    held = await house.ledger.reserve(backend(), Payer(client), lambda: Spend(1, 9, 0))
    house.clock.advance(HOUR)
    held.settle(Spend(tokens=1))
    await house.ledger.refresh()
    assert used(house, client) == [0]
