"""Two gateways that share a Redis answer as one, also while it is gone; nobody is told its password."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.running import running, surroundings
from tests.redis_server import RedisServer, needs_redis
from tests.whole.test_lifetime import statuses

pytestmark = needs_redis
CONFIG = """
port = 0
log_format = "text"

[store]
url = "redis://:s3cret@127.0.0.1:{port}/1"

[provider.demo]

[[backend]]
model = "demo:echo"
max_per_hour = 10
"""


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, "--requirepass", "s3cret")
    server.start()
    yield server
    server.kill()


def test_two_gateways_with_one_redis(redis: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(port=redis.port))
    log = tmp_path / "log.txt"
    env = surroundings(tmp_path)
    with ExitStack() as stack, log.open("w") as written:
        first, second = (stack.enter_context(running("start", env=env, cwd=tmp_path, stderr=written)) for _ in range(2))

        def each(count: int) -> list[int]:
            async def both() -> list[list[int]]:
                return await asyncio.gather(statuses(first.url, count), statuses(second.url, count))

            return [status for told in asyncio.run(both()) for status in told]

        assert sorted(each(2)) == [200] * 4
        redis.kill()
        assert sorted(each(1)) == [200] * 2  # nobody fails for it
        redis.start()
        until = time.monotonic() + 20
        while log.read_text().count("the store answers again") < 2 and time.monotonic() < until:
            time.sleep(0.05)
        assert sorted(each(10)) == [200] * 4 + [429] * 16  # what was counted meanwhile has been told
        assert (first.stop(), second.stop()) == (0, 0)
    told = log.read_text()
    assert told.count("the store is away") == 2
    assert "s3cret" not in told
