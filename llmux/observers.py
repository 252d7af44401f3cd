"""The listeners that a configuration asks for, beside the log: opened with a gateway, and closed with it.

Their libraries are loaded here and nowhere else, each only where it is wanted.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from llmux import __version__
from llmux.clock import Clock
from llmux.config.schema import Config
from llmux.ir.value import Value
from llmux.metrics.base import Metrics
from llmux.metrics.workers import Shared, shared
from llmux.telemetry import Listener


class Observers(Value):
    """Who hears facts; and, among them, who shows on /metrics what has been counted."""

    listeners: tuple[Listener, ...] = ()
    metrics: Metrics | None = None


@contextmanager
def observers(config: Config, environ: Mapping[str, str], clock: Clock) -> Iterator[Observers]:
    """Those of a process that serves."""
    metrics = _prometheus(environ, clock) if config.metrics.enabled else None
    yield Observers((metrics,) if metrics else (), metrics)


@contextmanager
def counted_together(config: Config, clock: Clock) -> Iterator[Shared | None]:
    """What the workers of a gateway share; None where nothing is counted."""
    if not config.metrics.enabled:
        yield None
        return
    with shared(clock.now()) as together:
        yield together


def _prometheus(environ: Mapping[str, str], clock: Clock) -> Metrics:
    from llmux.metrics.prometheus import Prometheus

    return Prometheus(environ, clock, __version__)
