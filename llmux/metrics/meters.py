"""Every metric: its name, what it says, its labels. It counts nothing itself.

The names are an interface: dashboards and alerts of ours (examples/grafana) and of others are made of them.
"""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from llmux.metrics.conventions import DURATIONS, FIRST_TOKENS  # so both ways of looking agree


class Meters:
    """The metrics that facts are counted in. What a scrape finds out by itself is in `page.py`."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        """`registry`: who shows them; None where workers share, whose counts are shown together."""
        disable_created_metrics()  # a second series for each, which says when the first one began
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        which = ("model", "backend")
        self.requests = counter(
            "llmux_requests_total",
            "Requests of clients that are over, by the status that they were answered with.",
            ("client", "dialect", "model", "backend", "status"),
        )
        self.latency = histogram(
            "llmux_latency_seconds", "Time from a request to the end of its answer.", which, buckets=DURATIONS
        )
        self.first_token = histogram(
            "llmux_time_to_first_token_seconds",
            "Time from a request to the first content of its answer, of streams.",
            which,
            buckets=FIRST_TOKENS,
        )
        self.tokens = counter(
            "llmux_tokens_total",
            "Tokens by direction: input (neither read from nor written to a cache), cache_read, cache_write, output, "
            "and reasoning, which is a part of output. The model is the backend's name of it.",
            ("direction", *which),
        )
        self.cost = counter(
            "llmux_cost_total",
            "US dollars spent, as far as prices are known. The model is the backend's name of it.",
            which,
        )
        self.errors = counter("llmux_errors_total", "Requests that failed, by kind.", ("kind",))
        self.failovers = counter(
            "llmux_failovers_total",
            "Backends that failed a request which another one was asked for then.",
            ("backend", "error"),
        )
        self.cache_hits = counter("llmux_cache_hits_total", "Requests answered from the cache.")
        self.cache_misses = counter("llmux_cache_misses_total", "Requests that the cache had no answer for.")
        self.cache_coalesced = counter(
            "llmux_cache_coalesced_total", "Requests that shared the answer to an equal one."
        )
        self.cache_bypasses = counter("llmux_cache_bypasses_total", "Requests that the cache was not asked for.")
        self.store_faults = counter("llmux_store_faults_total", "Times that the store was found to be away.")
        self.active = Gauge(
            "llmux_active_requests", "Requests that are being answered.", registry=registry, multiprocess_mode="livesum"
        )
