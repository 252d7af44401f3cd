"""Answers on their way: who hears what, who may leave, and that nobody waits for ever."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from llmux.cache.flights import BEHIND, EVENT_BYTES, Flight, Flights
from llmux.cache.tasks import Tasks
from llmux.errors import BackendCut, InternalError, RateLimited
from llmux.ir.events import Batch, Event, StreamError, Verbatim
from tests.cache.questions import BATCHES, Inner, context, question
from tests.fakes import settle

MOST = 1000


def said(size: int, *, done: bool = False) -> Batch:
    return (Verbatim(b"x" * (size - EVENT_BYTES), done=done),)


class Scene:
    """A flight that is led by hand, and its listeners."""

    def __init__(self) -> None:
        self.inner, self.tasks, self.landed = Inner(), Tasks(), list[Sequence[Batch]]()
        self.flights = Flights(self.tasks)
        self.flight = Flight("alice", MOST, self.landed.append)

    def begin(self) -> None:
        self.flights.begin(b"k", self.flight, self.inner(question(), context()))

    def listen(self) -> "Ear":
        return Ear(self.flight.listen())


class Ear:
    """A listener that hears at once, unless it is told to wait."""

    def __init__(self, batches: AsyncGenerator[Batch, None]) -> None:
        self.heard: list[Event] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.task = asyncio.ensure_future(self._hear(batches))

    async def _hear(self, batches: AsyncGenerator[Batch, None]) -> None:
        async with aclosing(batches):
            async for batch in batches:
                self.heard += batch
                await self.reads.wait()

    async def leave(self) -> None:
        self.task.cancel()
        await settle()


def events(*batches: Batch) -> list[Event]:
    return [event for batch in batches for event in batch]


async def test_everybody_hears_everything_also_who_comes_late() -> None:
    scene = Scene()
    scene.begin()
    first = scene.listen()
    await settle()
    scene.inner.say(BATCHES[0])
    await settle()
    late = scene.listen()
    await settle()
    assert first.heard == late.heard == events(BATCHES[0])
    scene.inner.say(*BATCHES[1:], None)
    await settle()
    assert first.heard == late.heard == events(*BATCHES)
    assert (first.task.done(), late.task.done(), len(scene.inner.asked)) == (True, True, 1)


async def test_it_lands_with_its_last_word_not_with_the_end_of_its_connection() -> None:
    scene = Scene()
    scene.begin()
    first = scene.listen()
    await settle()
    scene.inner.say(*BATCHES)  # and the backend keeps its connection open
    await settle()
    assert scene.landed == [list(BATCHES)]
    await first.leave()
    assert scene.inner.closed == 1


async def test_who_asked_first_may_leave_and_the_others_hear_on() -> None:
    scene = Scene()
    scene.begin()
    first, other = scene.listen(), scene.listen()
    await settle()
    scene.inner.say(BATCHES[0])
    await first.leave()
    assert scene.inner.closed == 0
    scene.inner.say(*BATCHES[1:], None)
    await settle()
    assert other.heard == events(*BATCHES)
    assert scene.landed == [list(BATCHES)]


async def test_it_ends_when_nobody_listens_any_more() -> None:
    scene = Scene()
    scene.begin()
    first, other = scene.listen(), scene.listen()
    await settle()
    await first.leave()
    assert scene.inner.closed == 0
    await other.leave()
    assert (scene.inner.closed, scene.landed, scene.flights.find(b"k")) == (1, [], None)


async def test_who_comes_when_it_has_been_given_up_finds_nothing() -> None:
    scene = Scene()
    scene.begin()
    first = scene.listen()
    await settle()
    first.task.cancel()
    while not first.task.done():
        await asyncio.sleep(0)
    assert scene.flights.find(b"k") is None  # also before its task has ended


async def test_one_that_never_took_off_is_forgotten() -> None:
    scene = Scene()
    scene.begin()
    scene.flight.cancel()
    await settle()
    assert (scene.flights.find(b"k"), scene.flights._flights, scene.inner.asked) == (None, {}, [])


async def test_a_newer_one_is_not_forgotten_with_an_older_one() -> None:
    scene = Scene()
    scene.begin()
    newer = Flight("bob", MOST, lambda _: None)
    scene.flights.begin(b"k", newer, scene.inner(question(), context()))
    listener = Ear(newer.listen())
    scene.flight.cancel()
    await settle()
    assert scene.flights.find(b"k") is newer
    await listener.leave()


@pytest.mark.parametrize("error", [RateLimited("no"), ValueError("a bug")])
async def test_what_it_fails_with_everybody_hears(error: Exception) -> None:
    scene = Scene()
    scene.begin()
    ears = [scene.listen() for _ in range(3)]
    await settle()
    scene.inner.say(error)
    await settle()
    assert [ear.task.exception() for ear in ears] == [error] * 3
    assert (scene.landed, scene.flights.find(b"k")) == ([], None)


async def test_an_end_that_is_an_error_is_told_like_the_rest() -> None:
    scene = Scene()
    scene.begin()
    first, other = scene.listen(), scene.listen()
    await settle()
    broken: Batch = (StreamError(BackendCut("cut")),)
    scene.inner.say(BATCHES[0], broken, None)
    await settle()
    assert first.heard == other.heard == events(BATCHES[0], broken)


async def test_when_the_house_closes_nobody_is_left_waiting() -> None:
    scene = Scene()
    scene.begin()
    first = scene.listen()
    await settle()
    await scene.tasks.close()
    await settle()
    assert isinstance(first.task.exception(), InternalError)
    assert scene.inner.closed == 1


# --- what is too much to hold ----------------------------------------------------------------------------------------


async def test_an_answer_that_is_too_large_is_heard_and_neither_joined_nor_kept() -> None:
    scene = Scene()
    scene.begin()
    first = scene.listen()
    await settle()
    large = [said(MOST), said(MOST), said(MOST, done=True)]
    scene.inner.say(*large, None)
    await settle()
    assert first.heard == events(*large)
    assert scene.landed == []
    assert not scene.flight.is_open


async def test_it_waits_for_its_only_listener() -> None:
    scene = Scene()
    scene.begin()
    slow = scene.listen()
    slow.reads.clear()
    await settle()
    scene.inner.say(*[said(MOST // 2) for _ in range(20)], said(200, done=True), None)
    await settle()
    assert 0 < scene.inner._says[0].qsize() < 20  # the backend is not read any further
    slow.reads.set()
    await settle(100)
    assert len(slow.heard) == 21


async def test_one_who_leaves_a_flight_that_waits_for_it_lets_it_go_on() -> None:
    scene = Scene()
    scene.begin()
    slow, other = scene.listen(), scene.listen()
    slow.reads.clear()
    other.reads.clear()
    await settle()
    scene.inner.say(*[said(MOST // 2) for _ in range(6)], None)
    await settle()
    await slow.leave()
    other.reads.set()
    await settle(100)
    assert len(other.heard) == 6


async def test_a_slow_listener_does_not_hold_up_the_others_and_hears_that_it_is_cut_off() -> None:
    scene = Scene()
    scene.begin()
    slow, quick = scene.listen(), scene.listen()
    slow.reads.clear()
    await settle()
    many = [said(MOST // 2) for _ in range(4 * BEHIND)]
    scene.inner.say(*many, said(200, done=True), None)
    await settle(200)
    assert len(quick.heard) == len(many) + 1
    slow.reads.set()
    await settle()
    last = slow.heard[-1]
    assert isinstance(last, StreamError)
    assert slow.task.exception() is None


# --- tasks -----------------------------------------------------------------------------------------------------------


async def test_work_that_is_done_is_forgotten() -> None:
    tasks, done = Tasks(), list[int]()

    async def work() -> None:
        done.append(1)

    tasks.begin(work())
    await settle()
    assert (done, tasks._tasks) == ([1], set())
    await tasks.close()
