"""Rate windows: full when they are, open when they say."""

from typing import Any

import pytest

from llmux.errors import OurLimit
from llmux.gateway.payer import Payer
from llmux.responder import Client, Window
from llmux.routing.rules import READY
from tests.fakes import FakeClock
from tests.gateway.accounts import DAY, FIVE_HOURS, HOUR, MIDNIGHT, FaultyStore, House, backend


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT)


@pytest.fixture
def house(clock: FakeClock) -> House:
    return House(clock)


async def test_who_has_no_limits_costs_nothing(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    house = House(clock, store)
    conditions = house.ledger.conditions([backend("p:a"), backend("p:b")], "m")
    assert conditions["p:a"] is conditions["p:b"] is READY
    (await house.ledger.reserve(backend(), Payer(Client("c")))).unseen()
    house.ledger.succeeded(backend(), "m")
    assert house.ledger.left_out(backend()) == frozenset()
    assert store.calls == 0


@pytest.mark.parametrize("kind", ["sliding", "calendar"])
@pytest.mark.parametrize("seconds", [HOUR, FIVE_HOURS, DAY])
async def test_a_window_is_full_and_opens_when_it_says(kind: Any, seconds: int, house: House) -> None:
    one = backend("p:a", Window(3, seconds, kind))
    house.clock.advance(600)
    assert await house.sends(*[one] * 5) == 3
    wait = house.opens_in(one)
    assert 0 < wait < 2 * seconds
    with pytest.raises(OurLimit) as caught:
        await house.ledger.reserve(one)
    assert caught.value.retry_after == pytest.approx(wait)
    house.clock.advance(wait - 1)
    assert await house.sends(one) == 0
    house.clock.advance(1)
    assert house.opens_in(one) == 0.0
    assert await house.sends(one) == 1


async def test_five_hours_of_the_calendar_begin_with_the_first_request(house: House) -> None:
    one = backend("p:a", Window(2, FIVE_HOURS, "calendar"))
    house.clock.advance(1234)
    assert await house.sends(one) == 1
    house.clock.advance(HOUR)
    assert await house.sends(one, one) == 1
    assert house.opens_in(one) == pytest.approx(FIVE_HOURS - HOUR, abs=0.01)


async def test_every_window_must_have_room(house: House) -> None:
    one = backend("p:a", Window(2, HOUR, "calendar"), Window(3, DAY, "calendar"))
    assert await house.sends(*[one] * 4) == 2
    house.clock.advance(HOUR)
    assert await house.sends(*[one] * 4) == 1
    assert house.opens_in(one) == pytest.approx(DAY - HOUR, abs=0.01)


async def test_the_error_says_whose_limit_it_is(house: House) -> None:
    await house.sends(backend("p:a", Window(1, HOUR)))
    with pytest.raises(OurLimit, match="p:a has used up its 1 requests per hour"):
        await house.ledger.reserve(backend("p:a", Window(1, HOUR)))
    with pytest.raises(OurLimit, match="client c has used up its 0 requests per 5 hours") as caught:
        await house.ledger.reserve(backend(), Payer(Client("c", windows=(Window(9, HOUR), Window(0, FIVE_HOURS)))))
    assert caught.value.retry_after is None  # nobody can say when


async def test_clients_have_windows_of_their_own(house: House) -> None:
    for name in ("c", "d"):
        client = Client(name, windows=(Window(5, HOUR), Window(2, DAY)))
        await house.ledger.reserve(backend(), Payer(client))
        await house.ledger.reserve(backend(), Payer(client))
        with pytest.raises(OurLimit, match="2 requests per day"):
            await house.ledger.reserve(backend(), Payer(client))


async def test_backends_of_like_names_are_apart(house: House) -> None:
    window = Window(1, HOUR)
    assert await house.sends(backend("p:a", window), backend("p:a:3600", window), backend("p:ab", window)) == 3


async def test_what_is_given_back_can_be_spent_again(house: House) -> None:
    one = backend("p:a", Window(1, HOUR))
    reservation = await house.ledger.reserve(one)
    assert house.opens_in(one) > 0
    reservation.unseen()
    reservation.unseen()
    assert house.opens_in(one) == 0.0
    assert await house.sends(one, one) == 1


async def test_what_comes_back_after_its_window_is_no_gain(house: House) -> None:
    one = backend("p:a", Window(1, HOUR, "calendar"))
    reservation = await house.ledger.reserve(one)
    house.clock.advance(HOUR)
    assert await house.sends(one) == 1
    reservation.unseen()
    await house.ledger.refresh()
    assert await house.sends(one) == 0


async def test_a_reload_keeps_what_was_counted(house: House) -> None:
    assert await house.sends(backend("p:a", Window(2, HOUR))) == 1
    assert await house.sends(*[backend("p:a", Window(3, HOUR), Window(100, DAY))] * 5) == 2
