"""The ledger's accounts: alone, with other workers, across a kill, and without its store."""

import asyncio
import math
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from llmux.clock import SystemClock
from llmux.errors import (
    BackendFailed,
    BackendModelNotFound,
    BackendUnreachable,
    BadRequest,
    GatewayError,
    OurLimit,
    RateLimited,
)
from llmux.gateway.books import Books
from llmux.gateway.budget import WindowUse
from llmux.gateway.ledger import FAILURES_COUNT_FOR, LEARNT_FOR, REFRESH_EVERY, Ledger, Standing
from llmux.gateway.limits import Keeper
from llmux.responder import Client
from llmux.routing.catalog import Backend, Limits, Window
from llmux.routing.rules import READY
from llmux.store.base import Store, StoreError
from llmux.store.memory import MemoryStore
from llmux.store.sqlite import SqliteStore
from llmux.telemetry import CooldownStarted, Fact, FieldLearnt, Notice, StoreFault
from tests.fakes import FakeClock, settle

HOUR, FIVE_HOURS, DAY = 3600, 18_000, 86_400


def backend(name: str = "p:a", *windows: Window, limits: Limits | None = None) -> Backend:
    provider, _, model = name.partition(":")
    return Backend(
        name=name, provider=provider, model=model, dialect="claude", windows=windows, limits=limits or Limits()
    )


class House:
    """A ledger, and what it needs and says. Two of them with one store are two workers."""

    def __init__(self, clock: FakeClock, store: Store | None = None) -> None:
        self.clock, self.facts, self.limits = clock, list[Fact](), Keeper()
        self.store = store or MemoryStore(clock)
        self.ledger = Ledger(self.store, clock, self.facts.append, self.limits)

    async def sends(self, *backends: Backend) -> int:
        """How many of these get through their windows."""
        through = 0
        for one in backends:
            try:
                await self.ledger.reserve(one)
                through += 1
            except OurLimit:
                pass
        return through

    def rests_for(self, one: Backend, model: str = "m") -> float:
        until = self.ledger.conditions([one], model)[one.name].rests_until
        return max(until - self.clock.now(), 0.0)

    def opens_in(self, one: Backend) -> float:
        opens_at = self.ledger.conditions([one], "m")[one.name].opens_at
        return opens_at - self.clock.now() if opens_at else 0.0


class FaultyStore(MemoryStore):
    """A store that can be told to fail, or to say nothing."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.fault: StoreError | None = None
        self.hangs = False
        self.calls = 0

    async def _trouble(self) -> None:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        if self.hangs:
            await asyncio.get_running_loop().create_future()

    async def add(self, deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        await self._trouble()
        return await super().add(deltas, expires)

    async def counters(self, keys: Sequence[str]) -> Mapping[str, float]:
        await self._trouble()
        return await super().counters(keys)

    async def put(self, key: str, value: bytes, expires: float) -> None:
        await self._trouble()
        await super().put(key, value, expires)

    async def notes(self, prefix: str) -> Mapping[str, bytes]:
        await self._trouble()
        return await super().notes(prefix)

    async def remove(self, keys: Sequence[str]) -> None:
        await self._trouble()
        await super().remove(keys)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_750_032_000.0)  # the beginning of an hour and of a day, UTC


@pytest.fixture
def house(clock: FakeClock) -> House:
    return House(clock)


# --- rate windows -----------------------------------------------------------------------------------------------------


async def test_who_has_no_limits_costs_nothing(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    house = House(clock, store)
    conditions = house.ledger.conditions([backend("p:a"), backend("p:b")], "m")
    assert conditions["p:a"] is conditions["p:b"] is READY
    (await house.ledger.reserve(backend())).give_back()
    (await house.ledger.reserve_client(Client("c"))).give_back()
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
        await house.ledger.reserve_client(Client("c", max_per_hour=9, max_per_5hours=0))
    assert caught.value.retry_after is None  # nobody can say when


async def test_clients_have_windows_of_their_own(house: House) -> None:
    for name in ("c", "d"):
        client = Client(name, max_per_hour=5, max_per_day=2)
        await house.ledger.reserve_client(client)
        await house.ledger.reserve_client(client)
        with pytest.raises(OurLimit, match="2 requests per day"):
            await house.ledger.reserve_client(client)


async def test_backends_of_like_names_are_apart(house: House) -> None:
    window = Window(1, HOUR)
    assert await house.sends(backend("p:a", window), backend("p:a:3600", window), backend("p:ab", window)) == 3


async def test_what_is_given_back_can_be_spent_again(house: House) -> None:
    one = backend("p:a", Window(1, HOUR))
    reservation = await house.ledger.reserve(one)
    assert house.opens_in(one) > 0
    reservation.give_back()
    reservation.give_back()
    assert house.opens_in(one) == 0.0
    assert await house.sends(one, one) == 1


async def test_what_comes_back_after_its_window_is_no_gain(house: House) -> None:
    one = backend("p:a", Window(1, HOUR, "calendar"))
    reservation = await house.ledger.reserve(one)
    house.clock.advance(HOUR)
    assert await house.sends(one) == 1
    reservation.give_back()
    await house.ledger.refresh()
    assert await house.sends(one) == 0


async def test_a_reload_keeps_what_was_counted(house: House) -> None:
    assert await house.sends(backend("p:a", Window(2, HOUR))) == 1
    assert await house.sends(*[backend("p:a", Window(3, HOUR), Window(100, DAY))] * 5) == 2


# --- rests and refused fields -----------------------------------------------------------------------------------------


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


# --- other workers ----------------------------------------------------------------------------------------------------


async def two(clock: FakeClock) -> tuple[House, House]:
    first = House(clock)
    return first, House(clock, first.store)


async def share(*houses: House) -> None:
    for house in houses:
        await house.ledger.refresh()


async def test_workers_share_a_window(clock: FakeClock) -> None:
    one = backend("p:a", Window(4, HOUR))
    first, second = await two(clock)
    assert await first.sends(one, one, one) == 3
    assert second.opens_in(one) == 0.0
    assert await second.sends(one, one) == 1
    assert await first.sends(one) == 0


async def test_a_worker_sees_a_window_that_another_has_filled(clock: FakeClock) -> None:
    one = backend("p:a", Window(2, FIVE_HOURS, "calendar"))
    first, second = await two(clock)
    clock.advance(77)
    assert await first.sends(one, one) == 2
    assert second.opens_in(one) == 0.0  # it has not looked yet
    clock.advance(HOUR)
    await share(first, second)
    assert second.opens_in(one) == pytest.approx(FIVE_HOURS - HOUR, abs=0.01)
    clock.advance(FIVE_HOURS - HOUR)
    assert second.opens_in(one) == 0.0


async def test_what_one_worker_gives_back_another_may_spend(clock: FakeClock) -> None:
    one = backend("p:a", Window(1, HOUR))
    first, second = await two(clock)
    (await first.ledger.reserve(one)).give_back()
    await share(first)
    assert await second.sends(one, one) == 1


async def test_workers_and_restarts_share_rests_and_refused_fields(clock: FakeClock) -> None:
    first, second = await two(clock)
    first.ledger.failed(backend("p:a"), "m", RateLimited("no", retry_after=60))
    first.ledger.failed(backend("p:*"), "a/b\n c", BackendModelNotFound("?"))
    first.ledger.learn(backend("p:a"), "seed")
    await share(first, second)
    assert second.rests_for(backend("p:a")) == 60
    assert second.rests_for(backend("p:*"), "a/b\n c") == 600
    assert second.ledger.left_out(backend("p:a")) == {"seed"}
    assert second.facts == []  # it has been told where it happened
    clock.advance(60)
    second.ledger.succeeded(backend("p:a"), "m")
    await share(second, first)
    assert first.ledger.failed(backend("p:a"), "m", BackendUnreachable("refused")) == 5  # the first in a row again


async def test_what_is_not_yet_written_is_not_unlearnt(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    first, second = House(clock, store), House(clock, store)
    second.ledger.learn(backend(), "seed")
    second.ledger.failed(backend("p:b"), "m", RateLimited("no", retry_after=5))
    await share(second, first)
    clock.advance(5)

    notes = store.notes

    async def meanwhile(prefix: str) -> Mapping[str, bytes]:
        answer = await notes(prefix)
        first.ledger.learn(backend(), "top_k")  # while the answer is on its way
        first.ledger.succeeded(backend("p:b"), "m")
        return answer

    store.notes = meanwhile  # type: ignore[method-assign]  # one answer that takes its time
    await share(first)
    assert first.ledger.left_out(backend()) == {"seed", "top_k"}
    assert first.ledger.snapshot([backend("p:b")])[0].failures == 0


async def test_memory_of_failures_and_refusals_fades(clock: FakeClock) -> None:
    house = House(clock)
    rest = house.ledger.failed(backend(), "m", BackendUnreachable("refused"))
    house.ledger.learn(backend(), "seed")
    await share(house)
    clock.advance(rest + FAILURES_COUNT_FOR)
    await share(house)
    assert house.ledger.failed(backend(), "m", BackendUnreachable("refused")) == rest
    clock.advance(LEARNT_FOR)
    await share(house)
    assert house.ledger.left_out(backend()) == frozenset()


@pytest.mark.parametrize(
    ("note", "value"),
    [
        ('cooldown/["p:a"]', b"{}"),
        ("cooldown/p:a", b"null"),
        ('refused/["p:a","seed"]', b"not JSON"),
        ("refused/7", b"true"),
    ],
)
async def test_notes_of_another_version_are_passed_over(note: str, value: bytes, house: House) -> None:
    await house.store.put(note, value, math.inf)
    await share(house)
    assert house.ledger.conditions([backend()], "m")["p:a"] is READY
    assert house.ledger.left_out(backend()) == frozenset()
    assert house.facts == []


async def test_the_loop_shares_every_second(clock: FakeClock) -> None:
    first, second = await two(clock)
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(house.ledger.run()) for house in (first, second)]
        await settle()
        first.ledger.failed(backend(), "m", RateLimited("no", retry_after=60))
        await clock.pass_time(REFRESH_EVERY)
        await clock.pass_time(REFRESH_EVERY)
        assert second.rests_for(backend()) == 60 - 2 * REFRESH_EVERY
        for loop in loops:
            loop.cancel()


async def test_closing_writes_what_is_left(clock: FakeClock) -> None:
    first, second = await two(clock)
    first.ledger.learn(backend(), "seed")
    await first.ledger.close()
    await share(second)
    assert second.ledger.left_out(backend()) == {"seed"}


# --- without the store ------------------------------------------------------------------------------------------------


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
    (await house.ledger.reserve(one)).give_back()
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


# --- for people -------------------------------------------------------------------------------------------------------


async def test_a_snapshot_tells_all(clock: FakeClock) -> None:
    first, second = await two(clock)
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


# --- real processes, one file -----------------------------------------------------------------------------------------

REPOSITORY = Path(__file__).parents[2]

# Reserves as often as it is told, a word for each; then says of what it knows, on and on.
WORKER = """
import asyncio, sys
from pathlib import Path
from llmux.clock import SystemClock
from llmux.errors import OurLimit, RateLimited
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.routing.catalog import Backend, Window
from llmux.store.sqlite import SqliteStore

async def main():
    path, times, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    clock = SystemClock()
    ledger = Ledger(SqliteStore(path, clock, 60), clock, print, Keeper())
    ledger._books._patience = 60
    backend = Backend(name="p:a", provider="p", model="a", dialect="claude", windows=(Window(limit, 86_400),))
    for _ in range(times):
        try:
            await ledger.reserve(backend)
            print("sent", flush=True)
        except OurLimit:
            print("refused", flush=True)
    ledger.failed(backend, "m", RateLimited("no", retry_after=3600))
    await ledger.close()

asyncio.run(main())
"""


def worker(file: Path, times: int, limit: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, str(file), str(times), str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)


async def test_two_processes_share_a_limit_exactly(tmp_path: Path) -> None:
    file, limit = tmp_path / "llmux.db", 100
    both = [worker(file, 90, limit), worker(file, 90, limit)]
    said = [process.communicate(timeout=60)[0].split() for process in both]
    assert sum(words.count("sent") for words in said) == limit
    assert sum(words.count("refused") for words in said) == 180 - limit


async def test_a_kill_forgets_no_request(tmp_path: Path) -> None:
    file = tmp_path / "llmux.db"
    doomed = worker(file, 10**9, 10**9)
    assert doomed.stdout is not None
    sent = sum(doomed.stdout.readline() == "sent\n" for _ in range(50))
    doomed.send_signal(signal.SIGKILL)
    sent += doomed.communicate(timeout=60)[0].count("sent\n")
    said = worker(file, 20, sent + 10).communicate(timeout=60)[0].split()
    assert said.count("sent") in {9, 10}  # the last one may have been counted without its word


async def test_a_process_knows_of_a_rest_that_another_began(tmp_path: Path) -> None:
    worker(tmp_path / "llmux.db", 0, 1).communicate(timeout=60)
    clock = SystemClock()
    store = SqliteStore(tmp_path / "llmux.db", clock, patience=60)
    ledger = Ledger(store, clock, lambda _fact: None, Keeper())
    await ledger.refresh()
    assert ledger.conditions([backend()], "m")["p:a"].rests_until > clock.now() + 3000
    await store.close()
