"""Rests after failures, refused fields, and what people are told."""

import pytest
from msgspec.structs import replace

from llmux.errors import (
    BackendFailed,
    BackendModelNotFound,
    BackendUnreachable,
    BadRequest,
    GatewayError,
    OurLimit,
    RateLimited,
)
from llmux.gateway.budget import WindowUse
from llmux.gateway.ledger import Standing
from llmux.responder import Window
from llmux.routing.catalog import Limits
from llmux.routing.rules import READY
from llmux.telemetry import CooldownStarted, FieldLearnt
from tests.fakes import FakeClock
from tests.gateway.accounts import DAY, HOUR, MIDNIGHT, House, backend, two


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT)


@pytest.fixture
def house(clock: FakeClock) -> House:
    return House(clock)


async def test_a_failure_is_a_rest(house: House) -> None:
    one, error = backend(), RateLimited("no", retry_after=60)
    assert house.ledger.failed(one, "m", error) == 60
    condition = house.ledger.conditions([one], "m")["p:a"]
    assert (condition.rests_until, condition.cause, condition.limited) == (house.clock.now() + 60, "rate_limit", True)
    assert house.facts == [CooldownStarted("p:a", "rate_limit", 60)]
    house.clock.advance(60)
    assert house.ledger.conditions([one], "m")["p:a"] is READY


@pytest.mark.parametrize("error", [BadRequest("yours"), OurLimit("ours", retry_after=9)])
async def test_what_is_not_the_backends_fault_changes_nothing(error: GatewayError, house: House) -> None:
    assert house.ledger.failed(backend(), "m", error) == 0.0
    assert house.ledger.conditions([backend()], "m")["p:a"] is READY
    assert house.facts == []


async def test_one_failure_that_may_happen_is_only_counted(house: House) -> None:
    one = backend()
    assert house.ledger.failed(one, "m", BackendFailed("500")) == 0.0
    assert house.facts == []
    assert house.rests_for(one) == 0.0
    assert house.ledger.failed(one, "m", BackendFailed("500")) == 10.0
    assert house.rests_for(one) == 10.0


async def test_failures_in_a_row_rest_longer_until_one_succeeds(house: House) -> None:
    one, rests = backend(), []
    for _ in range(3):
        rests.append(house.ledger.failed(one, "m", BackendUnreachable("refused")))
        house.clock.advance(rests[-1])
    assert rests == [5, 10, 20]
    house.ledger.succeeded(one, "m")
    assert house.ledger.failed(one, "m", BackendUnreachable("refused")) == 5


async def test_requests_that_fail_together_are_one_failure(house: House) -> None:
    error = BackendUnreachable("refused")
    assert [house.ledger.failed(backend(), "m", error) for _ in range(3)] == [5, 5, 5]
    assert house.facts == [CooldownStarted("p:a", "unreachable", 5)]


async def test_an_answer_that_was_under_way_ends_no_rest(house: House) -> None:
    one = backend()
    house.ledger.failed(one, "m", BackendUnreachable("refused"))
    house.ledger.succeeded(one, "m")
    assert house.rests_for(one) == 5


async def test_a_probe_that_succeeds_ends_a_rest(house: House) -> None:
    one = backend()
    house.ledger.failed(one, "m", BackendUnreachable("refused"))
    house.clock.advance(4)
    await house.limits.enter(one, 0)
    condition = house.ledger.conditions([one], "m")["p:a"]
    assert condition.probe_from < house.clock.now() < condition.rests_until
    assert condition.in_flight == 1  # so that nobody else is let through
    assert house.ledger.snapshot([one])[0].state == "probing"
    house.ledger.succeeded(one, "m")
    assert house.ledger.snapshot([one])[0].state == "up"
    assert house.rests_for(one) == 0


async def test_a_model_rests_alone(house: House) -> None:
    one = backend("p:*")
    assert house.ledger.failed(one, "gone", BackendModelNotFound("no such model")) == 600
    assert house.rests_for(one, "gone") == 600
    assert house.ledger.conditions([one], "other")["p:*"] is READY
    assert house.ledger.snapshot([one])[0].models == ("gone",)
    house.ledger.failed(one, "other", RateLimited("no", retry_after=9))
    assert house.rests_for(one, "gone") == 600  # the longer one
    assert house.rests_for(one, "other") == 9


async def test_limits_show_in_the_condition(house: House) -> None:
    one = backend(limits=Limits(rps=1, concurrent=1))
    await house.limits.enter(one, 0)
    condition = house.ledger.conditions([one], "m")["p:a"]
    assert (condition.in_flight, condition.paced, condition.full) == (1, True, True)


async def test_a_refused_field_is_learnt_once(house: House) -> None:
    for _ in range(2):
        house.ledger.learn(backend(), "seed")
    house.ledger.learn(backend(), "top_k")
    assert house.ledger.left_out(backend()) == {"seed", "top_k"}
    assert house.ledger.left_out(backend("p:b")) == frozenset()
    assert house.facts == [FieldLearnt("p:a", "seed"), FieldLearnt("p:a", "top_k")]


async def test_a_snapshot_tells_all(clock: FakeClock) -> None:
    first, second = two(clock)
    one = backend("p:a", Window(4, HOUR), Window(1, DAY, "calendar"))
    await first.limits.enter(one, 0)
    clock.advance(HOUR - 900)
    assert await first.sends(one) == 1
    clock.advance(1800)
    first.ledger.failed(one, "m", RateLimited("no", retry_after=60))
    first.ledger.learn(one, "seed")
    clock.advance(1)
    for house, in_flight in ((first, 1), (second, 0)):
        await house.ledger.refresh([one])
        (told,) = house.ledger.snapshot([one])
        sliding, calendar = told.windows
        assert replace(told, windows=()) == Standing(
            "p:a",
            "resting",
            "rate_limit",
            rests_for=59,
            failures=1,
            in_flight=in_flight,
            windows=(),
            models=(),
            left_out=("seed",),
        )
        assert replace(sliding, used=0.0) == WindowUse(HOUR, "sliding", 4, 0.0, 0.0)
        assert sliding.used == pytest.approx(0.75, abs=0.01)  # a quarter of the hour has faded
        assert replace(calendar, opens_in=0.0) == WindowUse(DAY, "calendar", 1, 1, 0.0)
        assert calendar.opens_in == pytest.approx(DAY - HOUR - 901, abs=0.01)


async def test_of_a_backend_without_a_past_there_is_little_to_tell(house: House) -> None:
    await house.ledger.refresh([backend()])
    assert house.ledger.snapshot([backend()]) == [Standing("p:a", "up", "", 0.0, 0, 0, (), (), ())]
