"""Several workers under load: one is killed, the configuration breaks, the gateway is stopped, its supervisor dies."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.cli.running import Running
from tests.whole.conftest import Start

CONFIG = """
port = 0
workers = 2
drain_delay = {delay}
store.url = "memory:"
provider.demo = {{}}

[[backend]]
model = "demo:*"
"""
BODY = {"model": "demo:slow-stream-20ms", "stream": True, "messages": [{"role": "user", "content": "a b c d e f"}]}
pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes as Linux shows them")


def workers(gateway: Running) -> set[int]:
    return set(map(int, Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()))


def lives(process: int) -> bool:
    """A dead one that nobody has buried does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


class Load:
    """Clients that ask one stream after another, each over connections of its own, and what became of each."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.ends: Counter[str] = Counter()
        self.on = True

    async def client(self) -> None:
        async with aiohttp.ClientSession() as session:
            while self.on:
                self.ends[await self._ask(session)] += 1

    async def _ask(self, session: aiohttp.ClientSession) -> str:
        try:
            async with session.post(self._url + "/v1/chat/completions", json=BODY) as answer:
                heard = await answer.read()
                return "whole" if answer.status == 200 and heard.endswith(b"[DONE]\n\n") else f"odd {answer.status}"
        except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            await asyncio.sleep(0.05)
            return "not taken"  # no byte of an answer had come
        except aiohttp.ClientPayloadError:
            return "cut"


@asynccontextmanager
async def loaded(url: str, clients: int = 12) -> AsyncGenerator[Load, None]:
    load = Load(url)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            tasks.create_task(load.client())
        yield load
        load.on = False


async def ready(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url + "/health/ready") as answer:
        return answer.status


async def test_a_worker_that_is_killed_and_a_configuration_that_breaks_end_nobody_else(
    start: Start, tmp_path: Path
) -> None:
    config = CONFIG.format(delay=0)
    with start(config) as gateway:
        await until(lambda: len(workers(gateway)) == 2)
        first, second = workers(gateway)
        async with loaded(gateway.url) as load:
            await until(lambda: load.ends["whole"] > 24)
            (tmp_path / "config.toml").write_text("nonsense = 1\n")
            os.kill(gateway.process.pid, signal.SIGHUP)
            os.kill(first, signal.SIGKILL)  # what takes its place reads what does not hold
            before = load.ends["whole"]
            await until(lambda: load.ends["whole"] > before + 36)
            assert lives(second)
            (tmp_path / "config.toml").write_text(config)
            await until(lambda: len(workers(gateway) - {first, second}) == 1)
            assert not [end for end in load.ends if end.startswith("odd")]
            assert load.ends["cut"] + load.ends["not taken"] <= 2 * 12  # those of the killed worker, and few more
            load.ends.clear()
            gateway.process.terminate()
            await until(lambda: gateway.process.poll() is not None)
        assert set(load.ends) <= {"whole", "not taken"}
        assert gateway.process.returncode == 0


async def test_before_a_stop_load_balancers_hear_of_it_and_no_answer_is_lost(start: Start) -> None:
    with start(CONFIG.format(delay=1)) as gateway:
        await until(lambda: len(workers(gateway)) == 2)
        async with loaded(gateway.url) as load:
            await until(lambda: load.ends["whole"] > 24)
            gateway.process.terminate()
            await asyncio.sleep(0.3)
            assert await ready(gateway.url) == 503
            await until(lambda: gateway.process.poll() is not None)
        assert set(load.ends) <= {"whole", "not taken"}
        assert gateway.process.returncode == 0


async def test_workers_do_not_outlive_their_supervisor(start: Start) -> None:
    with start(CONFIG.format(delay=0)) as gateway:
        await until(lambda: len(workers(gateway)) == 2)
        await asyncio.sleep(0.5)
        left = workers(gateway)
        gateway.process.kill()
        gateway.process.wait()
        await until(lambda: not any(map(lives, left)))
