"""Real clients through llmux against a strict backend of every API: `python -m tests.clients.run [--only TEXT]`.

What drives the clients and plays the backends lies outside the project: LLMUX_DRIVERS, default ../shared/clients; its
README says how the clients are installed. A line a run: which checks held, and what the backend would have refused.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

DRIVERS = Path(os.environ.get("LLMUX_DRIVERS") or Path(__file__).parents[2] / "../shared/clients").resolve()
TOKEN, KEY = "sk-the-clients", "sk-the-backends"


class Upstream(NamedTuple):
    """A provider as llmux asks it; the backend plays `plays`."""

    provider: str
    path: str
    model: str
    plays: str


UPSTREAMS: Mapping[str, Upstream] = {
    "claude": Upstream("anthropic", "", "claude-sonnet-4-5", "anthropic"),
    "openai": Upstream("openai", "/v1", "gpt-4.1", "openai"),
    "responses": Upstream("openai", "/v1", "gpt-5", "responses"),
    "gemini": Upstream("gemini", "/v1beta", "gemini-2.5-pro", "gemini"),
    "ollama": Upstream("ollama", "", "stub-model", "ollama"),
}
AGENTS = ("claude", "codex", "codex-custom", "codex-code-mode", "gemini")
SDKS = tuple(
    f"{language}-{sdk}"
    for language in ("py", "js")
    for sdk in ("anthropic", "openai-chat", "openai-responses", "google-genai", "ollama")
)
TASKS = {**dict.fromkeys(AGENTS, ("tool-loop", "chain", "image")), **dict.fromkeys(SDKS, ("hello", "chain"))}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def configuration(api: str, upstream: Upstream, port: int, backend: int) -> str:
    return f"""
port = {port}
store.url = "memory:"
tokens.client = "{TOKEN}"
[provider.{upstream.provider}]
api = "{api}"
base_url = "http://127.0.0.1:{backend}{upstream.path}"
api_key = "{KEY}"
[[backend]]
model = "{upstream.provider}:{upstream.model}"
vision = true
thinking = true
"""


@contextlib.contextmanager
def process(command: list[str], port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as started:
        try:
            for _ in range(400):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                    break
                time.sleep(0.05)
            else:
                raise SystemExit(f"{command} does not listen:\n{log.read_text()}")
            yield
        finally:
            started.terminate()


def drive(client: str, task: str, port: int, backend: int) -> dict[str, object]:
    command = [
        sys.executable, str(DRIVERS / "drive.py"), client, "--base-url", f"http://127.0.0.1:{port}", "--token", TOKEN,
        "--task", task, "--stub", f"http://127.0.0.1:{backend}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    try:
        told: dict[str, object] = json.loads(done.stdout)
    except ValueError:
        return {"ok": False, "stderr_tail": done.stderr[-2000:]}
    return told


def tell(client: str, api: str, task: str, told: dict[str, object]) -> bool:
    upstream = told.get("upstream")
    violations = upstream.get("violations", []) if isinstance(upstream, dict) else []
    verdict = "ok" if told["ok"] else "FAILED"
    print(f"{verdict:7} {client:20} on {api:10} {task:10} {told.get('seconds', '')}", flush=True)
    if not told["ok"]:
        print("        ", json.dumps(told.get("checks")), json.dumps(violations)[:1500])
        print("        ", str(told.get("stdout_tail", ""))[-700:], str(told.get("stderr_tail", ""))[-700:])
    return bool(told["ok"])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--client", default="", help="clients whose name holds this")
    options.add_argument("--backend", default="", help=f"one of {', '.join(UPSTREAMS)}; none: every one")
    options.add_argument("--task", default="", help="one task; none: those that fit the client")
    chosen = options.parse_args()
    if not DRIVERS.is_dir():
        raise SystemExit(f"nothing to drive clients with at {DRIVERS}: set LLMUX_DRIVERS")
    good = ran = 0
    for api, upstream in UPSTREAMS.items():
        if chosen.backend not in {"", api}:
            continue
        port, backend = free_port(), free_port()
        with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
            folder = Path(name)
            (folder / "config.toml").write_text(configuration(api, upstream, port, backend))
            stub = [sys.executable, str(DRIVERS / "stub.py"), "--port", str(backend), "--api", upstream.plays]
            stub += ["--key", KEY, "--forbid", TOKEN]
            start = [sys.executable, "-m", "llmux", "start", "--config", str(folder / "config.toml")]
            stack.enter_context(process(stub, backend, folder / "stub.log"))
            stack.enter_context(process(start, port, folder / "llmux.log"))
            cases = [
                (client, task)
                for client, tasks in TASKS.items()
                if chosen.client in client
                for task in tasks
                if chosen.task in {"", task}
            ]
            with ThreadPoolExecutor(2) as pool:
                results = pool.map(lambda case: drive(*case, port, backend), cases)  # noqa: B023 - used up in this round
                for (client, task), told in zip(cases, results, strict=True):
                    ran += 1
                    good += tell(client, api, task, told)
            if os.environ.get("LLMUX_SHOW_LOG"):
                print((folder / "llmux.log").read_text()[-6000:])
    print(f"{good} of {ran} runs did everything that was asked")
    raise SystemExit(0 if good == ran else 1)


if __name__ == "__main__":
    main()
