"""What the listeners cost a request: `python -m tests.bench.facts`. Microseconds of CPU, by this process alone.

Each is told the facts of a streamed request, as the house tells them, over and over; with metrics both as one process
counts and as workers do. Nothing here is asserted.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping

from llmux.ir.usage import Usage
from llmux.telemetry import Fact, Listener, RequestFinished, RequestStarted, Spent
from tests.fakes import FakeClock

ROUNDS, REQUESTS = 7, 10_000
USAGE = Usage(900, 250, 100)
FACTS: tuple[Fact, ...] = (
    RequestStarted("req_1", "/v1/messages"),
    Spent(
        request_id="req_1", client="team", backend="demo:echo", provider="demo", model="echo",
        usage=USAGE, usd=0.0125, complete=True,
    ),
    RequestFinished(
        request_id="req_1", client="team", dialect="claude", path="/v1/messages", model="sonnet", backend="demo:echo",
        attempts=1, status=200, stream=True, usage=USAGE, first_event_s=0.35, duration_s=4.2,
    ),
)  # fmt: skip


def prometheus() -> Listener:
    """As `/metrics` counts."""
    from llmux.metrics.prometheus import Prometheus

    return Prometheus(os.environ, FakeClock(), "0")


def otel() -> Listener:
    """As OpenTelemetry is told, without the sending."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    from llmux.metrics.traces import Traces

    return Traces(TracerProvider(shutdown_on_exit=False), MeterProvider(shutdown_on_exit=False), FakeClock())


LISTENERS: Mapping[str, Callable[[], Listener]] = {"metrics": prometheus, "otel": otel}


def measure(listen: Listener) -> float:
    """Microseconds for a request: the least of some rounds."""
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(REQUESTS):
            for fact in FACTS:
                listen(fact)
        took.append(time.process_time() - began)
    return min(took) / REQUESTS * 1e6


def main() -> None:
    """Measure each; and metrics once more in a process that shares with others."""
    if sys.argv[1:] == ["shared"]:
        print(f"metrics, one of several workers  {measure(prometheus()):6.2f} us a request")
        return
    for name, listener in LISTENERS.items():
        print(f"{name:<31}  {measure(listener()):6.2f} us a request")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder}
        subprocess.run([sys.executable, "-m", "tests.bench.facts", "shared"], env=environment, check=True)


if __name__ == "__main__":
    main()
