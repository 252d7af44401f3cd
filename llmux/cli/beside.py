"""A gateway beside a client: started on a free port of loopback, and ended with the client. Blocking."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from llmux.cli.summary import LISTENS
from llmux.cli.terminal import Failure

READY_WITHIN = 15.0  # s; it takes well under one
STOPPED_WITHIN = 5.0  # s; a client that has gone waits for no answer
LOOK_EVERY = 0.02  # s


@contextmanager
def gateway(config: Path | None) -> Iterator[str]:
    """The URL of a gateway that lives as long as the block. What it logs goes to a file that goes with it.

    Raises:
        Failure: it did not start; says what it said last.
    """
    command = [sys.executable, "-P", "-m", "llmux", "start", "--host", "127.0.0.1", "--port", "0", "--workers", "1"]
    command += ["--config", str(config)] if config else []
    # Appended to, so that our reading does not move where the child writes.
    with tempfile.TemporaryFile("a+") as log:
        # A session of its own: Ctrl-C in the terminal is the client's.
        child = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield _url(child, log)
        finally:
            _end(child)


def _url(child: subprocess.Popen[bytes], log: IO[str]) -> str:
    """The URL that the gateway prints once it listens."""
    give_up_at = time.monotonic() + READY_WITHIN
    while True:
        running = child.poll() is None
        said = _lines(log)
        for line in said:
            if line.startswith(LISTENS):
                return line.removeprefix(LISTENS).strip()
        if not running or time.monotonic() > give_up_at:
            last = said[-1].removeprefix("llmux: ") if said else "Nothing."
            raise Failure(f"the gateway did not start. It said: {last}")
        time.sleep(LOOK_EVERY)


def _lines(log: IO[str]) -> list[str]:
    log.seek(0)
    return log.read().strip().splitlines()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
