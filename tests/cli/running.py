"""llmux as a person runs it: a real process, in surroundings of its own. Blocking."""

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "llmux")
LISTENS = "llmux listens on "
# What a developer's own shell may hold and a test must not see.
FOREIGN = ("_API_KEY", "_BASE_URL", "_AUTH_TOKEN", "LLMUX_", "OLLAMA_", "_proxy", "_PROXY")


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """An environment without keys, whose home is `home`."""
    kept = {name: value for name, value in os.environ.items() if not any(part in name for part in FOREIGN)}
    mine = {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return {**kept, **mine, **more}


def llmux(*args: str, env: Mapping[str, str], cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *args], env=env, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def ask(url: str, path: str, body: object = None, trust: ssl.SSLContext | None = None) -> dict[str, Any]:
    """POST `body` as JSON, or GET where there is none; the answer, which must be a 200."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    kind = http.client.HTTPSConnection if trust else http.client.HTTPConnection
    with closing(kind(host, parts.port, timeout=10, **({"context": trust} if trust else {}))) as connection:
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        reply = connection.getresponse()
        told = json.load(reply)
        assert reply.status == 200, told
        return told


class Running:
    """A command that goes on. `line` is the first that it printed."""

    def __init__(self, process: subprocess.Popen[str], line: str) -> None:
        self.process, self.line = process, line
        self.url = line.rpartition(" on ")[2].strip()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def running(
    *args: str, env: Mapping[str, str], cwd: Path, stderr: int | IO[str] = subprocess.PIPE
) -> Iterator[Running]:
    """`llmux ARGS`, from its first line of output to the end of the block. Its log goes to `stderr`."""
    with subprocess.Popen(
        [*COMMAND, *args], env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield Running(process, process.stdout.readline())
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)
