"""What is left, told and reset: here, in other workers, and whatever the store does."""

from typing import Any

import pytest

from llmux.errors import BackendModelNotFound, BadRequest, ClientLimit, NotFound, RateLimited, StoreAway
from llmux.gateway.payer import Payer
from llmux.gateway.quota import Quota
from llmux.gateway.reservation import Spend
from llmux.responder import FOREVER, Client, Window
from llmux.routing.catalog import Backend, Catalog
from llmux.store.base import StoreError
from llmux.telemetry import CooldownEnded
from tests.fakes import FakeClock
from tests.gateway.accounts import DAY, FIVE_HOURS, HOUR, MIDNIGHT, FaultyStore, House, backend, share, two

WINDOWS = (Window(2, HOUR), Window(3, FIVE_HOURS, "calendar"), Window(4, DAY, "calendar"))
ONE, OTHER = backend("p:a", *WINDOWS), backend("p:a:8b", *WINDOWS)
ANN = Client("ann", windows=(Window(1, FOREVER, unit="usd"), Window(2, HOUR)))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT + 60)


@pytest.fixture
def house(clock: FakeClock) -> House:
    return House(clock)


def quota(house: House, *backends: Backend) -> Quota:
    return Quota(Catalog(backends or (ONE, OTHER)), house.ledger, house.clock, (ANN, Client("bob")))


async def told(house: House, name: str = "p:a") -> dict[str, Any]:
    return next(each for each in (await quota(house).tell())["backends"] if each["backend"] == name)


async def spends(house: House, usd: float) -> None:
    """Ann sends a request that takes so much money."""
    hold = await house.ledger.reserve(backend("p:free"), Payer(ANN), lambda: Spend(1, 0, usd))
    hold.settle(Spend(usd=usd))


async def test_everything_that_is_known_is_told(house: House) -> None:
    await house.sends(ONE)
    house.ledger.failed(ONE, "m", RateLimited("no", retry_after=90))
    house.ledger.failed(ONE, "ghost", BackendModelNotFound("?"))
    house.ledger.learn(ONE, "seed")
    house.ledger.hearsay.hear("p:a", 200, {"x-ratelimit-limit-requests": "50", "x-ratelimit-reset-requests": "1m"})
    house.clock.advance(30)
    assert await told(house) == {
        "backend": "p:a",
        "provider": "p",
        "enabled": True,
        "state": "resting",
        "cooldown": {"cause": "rate_limit", "failures": 1, "ends_in": 60.0, "ends_at": "2025-06-16T00:02:30Z"},
        "in_flight": 0,
        "windows": [
            {
                "window": f"{most} requests per {span}", "unit": "requests", "seconds": seconds, "kind": kind,
                "limit": most, "used": 1.0, "remaining": most - 1, "opens_in": 0.0,
            }
            for most, span, seconds, kind in (
                (2, "hour", HOUR, "sliding"), (3, "5 hours", FIVE_HOURS, "calendar"), (4, "day", DAY, "calendar")
            )
        ],
        "models_resting": ["ghost"],
        "left_out": ["seed"],
        "provider_says": {
            "heard_at": "2025-06-16T00:01:00Z",
            "retry_in": None,
            "limits": [{"what": "requests", "limit": 50.0, "remaining": None, "used": None, "resets_in": 30.0}],
        },
    }  # fmt: skip


async def test_a_backend_of_which_nothing_is_known(house: House) -> None:
    one = await told(house, "p:a:8b")
    assert (one["state"], one["cooldown"], one["provider_says"]) == ("up", None, None)


async def test_clients_with_windows_are_told(house: House) -> None:
    await spends(house, 1.5)
    (ann,) = (await quota(house).tell())["clients"]
    money, requests = ann["windows"]
    assert (money["window"], money["used"], money["remaining"], money["opens_in"]) == ("$1 in all", 1.5, 0.0, None)
    assert (requests["used"], requests["remaining"]) == (1.0, 1.0)


async def test_a_client_sees_what_is_left_of_its_own(clock: FakeClock) -> None:
    first, second = two(clock)
    await spends(first, 0.25)
    await share(first)
    money, _ = await quota(second).of(ANN)
    assert money["remaining"] == 0.75
    assert await quota(second).of(Client("bob")) == []


async def test_a_reset_reaches_another_worker_within_a_refresh(clock: FakeClock) -> None:
    first, second = two(clock)
    assert await second.sends(ONE, ONE, ONE) == 2
    second.ledger.failed(ONE, "m", RateLimited("no", retry_after=90))
    await share(first, second)
    assert second.opens_in(ONE) > 0
    clock.advance(1)
    await share(second)  # it looks at nothing that nobody has asked about since
    assert await quota(first).reset(b'{"backend": "p:a"}') == {"backends": ["p:a"]}
    assert second.opens_in(ONE) > 0
    clock.advance(1)
    await share(second)
    assert (second.opens_in(ONE), second.rests_for(ONE)) == (0.0, 0.0)
    assert await second.sends(ONE, ONE, ONE) == 2
    first.opens_in(ONE)
    await share(first, second, first)
    assert first.opens_in(ONE) > 0, "a reset is followed once"


async def test_a_reset_of_all_is_of_every_backend_and_of_no_client(house: House) -> None:
    for one in (ONE, OTHER):
        await house.sends(one, one)
    await spends(house, 1.5)
    house.ledger.failed(ONE, "m", RateLimited("no", retry_after=90))
    house.ledger.failed(ONE, "ghost", BackendModelNotFound("?"))
    assert await quota(house).reset(b"") == {"backends": ["p:a", "p:a:8b"]}
    assert [fact for fact in house.facts if isinstance(fact, CooldownEnded)] == [CooldownEnded("p:a")] * 2
    assert house.rests_for(ONE, "ghost") == 0.0
    assert await house.sends(ONE, OTHER) == 2
    with pytest.raises(ClientLimit):
        await spends(house, 0.1)


async def test_a_reset_of_one_leaves_another_whose_name_begins_alike(house: House) -> None:
    for one in (ONE, OTHER):
        await house.sends(one, one)
    await quota(house).reset(b'{"backend": "p:a"}')
    assert await house.sends(ONE, OTHER) == 1
    assert (await told(house, "p:a:8b"))["windows"][0]["used"] == 2.0


async def test_a_reset_of_a_client(house: House) -> None:
    await spends(house, 1.5)
    assert await quota(house).reset(b'{"client": "ann"}') == {"clients": ["ann"]}
    await spends(house, 0.1)
    (money, _) = await quota(house).of(ANN)
    assert money["used"] == 0.1


async def test_what_is_owed_to_an_emptied_window_is_forgiven(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    house = House(clock, store)
    store.fault = StoreError("away")
    await house.sends(ONE, ONE)
    store.fault = None
    await share(house)
    await house.sends(ONE)
    await quota(house).reset(b"{}")
    await share(house)
    assert (await told(house))["windows"][0]["used"] == 0.0


async def test_without_a_store_nothing_is_reset(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    house = House(clock, store)
    await house.sends(ONE, ONE)
    house.ledger.failed(ONE, "m", RateLimited("no", retry_after=90))
    store.fault = StoreError("away")
    with pytest.raises(StoreAway):
        await quota(house).reset(b"{}")
    assert house.rests_for(ONE) == 90
    assert (await told(house))["windows"][0]["used"] == 2.0, "it tells what it knows"


BODIES = {
    b'{"bakend": "p:a"}': "bakend",
    b'{"backend": ["p:a"]}': "backend",
    b'{"backend": ""}': "backend",
    b'{"backend": "p:a", "client": "ann"}': "client",
    b"[]": None,
    b"{": None,
    b"\xff": None,
}


@pytest.mark.parametrize("body", BODIES)
async def test_a_body_that_cannot_be_understood(house: House, body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        await quota(house).reset(body)
    assert caught.value.param == BODIES[body]


async def test_a_backend_that_there_is_not(house: House) -> None:
    with pytest.raises(NotFound, match="known: p:a, p:a:8b"):
        await quota(house).reset(b'{"backend": "p:b"}')
