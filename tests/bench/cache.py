"""What an answer from the cache costs, beside a bare aiohttp server; and what it costs to keep one.

`python -m tests.bench.cache [--only NAME]`. Linux only, and it needs wrk. All are driven in turn on the same machine,
hits by wrk with one and the same request, misses by questions that were never asked before. What counts is CPU, of the
server's process: "a second" is how many requests that CPU is enough for on one core. Nothing here is asserted.
"""

import argparse
import asyncio
import contextlib
import itertools
import re
import statistics
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import aiohttp

from llmux.dialects.registry import TABLE
from tests.bench.run import Scenario, configuration, cpu_seconds, free_port, process

CONNECTIONS = 16
COUNTER = itertools.count()
SAID = b"Tell me something."  # so a question begins
DONE = re.compile(r"(\d+) requests in")
FAILED = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors")
SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local file = io.open("{path}", "rb")
wrk.body = file:read("*a")
"""


def scenarios(wanted: str) -> list[Scenario]:
    """Every dialect as client and backend, and each on a backend of another one; whole and streamed."""
    names = list(TABLE)
    pairs = [*zip(names, names, strict=True), *zip(names, names[1:] + names[:1], strict=True)]
    every = [Scenario(client, backend, stream) for client, backend in pairs for stream in (False, True)]
    return [one for one in every if wanted in label(one)]


def label(scenario: Scenario) -> str:
    lane = "verbatim" if scenario.client == scenario.backend else f"on {scenario.backend}"
    return f"{'stream' if scenario.stream else 'whole'}, {scenario.client}, {lane}"


def ask(url: str, body: bytes) -> tuple[int, str]:
    """How long an answer is, and what it says of the cache."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310  # an address of our own making
        return len(answer.read()), answer.headers.get("x-llmux-cache", "")


def hammer(pid: int, url: str, body: bytes, seconds: float) -> tuple[float, float]:
    """CPU of process `pid` for a request, in us, and the requests a second that wrk got answered."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body").write_bytes(body)
        script = Path(folder) / "script.lua"
        script.write_text(SCRIPT.format(path=Path(folder) / "body"))
        before = cpu_seconds(pid)
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", str(script), url]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        spent = cpu_seconds(pid) - before
    found = DONE.search(told)
    assert found, told
    assert not FAILED.search(told), told
    return spent / int(found[1]) * 1e6, int(found[1]) / seconds


def new(scenario: Scenario) -> bytes:
    """A question that was never asked before."""
    return scenario.body().replace(SAID, b"Tell me %09d." % next(COUNTER), 1)


async def load(url: str, scenario: Scenario, requests: int) -> None:
    """Ask so many new questions, and read every answer to its end."""
    left = iter(range(requests))

    async def client(session: aiohttp.ClientSession) -> None:
        for _ in left:
            headers = {"content-type": "application/json"}
            async with session.post(url + scenario.path, data=new(scenario), headers=headers) as answer:
                assert answer.status == 200, await answer.read()
                await answer.read()

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        await asyncio.gather(*(client(session) for _ in range(CONNECTIONS)))


def missing(pid: int, url: str, scenario: Scenario, requests: int) -> float:
    """CPU of process `pid` for a request that was never made before, in us."""
    before = cpu_seconds(pid)
    asyncio.run(load(url, scenario, requests))
    return (cpu_seconds(pid) - before) / requests * 1e6


def medians(measure: Callable[[], Sequence[float]], rounds: int) -> list[float]:
    """Of each figure over some rounds. The first is for warming up."""
    told = [measure() for _ in range(rounds + 1)][1:]
    return [statistics.median(side) for side in zip(*told, strict=True)]


@contextlib.contextmanager
def gateway(upstream: str, more: str) -> Iterator[tuple[int, str]]:
    """A gateway with `more` in its configuration: its process, and where it is."""
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write(configuration(port, upstream) + more)
        config.flush()
        with process("llmux", "start", "--config", config.name, port=port) as started:
            yield started.pid, f"http://127.0.0.1:{port}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=3, help="of each measurement with wrk")
    options.add_argument("--requests", type=int, default=1500, help="of each measurement of misses")
    options.add_argument("--only", default="", help="part of a scenario's name")
    chosen = options.parse_args()
    with contextlib.ExitStack() as stack:
        ports = (free_port(), free_port())
        upstream, bare_url = (f"http://127.0.0.1:{port}" for port in ports)
        stack.enter_context(process("tests.bench.upstream", str(ports[0]), port=ports[0]))
        bare = stack.enter_context(process("tests.bench.constant", str(ports[1]), port=ports[1]))
        on, on_url = stack.enter_context(gateway(upstream, "\ncache.enabled = true"))
        off, off_url = stack.enter_context(gateway(upstream, ""))
        print(f"{'CPU for a hit, us (median)':46} {'bare':>7} {'hit':>7} {'ratio':>6} {'a second':>9} {'bytes':>7}")
        for scenario in scenarios(chosen.only):
            url, body = on_url + scenario.path, scenario.body()
            ask(url, body)
            size, said = ask(url, body)
            assert said == "hit"

            def hit(url: str = url, body: bytes = body, size: int = size) -> Sequence[float]:
                floor, _ = hammer(bare.pid, f"{bare_url}/{size}", body, chosen.seconds)
                return floor, hammer(on, url, body, chosen.seconds)[0]

            floor, own = medians(hit, chosen.rounds)
            print(
                f"{label(scenario):46} {floor:7.1f} {own:7.1f} {own / floor:6.2f} {1e6 / own:9.0f} {size:7}", flush=True
            )
        print(f"{'CPU for a miss, us (median)':46} {'off':>7} {'on':>7} {'ratio':>6}")
        for scenario in scenarios(chosen.only):

            def miss(scenario: Scenario = scenario) -> Sequence[float]:
                count = chosen.requests // (10 if scenario.stream else 1)
                return missing(off, off_url, scenario, count), missing(on, on_url, scenario, count)

            without, with_it = medians(miss, chosen.rounds)
            print(f"{label(scenario):46} {without:7.0f} {with_it:7.0f} {with_it / without:6.2f}", flush=True)


if __name__ == "__main__":
    main()
