import asyncio
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from llmux.config.load import load
from llmux.errors import RateLimited
from llmux.ground import open_ground
from llmux.routing.assemble import assemble
from llmux.telemetry import Voice
from tests.cli.running import running, surroundings
from tests.redis_server import RedisServer, needs_redis


@pytest.fixture
def provider() -> Iterator[HTTPServer]:
    """A server that answers every request with its `status`."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(self.server.status)  # type: ignore[attr-defined]
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        server.status = 200  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def configure(home: Path, port: int, more: str = "") -> None:
    (home / "config.toml").write_text(f"""
port = 1
{more}
[provider.box]
base_url = "http://127.0.0.1:{port}/v1"
[[backend]]
model = "box:large"
max_per_5hours = 200
""")


def test_all_is_well(call) -> None:
    told = call("doctor")
    assert told.exit_code == 0, told.output
    assert "demo      up" in told.output
    assert "demo:*   ready" in told.output
    assert re.search(r"^Store: sqlite:/.*/llmux.db answers in \d+\.\d ms$", told.output, re.MULTILINE)
    assert "All is well." in told.output


STATES = {200: None, 401: "key refused: look at its api_key", 403: "key refused", 503: "failing: wait"}


@pytest.mark.parametrize(("status", "complaint"), STATES.items())
def test_what_a_provider_answers(call, home: Path, provider, status: int, complaint: str | None) -> None:
    provider.status = status
    configure(home, provider.server_port)
    told = call("doctor")
    assert told.exit_code == (1 if complaint else 0), told.output
    assert "box:large  ready  0 of 200 requests per 5 hours" in told.output
    assert "Gateway: none answers at http://127.0.0.1:1 (llmux start)" in told.output
    if complaint:
        assert f"provider box: {complaint}" in told.stderr


def test_a_provider_that_is_not_there(call, home: Path) -> None:
    configure(home, 1)
    told = call("doctor")
    assert told.exit_code == 1
    assert "provider box: unreachable: does it run, is its base_url right" in told.stderr


def test_what_rests_and_what_was_learnt(call, home: Path, provider) -> None:
    configure(home, provider.server_port)

    async def fail() -> None:
        loaded = load()
        async with open_ground(loaded, Voice()) as ground:
            backend = assemble(loaded.config, loaded.tables).catalog.backends[0]
            await ground.ledger.reserve(backend)
            ground.ledger.failed(backend, "large", RateLimited("Slow down.", retry_after=90))
            ground.ledger.learn(backend, "service_tier")

    asyncio.run(fail())
    told = call("doctor")
    assert told.exit_code == 0, told.output
    (line,) = (line for line in told.output.splitlines() if line.startswith("box:large"))
    assert "resting for " in line
    assert "1 of 200 requests per 5 hours" in line
    assert line.endswith("service_tier")


def test_the_gateway_that_runs(call, home: Path, tmp_path: Path) -> None:
    with running("start", "--port", "0", env=surroundings(tmp_path), cwd=tmp_path) as gateway:
        (home / "config.toml").write_text(f"port = {gateway.url.rpartition(':')[2]}\n")
        told = call("doctor")
    assert f"answers at {gateway.url}: ok" in told.output


def test_a_gateway_that_lets_nobody_in_without_a_key_runs_all_the_same(call, home: Path, tmp_path: Path) -> None:
    closed = surroundings(tmp_path, LLMUX_API_KEY_REQUIRED="true")
    with running("start", "--port", "0", env=closed, cwd=tmp_path) as gateway:
        (home / "config.toml").write_text(f"port = {gateway.url.rpartition(':')[2]}\n")
        told = call("doctor")
    assert f"answers at {gateway.url}: ok" in told.output


def test_a_certificate_that_does_not_hold(call, home: Path) -> None:
    for name in ("k.pem", "c.pem"):
        (home / name).write_text("no certificate\n")
    (home / "config.toml").write_text("https_enabled = true\nssl_key_file = 'k.pem'\nssl_cert_file = 'c.pem'\n")
    told = call("doctor")
    assert told.exit_code == 1
    assert "certificate: " in told.stderr
    assert "bin/cert makes a pair" in told.stderr


def test_a_store_that_cannot_be_opened(call, home: Path) -> None:
    (home / "config.toml").write_text('port = 1\n[store]\nurl = "sqlite:/proc/nowhere/llmux.db"\n')
    told = call("doctor")
    assert told.exit_code == 1
    assert "demo      up" in told.output
    assert "store: " in told.stderr


def test_a_store_that_is_away_is_named_without_its_password(call, home: Path) -> None:
    (home / "config.toml").write_text('port = 1\n[store]\nurl = "redis://me:s3cret@127.0.0.1:1/0"\n')
    told = call("doctor")
    assert told.exit_code == 1
    assert "Store: redis://127.0.0.1:1/0: away" in told.output
    assert "demo      up" in told.output
    assert "Does redis://127.0.0.1:1/0 run?" in told.stderr
    assert "s3cret" not in told.output + told.stderr


@needs_redis
def test_a_store_that_lets_nobody_in(call, home: Path, tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "--requirepass", "other")
    server.start()
    (home / "config.toml").write_text(f'port = 1\n[store]\nurl = "redis://:s3cret@127.0.0.1:{server.port}"\n')
    told = call("doctor")
    server.kill()
    assert told.exit_code == 1
    assert "store: the store cannot be opened: Redis says: invalid username-password" in told.stderr
    assert "s3cret" not in told.output + told.stderr


def test_a_wrong_configuration(call, home: Path) -> None:
    (home / "config.toml").write_text("prot = 1\n")
    assert call("doctor").exit_code == 2
