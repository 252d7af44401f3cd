"""What several workers show on /metrics: one count, whoever is asked, also after one of them was killed."""

import asyncio
import http.client
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from llmux.metrics.workers import FOLDER
from tests.cli.running import Running
from tests.metrics.counts import Samples, samples
from tests.whole.conftest import Start
from tests.whole.test_lifetime import free_port, statuses

CONFIG = """
workers = 3
store.url = "memory:"
provider.demo = {}

[[backend]]
model = "demo:*"
price = { input = 1, output = 2 }
max_per_day = 1000
"""
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (package prometheus) is not installed")


def scrape(url: str) -> str:
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


def total(counted: Samples, name: str) -> float:
    return sum(value for series, value in counted.items() if series.partition("{")[0] == name)


def until(gateway: Running, holds: Callable[[Samples], bool]) -> Samples:
    """Scrape until it shows what is expected: the last facts of a request are told when its client has its answer."""
    for _ in range(100):
        try:
            if holds(counted := samples(scrape(gateway.url))):
                return counted
        except OSError:  # the worker that was killed still had the connection
            pass
        time.sleep(0.02)
    return samples(scrape(gateway.url))


@pytest.fixture
def gateway(start: Start) -> Iterator[Running]:
    with start(CONFIG, "--port", str(free_port())) as started:
        yield started


def workers(gateway: Running) -> list[str]:
    return Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()


def folder_of(worker: str) -> Path:
    variables = Path(f"/proc/{worker}/environ").read_bytes().decode().split("\0")
    return Path(next(one for one in variables if one.startswith(FOLDER)).partition("=")[2])


async def killed_while_it_answers(url: str, pids: list[str]) -> None:
    """Begin slow answers at every worker, then kill one of them."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        body = {"model": "slow-stream-50ms", "stream": True, "messages": [{"role": "user", "content": "hello there"}]}
        answers = [await session.post(url + "/v1/chat/completions", json=body) for _ in range(12)]
        assert total(samples(await asyncio.to_thread(scrape, url)), "llmux_active_requests") > 0
        os.kill(int(pids[0]), signal.SIGKILL)
        for answer in answers:
            with suppress(aiohttp.ClientError):  # it was the killed worker's
                await answer.read()


def test_one_count_for_all_workers(gateway: Running) -> None:
    ok = asyncio.run(statuses(gateway.url, 30))
    asyncio.run(statuses(gateway.url, 6, model="demo:fail-400"))
    assert ok == [200] * 30
    counted = until(gateway, lambda now: total(now, "llmux_requests_total") == 36)
    assert total(counted, "llmux_requests_total") == total(counted, "llmux_latency_seconds_count") == 36
    assert total(counted, "llmux_errors_total") == 6
    assert len(list(folder_of(workers(gateway)[0]).glob("counter_*.db"))) == 3

    folder, before = folder_of(workers(gateway)[0]), workers(gateway)
    asyncio.run(killed_while_it_answers(gateway.url, before))
    deadline = time.monotonic() + 5
    while len(list(folder.glob("gauge_livesum_*.db"))) != 3 or len(workers(gateway)) != 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not (folder / f"gauge_livesum_{before[0]}.db").exists()
    assert (folder / f"counter_{before[0]}.db").exists()  # what it has counted stays
    asyncio.run(statuses(gateway.url, 10))
    until(gateway, lambda now: total(now, "llmux_requests_total") >= 46)
    again = until(gateway, lambda now: not total(now, "llmux_active_requests"))
    model = 'backend="demo:*",client="anonymous",dialect="openai_chat",model="m",status="200"'
    assert again[f"llmux_requests_total{{{model}}}"] == 40
    assert total(again, "llmux_active_requests") == 0
    assert gateway.stop() == 0
    assert not folder.exists()


@promtool
def test_promtool_finds_nothing_wrong(gateway: Running) -> None:
    for model in ("m", "demo:fail-500", "demo:think"):
        asyncio.run(statuses(gateway.url, 2, model=model, stream=model == "m"))
    text = scrape(gateway.url)
    assert {"llmux_cost", "llmux_tokens", "llmux_window_remaining"} <= {
        family.name for family in text_string_to_metric_families(text)
    }
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
