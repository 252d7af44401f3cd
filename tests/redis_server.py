"""A Redis of one's own: a real process in a folder, that tests may kill, stop and start again. Blocking."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

COMMAND = shutil.which("redis-server") or shutil.which("valkey-server")
needs_redis = pytest.mark.skipif(COMMAND is None, reason="no Redis is installed: apt-get install redis-server")
PATIENCE = 20  # s; for its start, on a busy machine


class RedisServer:
    """It listens at a free port of this machine, and at a socket in `folder`. What is acknowledged is on the disk."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder, self._options = folder, options
        self.url = f"redis://127.0.0.1:{self.port}/0"
        # A socket's path has 107 characters at most; pytest's folders may be longer.
        self.socket = f"/tmp/llmux-redis-{os.getpid()}-{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert COMMAND is not None
        where = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--unixsocket",
            self.socket,
            "--dir",
            str(self._folder),
        ]
        kept = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        log = (self._folder / "redis.log").open("ab")
        self._process = subprocess.Popen([COMMAND, *where, *kept, *self._options], stdout=log, stderr=log)
        log.close()
        until = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < until, (self._folder / "redis.log").read_text()
            time.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        Path(self.socket).unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))  # and not: it is still loading
        except OSError:
            return False
