"""The folder in which workers share what they count: made for the workers of one gateway, and gone with it.

prometheus-client finds it by a variable, when it is imported; so a worker has the variable before it begins.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's word
STARTED = "LLMUX_STARTED"  # Unix seconds at which the gateway was started, which outlives its workers


class Shared:
    """What the keeper of the workers does: hands on the variables, and says who has died."""

    def __init__(self, folder: str, started: float) -> None:
        self.environment: Mapping[str, str] = {FOLDER: folder, STARTED: str(started)}
        self._folder = folder

    def bury(self, pid: int) -> None:
        """A worker has died: what it was doing is not done any more. What it has counted stays."""
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid, self._folder)


@contextmanager
def shared(started: float) -> Iterator[Shared]:
    """A folder for the workers of a gateway that was started at `started`."""
    with tempfile.TemporaryDirectory(prefix="llmux-metrics-") as folder:
        yield Shared(folder, started)
