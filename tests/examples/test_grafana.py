"""The dashboard and the alerts of examples/grafana: they ask for what is there, and Prometheus answers them."""

import http.client
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.cli.running import ROOT, Running, ask, running, surroundings
from tests.metrics.counts import exposed

GRAFANA = ROOT / "examples/grafana"
DASHBOARD = json.loads((GRAFANA / "dashboard.json").read_text())
ALERTS = (GRAFANA / "alerts.yml").read_text()
PANELS: Mapping[str, tuple[str, ...]] = {
    panel["title"]: tuple(target["expr"] for target in panel["targets"]) for panel in DASHBOARD["panels"]
}
EXPRESSION = re.compile(r"expr: (?:\|\n\s*)?(.*)")
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "5s", "$backend": ".*"}
NAME = re.compile(r"\bllmux_\w+")
WANTED = (
    *("requests", "errors", "latency", "time to first token", "tokens", "cost", "cache hit rate", "failovers"),
    *("backends", "windows", "active"),
)
needs = {
    name: pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} (package prometheus) is not installed")
    for name in ("promtool", "prometheus")
}
GATEWAY = """
port = 0
store.url = "memory:"
provider.demo = {}

[[backend]]
model = "demo:fail-500"
name = "broken"
model_match = ["m"]
[[backend]]
model = "demo:*"
max_per_day = 1000
price = { input = 1, output = 2 }
"""


def filled(query: str) -> str:
    """A query as Grafana sends it."""
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    return query


def test_every_metric_that_is_asked_for_is_shown() -> None:
    asked = {name for queries in PANELS.values() for query in queries for name in NAME.findall(query)}
    asked |= set(NAME.findall("\n".join(EXPRESSION.findall(ALERTS))))
    assert asked <= exposed()


def test_every_variable_is_known() -> None:
    used = {word for queries in PANELS.values() for query in queries for word in re.findall(r"\$\w+", query)}
    assert used == set(VARIABLES)


@pytest.mark.parametrize("wanted", WANTED)
def test_what_an_owner_wants_to_see(wanted: str) -> None:
    assert any(title.lower().startswith(wanted) for title in PANELS)


def test_no_panel_covers_another() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_every_metric_is_explained() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    for name in exposed():
        if not name.endswith(("_bucket", "_sum", "_count")):
            assert f"`{name}`" in page, name


@needs["promtool"]
def test_promtool_takes_the_alerts_and_the_configuration() -> None:
    for command in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]):
        done = subprocess.run(["promtool", *command], cwd=GRAFANA, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@needs["promtool"]
def test_every_alert_fires(tmp_path: Path) -> None:
    shutil.copy(GRAFANA / "alerts.yml", tmp_path)
    (tmp_path / "test.yml").write_text((Path(__file__).parent / "alerts_test.yml").read_text())
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    fired = set(re.findall(r"alertname: (\w+)", (tmp_path / "test.yml").read_text()))
    assert fired == set(re.findall(r"alert: (\w+)", ALERTS))


class Prometheus:
    """A server of Prometheus."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, **query: str) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("GET", f"/api/v1/{path}?{urlencode(query)}")
            return json.load(connection.getresponse())

    def ask(self, query: str) -> list[Any]:
        told = self.get("query", query=query)
        assert told["status"] == "success", (query, told)
        found: list[Any] = told["data"]["result"]
        return found

    def until(self, query: str) -> None:
        """Wait until it knows an answer."""
        deadline = time.monotonic() + 20
        while True:
            try:
                if self.ask(query):
                    return
            except (OSError, http.client.HTTPException):
                pass  # it is not up yet
            assert time.monotonic() < deadline, query
            time.sleep(0.05)


@contextmanager
def scraping(gateway: Running, folder: Path) -> Iterator[Prometheus]:
    """Prometheus as the example starts it, but for the address and the pace."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (GRAFANA / "prometheus.yml").read_text().replace("127.0.0.1:8082", gateway.url.removeprefix("http://"))
    (folder / "prometheus.yml").write_text(text.replace("15s", "200ms"))
    shutil.copy(GRAFANA / "alerts.yml", folder)
    command = [
        "prometheus",
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield Prometheus(port)
        finally:
            process.terminate()
            process.wait(30)


def used(gateway: Running) -> None:
    """Some requests of every kind that the panels show."""
    body = {"messages": [{"role": "user", "content": "hello"}]}
    for _ in range(3):
        ask(gateway.url, "/v1/chat/completions", body | {"model": "m"})
        with closing(http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)) as connection:
            for more in ({"model": "x", "stream": True}, {"model": "demo:fail-400"}):
                connection.request("POST", "/v1/chat/completions", json.dumps(body | more))
                connection.getresponse().read()


@needs["prometheus"]
def test_prometheus_has_an_answer_to_every_query(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(GATEWAY)
    options = ("start", "--config", str(tmp_path / "config.toml"))
    with (
        running(*options, env=surroundings(tmp_path), cwd=tmp_path, stderr=subprocess.DEVNULL) as gateway,
        scraping(gateway, tmp_path) as prometheus,
    ):
        used(gateway)
        prometheus.until("llmux_failovers_total")
        used(gateway)
        prometheus.until("sum(rate(llmux_requests_total[5s])) > 0")
        answers = {title: [prometheus.ask(filled(query)) for query in queries] for title, queries in PANELS.items()}
        assert not [title for title, found in answers.items() if not all(found)]
        groups = prometheus.get("rules")["data"]["groups"]
        assert [rule["health"] for group in groups for rule in group["rules"]] == ["ok"] * ALERTS.count("- alert:")
