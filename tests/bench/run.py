"""llmux's CPU beside a bare aiohttp relay's, in one run: `python -m tests.bench.run [--only NAME]`.

Linux only. What counts is the ratio: both are driven in turn, with the same load, on the same machine. Every answer is
read to its end and looked at, so that a fast failure is no good result. Nothing here is asserted.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
from msgspec.structs import replace

from llmux.dialects.base import backend_path
from llmux.dialects.registry import TABLE
from llmux.ir.capability import Target
from llmux.ir.content import Text
from llmux.ir.request import Message, Request, Role
from tests.bench.upstream import CHUNKS, RENDERED, TEXT

TICK = os.sysconf("SC_CLK_TCK")
# What the configuration calls each dialect, and what its base URL ends in.
BACKENDS: Mapping[str, tuple[str, str]] = {
    "claude": ("claude", ""),
    "openai_chat": ("openai", "/v1"),
    "openai_responses": ("responses", "/v1"),
    "gemini": ("gemini", "/v1beta"),
    "ollama": ("ollama", ""),
}
ASKED = Request(
    dialect="",
    model="m",
    messages=(Message(Role.USER, (Text(text="Tell me something. " * 40),)),),
    max_output_tokens=99,
)


@dataclass(frozen=True)
class Scenario:
    """A client of the dialect `client` asks a backend of the dialect `backend`."""

    client: str
    backend: str
    stream: bool = True

    @property
    def name(self) -> str:
        if not self.stream:
            return f"small request, {self.client}"
        return f"stream, {self.client}" + (f" on {self.backend}" if self.client != self.backend else ", verbatim")

    @property
    def fragments(self) -> int:
        return CHUNKS if self.stream else 1

    @property
    def said(self) -> int:
        """How often TEXT stands in the answer: some dialects say all of a stream once more at its end."""
        rendered = RENDERED[self.client]
        return (b"".join(rendered.stream) if self.stream else rendered.whole).count(TEXT.encode())

    @property
    def path(self) -> str:
        version = "/v1beta" if self.client == "gemini" else "/v1" if self.client.startswith("openai") else ""
        return version + backend_path(TABLE[self.client], self.backend, stream=self.stream)

    def body(self) -> bytes:
        """The request, in the client's words; the model's name leads to the backend."""
        asked = replace(ASKED, dialect=self.client, stream=self.stream)
        wire = TABLE[self.client].encode_request(asked, Target(self.backend)).body
        return orjson.dumps({**wire, "stream": self.stream} if "model" in wire else wire)


def scenarios(wanted: str) -> list[Scenario]:
    """Every pair of dialects that are both there; `wanted` is part of the name."""
    pairs = [Scenario(client, backend) for backend in TABLE for client in TABLE]
    return [one for one in (Scenario("openai_chat", "openai_chat", stream=False), *pairs) if wanted in one.name]


def configuration(port: int, upstream: str) -> str:
    """A provider a dialect, asked by the dialect's name as the model's."""
    lines = [f"port = {port}", 'store.url = "memory:"']
    for name in TABLE:
        api, end = BACKENDS[name]
        lines.append(f'provider.{name} = {{ api = "{api}", base_url = "{upstream}{end}", api_key = "k" }}')
    backends = ", ".join(f'{{ model = "{name}:{name}", model_match = ["{name}"] }}' for name in TABLE)
    return "\n".join([*lines, f"backend = [{backends}]"])


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def process(*command: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens on `port` when this begins, and is gone when it ends."""
    started = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                break
            time.sleep(0.05)
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(10)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def load(url: str, scenario: Scenario, requests: int, concurrency: int, key: str = "") -> None:
    """Ask `requests` times, `concurrency` at once; every answer must say everything."""
    left, body, expected = iter(range(requests)), scenario.body(), scenario.said

    async def client(session: aiohttp.ClientSession) -> None:
        for _ in left:
            headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
            async with session.post(url + scenario.path, data=body, headers=headers) as answer:
                heard = await answer.read()
                assert heard.count(TEXT.encode()) == expected, heard[:500]

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        await asyncio.gather(*(client(session) for _ in range(concurrency)))


def microseconds(pid: int, url: str, scenario: Scenario, requests: int, key: str = "") -> float:
    """CPU of process `pid` per fragment of an answer."""
    before = cpu_seconds(pid)
    asyncio.run(load(url, scenario, requests, 16, key))
    return (cpu_seconds(pid) - before) / requests / scenario.fragments * 1e6


def floor_of(scenario: Scenario) -> Scenario:
    """What the relay is asked: the same backend in its own dialect."""
    return Scenario(scenario.backend, scenario.backend, scenario.stream)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", default="", help="part of a scenario's name")
    options.add_argument(
        "--requests", type=int, default=0, help="of each measurement; 0: as many as take a second or so"
    )
    chosen = options.parse_args()
    ports = [free_port() for _ in range(3)]
    upstream, relay_url, llmux_url = (f"http://127.0.0.1:{port}" for port in ports)
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config, contextlib.ExitStack() as stack:
        config.write(configuration(ports[2], upstream))
        config.flush()
        stack.enter_context(process("tests.bench.upstream", str(ports[0]), port=ports[0]))
        relay = stack.enter_context(process("tests.bench.relay", str(ports[1]), upstream, port=ports[1]))
        began = time.perf_counter()
        llmux = stack.enter_context(process("llmux", "start", "--config", config.name, port=ports[2]))
        with urllib.request.urlopen(llmux_url + "/health") as answer:  # noqa: S310  # an address of our own making
            assert answer.status == 200
        print(f"start to first healthy answer {time.perf_counter() - began:.2f} s, idle {memory_mb(llmux.pid):.0f} MB")
        print(f"{'CPU per request or fragment, us (median)':46} {'relay':>8} {'llmux':>8} {'ratio':>6}")
        for scenario in scenarios(chosen.only):
            requests = chosen.requests or (300 if scenario.stream else 4000)
            pairs = [
                (
                    microseconds(relay.pid, relay_url, floor_of(scenario), requests),
                    microseconds(llmux.pid, llmux_url, scenario, requests),
                )
                for _ in range(chosen.rounds + 1)
            ][1:]
            floor, own = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratio = statistics.median(mine / base for base, mine in pairs)
            print(f"{scenario.name:46} {floor:8.1f} {own:8.1f} {ratio:6.2f}")
        print(f"memory at the end {memory_mb(llmux.pid):.0f} MB")


if __name__ == "__main__":
    main()
