"""Stores under load: a killed worker, a killed or silent Redis, a killed holder of SQLite's lock, a full disk.

While a store is away each process keeps its limits by what it knows: what it has counted, and what it last saw of the
others. So a limit is exceeded by no more than what the others let through meanwhile. What was in flight when the store
went may have been counted there and is owed again: that can only close a window early.
"""

import asyncio
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from llmux.clock import SystemClock
from llmux.errors import OurLimit, RateLimited
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.responder import FOREVER, Window
from llmux.store.base import Store
from llmux.store.open import open_store
from llmux.store.redis import PATIENCE, RedisStore
from llmux.telemetry import Fact, Notice, StoreFault
from tests.cli.running import ROOT
from tests.gateway.accounts import backend
from tests.redis_server import RedisServer, needs_redis

CLOCK = SystemClock()
BUSY = 30  # s; for what a busy machine may take


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def fast_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """One that does not wait for its disk."""
    server = RedisServer(tmp_path, "--appendonly", "no")
    server.start()
    yield server
    server.kill()


def spender(url: str, limit: int, at_once: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.whole.spender", url, str(limit), str(at_once)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def told(worker: "subprocess.Popen[str]") -> Iterator[str]:
    assert worker.stdout is not None
    return iter(worker.stdout.readline, "")


def go(worker: "subprocess.Popen[str]") -> None:
    """Let it begin, once it is ready."""
    assert next(told(worker)) == "ready\n"
    assert worker.stdin is not None
    worker.stdin.write("\n")
    worker.stdin.flush()


class Worker:
    """A ledger of its own, as a process has one, with what it let through and what it told."""

    pause = 0.002  # s after a request

    def __init__(self, store: Store, limit: int) -> None:
        self.facts, self.through, self.slowest = list[Fact](), 0, 0.0
        self.ledger = Ledger(store, CLOCK, self.facts.append, Keeper())
        self.backend = backend("p:a", Window(limit, FOREVER))

    async def spends(self) -> None:
        """Sends until there is no room."""
        with suppress(OurLimit):
            while True:
                began = time.monotonic()
                try:
                    await self.ledger.reserve(self.backend)
                finally:
                    self.slowest = max(self.slowest, time.monotonic() - began)
                self.through += 1
                await asyncio.sleep(self.pause)

    def tells(self, kind: type[Fact]) -> int:
        return sum(isinstance(fact, kind) for fact in self.facts)


@asynccontextmanager
async def workers(limit: int, *stores: Store) -> AsyncIterator[list[Worker]]:
    team = [Worker(store, limit) for store in stores]
    try:
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(worker.ledger.run()) for worker in team]
            yield team
            for task in background:
                task.cancel()
    finally:
        for store in stores:
            await store.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(BUSY):
        while not holds():
            await asyncio.sleep(0.01)


# --- a worker is killed ---


@pytest.mark.parametrize("place", ["sqlite", pytest.param("redis", marks=needs_redis)])
def test_a_killed_worker_takes_nothing_with_it(place: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("fast_redis").url if place == "redis" else f"sqlite:{tmp_path / 'llmux.db'}"
    limit, at_once = 1200, 8
    team = [spender(url, limit, at_once) for _ in range(4)]
    for worker in team:
        go(worker)
    lines = [line for _, line in zip(range(30), told(team[0]), strict=False)]  # in this order zip drops none
    team[0].kill()
    lines += [line for worker in team for line in told(worker)]
    for worker in team:
        worker.communicate(timeout=BUSY)
    assert set(lines) == {"through\n"}, "nobody told of a fault"
    assert limit - at_once <= len(lines) <= limit  # those in flight at the kill were counted, and not sent


# --- a Redis is killed, or silent ---


@needs_redis
async def test_a_redis_that_is_killed_under_load_fails_no_request_and_is_used_again(redis: RedisServer) -> None:
    limit, at_once = 1500, 8
    stores = [RedisStore(redis.url, CLOCK, patience=BUSY) for _ in range(2)]
    async with workers(limit, *stores) as team, asyncio.TaskGroup() as load:
        for worker in team * at_once:
            worker.pause = 0.02  # there must be room left when it is back
            worker.ledger._books._patience = BUSY  # a busy disk is another matter
            load.create_task(worker.spends())
        await until(lambda: all(worker.through > 50 for worker in team))
        redis.kill()
        known = [worker.through for worker in team]
        await until(lambda: all(worker.through > now + 50 for worker, now in zip(team, known, strict=True)))
        await asyncio.to_thread(redis.start)
        await until(lambda: all(worker.tells(Notice) for worker in team))
    through = sum(worker.through for worker in team)
    assert [[type(fact) for fact in worker.facts] for worker in team] == [[StoreFault, Notice]] * 2, team[0].facts
    assert limit - 2 * at_once <= through <= limit


@needs_redis
async def test_a_redis_that_hangs_is_waited_for_once_and_used_again(redis: RedisServer) -> None:
    limit, at_once = 3000, 8
    async with workers(limit, RedisStore(redis.url, CLOCK)) as (worker,), asyncio.TaskGroup() as load:
        for _ in range(at_once):
            load.create_task(worker.spends())
        await until(lambda: worker.through > 50)
        redis.send(signal.SIGSTOP)
        await until(lambda: worker.tells(StoreFault) > 0)
        await asyncio.sleep(0.1)  # all that were in flight have given up
        assert PATIENCE <= worker.slowest < PATIENCE + 1
        known, worker.slowest = worker.through, 0.0
        await until(lambda: worker.through > known + 200)
        assert worker.slowest < PATIENCE / 2  # nobody waits any more
        redis.send(signal.SIGCONT)
        await until(lambda: worker.tells(Notice) > 0)
    assert [type(fact) for fact in worker.facts][:2] == [StoreFault, Notice]
    assert limit - at_once <= worker.through <= limit


@needs_redis
async def test_instances_with_one_redis_hold_one_limit_and_share_rests(redis: RedisServer) -> None:
    stores = [RedisStore(redis.url, CLOCK, patience=BUSY) for _ in range(2)]
    async with workers(300, *stores) as (first, second):
        await asyncio.gather(*(worker.spends() for worker in (first, second) for _ in range(32)))
        assert first.through + second.through == 300
        assert min(first.through, second.through) > 50
        first.ledger.failed(first.backend, "m", RateLimited("no", retry_after=60))
        await until(lambda: second.ledger.conditions([second.backend], "m")["p:a"].rests_until > 0)
    assert first.facts[1:] == second.facts == []


# --- SQLite's lock, and its disk ---


async def test_who_is_killed_with_the_lock_of_sqlite_leaves_it_to_others(tmp_path: Path) -> None:
    file = tmp_path / "llmux.db"
    store = open_store(f"sqlite:{file}", CLOCK, {})
    holder = (
        "import sqlite3, sys, time; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('BEGIN IMMEDIATE');"
        "db.execute(\"INSERT OR REPLACE INTO counter VALUES ('backend/p:a:0', 99, 9e9)\");"
        "print('held', flush=True); time.sleep(60)"
    )
    async with workers(600, store) as (worker,), asyncio.TaskGroup() as load:
        for _ in range(8):
            load.create_task(worker.spends())
        await until(lambda: worker.through > 20)
        process = subprocess.Popen([sys.executable, "-c", holder, str(file)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        await asyncio.to_thread(process.stdout.readline)
        await until(lambda: worker.tells(StoreFault) > 0)
        known = worker.through
        await until(lambda: worker.through > known + 50)
        process.kill()
        process.wait()
        process.stdout.close()
        await until(lambda: worker.tells(Notice) > 0)
    assert 600 - 8 <= worker.through <= 600
    with sqlite3.connect(file) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_a_disk_that_is_full_fails_no_request(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'llmux.db'}"
    full = spender(url, 100, 4)
    assert next(told(full)) == "ready\n"
    resource.prlimit(full.pid, resource.RLIMIT_FSIZE, (40_000, 40_000))
    lines = full.communicate("\n", timeout=BUSY)[0].splitlines()
    assert full.returncode == 0
    assert lines.count("through") == 100
    assert sum("StoreFault" in line for line in lines) == 1
