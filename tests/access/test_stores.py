"""Keys and the audit log in every store that several processes share: two of them, a key from its birth to its end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from llmux.access.access import Access
from llmux.access.ring import FRESH_FOR
from llmux.errors import StoreAway
from llmux.store.archive import Archive
from llmux.store.open import open_store
from llmux.telemetry import Administered, Fact
from tests.fakes import FakeClock
from tests.redis_server import RedisServer, needs_redis


class Process:
    """What one process knows of keys."""

    def __init__(self, url: str, clock: FakeClock) -> None:
        self.store, self.facts = open_store(url, clock, {}), list[Fact]()
        self.access = Access(Archive(self.store, clock, self.facts.append), clock)

    async def name(self, secret: str) -> str | None:
        client = await self.access.ring.find(secret)
        return client and client.name


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
async def two(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[list[Process]]:
    redis = request.getfixturevalue("redis") if request.param == "redis" else None
    url = redis.url if redis else f"sqlite:{tmp_path / 'llmux.db'}"
    processes = [Process(url, clock), Process(url, clock)]
    yield processes
    for process in processes:
        await process.access.close()
        await process.store.close()


async def test_a_key_is_one_for_all(two: list[Process], clock: FakeClock) -> None:
    here, there = (process.access for process in two)
    made = await here.register.make(b'{"name": "ci", "maxPerDay": 5}')
    other = await there.register.make(b'{"name": "other", "expiresIn": 60}')
    assert [await process.name(made["key"]) for process in two] == [made["client"]] * 2
    assert {key["id"] for key in await there.register.every()} == {made["id"], other["id"]}
    assert (await there.register.find(made["id"]))["used"] == {"maxPerDay": 0}
    assert (await here.register.revoke(made["id"]))["revoked"]
    clock.advance(FRESH_FOR)
    await there.refresh()
    assert [await process.name(made["key"]) for process in two] == [None] * 2
    assert [key["id"] for key in await here.register.every()] == [other["id"]]


async def test_changes_are_one_log(two: list[Process], clock: FakeClock) -> None:
    here, there = (process.access.audit for process in two)
    for number in range(6):
        (here, there)[number % 2](Administered(str(number), ""))
        clock.advance(1)
    await there.flush()
    assert [entry["action"] for entry in await here.entries(4)] == ["5", "4", "3", "2"]


@needs_redis
async def test_a_redis_that_is_killed_takes_no_key_with_it(redis: RedisServer, clock: FakeClock) -> None:
    process = Process(redis.url, clock)
    seen, new = [(await process.access.register.make(b"{}"))["key"] for _ in range(2)]
    assert await process.name(seen)
    redis.kill()
    clock.advance(FRESH_FOR * 2)
    assert await process.name(seen)
    with pytest.raises(StoreAway):
        await process.name(new)
    redis.start()
    for _ in range(100):
        clock.advance(FRESH_FOR)
        await process.access.refresh()
        if not process.access.ring._archive.away:
            break
        await asyncio.sleep(0.02)
    assert await process.name(seen)
    assert await process.name(new)
    await process.store.close()
