"""The listeners that a configuration asks for, beside the log: opened with a gateway, and closed with it.

Their libraries are loaded here and nowhere else, each only where it is wanted.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

from llmux import __version__
from llmux.clock import Clock
from llmux.config.problem import ConfigError, Problem
from llmux.config.schema import Config
from llmux.ir.value import Value
from llmux.metrics.base import Metrics
from llmux.metrics.workers import Shared, shared
from llmux.telemetry import Listener, Notice


class Observers(Value):
    """Who hears facts; and, among them, who shows on /metrics what has been counted."""

    listeners: tuple[Listener, ...] = ()
    metrics: Metrics | None = None


@contextmanager
def observers(config: Config, environ: Mapping[str, str], clock: Clock, log: Listener) -> Iterator[Observers]:
    """Those of a process that serves; `log` is told what troubles them. Needs a running loop.

    Raises:
        ConfigError: one is wanted that is not installed.
    """
    metrics = _prometheus(environ, clock) if config.metrics.enabled else None
    with ExitStack() as stack:
        traces = [stack.enter_context(_otel(config.otel.endpoint, clock, log))] if config.otel.endpoint else []
        yield Observers((*traces, *([metrics] if metrics else [])), metrics)


@contextmanager
def counted_together(config: Config, clock: Clock) -> Iterator[Shared | None]:
    """What the workers of a gateway share; None where nothing is counted."""
    if not config.metrics.enabled:
        yield None
        return
    with shared(clock.now()) as together:
        yield together


def _otel(endpoint: str, clock: Clock, log: Listener) -> AbstractContextManager[Listener]:
    try:
        from llmux.metrics.otel import sending
    except ImportError as error:
        told = f"needs OpenTelemetry's libraries: pip install 'llmux[otel]' ({error})"
        raise ConfigError([Problem("", "otel.endpoint", told)]) from None
    loop = asyncio.get_running_loop()
    return sending(endpoint, clock, __version__, lambda text: loop.call_soon_threadsafe(log, Notice("warning", text)))


def _prometheus(environ: Mapping[str, str], clock: Clock) -> Metrics:
    from llmux.metrics.prometheus import Prometheus

    return Prometheus(environ, clock, __version__)
