"""Two gateways that share a Redis send a backend no more requests at once than one may, and leave none of it unused."""

import asyncio
import subprocess
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.gateway.seats import HEARD_FOR
from tests.bench.upstream import RENDERED
from tests.cli.running import running, surroundings
from tests.redis_server import RedisServer, needs_redis

pytestmark = needs_redis
SEATS, CLIENTS, SECONDS, TAKES = 3, 24, 1.0, 0.05
CONFIG = """
port = 0

[store]
url = "{store}"

[provider.slow]
api = "openai"
base_url = "{upstream}/v1"
api_key = "k"

[[backend]]
model = "slow:m"
concurrent = 3
"""
BODY = {"model": "slow:m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


class Slow:
    """A backend that takes its time, and counts."""

    def __init__(self) -> None:
        self.now = self.most = self.answered = 0

    async def handle(self, inbound: web.BaseRequest) -> web.StreamResponse:
        await inbound.read()
        if inbound.method != "POST":
            return web.json_response({"data": [{"id": "m"}]})  # what it lists is no request to a model
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(TAKES)
        finally:
            self.now -= 1
        self.answered += 1
        return web.Response(body=RENDERED[OPENAI_CHAT.name].whole, content_type="application/json")


@asynccontextmanager
async def backend() -> AsyncGenerator[tuple[str, Slow], None]:
    slow = Slow()
    runner = web.ServerRunner(web.Server(slow.handle), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", slow
    finally:
        await runner.cleanup()


async def ask(session: aiohttp.ClientSession, url: str) -> int:
    async with session.post(url + "/v1/chat/completions", json=BODY) as answer:
        await answer.read()
        return answer.status


async def test_two_gateways_share_the_seats_of_a_backend(redis: RedisServer, tmp_path: Path) -> None:
    async with backend() as (upstream, slow), aiohttp.ClientSession() as session:
        (tmp_path / "config.toml").write_text(CONFIG.format(store=redis.url, upstream=upstream))
        with ExitStack() as stack:
            first, second = (
                stack.enter_context(
                    running("start", env=surroundings(tmp_path), cwd=tmp_path, stderr=subprocess.DEVNULL)
                )
                for _ in range(2)
            )
            until, said = time.monotonic() + SECONDS, list[int]()

            async def client(url: str) -> None:
                while time.monotonic() < until:
                    said.append(await ask(session, url))
                    await asyncio.sleep(0.02 if said[-1] == 429 else 0)

            await asyncio.gather(*(client(gateway.url) for gateway in (first, second) * (CLIENTS // 2)))
            assert set(said) == {200, 429}
            assert slow.most == SEATS
            assert slow.answered > SEATS  # seats are taken again

            # One stops with a request under way, which is answered; then all seats are the other's.
            await asyncio.sleep(HEARD_FOR)
            last = asyncio.ensure_future(ask(session, first.url))
            async with asyncio.timeout(5):
                while not slow.now:
                    await asyncio.sleep(0.001)
            assert await asyncio.to_thread(first.stop) == 0
            assert await last == 200
            await asyncio.sleep(HEARD_FOR)
            assert await asyncio.gather(*(ask(session, second.url) for _ in range(SEATS))) == [200] * SEATS
