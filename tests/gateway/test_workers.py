"""Ledgers that share a store: workers, restarts, real processes that are killed."""

import asyncio
import math
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from llmux.clock import SystemClock
from llmux.errors import BackendModelNotFound, BackendUnreachable, RateLimited
from llmux.gateway.ledger import LEARNT_FOR, REFRESH_EVERY, Ledger
from llmux.gateway.limits import Keeper
from llmux.gateway.rests import FAILURES_COUNT_FOR
from llmux.responder import Window
from llmux.routing.rules import READY
from llmux.store.sqlite import SqliteStore
from tests.fakes import FakeClock, settle
from tests.gateway.accounts import FIVE_HOURS, HOUR, MIDNIGHT, FaultyStore, House, backend, share, two


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT)


@pytest.fixture
def house(clock: FakeClock) -> House:
    return House(clock)


async def test_workers_share_a_window(clock: FakeClock) -> None:
    one = backend("p:a", Window(4, HOUR))
    first, second = two(clock)
    assert await first.sends(one, one, one) == 3
    assert second.opens_in(one) == 0.0
    assert await second.sends(one, one) == 1
    assert await first.sends(one) == 0


async def test_a_worker_sees_a_window_that_another_has_filled(clock: FakeClock) -> None:
    one = backend("p:a", Window(2, FIVE_HOURS, "calendar"))
    first, second = two(clock)
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
    first, second = two(clock)
    (await first.ledger.reserve(one)).unseen()
    await share(first)
    assert await second.sends(one, one) == 1


async def test_workers_and_restarts_share_rests_and_refused_fields(clock: FakeClock) -> None:
    first, second = two(clock)
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
    first, second = two(clock)
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
    first, second = two(clock)
    first.ledger.learn(backend(), "seed")
    await first.ledger.close()
    await share(second)
    assert second.ledger.left_out(backend()) == {"seed"}


REPOSITORY = Path(__file__).parents[2]

# Reserves as often as it is told, a word for each; then says of what it knows, on and on.
WORKER = """
import asyncio, sys
from pathlib import Path
from llmux.clock import SystemClock
from llmux.errors import OurLimit, RateLimited
from llmux.gateway.ledger import Ledger
from llmux.gateway.rests import FAILURES_COUNT_FOR
from llmux.gateway.limits import Keeper
from llmux.responder import Window
from llmux.routing.catalog import Backend
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
    with worker(file, 10**9, 10**9) as doomed:
        assert doomed.stdout is not None
        sent = sum(doomed.stdout.readline() == "sent\n" for _ in range(50))
        doomed.send_signal(signal.SIGKILL)
        sent += doomed.stdout.read().count("sent\n")  # not communicate: it passes by what is already buffered
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
