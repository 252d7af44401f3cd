"""The cache around a responder: hits, misses, what clients wish, and one answer for many who ask at once."""

import asyncio
import math
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from llmux.cache.cache import Bounds
from llmux.errors import BackendCut, GatewayError, RateLimited
from llmux.ir.events import Event, MessageEnd, Opened, StreamError
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.responder import Client, Context
from llmux.store.base import StoreError
from llmux.store.memory import MemoryStore
from tests.cache.questions import ANSWER, BATCHES, BOUNDS, OPENED, TOLD, House, context, headers, question, text
from tests.fakes import FakeClock, settle

BOB = context("bob")


async def test_a_question_is_answered_again_as_it_was(clock: FakeClock) -> None:
    house = House(clock)
    house.inner.ready = BATCHES
    first = await house.hear(question())
    clock.advance(12.4)
    again = await house.hear(question())
    assert (headers(first)["x-llmux-cache"], headers(again)) == ("miss", {"x-llmux-cache": "hit", "age": "12"})
    assert headers(first)["x-ratelimit-remaining"] == "7"  # of the answer that was given, and of no other
    until, told = clock.start + 300, (("x-llmux-cache", "hit"), ("age", "12"))
    assert again[0] == replace(OPENED, attempts=0, headers=told, until=until)
    assert (text(again), again[-1]) == (TOLD, ANSWER[-1])
    assert (len(house.inner.asked), house.outcomes) == (1, ["miss", "hit"])


async def test_an_answer_holds_for_its_time_and_no_longer(clock: FakeClock) -> None:
    house = House(clock)
    outcomes = []
    for wait in (0.0, 299.0, 0.9, 0.1, 1.0):
        clock.advance(wait)
        outcomes.append(await house.outcome(question()))
    assert outcomes == ["miss", "hit", "hit", "miss", "hit"]


async def test_answers_are_a_clients_own_unless_the_owner_shares_them(clock: FakeClock) -> None:
    for shared, expected in (("client", ["miss", "miss", "hit"]), ("all", ["miss", "hit", "hit"])):
        house = House(clock, shared=shared)
        assert [await house.outcome(question(), who) for who in (context(), BOB, context())] == expected


async def test_a_client_that_may_not_use_the_model_gets_no_answer_of_anothers(clock: FakeClock) -> None:
    house = House(clock, shared="all", permits=lambda client, model, backend: client.name != "bob")
    assert [await house.outcome(question(), who) for who in (context(), BOB, context())] == ["miss", "miss", "hit"]


async def test_an_answer_of_a_backend_that_is_gone_is_not_told_again(clock: FakeClock) -> None:
    there = {"a"}
    house = House(clock, permits=lambda client, model, backend: backend in there)
    outcomes = [await house.outcome(question()) for _ in range(2)]
    there.clear()
    assert [*outcomes, await house.outcome(question())] == ["miss", "hit", "miss"]


WISHES = {
    "nothing": ("", ["hit", "hit"]),
    "no-cache asks anew and keeps": ("no-cache", ["miss", "hit"]),
    "no-store does neither": ("no-store", ["bypass", "hit"]),
    "max-age that is old enough": ("max-age=61", ["hit", "hit"]),
    "max-age that is not": ("max-age=60", ["miss", "hit"]),
}


@pytest.mark.parametrize("wish", WISHES)
async def test_what_a_client_wishes(clock: FakeClock, wish: str) -> None:
    said, expected = WISHES[wish]
    house = House(clock)
    await house.outcome(question())
    clock.advance(60)
    outcomes = [await house.outcome(question(), context(cache_control=said)), await house.outcome(question())]
    kept = house.cache.find(house.key(question()))
    assert outcomes == expected
    assert kept is not None
    assert (kept.times.began == clock.now()) == (expected[0] == "miss")


async def test_what_depends_on_the_moment_may_not_be_told_again_without_the_cache(clock: FakeClock) -> None:
    async def until(house: House, cache_control: str = "") -> float:
        await house.outcome(question())
        opened = (await house.hear(question(), context(cache_control=cache_control)))[0]
        assert isinstance(opened, Opened)
        assert headers([opened])["x-llmux-cache"] == "hit"
        return opened.until

    assert await until(House(clock)) == clock.now() + 300
    assert await until(House(clock), "max-age=60") == 0.0
    assert await until(House(clock, by_backend=True)) == 0.0


async def test_no_store_keeps_nothing(clock: FakeClock) -> None:
    house = House(clock)
    assert await house.outcome(question(), context(cache_control="no-store")) == "bypass"
    assert await house.outcome(question()) == "miss"


async def test_what_may_not_be_told_again_passes_and_says_so(clock: FakeClock) -> None:
    house = House(clock)
    house.inner.ready = BATCHES
    for _ in range(2):
        heard = await house.hear(question(n=2))
        assert (headers(heard)["x-llmux-cache"], heard[1:]) == ("bypass", list(ANSWER))
    assert house.outcomes == ["bypass"] * 2


async def test_a_client_that_leaves_a_bypass_ends_it(clock: FakeClock) -> None:
    house = House(clock)
    async with aclosing(house.respond(question(n=2), context())) as batches:
        waiting = asyncio.ensure_future(anext(batches))
        await settle()
        waiting.cancel()
        await settle()
    assert house.inner.closed == 1


NOT_KEPT = {
    "cut": (*BATCHES[:1], (StreamError(BackendCut("cut")),)),
    "filtered": (*BATCHES[:2], (MessageEnd(FinishReason.FILTERED, Usage()),)),
}


@pytest.mark.parametrize("name", NOT_KEPT)
async def test_what_did_not_end_well_is_not_kept(clock: FakeClock, name: str) -> None:
    house = House(clock)
    house.inner.ready = NOT_KEPT[name]
    await house.hear(question())
    await house.hear(question())
    assert house.outcomes == ["miss", "miss"]


async def test_a_failure_is_told_and_not_kept(clock: FakeClock) -> None:
    house = House(clock)
    asked = asyncio.ensure_future(house.hear(question()))
    await settle()
    house.inner.say(RateLimited("no"))
    await settle()
    assert asked.exception() == RateLimited("no")
    assert await house.outcome(question()) == "miss"


async def test_one_that_is_too_large_is_not_kept(clock: FakeClock) -> None:
    house = House(clock, bounds=Bounds(300.0, 2**20, 300, 100))
    assert [await house.outcome(question()) for _ in range(2)] == ["miss", "miss"]


async def test_by_backend_an_answer_is_anothers_when_another_would_be_asked(clock: FakeClock) -> None:
    house = House(clock, by_backend=True)
    outcomes = []
    for first in (("a", "m"), ("a", "n"), ("b", "m"), ("a", "m")):
        house.first = first
        outcomes.append(await house.outcome(question()))
    house.first = None
    assert [*outcomes, await house.outcome(question())] == ["miss", "miss", "miss", "hit", "bypass"]


async def test_by_backend_an_answer_of_the_one_that_stood_in_is_not_kept(clock: FakeClock) -> None:
    house = House(clock, by_backend=True, first=("b", "m"))
    assert [await house.outcome(question()) for _ in range(2)] == ["miss", "miss"]


# --- many at once ----------------------------------------------------------------------------------------------------


async def test_of_many_who_ask_at_once_one_asks(clock: FakeClock) -> None:
    house = House(clock)
    asked = [asyncio.ensure_future(house.hear(question())) for _ in range(50)]
    await settle()
    house.inner.say(*BATCHES, None)
    heard = await asyncio.gather(*asked)
    assert len(house.inner.asked) == 1
    assert [events[1:] for events in heard] == [list(ANSWER)] * 50
    assert headers(heard[0])["x-llmux-cache"] == "miss"
    assert headers(heard[1]) == {"x-llmux-cache": "hit", "age": "0"}
    assert sorted(house.outcomes) == ["coalesced"] * 49 + ["miss"]


async def test_who_asked_first_may_leave(clock: FakeClock) -> None:
    house = House(clock)
    first, other = (asyncio.ensure_future(house.hear(question())) for _ in range(2))
    await settle()
    house.inner.say(BATCHES[0])
    await settle()
    first.cancel()
    await settle()
    house.inner.say(*BATCHES[1:], None)
    assert text(await other) == TOLD
    assert await house.outcome(question()) == "hit"


async def test_when_all_leave_the_backend_is_let_go(clock: FakeClock) -> None:
    house = House(clock)
    asked = [asyncio.ensure_future(house.hear(question())) for _ in range(3)]
    await settle()
    for one in asked:
        one.cancel()
    await settle()
    assert house.inner.closed == 1
    assert await house.outcome(question()) == "miss"


async def test_who_wants_it_anew_does_not_join_and_others_join_the_newer_one(clock: FakeClock) -> None:
    house = House(clock)
    asks = (context(), context(cache_control="no-cache"), context(request_id="late"))
    asked = [asyncio.ensure_future(house.hear(question(), one)) for one in asks]
    await settle()
    assert house.outcomes == ["miss", "miss"]
    for call in (0, 1):
        house.inner.say(*BATCHES, None, call=call)
    await asyncio.gather(*asked)
    assert [context.request_id for context in house.inner.asked] == ["r", "r"]


async def test_one_client_hears_one_failure(clock: FakeClock) -> None:
    house = House(clock)
    asked = [asyncio.ensure_future(house.hear(question())) for _ in range(3)]
    await settle()
    house.inner.say(RateLimited("no"))
    await settle()
    assert [one.exception() for one in asked] == [RateLimited("no")] * 3
    assert len(house.inner.asked) == 1


async def test_anothers_failure_is_its_own_affair(clock: FakeClock) -> None:
    house = House(clock, shared="all")
    mine, theirs = (asyncio.ensure_future(house.hear(question(), who)) for who in (context(), BOB))
    await settle()
    house.inner.say(RateLimited("alice has spent all"))
    await settle()
    house.inner.say(*BATCHES, None)
    assert isinstance(await raised(mine), RateLimited)
    assert text(await theirs) == TOLD
    assert [asked.client.name for asked in house.inner.asked] == ["alice", "bob"]


async def raised(asked: "asyncio.Future[list[Event]]") -> GatewayError | None:
    try:
        await asked
    except GatewayError as error:
        return error
    return None


async def test_a_failure_in_the_middle_everybody_hears(clock: FakeClock) -> None:
    house = House(clock, shared="all")
    asked = [asyncio.ensure_future(house.hear(question(), who)) for who in (context(), BOB)]
    await settle()
    house.inner.say(BATCHES[0], (StreamError(BackendCut("cut")),), None)
    heard = await asyncio.gather(*asked)
    assert [events[-1] for events in heard] == [StreamError(BackendCut("cut"))] * 2
    assert len(house.inner.asked) == 1


async def test_who_may_not_have_it_does_not_join(clock: FakeClock) -> None:
    def permits(client: Client, model: str, backend: str) -> bool:
        return client.name == "alice"

    house = House(clock, shared="all", permits=permits)
    mine, theirs = (asyncio.ensure_future(house.hear(question(), who)) for who in (context(), BOB))
    await settle()
    house.inner.say(*BATCHES, None, call=0)
    await settle()
    house.inner.say((Opened("b", "m", 1), *BATCHES[0][1:]), *BATCHES[1:], None)
    heard = await asyncio.gather(mine, theirs)
    backends = [event.backend for events in heard for event in events if isinstance(event, Opened)]
    assert (backends, house.outcomes) == (["a", "b"], ["miss", "bypass"])


# --- what instances share --------------------------------------------------------------------------------------------


class Place:
    """Where two instances keep together."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.away = False
        self.on_fetch = asyncio.Event()
        self.on_fetch.set()

    async def put(self, client: str, key: str, value: bytes, expires: float) -> None:
        self._look()
        self.kept[key] = value

    async def fetch(self, client: str, keys: list[str]) -> dict[str, bytes]:
        await self.on_fetch.wait()
        self._look()
        return {key: self.kept[key] for key in keys if key in self.kept}

    def _look(self) -> None:
        if self.away:
            raise StoreError("away")


def two(clock: FakeClock, place: Place | None) -> tuple[House, House]:
    store = MemoryStore(clock)
    return House(clock, store=store, place=place), House(clock, store=store, place=place)


async def test_an_instance_tells_what_another_has_kept(clock: FakeClock) -> None:
    one, other = two(clock, Place())
    await one.outcome(question())
    await settle()
    clock.advance(5)
    heard = await other.hear(question())
    assert headers(heard) == {"x-llmux-cache": "hit", "age": "5"}
    assert (text(heard), other.inner.asked) == (TOLD, [])
    clock.advance(294.9)
    assert await other.outcome(question()) == "hit"  # from its own memory
    clock.advance(0.2)
    assert await other.outcome(question()) == "miss"  # it holds no longer for having been told again


async def test_who_may_not_have_it_is_not_told_what_another_instance_has_kept(clock: FakeClock) -> None:
    one, other = two(clock, Place())
    await one.outcome(question())
    await settle()
    other.permitted = False
    assert await other.outcome(question()) == "miss"


async def test_while_one_looks_others_who_ask_the_same_join_whoever_asks_first(clock: FakeClock) -> None:
    place = Place()
    house = two(clock, place)[0]
    place.on_fetch.clear()
    asked = [asyncio.ensure_future(house.hear(question())) for _ in range(5)]
    await settle()
    place.on_fetch.set()
    await settle()
    house.inner.say(*BATCHES, None)
    await asyncio.gather(*asked)
    assert len(house.inner.asked) == 1


async def test_a_place_that_is_away_stops_nobody(clock: FakeClock) -> None:
    place = Place()
    place.away = True
    one, other = two(clock, place)
    assert [await one.outcome(question()), await one.outcome(question()), await other.outcome(question())] == [
        "miss",
        "hit",
        "miss",
    ]


async def test_what_another_version_has_written_is_not_read(clock: FakeClock) -> None:
    place = Place()
    one, other = two(clock, place)
    await one.outcome(question())
    await settle()
    place.kept = dict.fromkeys(place.kept, b"\xc1 what is this")
    assert await other.outcome(question()) == "miss"


# --- clearing --------------------------------------------------------------------------------------------------------


async def test_what_is_cleared_is_asked_anew_here_at_once_and_elsewhere_within_a_second(clock: FakeClock) -> None:
    one, other = two(clock, None)
    for house in (one, other):
        await house.outcome(question())
    clock.advance(1)
    assert await one.cache.clear() == 1
    clock.advance(1)
    assert [await one.outcome(question()), await other.outcome(question())] == ["miss", "hit"]
    await other.cache.refresh()
    assert [await one.outcome(question()), await other.outcome(question())] == ["hit", "miss"]


async def test_a_model_alone_can_be_cleared(clock: FakeClock) -> None:
    house = House(clock)
    for model in ("gpt-1", "gpt-2", "claude-1"):
        await house.outcome(question(model=model))
    assert await house.cache.clear("GPT-*") == 2
    outcomes = [await house.outcome(question(model=model)) for model in ("gpt-1", "gpt-2", "claude-1")]
    assert outcomes == ["miss", "miss", "hit"]


async def test_what_was_asked_before_and_answered_after_is_cleared_too(clock: FakeClock) -> None:
    house = House(clock)
    asked = asyncio.ensure_future(house.hear(question()))
    await settle()
    await house.cache.clear()
    clock.advance(1)
    house.inner.say(*BATCHES, None)
    await asked
    assert await house.outcome(question()) == "miss"


async def test_what_a_place_still_holds_is_not_told_when_it_was_cleared(clock: FakeClock) -> None:
    one, other = two(clock, Place())
    await one.outcome(question())
    await settle()
    clock.advance(1)
    await one.cache.clear()
    await other.cache.refresh()
    assert await other.outcome(question()) == "miss"


async def test_a_store_that_is_away_does_not_stop_a_clearing(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    house = House(clock, store=store)
    await house.outcome(question())
    await store.close()
    assert await house.cache.clear() == 1
    await house.cache.refresh()
    assert await house.outcome(question()) == "miss"


async def test_old_clearings_and_those_of_others_that_nobody_reads_are_let_go(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    house = House(clock, store=store)
    await house.cache.clear()
    await store.put("cache-cleared/other", b"\xc1", math.inf)
    await house.cache.refresh()
    assert len(house.cache._clearings) == 1
    clock.advance(BOUNDS.seconds + 2)
    await house.cache.refresh()
    assert house.cache._clearings == {}


async def test_it_looks_every_second(clock: FakeClock) -> None:
    one, other = two(clock, None)
    running = asyncio.ensure_future(other.cache.run())
    await other.outcome(question())
    await one.cache.clear()
    await clock.pass_time(1.0)
    assert await other.outcome(question()) == "miss"
    running.cancel()


# --- what the owner sees and says ------------------------------------------------------------------------------------


async def test_what_is_told_of_it(clock: FakeClock) -> None:
    house = House(clock)
    for asked in (question(), question(), question(n=2), question("other")):
        await house.outcome(asked)
    told = house.cache.stats()
    assert told.pop("bytes") > 0
    assert told == {
        "enabled": True, "entries": 2, "hit": 1, "coalesced": 0, "miss": 2, "bypass": 1, "hit_rate": 0.3333,
        "since": int(clock.start), "shared": False,
    }  # fmt: skip


async def test_a_reload_keeps_what_is_kept_unless_the_bounds_are_others(clock: FakeClock) -> None:
    house = House(clock)
    await house.outcome(question())
    house.cache.configure(BOUNDS)
    assert await house.outcome(question()) == "hit"
    house.cache.configure(replace(BOUNDS, number=5))
    assert await house.outcome(question()) == "miss"


async def test_one_that_is_switched_off_keeps_and_tells_nothing(clock: FakeClock) -> None:
    house = House(clock)
    await house.outcome(question())
    house.cache.configure(None)
    await house.outcome(question())
    await house.cache.refresh()
    assert (house.cache.stats()["entries"], house.cache.stats()["enabled"]) == (0, False)
    assert await house.cache.clear() == 0
    assert house.cache.stats()["hit_rate"] == 0.0
    assert House(clock).cache.stats()["hit_rate"] is None


async def test_a_request_id_is_told_with_what_became_of_it(clock: FakeClock) -> None:
    house = House(clock)
    await house.outcome(question(), Context("r7"))
    assert getattr(house.facts[-1], "request_id", "") == "r7"
