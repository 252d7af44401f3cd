"""What a scraper is shown: the counts, and how the backends stand at that moment.

It counts nothing. The text is made in a thread: a thousand series of some workers take tens of milliseconds.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from llmux.clock import Clock
from llmux.metrics.base import Look, Standing

# The span of a window, in seconds -> what its label says.
SPANS: Mapping[int, str] = {3600: "1h", 18_000: "5h", 86_400: "1d", 2_592_000: "30d", 0: "all"}


class ScrapePage:
    """Answers scrapers."""

    def __init__(self, counts: Collector, look: Look, clock: Clock, started: float, version: str) -> None:
        """`started`: Unix seconds, of the gateway, which may be older than this worker."""
        self._counts, self._look = counts, look
        self._clock, self._started, self._version = clock, started, version

    async def __call__(self, accept: str) -> tuple[str, bytes]:
        """The content type and the text, in the form that `accept` asks for: Prometheus' own, or OpenMetrics."""
        encode, content_type = _form(accept)
        now = (*states(await self._look()), *self._itself())
        return content_type, await asyncio.to_thread(encode, _Both(self._counts, now))

    def _itself(self) -> Iterator[Metric]:
        uptime = self._clock.now() - self._started
        yield GaugeMetricFamily("llmux_uptime_seconds", "Time since the gateway was started.", uptime)
        yield InfoMetricFamily("llmux_build", "Which llmux this is.", {"version": self._version})


def _form(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """How the text is made, and its type; Prometheus' own for who asks for a version that is none."""
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        return choose_encoder("")


class _Both(CollectorRegistry):
    """The counts, and what is so now."""

    def __init__(self, counts: Collector, now: Iterable[Metric]) -> None:
        super().__init__()
        self._counts, self._now = counts, now

    def collect(self) -> Iterator[Metric]:
        """One after the other."""
        yield from self._counts.collect()
        yield from self._now


def states(standings: Iterable[Standing]) -> tuple[Metric, ...]:
    """How the backends stand, as metrics."""
    up = GaugeMetricFamily("llmux_backend_up", "1, or 0 while the backend rests after failures.", labels=("backend",))
    window = ("backend", "unit", "span")
    left = GaugeMetricFamily("llmux_window_remaining", "What is left of a backend's window.", labels=window)
    limit = GaugeMetricFamily("llmux_window_limit", "How large a backend's window is.", labels=window)
    for standing in standings:
        up.add_metric((standing.backend,), float(standing.state == "up"))
        for use in standing.windows:
            labels = (standing.backend, use.unit, SPANS.get(use.seconds, f"{use.seconds}s"))
            left.add_metric(labels, max(use.limit - use.used, 0.0))
            limit.add_metric(labels, use.limit)
    return up, left, limit
