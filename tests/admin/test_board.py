"""Workers that show each other what they remember, while somebody watches; and the picture that comes of it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from llmux.admin.board import Board
from llmux.admin.picture import patch, picture
from llmux.gateway.bulletin import Bulletin
from llmux.store.base import StoreError
from llmux.store.memory import MemoryStore
from llmux.telemetry import CooldownEnded, Fact
from tests.admin.facts import finished, heard, planned
from tests.fakes import FakeClock, settle
from tests.gateway.accounts import FaultyStore


class Worker:
    """A board over what one worker has heard. `flying`: requests at its backend."""

    def __init__(self, name: str, store: Any, clock: FakeClock, *facts: Fact, flying: int = 0) -> None:
        self.feed, self._clock, self._flying = heard(clock, *facts), clock, flying
        self.board = Board(self.feed, Bulletin(store, clock), clock, name)

    def standings(self) -> Sequence[Mapping[str, Any]]:
        return [{"backend": "b", "state": "up", "in_flight": self._flying}]

    def picture(self) -> Mapping[str, Any]:
        return picture(self.board.reports(self.standings()), self.standings(), self._clock.now())

    async def turn(self) -> None:
        await self.board.turn(self.standings)


async def test_workers_are_seen_together_while_somebody_watches(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    one = Worker("one", store, clock, finished("r1"), CooldownEnded("b"), flying=1)
    other = Worker("other", store, clock, planned("r2"), finished("r2", client="bob"), CooldownEnded("b"), flying=2)
    await other.turn()
    assert await store.notes("") == {}, "nobody watches, nothing is written"
    one.board.watch()
    for worker in (one, other, one):
        await worker.turn()
    seen = one.picture()
    assert seen["workers"] == 2
    assert {key: row["worker"] for key, row in seen["requests"].items()} == {"r1": "one", "r2": "other"}
    assert seen["backends"]["b"]["in_flight"] == 3
    (bucket,) = seen["minutes"].values()
    assert (bucket["requests"], bucket["input"], bucket["p50_s"]) == (2, 24, pytest.approx(0.1, rel=0.1))
    assert seen["clients"]["bob"]["requests"] == 1
    assert seen["news"].keys() == {"one.0", "other.0"}
    clock.advance(11)
    for worker in (one, other):
        await worker.turn()
    assert await store.notes("") == {}, "nobody has watched for a while"
    assert one.picture()["workers"] == 1


async def test_a_worker_that_is_gone_is_gone_from_the_picture(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    one, other = Worker("one", store, clock), Worker("other", store, clock)
    one.board.watch()
    for worker in (one, other, one):
        await worker.turn()
    assert one.picture()["workers"] == 2
    clock.advance(5)
    one.board.watch()
    await one.turn()
    assert one.picture()["workers"] == 1


async def test_what_another_version_has_written_is_passed_over(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    await store.put("live/new", b'{"worker": 1}', clock.now() + 9)
    one = Worker("one", store, clock)
    one.board.watch()
    await one.turn()
    assert one.picture()["workers"] == 1


async def test_without_a_store_each_shows_its_own_and_goes_on_when_it_is_back(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    one, other = Worker("one", store, clock, finished()), Worker("other", store, clock)
    store.fault = StoreError("locked")
    one.board.watch()
    for worker in (one, other, one):
        await worker.turn()
    assert (one.picture()["workers"], len(one.picture()["requests"])) == (1, 1)
    store.fault = None
    for worker in (one, other, one, other, one):
        await worker.turn()
    assert one.picture()["workers"] == 2


async def test_watchers_wait_for_turns_and_hear_that_it_is_over(clock: FakeClock) -> None:
    one = Worker("one", MemoryStore(clock), clock)
    running = asyncio.ensure_future(one.board.run(one.standings))
    await settle()
    waiting = asyncio.ensure_future(one.board.next())
    await settle()
    assert not waiting.done()
    await clock.pass_time(1)
    assert waiting.result() is True
    waiting = asyncio.ensure_future(one.board.next())
    await settle()
    running.cancel()
    await settle()
    assert waiting.result() is False
    assert await one.board.next() is False


PATCHES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {}, {}),
    ({"a": 1}, {"a": 1}, {}),
    ({"a": 1}, {"a": 2}, {"a": 2}),
    ({"a": 1}, {}, {"a": None}),
    ({}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3, "d": [1]}}, {"a": {"c": 3, "d": [1]}}),
    ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
    ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
    ({"a": 1}, {"a": None}, {"a": None}),
]


@pytest.mark.parametrize(("before", "after", "expected"), PATCHES)
def test_a_patch_tells_what_has_changed(
    before: dict[str, Any], after: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert patch(before, after) == expected
