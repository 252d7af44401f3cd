"""What several workers show on /metrics: one count, whoever is asked, also after one of them was killed."""

import asyncio
import http.client
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from llmux.metrics.workers import FOLDER
from tests.cli.running import Running
from tests.metrics.counts import Samples, samples
from tests.whole.conftest import Start
from tests.whole.test_lifetime import free_port, statuses

CONFIG = """
workers = 2
store.url = "memory:"
provider.demo = {}

[[backend]]
model = "demo:*"
price = { input = 1, output = 2 }
max_per_day = 1000
"""


def scrape(url: str) -> str:
    """The page of whichever worker takes the connection."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


def total(counted: Samples, name: str) -> float:
    return sum(value for series, value in counted.items() if series.partition("{")[0] == name)


def until(url: str, holds: Callable[[Samples], bool]) -> Samples:
    """Scrape until the page shows what is expected: a request's last facts come after its client has its answer."""
    deadline = time.monotonic() + 10
    while True:
        with suppress(OSError, http.client.HTTPException):  # of a worker that has been killed
            if holds(counted := samples(scrape(url))):
                return counted
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers(gateway: Running) -> list[str]:
    return Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()


def folder_of(worker: str) -> Path:
    variables = Path(f"/proc/{worker}/environ").read_bytes().decode().split("\0")
    return Path(next(one for one in variables if one.startswith(FOLDER)).partition("=")[2])


async def kill_while_all_answer(url: str, worker: str) -> None:
    """Begin slow answers at every worker, then kill one."""
    body = {"model": "slow-stream-50ms", "stream": True, "messages": [{"role": "user", "content": "hello there"}]}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        answers = [await session.post(url + "/v1/chat/completions", json=body) for _ in range(12)]
        assert total(samples(await asyncio.to_thread(scrape, url)), "llmux_active_requests") > 0
        os.kill(int(worker), signal.SIGKILL)
        for answer in answers:
            with suppress(aiohttp.ClientError):  # it was the killed worker's
                await answer.read()


def promtool_finds_nothing_wrong(text: str) -> None:
    shown = {family.name for family in text_string_to_metric_families(text)}
    assert {"llmux_cost", "llmux_tokens", "llmux_window_remaining"} <= shown
    if shutil.which("promtool") is not None:  # of the package prometheus
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_one_count_for_all_workers(start: Start) -> None:
    with start(CONFIG, "--port", str(free_port())) as gateway:
        url = gateway.url
        until(url, lambda _: len(workers(gateway)) == 2)
        before = workers(gateway)
        folder = folder_of(before[0])
        until(url, lambda _: len(list(folder.glob("counter_*.db"))) == 2)  # the second comes when it likes
        assert asyncio.run(statuses(url, 30)) == [200] * 30
        asyncio.run(statuses(url, 6, model="demo:fail-400"))
        counted = until(url, lambda now: total(now, "llmux_requests_total") == 36)
        assert total(counted, "llmux_latency_seconds_count") == 36
        assert total(counted, "llmux_errors_total") == 6
        promtool_finds_nothing_wrong(scrape(url))

        assert len(list(folder.glob("counter_*.db"))) == 2
        asyncio.run(kill_while_all_answer(url, before[0]))
        until(url, lambda _: len(list(folder.glob("gauge_livesum_*.db"))) == 2 and len(workers(gateway)) == 2)
        assert not (folder / f"gauge_livesum_{before[0]}.db").exists()  # what it was doing is not done any more
        assert (folder / f"counter_{before[0]}.db").exists()  # what it has counted stays

        asyncio.run(statuses(url, 10))
        series = 'backend="demo:*",client="anonymous",dialect="openai_chat",model="m",status="200"'
        until(url, lambda now: now.get(f"llmux_requests_total{{{series}}}") == 40)
        until(url, lambda now: total(now, "llmux_active_requests") == 0)
        assert gateway.stop() == 0
        assert not folder.exists()
