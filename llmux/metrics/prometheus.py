"""Counting for Prometheus, put together: for a process by itself, or for one of several workers.

prometheus-client is loaded here, and its registry of everybody's metrics is not used.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from llmux.clock import Clock
from llmux.metrics.base import Look, Page, Standing
from llmux.metrics.counting import Counting
from llmux.metrics.meters import Meters
from llmux.metrics.page import ScrapePage
from llmux.metrics.workers import FOLDER, STARTED


class Prometheus(Counting):
    """See `base.Metrics`."""

    def __init__(self, environ: Mapping[str, str], clock: Clock, version: str) -> None:
        """`environ` says whether this is one of several workers; see `workers.py`."""
        folder = environ.get(FOLDER)
        registry = CollectorRegistry()
        super().__init__(Meters(None if folder else registry), clock)
        self._counts: Collector = MultiProcessCollector(None, folder) if folder else registry
        self._version = version
        self._since = float(environ.get(STARTED) or clock.now())

    def page(self, look: Look) -> Page:
        """Answers scrapers. `look` says how the backends stand at that moment."""

        async def looked() -> Iterable[Standing]:
            standings = await look()
            self.show()
            return standings

        return ScrapePage(self._counts, looked, self._clock, self._since, self._version)
