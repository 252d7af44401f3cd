"""Paces and counts, in a loop whose time is made up: a wait of an hour takes no time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from llmux.errors import OurLimit
from llmux.gateway.limits import FULL_RETRY, Keeper
from llmux.routing.catalog import Backend, Limits


class LeapingSelector(selectors.DefaultSelector):
    """Does not wait for the time that a loop would wait: lets it have passed."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.passed += timeout or 0
        return super().select(0)


def leaping_loop() -> asyncio.AbstractEventLoop:
    selector = LeapingSelector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.passed  # type: ignore[method-assign]  # the loop's one source of time
    return loop


def leaping(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        with asyncio.Runner(loop_factory=leaping_loop) as runner:
            runner.run(test())

    return run


def backend(name: str = "p:a", **limits: Any) -> Backend:
    provider, _, model = name.partition(":")
    return Backend(name=name, provider=provider, model=model, dialect="claude", limits=Limits(**limits))


async def moments(keeper: Keeper, backends: list[Backend], patience: float = 1000) -> list[float]:
    """Let everybody in at once: when each got in, in seconds."""
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def enter(one: Backend) -> float:
        await keeper.enter(one, patience)
        return round(loop.time() - start, 3)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(enter(one)) for one in backends]
    return [task.result() for task in tasks]


PACES = {
    "free": ({}, [0, 0, 0, 0, 0]),
    "two a second": ({"rps": 2}, [0, 0, 0.5, 1.0, 1.5]),
    "three a minute": ({"rpm": 3}, [0, 0, 0, 20, 40]),
    "less than one a second": ({"rps": 0.5}, [0, 2, 4, 6, 8]),
    "the slower one counts": ({"rps": 100, "rpm": 3}, [0, 0, 0, 20, 40]),
}


@pytest.mark.parametrize(("limits", "expected"), PACES.values(), ids=PACES)
def test_a_pace(limits: dict[str, Any], expected: list[float]) -> None:
    @leaping
    async def play() -> None:
        assert await moments(Keeper(), [backend(**limits)] * 5) == expected

    play()


@leaping
async def test_a_provider_paces_all_of_its_backends() -> None:
    keeper = Keeper({"p": Limits(rps=1)})
    assert await moments(keeper, [backend("p:a"), backend("p:b"), backend("q:a"), backend("p:a")]) == [0, 1, 0, 2]


@leaping
async def test_paced_says_that_a_request_would_wait() -> None:
    keeper, slow = Keeper(), backend(rps=1)
    assert not keeper.paced(slow)
    await keeper.enter(slow, 0)
    assert keeper.paced(slow)
    await asyncio.sleep(1)
    assert not keeper.paced(slow)


@leaping
async def test_patience_ends_with_the_seconds_until_a_turn() -> None:
    keeper, slow = Keeper(), backend(rpm=1)
    await keeper.enter(slow, 0)
    with pytest.raises(OurLimit) as caught:
        await keeper.enter(slow, 30)
    assert asyncio.get_running_loop().time() == 30
    assert caught.value.retry_after == 60
    assert keeper.in_flight(slow) == 1


@leaping
async def test_nobody_waits_in_vain() -> None:
    keeper, slow = Keeper(), backend(rps=1)
    async with asyncio.TaskGroup() as group:
        for _ in range(4):  # one goes in, three wait: 1, 2, 3 s
            group.create_task(keeper.enter(slow, 10))
        await asyncio.sleep(0)
        with pytest.raises(OurLimit) as caught:
            await keeper.enter(slow, 2)
        assert asyncio.get_running_loop().time() == 0
        assert caught.value.retry_after == 3


@leaping
async def test_who_is_cancelled_while_waiting_has_not_entered() -> None:
    keeper, slow = Keeper(), backend(rps=1)
    await keeper.enter(slow, 0)
    waits = asyncio.ensure_future(keeper.enter(slow, 10))
    await asyncio.sleep(0)
    assert keeper.in_flight(slow) == 2
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits
    assert keeper.in_flight(slow) == 1
    assert await moments(keeper, [slow]) == [1]


@pytest.mark.parametrize("of", ["backend", "provider"])
async def test_full(of: str) -> None:
    keeper = Keeper({"p": Limits(concurrent=2)} if of == "provider" else {})
    one = backend(concurrent=2) if of == "backend" else backend()
    await keeper.enter(one, 0)
    assert not keeper.full(one)
    await keeper.enter(one, 0)
    assert keeper.full(one)
    with pytest.raises(OurLimit) as caught:
        await keeper.enter(one, 10)
    assert caught.value.retry_after == FULL_RETRY
    keeper.leave(one)
    assert not keeper.full(one)
    await keeper.enter(one, 0)
    assert keeper.in_flight(one) == 2


async def test_a_full_backend_leaves_its_neighbour_alone() -> None:
    keeper = Keeper()
    await keeper.enter(backend("p:a", concurrent=1), 0)
    assert keeper.full(backend("p:a", concurrent=1))
    assert not keeper.full(backend("p:b", concurrent=1))
    assert keeper.in_flight(backend("p:b")) == 0


async def test_limited() -> None:
    keeper = Keeper({"p": Limits(rpm=1)})
    assert keeper.limited(backend("p:a"))
    assert keeper.limited(backend("q:a", concurrent=1))
    assert not keeper.limited(backend("q:a"))


@leaping
async def test_a_reload_keeps_the_pace_of_a_number_that_stays() -> None:
    keeper = Keeper({"p": Limits(rps=3)})
    for _ in range(3):
        await keeper.enter(backend(rps=3, rpm=100), 0)
    keeper.configure({"p": Limits(rps=3, concurrent=9)})
    assert keeper.paced(backend(rps=3, rpm=200))
    keeper.configure({})
    assert keeper.paced(backend(rps=3, concurrent=9))
    assert not keeper.paced(backend(rps=4))  # another number is another bucket


async def test_a_reload_keeps_who_is_in_flight() -> None:
    keeper = Keeper({"p": Limits(concurrent=5)})
    await keeper.enter(backend(), 0)
    keeper.configure({"p": Limits(concurrent=1)})
    assert keeper.full(backend())
    keeper.leave(backend(concurrent=1))
    assert not keeper.full(backend(concurrent=1))
    assert keeper.in_flight(backend()) == 0
