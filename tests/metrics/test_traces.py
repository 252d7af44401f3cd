"""What a request becomes in OpenTelemetry: spans within the client's trace, tries within them, and measurements."""

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from llmux.metrics.conventions import operation
from llmux.metrics.traces import Traces
from llmux.telemetry import BodySeen, Fact, RequestStarted
from tests.fakes import FakeClock
from tests.metrics.counts import FINISHED, SPENT, failed

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STARTED = RequestStarted("req_1", "/v1/messages", f"00-{TRACE}-{PARENT}-01")
BROKEN = replace(failed("b"), cooldown_s=5.0, provider="gemini", model="flash")
ANSWERED = replace(SPENT, took_s=1.5, provider="anthropic")
OVER = replace(FINISHED, attempts=2, finish_reason="end")


class Collector:
    """What OpenTelemetry has been told."""

    def __init__(self) -> None:
        self._spans, self._reader, self.clock = InMemorySpanExporter(), InMemoryMetricReader(), FakeClock()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.listen = Traces(tracers, MeterProvider([self._reader], shutdown_on_exit=False), self.clock)

    def hear(self, *facts: tuple[float, Fact]) -> "Collector":
        """Each fact so many seconds after the one before."""
        for after, fact in facts:
            self.clock.advance(after)
            self.listen(fact)
        return self

    @property
    def spans(self) -> list[ReadableSpan]:
        """The last one made is the first to end within the request's; that comes first here."""
        return sorted(self._spans.get_finished_spans(), key=lambda span: span.kind is SpanKind.CLIENT)

    @property
    def measured(self) -> Mapping[str, list[tuple[dict[str, Any], float]]]:
        """Metric -> the attributes of each series, and the sum in it."""
        told = self._reader.get_metrics_data()
        metrics = told.resource_metrics[0].scope_metrics[0].metrics if told else ()
        return {one.name: [(dict(point.attributes), point.sum) for point in one.data.data_points] for one in metrics}


def seconds(span: ReadableSpan) -> tuple[float, float]:
    """When it began and ended, after the clock's start."""
    assert span.start_time is not None
    assert span.end_time is not None
    start = FakeClock().start
    return round(span.start_time / 1e9 - start, 3), round(span.end_time / 1e9 - start, 3)


PLAY = ((0, STARTED), (0.2, BROKEN), (1.7, ANSWERED), (0.1, OVER))


def test_a_request_is_a_span_in_its_clients_trace_and_each_try_one_within() -> None:
    request, first, second = Collector().hear(*PLAY).spans
    assert request.parent is not None
    assert (f"{request.parent.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, PARENT)
    assert (request.kind, first.kind, second.kind) == (SpanKind.SERVER, SpanKind.CLIENT, SpanKind.CLIENT)
    assert first.parent == second.parent == request.get_span_context()
    assert [span.name for span in (request, first, second)] == ["chat sonnet", "chat flash", "chat big"]
    assert [seconds(span) for span in (request, first, second)] == [(0.0, 2.0), (0.1, 0.2), (0.4, 1.9)]


def test_what_the_spans_say() -> None:
    request, first, second = Collector().hear(*PLAY).spans
    assert request.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "sonnet",
        "gen_ai.response.model": "big",
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": ("end",),
        "gen_ai.response.time_to_first_chunk": 0.3,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "http.response.status_code": 200,
        "llmux.request_id": "req_1",
        "llmux.client": "team",
        "llmux.dialect": "claude",
        "llmux.attempts": 2,
        "llmux.backend": "a",
    }
    assert first.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "flash",
        "llmux.backend": "b",
        "error.type": "BackendDown",
    }
    assert second.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "big",
        "llmux.backend": "a",
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.cache_creation.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 4,
        "llmux.usd": 0.25,
    }
    assert [span.status.status_code for span in (request, first, second)] == [
        StatusCode.UNSET,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    (event,) = first.events
    assert event.name == "llmux.cooldown"
    assert event.attributes == {"llmux.backend": "b", "llmux.cooldown_s": 5.0}


def test_what_is_measured() -> None:
    about = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "big"}
    broken = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "gcp.gemini", "gen_ai.request.model": "flash"}
    assert Collector().hear(*PLAY).measured == {
        "gen_ai.client.operation.duration": [(broken | {"error.type": "BackendDown"}, 0.1), (about, 1.5)],
        "gen_ai.client.token.usage": [
            (about | {"gen_ai.token.type": "input"}, 15),
            (about | {"gen_ai.token.type": "output"}, 5),
        ],
        "gen_ai.server.request.duration": [(about, 2.0)],
        "gen_ai.server.time_to_first_token": [(about, 0.3)],
    }


def test_a_request_that_nobody_answered_is_an_error() -> None:
    over = replace(OVER, status=503, error="BackendDown", usage=None, first_event_s=None, finish_reason="")
    request, _ = Collector().hear((0, STARTED), (1, BROKEN), (0, over)).spans
    assert request.status.status_code is StatusCode.ERROR
    assert (request.attributes or {})["error.type"] == "BackendDown"


def test_what_a_client_did_wrong_is_no_error_of_the_servers() -> None:
    over = replace(OVER, status=400, error="BadRequest", backend="", usage=None)
    (request,) = Collector().hear((0, STARTED), (0, over)).spans
    assert request.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("traceparent", ["", "00-zzz", "ff-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_without_a_trace_of_the_clients_there_is_a_new_one(traceparent: str) -> None:
    (request,) = Collector().hear((0, replace(STARTED, traceparent=traceparent)), (0, OVER)).spans
    assert request.parent is None


def test_pages_and_lists_are_no_spans_and_nothing_is_kept_of_them() -> None:
    collector = Collector().hear((0, STARTED), (0, replace(OVER, model="")), (0, BROKEN), (0, OVER))
    assert collector.spans == []
    assert collector.listen._open == {}


def test_no_span_holds_what_was_said_or_who_is_where() -> None:
    said = BodySeen("req_1", "client", "my secret prompt")
    broken = replace(BROKEN, message="refused: my secret prompt")
    spans = Collector().hear((0, STARTED), (0, said), (0, broken), (0, replace(OVER, remote="192.0.2.7"))).spans
    assert "secret" not in "".join(span.to_json() for span in spans)
    assert "192.0.2.7" not in "".join(span.to_json() for span in spans)


OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/messages": "chat",
    "/v1/completions": "text_completion",
    "/api/generate": "text_completion",
    "/v1/embeddings": "embeddings",
    "/api/embed": "embeddings",
    "/v1beta/models/embed:generateContent": "generate_content",
    "/v1beta/models/x:streamGenerateContent": "generate_content",
    "/v1beta/models/x:batchEmbedContents": "embeddings",
    "/v1/messages/count_tokens/": "count_tokens",
    "/v1beta/models/x:countTokens": "count_tokens",
}


@pytest.mark.parametrize(("path", "expected"), OPERATIONS.items())
def test_what_a_path_asks_for(path: str, expected: str) -> None:
    assert operation(path) == expected
