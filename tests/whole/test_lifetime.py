"""A gateway's life: windows that hold across a kill and between workers, a reload, a drain."""

import asyncio
import os
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from tests.whole.conftest import Start

LIMITED = """
port = 0
workers = {workers}

[store]
url = "sqlite:{store}"

[provider.demo]

[[backend]]
model = "demo:echo"
max_per_hour = 5
"""
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


async def statuses(url: str, count: int, **more: object) -> list[int]:
    """Ask so often at once, each over a connection of its own: workers share a port by connections."""

    async def ask() -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url + "/v1/chat/completions", json=BODY | more) as answer,
        ):
            await answer.read()
            return answer.status

    return sorted(await asyncio.gather(*(ask() for _ in range(count))))


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_a_window_holds_across_a_kill(start: Start, tmp_path: Path) -> None:
    config = LIMITED.format(workers=1, store=tmp_path / "store.db")
    with start(config) as gateway:
        assert asyncio.run(statuses(gateway.url, 3)) == [200] * 3
        gateway.process.kill()
        gateway.process.wait()
    with start(config) as gateway:
        assert asyncio.run(statuses(gateway.url, 6)) == [200] * 2 + [429] * 4


def test_two_workers_hold_one_window(start: Start, tmp_path: Path) -> None:
    config = LIMITED.format(workers=2, store=tmp_path / "store.db")
    with start(config, "--port", str(free_port())) as gateway:
        assert asyncio.run(statuses(gateway.url, 20)) == [200] * 5 + [429] * 15
        assert gateway.stop() == 0


def test_a_worker_that_dies_is_replaced(start: Start, tmp_path: Path) -> None:
    config = LIMITED.format(workers=2, store=tmp_path / "store.db").replace("max_per_hour = 5", "")
    with start(config, "--port", str(free_port())) as gateway:
        children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children")
        before = children.read_text().split()
        assert len(before) == 2
        os.kill(int(before[0]), signal.SIGKILL)
        for _ in range(200):
            time.sleep(0.02)
            if len(now := children.read_text().split()) == 2 and now != before:
                break
        assert set(children.read_text().split()) - set(before)
        for _ in range(100):
            try:
                assert asyncio.run(statuses(gateway.url, 4)) == [200] * 4
                break
            except aiohttp.ClientError:
                time.sleep(0.05)
        assert gateway.stop() == 0


RELOADED = 'port = 0\nstore.url = "memory:"\nprovider.demo = {}\n[[backend]]\nmodel = "demo:{model}"\n'


@pytest.mark.parametrize("how", ["on save", "on SIGHUP"])
def test_a_changed_configuration_is_taken_over(start: Start, tmp_path: Path, how: str) -> None:
    config = RELOADED.replace("{model}", "echo")
    with start(config) as gateway:

        def backend() -> str:
            async def ask() -> str:
                async with (
                    aiohttp.ClientSession() as session,
                    session.post(gateway.url + "/v1/chat/completions", json=BODY) as answer,
                ):
                    return answer.headers["x-llmux-backend"]

            return asyncio.run(ask())

        assert backend() == "demo:echo"
        path = tmp_path / "config.toml"
        path.write_text("port = 0\nnonsense = 1\n")  # the new one does not hold: the old one stays
        if how == "on SIGHUP":
            gateway.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        assert backend() == "demo:echo"
        path.write_text(config.replace("demo:echo", "demo:think"))
        if how == "on SIGHUP":
            gateway.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 5
        while backend() != "demo:think" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert backend() == "demo:think"


def test_open_answers_are_finished_at_a_stop(start: Start) -> None:
    async def stream_over_a_stop(url: str, stop: object) -> bytes:
        body = BODY | {"model": "demo:slow-stream-50ms", "stream": True}
        async with aiohttp.ClientSession() as session, session.post(url + "/v1/chat/completions", json=body) as answer:
            heard = await answer.content.readany()
            os.kill(int(str(stop)), signal.SIGTERM)
            await asyncio.sleep(0.1)
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.post(url + "/v1/chat/completions", json=BODY)
            return heard + await answer.read()

    with start('port = 0\nstore.url = "memory:"\nprovider.demo = {}\n[[backend]]\nmodel = "demo:*"\n') as gateway:
        heard = asyncio.run(stream_over_a_stop(gateway.url, gateway.process.pid))
        assert b"[DONE]" in heard
        assert gateway.process.wait(10) == 0


@pytest.mark.parametrize("patience", [0, 1])
def test_an_answer_that_does_not_end_is_waited_for_as_long_as_the_owner_says(start: Start, patience: float) -> None:
    async def hang_over_a_stop(url: str, stop: int) -> float:
        body = BODY | {"model": "demo:hang", "stream": True, "messages": [{"role": "user", "content": "a b c d e"}]}
        async with aiohttp.ClientSession() as session, session.post(url + "/v1/chat/completions", json=body) as answer:
            await answer.content.readany()
            began = time.monotonic()
            os.kill(stop, signal.SIGTERM)
            with pytest.raises(aiohttp.ClientPayloadError):  # cut, and never a clean end
                await answer.read()
            return time.monotonic() - began

    config = 'port = 0\nstore.url = "memory:"\nprovider.demo = {}\n[[backend]]\nmodel = "demo:*"\n'
    with start(f"drain_timeout = {patience}\n{config}") as gateway:
        took = asyncio.run(hang_over_a_stop(gateway.url, gateway.process.pid))
        assert patience <= took < patience + 5
        assert gateway.process.wait(10) == 0


def test_the_demo_fails_as_a_header_asks(start: Start) -> None:
    async def ask(url: str) -> int:
        headers = {"x-llmux-demo": "fail-400"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url + "/v1/chat/completions", json=BODY, headers=headers) as answer,
        ):
            return answer.status

    with start('port = 0\nstore.url = "memory:"\nprovider.demo = {}\n[[backend]]\nmodel = "demo:echo"\n') as gateway:
        assert asyncio.run(ask(gateway.url)) == 400
