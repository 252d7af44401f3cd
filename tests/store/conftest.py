"""What the tests of stores share: a Redis, emptied for each test."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from redis import Redis

from tests.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_url(redis_place: RedisServer) -> str:
    with closing(Redis.from_url(redis_place.url)) as redis:
        redis.flushall()
    return redis_place.url
