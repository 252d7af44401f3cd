"""The demo provider over HTTP, as a real client sees it."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from typing import Any

import aiohttp
import pytest

from llmux.demo.provider import Provider
from llmux.demo.serve import run, serving
from llmux.dialects.registry import TABLE
from llmux.transports.base import Call
from tests.demo.asking import DIALECTS, call
from tests.fakes import FakeClock, settle

Post = Callable[..., Any]


@pytest.fixture
async def post(clock: FakeClock) -> AsyncGenerator[Post, None]:
    async with serving("127.0.0.1", 0, clock) as address, aiohttp.ClientSession(address) as session:

        def post(asked: Call) -> Any:
            return session.post(asked.path, data=asked.body, headers=asked.headers)

        yield post


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["echo", "fail-429", "garbage", "html", "empty", "cut-clean", "error-in-stream"])
async def test_the_bytes_are_the_providers(post: Post, dialect: str, stream: bool, model: str) -> None:
    asked = call(dialect, model=model, stream=stream)
    acts = Provider(TABLE.values()).perform(asked)
    async with post(asked) as response:
        assert await response.read() == b"".join(act for act in acts if isinstance(act, bytes))
        assert response.status == getattr(acts[0], "status", None)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_cut_is_a_cut(post: Post, stream: bool) -> None:
    async with post(call("claude", "one two three four", "cut", stream=stream)) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_no_connection_is_a_connection_that_ends_at_once(post: Post) -> None:
    with pytest.raises(aiohttp.ClientError):
        await post(call("claude", model="refuse"))


async def test_silence_lasts_until_the_client_leaves(post: Post) -> None:
    async with post(call("claude", "one two three four", "hang")) as response:
        while b"three" not in await response.content.readany():
            pass
        reading = asyncio.ensure_future(response.content.readany())
        await settle(100)
        assert not reading.done()
        reading.cancel()


async def test_pauses_take_the_clocks_time(post: Post, clock: FakeClock) -> None:
    asking = asyncio.ensure_future(post(call("claude", model="slow-3s")).__aenter__())
    async with asyncio.timeout(5):
        while not clock.pending:
            await settle()
    clock.advance(3)
    assert (await asking).status == 200


async def test_models_are_listed_over_http() -> None:
    async with serving("127.0.0.1", 0) as address, aiohttp.ClientSession(address) as session:
        async with session.get("/v1/models") as response:
            assert (await response.json())["data"][0]["id"] == "echo"
        async with session.head("/") as response:
            assert response.status == 404


async def test_a_taken_port_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            async with serving("127.0.0.1", taken.getsockname()[1]):
                pass


def test_it_runs_until_it_is_told_to_stop() -> None:
    heard = list[str]()

    def ready(address: str) -> None:
        heard.append(address)
        os.kill(os.getpid(), signal.SIGTERM)

    run("127.0.0.1", 0, ready)
    assert heard[0].startswith("http://127.0.0.1:")
