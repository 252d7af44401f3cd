"""OpenTelemetry, put together: its SDK sends spans and metrics over HTTP, in threads of its own.

A collector that is away costs what its bounded queue forgets, and a line in the log now and then; a request never
waits for it, and a stop only so long. The SDK's own variables (OTEL_*) count; no global provider is set.
"""

import logging  # noqa: TID251  # the SDK tells its troubles there: they become facts
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from llmux.clock import Clock
from llmux.metrics.traces import Traces

LONGEST_VALUE = 256  # characters; a client chooses its model's name
PATIENCE_S = 3.0  # for what is still to be sent, at a stop
REPEAT_S = 60.0  # between two complaints


@contextmanager
def sending(endpoint: str, clock: Clock, version: str, complain: Callable[[str], object]) -> Iterator[Traces]:
    """A listener whose spans and metrics go to the collector at `endpoint`, an address without a signal's path.

    `complain` is told, from any thread, what went wrong.
    """
    base, resource = endpoint.rstrip("/"), _resource(version)
    tracers = TracerProvider(
        resource=resource, shutdown_on_exit=False, span_limits=SpanLimits(max_attribute_length=LONGEST_VALUE)
    )
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics"))
    meters = MeterProvider([reader], resource, shutdown_on_exit=False)

    def stop() -> None:
        tracers.shutdown()
        meters.shutdown(PATIENCE_S * 1000)

    log, troubles = logging.getLogger("opentelemetry"), _Troubles(clock, complain)
    log.addHandler(troubles)
    log.propagate = False
    try:
        yield Traces(tracers, meters, clock)
    finally:
        last = threading.Thread(target=stop, daemon=True)
        last.start()
        last.join(PATIENCE_S)
        troubles.end()  # it stays where it is: with nobody to hear it the SDK would write to standard error


def _resource(version: str) -> Resource:
    """Who tells; what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say counts more."""
    ours = Resource({"service.name": "llmux", "service.version": version})
    theirs = OTELResourceDetector().detect()
    return Resource.create().merge(ours).merge(theirs)


class _Troubles(logging.Handler):
    """Passes a complaint on; those that come soon after it are the same trouble."""

    def __init__(self, clock: Clock, complain: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._clock, self._complain = clock, complain
        self._silent_until = 0.0

    def end(self) -> None:
        """Pass nothing on any more: nobody is there to hear it."""
        self._silent_until = math.inf

    def emit(self, record: logging.LogRecord) -> None:
        """Hear the SDK."""
        if self._clock.monotonic() >= self._silent_until:
            self._silent_until = self._clock.monotonic() + REPEAT_S
            self._complain(f"OpenTelemetry: {record.getMessage()}")
