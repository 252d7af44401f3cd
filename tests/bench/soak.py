"""Does memory stay flat? `python -m tests.bench.soak [--requests 200000]`

A gateway with all that a team turns on (windows, budgets, metrics, usage, cache, SQLite) is asked in every way in which
clients ask, err and leave. What it holds is looked at as it goes on: memory, descriptors, tasks, objects. Linux only.
The exit code says whether memory and objects are flat once everything that has a bound has had the time to fill.
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson

from tests.bench.run import cpu_seconds, free_port, memory_mb, process

CLIENTS = 20  # tokens
SAMPLES = 24
WARM = 0.5  # of all requests: caches fill, the allocator settles
# What may be added for each request after that: a count, or a note of what is rare. 200,000 requests: 10 MB.
FLAT_BYTES = 50
FLAT_OBJECTS = 0.1
PATIENCE = aiohttp.ClientTimeout(60)

CONFIG = """
port = {port}
log_level = "ERROR"
admin_key = "boss"
login_attempts = 0
max_retries = 1
store.url = "sqlite:{folder}/soak.db"

[cache]
enabled = true
max_mb = 4
max_entries = 500

[conversation]
keep_mb = 1
keep_total_mb = 4

[provider.up]
api = "openai"
base_url = "{upstream}/v1"
api_key = "k"

[provider.mock]
api = "openai"
base_url = "{mock}/v1"
api_key = "k"

[[backend]]
model = "mock:flaky"
model_match = ["flaky", "failover"]
price = {{ input = 1, output = 2 }}

[[backend]]
name = "first"
model = "mock:fail-503"
model_match = ["failover"]
price = {{ input = 1, output = 2 }}

[[backend]]
model = "up:openai_chat"
model_match = ["m", "model-*", "failover"]
price = {{ input = 3, output = 15 }}
max_per_hour = 10000000
"""
# Of each fault a backend of its own: one that rests leaves the others to be asked.
FAULT = '[[backend]]\nmodel = "mock:{fault}"\nprice = {{ input = 1, output = 2 }}'
ERRORS = (
    "fail-400",
    "fail-413",
    "fail-429",
    "fail-503",
    "fail-context",
    "cut-early",
    "error-first",
    "garbage",
    "refuse",
)
BREAKS = ("cut", "cut-clean", "error-in-stream", "slow-stream?wait=1ms")
TOKEN = 't{n} = {{ key = "token-{n}", max_per_hour = {limit}, max_tokens_per_day = 1000000000, max_usd = 100000 }}'


@dataclass
class Client:
    """One of those who ask."""

    url: str
    token: str
    session: aiohttp.ClientSession
    chance: random.Random

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def says(self, model: str, **more: object) -> dict[str, object]:
        content = "Tell me something. " * self.chance.randint(1, 40) + str(self.chance.random())
        return {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": content}]} | more

    async def post(self, path: str, body: object, **headers: str) -> int:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        async with self.session.post(self.url + path, data=data, headers=self.headers | headers) as answer:
            await answer.read()
            return answer.status

    async def get(self, path: str, **headers: str) -> int:
        async with self.session.get(self.url + path, headers=self.headers | headers) as answer:
            await answer.read()
            return answer.status

    async def leave(self, body: object, after: int) -> int:
        """Hang up once `after` bytes of an answer have come."""
        async with self.session.post(
            self.url + "/v1/chat/completions", data=orjson.dumps(body), headers=self.headers
        ) as answer:
            with contextlib.suppress(asyncio.IncompleteReadError, aiohttp.ClientPayloadError):
                await answer.content.readexactly(after)
            answer.close()
            return answer.status

    async def hang_up(self, said: bytes) -> int:
        """Say something over a connection of its own, and leave."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(said)
        await writer.drain()
        writer.transport.abort()
        return 0


def lost(client: Client) -> bytes:
    """A request whose client leaves in the middle of its body."""
    head = f"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {client.token}\r\n"
    return head.encode() + b"content-length: 5000\r\n\r\n" + b'{"model": "x"'


CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
Ask = Callable[[Client], Awaitable[int]]
# How often of a hundred, and how: an answer's status is noted, whatever it is.
MIX: dict[str, tuple[int, Ask]] = {
    "stream": (16, lambda c: c.post(CHAT, c.says("m", stream=True))),
    "stream, translated": (12, lambda c: c.post(MESSAGES, c.says("m", stream=True))),
    "whole": (16, lambda c: c.post(CHAT, c.says("m"))),
    "kept": (4, lambda c: c.post(RESPONSES, {"model": "m", "input": f"Hello {c.chance.random()}"})),
    "asked before": (8, lambda c: c.post(CHAT, {**c.says("m"), "messages": [{"role": "user", "content": "again"}]})),
    "many models": (8, lambda c: c.post(CHAT, c.says(f"model-{c.chance.random()}"))),
    "failover": (8, lambda c: c.post(CHAT, c.says("failover", stream=c.chance.random() < 0.5))),
    "errors": (6, lambda c: c.post(CHAT, c.says(f"mock:{c.chance.choice(ERRORS)}"))),
    "breaks": (4, lambda c: c.post(CHAT, c.says(f"mock:{c.chance.choice(BREAKS)}", stream=True))),
    "leaves in the middle": (4, lambda c: c.leave(c.says(f"mock:{BREAKS[-1]}", stream=True), 300)),
    "leaves a long one": (3, lambda c: c.leave(c.says("m", stream=True), 300)),
    "leaves while it asks": (2, lambda c: c.hang_up(lost(c))),
    "no request": (1, lambda c: c.hang_up(b"GET / HTTP/1.1\r\nno header\r\n\r\n")),
    "wrong body": (3, lambda c: c.post(MESSAGES, b'{"model": "m", "messages": [{]')),
    "wrong token": (2, lambda c: c.post(CHAT, c.says("m"), authorization=f"Bearer wrong-{c.chance.random()}")),
    "resets": (
        1,
        lambda c: c.post("/api/quota/reset", b"", **{"x-admin-key": "boss"}),
    ),  # rests end: all are asked again
    "looks": (2, lambda c: c.get(c.chance.choice(["/v1/models", "/health", "/nowhere", f"/n{c.chance.random()}"]))),
}


async def ask(clients: list[Client], requests: int, chances: list[random.Random], heard: Counter[str]) -> None:
    """So many requests, as many at once as there are `chances`."""
    left = iter(range(requests))
    names, weights = list(MIX), [weight for weight, _ in MIX.values()]

    async def one(chance: random.Random) -> None:
        for _ in left:
            name = chance.choices(names, weights)[0]
            try:
                status: object = await MIX[name][1](chance.choice(clients))
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                status = type(error).__name__
            heard[f"{name}: {status}"] += 1

    await asyncio.gather(*map(one, chances))


@dataclass
class Sample:
    """What the gateway holds after so many requests."""

    requests: int
    memory: float  # MB
    descriptors: int
    tasks: int
    objects: int
    kinds: Counter[str]

    def __str__(self) -> str:
        return f"{self.requests:>9} {self.memory:8.1f} {self.descriptors:6} {self.tasks:6} {self.objects:9}"


async def look(pid: int, requests: int, notes: Path) -> Sample:
    """Have the gateway note what it holds. Raises TimeoutError: it does not."""
    notes.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR2)
    async with asyncio.timeout(30):
        while not notes.exists():
            await asyncio.sleep(0.05)
    told = orjson.loads(notes.read_bytes())
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(requests, memory_mb(pid), descriptors, told["tasks"], told["objects"], Counter(told["kinds"]))


def inside(notes: Path, arguments: list[str]) -> None:
    """The gateway's side: llmux, that notes what it holds when it is told to."""
    import gc

    from llmux.cli.main import main as llmux

    def note(*_: object) -> None:
        gc.collect()
        held = gc.get_objects()
        kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in held)
        tasks = len(asyncio.tasks._all_tasks)  # type: ignore[attr-defined]
        told = {"tasks": tasks, "objects": len(held), "kinds": dict(kinds.most_common(200))}
        del held
        unfinished = notes.with_suffix(".new")
        unfinished.write_bytes(orjson.dumps(told))
        unfinished.rename(notes)

    signal.signal(signal.SIGUSR2, note)
    sys.argv = ["llmux", *arguments]
    llmux()


def slope(samples: list[Sample], of: Callable[[Sample], float]) -> float:
    """What is added for each request, by the line that fits best."""
    line = statistics.linear_regression([float(each.requests) for each in samples], [of(each) for each in samples])
    return line.slope


def verdict(samples: list[Sample], requests: int) -> bool:
    """Say whether it is flat once it is warm."""
    warm = [each for each in samples if each.requests >= requests * WARM]
    memory = slope(warm, lambda each: each.memory * 2**20)
    objects = slope(warm, lambda each: float(each.objects))
    rest = samples[-1]
    flat = memory < FLAT_BYTES and objects < FLAT_OBJECTS and rest.descriptors <= warm[0].descriptors + 8
    print(f"after {warm[0].requests} requests: {memory:+.1f} bytes and {objects:+.3f} objects a request")
    print("what there is more of:", *(rest.kinds - warm[0].kinds).most_common(6))
    print("verdict: " + ("flat" if flat else "NOT flat"))
    return flat


@contextlib.asynccontextmanager
async def calling(url: str) -> AsyncIterator[list[Client]]:
    """The clients. One of four hears of its limit sooner or later."""
    async with contextlib.AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=PATIENCE))
        yield [Client(url, f"token-{n}", session, random.Random(n)) for n in range(CLIENTS)]  # noqa: S311


async def soak(url: str, pid: int, options: argparse.Namespace, notes: Path) -> list[Sample]:
    """Ask, look, ask again."""
    heard: Counter[str] = Counter()
    samples: list[Sample] = []
    print(f"{'requests':>9} {'MB':>8} {'fds':>6} {'tasks':>6} {'objects':>9}")
    began, cpu = time.monotonic(), cpu_seconds(pid)
    each = max(1, options.requests // SAMPLES)
    chances = [random.Random(n) for n in range(options.concurrency)]  # noqa: S311  # nothing is secret here
    async with calling(url) as clients:
        for n in range(SAMPLES):
            await ask(clients, each, chances, heard)
            await clients[0].get("/metrics", **{"x-admin-key": "boss"})
            samples.append(await look(pid, (n + 1) * each, notes))
            print(samples[-1], flush=True)
    took, used = time.monotonic() - began, cpu_seconds(pid) - cpu
    print(
        f"{took:.0f} s, {each * SAMPLES / took:.0f} requests/s, {used / each / SAMPLES * 1e6:.0f} us of CPU a request"
    )
    for name in MIX:
        print(
            f"  {name:24}",
            *(f"{k.rpartition(': ')[2]} x{v}" for k, v in heard.most_common() if k.startswith(f"{name}: ")),
        )
    return samples


def configuration(port: int, upstream: int, mock: int, folder: Path) -> str:
    """See CONFIG; one client of four has a limit that it meets."""
    backends = {"upstream": f"http://127.0.0.1:{upstream}", "mock": f"http://127.0.0.1:{mock}"}
    tokens = [TOKEN.format(n=n, limit=10_000_000 if n % 4 else 200) for n in range(CLIENTS)]
    faults = [FAULT.format(fault=fault) for fault in (*ERRORS, *BREAKS)]
    return "\n".join([CONFIG.format(port=port, folder=folder, **backends), *faults, "[tokens]", *tokens])


def main() -> None:
    """See above."""
    if sys.argv[1:2] == ["--inside"]:
        inside(Path(sys.argv[2]), sys.argv[3:])
        return
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--requests", type=int, default=200_000)
    reader.add_argument("--concurrency", type=int, default=96)
    options = reader.parse_args()
    port, upstream, mock = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as stack:
        folder = Path(home)
        (folder / "config.toml").write_text(configuration(port, upstream, mock, folder))
        stack.enter_context(process("tests.bench.upstream", str(upstream), port=upstream))
        stack.enter_context(process("llmux", "mock", "--port", str(mock), port=mock))
        command = ("tests.bench.soak", "--inside", home + "/notes", "start", "--config", home + "/config.toml")
        gateway = stack.enter_context(process(*command, port=port))
        url = f"http://127.0.0.1:{port}"
        samples = asyncio.run(soak(url, gateway.pid, options, folder / "notes"))
        flat = verdict(samples, options.requests)
    sys.exit(0 if flat else 1)


if __name__ == "__main__":
    main()
