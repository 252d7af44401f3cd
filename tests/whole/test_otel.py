"""OpenTelemetry, with a collector that hears OTLP over HTTP, and with one that is away."""

import asyncio
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmux.clock import SystemClock
from llmux.config.problem import ConfigError
from llmux.config.schema import Config, Metrics, Otel
from llmux.observers import observers
from tests.cli.running import ROOT
from tests.whole.conftest import Start

CONFIG = """
port = 0
store.url = "memory:"
provider.demo = {}
otel.endpoint = "%s"

[[backend]]
model = "demo:fail-500"
name = "broken"
[[backend]]
model = "demo:echo"
"""
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "what nobody else may read"


class Collector:
    """Hears OTLP."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []  # each with the path where it came
        hear = self.bodies.append

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hear((self.path, self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @contextmanager
    def listening(self) -> Iterator[str]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{self._server.server_port}"
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def spans(self, kind: Any) -> list[Span]:
        told = [ExportTraceServiceRequest.FromString(body) for path, body in self.bodies if path == "/v1/traces"]
        scopes = [scope for one in told for resource in one.resource_spans for scope in resource.scope_spans]
        return [span for scope in scopes for span in scope.spans if span.kind == kind]

    def metrics(self) -> set[str]:
        told = [ExportMetricsServiceRequest.FromString(body) for path, body in self.bodies if path == "/v1/metrics"]
        scopes = [scope for one in told for resource in one.resource_metrics for scope in resource.scope_metrics]
        return {metric.name for scope in scopes for metric in scope.metrics}


async def ask(url: str) -> int:
    body = {"model": "m", "messages": [{"role": "user", "content": SECRET}]}
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + "/v1/chat/completions", json=body, headers=headers) as answer,
    ):
        await answer.read()
        return answer.status


def test_a_collector_is_told_at_the_latest_when_the_gateway_stops(start: Start) -> None:
    collector = Collector()
    with collector.listening() as endpoint, start(CONFIG % endpoint) as gateway:
        assert asyncio.run(ask(gateway.url)) == 200
        assert gateway.stop() == 0
    (request,), tries = collector.spans(Span.SPAN_KIND_SERVER), collector.spans(Span.SPAN_KIND_CLIENT)
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    told = {one.key: one.value for one in request.attributes}
    assert [one.string_value for one in told["gen_ai.response.finish_reasons"].array_value.values] == ["end"]
    assert {span.name for span in tries} == {"chat fail-500", "chat echo"}
    assert all(span.parent_span_id == request.span_id for span in tries)
    assert {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"} <= collector.metrics()
    assert not [body for _, body in collector.bodies if SECRET.encode() in body]


# In a process of its own: the SDK's threads outlive what they were started for, and draw lots, as they try again.
AWAY = """
import socket, time
from llmux.clock import SystemClock
from llmux.metrics import otel
from tests.metrics.counts import FINISHED, SPENT, STARTED
otel.PATIENCE_S = 0.3
complaints = []
with socket.socket() as nobody:
    nobody.bind(("127.0.0.1", 0))
    with otel.sending(f"http://127.0.0.1:{nobody.getsockname()[1]}", SystemClock(), "0", complaints.append) as listen:
        for fact in (STARTED, SPENT, FINISHED):
            listen(fact)
        began = time.monotonic()
    print(time.monotonic() - began)
print(*complaints, sep="\\n")
"""


def test_a_collector_that_is_away_is_complained_of_and_keeps_no_stop_waiting() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AWAY], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    waited, *complaints = done.stdout.splitlines()
    assert float(waited) < 3
    assert len(complaints) == 1  # the spans and the metrics are the same trouble
    assert complaints[0].startswith("OpenTelemetry: ")


def test_without_its_libraries_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llmux.metrics.otel", None)
    config = Config(metrics=Metrics(enabled=False), otel=Otel(endpoint="http://127.0.0.1:9"))

    async def opened() -> None:
        with observers(config, {}, SystemClock(), lambda _: None):
            pass

    with pytest.raises(ConfigError, match=r"otel.endpoint: needs .* pip install 'llmux\[otel\]'"):
        asyncio.run(opened())
