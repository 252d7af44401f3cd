"""The listener that turns facts into spans and measurements of OpenTelemetry.

A request of a client's is a span of a server's, within the trace that its client brings; each try at a backend is a
client's span within that. They are made when the request is over: until then a few facts are kept. No span holds a
prompt, an answer, a key or an address. Sending them is somebody else's business, in threads of its own.
"""

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from llmux.clock import Clock
from llmux.metrics import conventions as words
from llmux.metrics.conventions import Attributes
from llmux.metrics.names import Names
from llmux.telemetry import AttemptFailed, Fact, RequestFinished, RequestStarted, Spent

NANOSECONDS = 1_000_000_000  # in a second
SERVER_FAULT = 500
SCOPE = "llmux"


class _Open:
    """What is kept of a request until it is over. Times are Unix seconds."""

    __slots__ = ("began", "traceparent", "tries")

    def __init__(self, began: float, traceparent: str) -> None:
        self.began, self.traceparent = began, traceparent
        self.tries: list[tuple[AttemptFailed | Spent, float]] = []  # and when each was over

    @property
    def last(self) -> AttemptFailed | Spent | None:
        """The try that answered; else the last that failed, if any was made."""
        answered = (found for found, _ in reversed(self.tries) if isinstance(found, Spent))
        return next(answered, self.tries[-1][0] if self.tries else None)


class Traces:
    """Hears facts, and tells OpenTelemetry."""

    def __init__(self, tracers: TracerProvider, meters: MeterProvider, clock: Clock) -> None:
        self._tracer, self._clock = tracers.get_tracer(SCOPE), clock
        self._meter = Measurements(meters)
        self._open: dict[str, _Open] = {}
        self._hears: Mapping[type[Fact], Callable[[Any], None]] = {
            RequestStarted: self._started,
            AttemptFailed: self._tried,
            Spent: self._tried,
            RequestFinished: self._finished,
        }

    def __call__(self, fact: Fact) -> None:
        """Take note of a fact."""
        hear = self._hears.get(type(fact))
        if hear is not None:
            hear(fact)

    def _started(self, fact: RequestStarted) -> None:
        self._open[fact.request_id] = _Open(self._clock.now(), fact.traceparent)

    def _tried(self, fact: AttemptFailed | Spent) -> None:
        asked = self._open.get(fact.request_id)
        if asked is not None:
            asked.tries.append((fact, self._clock.now()))

    def _finished(self, fact: RequestFinished) -> None:
        asked = self._open.pop(fact.request_id, None)
        if asked is None or not fact.model:  # a page of the gateway's own, or a list
            return
        span = self._span(fact, asked)
        within = set_span_in_context(span)
        for tried, ended in asked.tries:
            _try(self._tracer, within, words.operation(fact.path), tried, ended)
            self._meter.tried(words.operation(fact.path), tried)
        span.end(_nanoseconds(asked.began + fact.duration_s))
        self._meter.over(fact, asked.last)

    def _span(self, fact: RequestFinished, asked: _Open) -> Span:
        told = words.of_request(fact)
        if asked.last is not None:
            told[words.PROVIDER] = words.provider(asked.last.provider)
        if isinstance(asked.last, Spent):
            told[words.RESPONSE_MODEL] = asked.last.model
        span = self._tracer.start_span(
            f"{words.operation(fact.path)} {fact.model}",
            context=TraceContextTextMapPropagator().extract({"traceparent": asked.traceparent}, Context()),
            kind=SpanKind.SERVER,
            attributes=told,
            start_time=_nanoseconds(asked.began),
        )
        if fact.error and fact.status >= SERVER_FAULT:  # of a server's span, what its client did wrong is no error
            span.set_status(StatusCode.ERROR, fact.error)
        return span


def _try(tracer: Tracer, within: Context, operation: str, tried: AttemptFailed | Spent, ended: float) -> None:
    """The span of one try."""
    took = tried.took_s if isinstance(tried, Spent) else tried.after_s
    span = tracer.start_span(
        f"{operation} {tried.model}",
        context=within,
        kind=SpanKind.CLIENT,
        attributes=_of_try(operation, tried),
        start_time=_nanoseconds(ended - took),
    )
    if isinstance(tried, AttemptFailed):
        span.set_status(StatusCode.ERROR, tried.error)
        if tried.cooldown_s:
            rest: Attributes = {words.BACKEND: tried.backend, "llmux.cooldown_s": tried.cooldown_s}
            span.add_event("llmux.cooldown", rest, _nanoseconds(ended))
    span.end(_nanoseconds(ended))


def _of_try(operation: str, tried: AttemptFailed | Spent) -> Attributes:
    told: Attributes = {
        words.OPERATION: operation,
        words.PROVIDER: words.provider(tried.provider),
        words.REQUEST_MODEL: tried.model,
        words.BACKEND: tried.backend,
    }
    if isinstance(tried, AttemptFailed):
        return told | {words.ERROR_TYPE: tried.error}
    usd: Attributes = {} if tried.usd is None else {"llmux.usd": tried.usd}
    return told | words.of_usage(tried.usage) | usd


class Measurements:
    """The metrics of the conventions. Their attributes are few, as labels are."""

    def __init__(self, meters: MeterProvider) -> None:
        meter, self._names = meters.get_meter(SCOPE), Names()
        self._client = meter.create_histogram(
            words.CLIENT_DURATION, "s", "Time that a backend took.", explicit_bucket_boundaries_advisory=words.DURATIONS
        )
        self._server = meter.create_histogram(
            words.SERVER_DURATION, "s", "Time that a request took.", explicit_bucket_boundaries_advisory=words.DURATIONS
        )
        self._first = meter.create_histogram(
            words.FIRST_TOKEN, "s", "Time to the first content of a stream.",
            explicit_bucket_boundaries_advisory=words.FIRST_TOKENS,
        )  # fmt: skip
        self._tokens = meter.create_histogram(
            words.TOKEN_USAGE, "{token}", "Tokens of a prompt, or of an answer.",
            explicit_bucket_boundaries_advisory=words.TOKENS,
        )  # fmt: skip

    def tried(self, operation: str, tried: AttemptFailed | Spent) -> None:
        """A try at a backend is over."""
        about = self._about(operation, tried.provider, tried.model)
        if isinstance(tried, AttemptFailed):
            self._client.record(tried.after_s, about | {words.ERROR_TYPE: tried.error})
            return
        self._client.record(tried.took_s, about)
        self._tokens.record(tried.usage.total_input_tokens, about | {words.TOKEN_TYPE: "input"})
        self._tokens.record(tried.usage.output_tokens, about | {words.TOKEN_TYPE: "output"})

    def over(self, fact: RequestFinished, last: AttemptFailed | Spent | None) -> None:
        """A request is over, and this was its last try."""
        who, model = (last.provider, last.model) if last else ("", "")
        about = self._about(words.operation(fact.path), who, model)
        self._server.record(fact.duration_s, about | ({words.ERROR_TYPE: fact.error} if fact.error else {}))
        if fact.stream and fact.first_event_s is not None:
            self._first.record(fact.first_event_s, about)

    def _about(self, operation: str, provider: str, model: str) -> dict[str, str]:
        told = {words.OPERATION: operation}
        if model:
            told |= {words.PROVIDER: words.provider(provider), words.REQUEST_MODEL: self._names.of(model)}
        return told


def _nanoseconds(seconds: float) -> int:
    return int(seconds * NANOSECONDS)
