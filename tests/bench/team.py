"""What running llmux for a team costs: `python -m tests.bench.team [--redis] [--budgets]`.

Two gateways answer the same small requests in turn, on the same machine: a bare one, which keeps nothing, and one with
windows, metrics and usage, on SQLite or on a real redis-server; with --budgets also with a client's own windows, of
requests, tokens and money, with prices, and with the admin page. What counts is the ratio of their CPU a request; for
Redis also how many commands a request takes. Nothing is asserted.
"""

import argparse
import contextlib
import re
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.run import Scenario, free_port, memory_mb, microseconds, process

SMALL = Scenario("openai_chat", "openai_chat", stream=False)
BACKEND = """
[provider.up]
api = "openai"
base_url = "{upstream}/v1"
api_key = "k"

[[backend]]
model = "up:openai_chat"
model_match = ["*"]
"""
BARE = 'port = {port}\nstore.url = "memory:"\nlog_level = "WARNING"\nmetrics.enabled = false\n' + BACKEND
WINDOWS = (
    'port = {port}\nstore.url = "{store}"\nlog_level = "WARNING"\n'
    + BACKEND
    + """max_per_hour = 1000000
max_per_day = 10000000
"""
)
BUDGETS = (
    'admin_key = "a"\n'
    + WINDOWS
    + """price = {{ input = 3, output = 15 }}

[tokens.team]
key = "secret"
max_per_hour = 1000000
max_tokens_per_day = 1000000000
max_usd_per_month = 100000
"""
)


@contextlib.contextmanager
def gateway(text: str, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway with this configuration."""
    file = folder / f"{port}.toml"
    file.write_text(text)
    with process("llmux", "start", "--config", str(file), port=port) as started:
        yield started


@contextlib.contextmanager
def redis_server(folder: Path, port: int) -> Iterator[None]:
    """A redis-server that keeps nothing on disk."""
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(folder), "--loglevel", "warning"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as started:
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                    break
                time.sleep(0.05)
            yield
        finally:
            started.terminate()


def commands(port: int) -> int:
    """How many commands a redis-server has had from gateways: what a script calls is none of them."""
    with socket.create_connection(("127.0.0.1", port)) as asked:
        asked.sendall(b"INFO commandstats\r\n")
        told = asked.recv(65536).decode()
    return sum(int(calls) for calls in re.findall(r"cmdstat_(?:evalsha|mget):calls=(\d+)", told))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--requests", type=int, default=4000)
    options.add_argument("--redis", action="store_true")
    options.add_argument("--budgets", action="store_true")
    chosen = options.parse_args()
    up, bare_port, team_port, redis_port = (free_port() for _ in range(4))
    upstream = f"http://127.0.0.1:{up}"
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        if chosen.redis:
            stack.enter_context(redis_server(folder, redis_port))
        store = f"redis://127.0.0.1:{redis_port}/0" if chosen.redis else f"sqlite:{folder / 'llmux.db'}"
        stack.enter_context(process("tests.bench.upstream", str(up), port=up))
        bare = stack.enter_context(gateway(BARE.format(port=bare_port, upstream=upstream), folder, bare_port))
        text = (BUDGETS if chosen.budgets else WINDOWS).format(port=team_port, upstream=upstream, store=store)
        team = stack.enter_context(gateway(text, folder, team_port))
        pairs = list[tuple[float, float]]()
        for number in range(chosen.rounds + 1):
            begun = commands(redis_port) if chosen.redis else 0
            pair = (
                microseconds(bare.pid, f"http://127.0.0.1:{bare_port}", SMALL, chosen.requests),
                microseconds(team.pid, f"http://127.0.0.1:{team_port}", SMALL, chosen.requests, key="secret"),
            )
            said = f"bare {pair[0]:6.1f} us  team {pair[1]:6.1f} us  ratio {pair[1] / pair[0]:.3f}"
            if chosen.redis:
                said += f"  commands a request {(commands(redis_port) - begun) / chosen.requests:.3f}"
            print(said + ("  (not counted: warming up)" if number == 0 else ""))
            pairs += [pair] if number else []
        print(f"median ratio {statistics.median(own / floor for floor, own in pairs):.3f}")
        print(f"memory {memory_mb(bare.pid):.0f} MB bare, {memory_mb(team.pid):.0f} MB for a team")


if __name__ == "__main__":
    main()
