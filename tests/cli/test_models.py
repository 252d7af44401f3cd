"""What `llmux models` shows: names to ask for, what they can do, and how the providers answered."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

LISTED = {"data": [{"id": "small", "context_length": 8192, "supports_tools": False}, {"id": "sees", "type": "vlm"}]}


@pytest.fixture
def provider() -> Iterator[HTTPServer]:
    """A server that lists LISTED, or answers with another `status`; `asked` counts."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.asked += 1  # type: ignore[attr-defined]
            self.send_response(self.server.status)  # type: ignore[attr-defined]
            self.end_headers()
            self.wfile.write(json.dumps(LISTED).encode())

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        server.status, server.asked = 200, 0  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def configure(home: Path, provider: HTTPServer) -> None:
    (home / "config.toml").write_text(f"""
[provider.box]
base_url = "http://127.0.0.1:{provider.server_port}/v1"
[[backend]]
model = "box:*"
[[backend]]
model = "demo:echo"
context = 100_000
[role.both]
backends = ["demo:echo"]
""")


def line(output: str, start: str) -> list[str]:
    [found] = [line for line in output.splitlines() if line.startswith(start)]
    return [cell.strip() for cell in found.split("  ") if cell.strip()]


@pytest.mark.usefixtures("configure")
def test_what_can_be_asked_for(call) -> None:
    told = call("models")
    assert told.exit_code == 0, told.output
    assert line(told.output, "box ") == ["box", "2 models", "asked just now"]
    assert line(told.output, "small") == ["small", "box", "8,192", "-", "-", "up"]
    assert line(told.output, "sees") == ["sees", "box", "-", "-", "vision, tools", "up"]
    assert line(told.output, "demo:echo") == ["demo:echo", "demo", "100,000", "-", "vision, thinking, tools", "up"]
    assert line(told.output, "both") == ["both", "(role)", "100,000", "-", "vision, thinking, tools", "up"]


@pytest.mark.usefixtures("configure")
def test_as_json_and_of_one_provider(call) -> None:
    told = json.loads(call("models", "--json", "--provider", "box").output)
    assert told["providers"].keys() == {"box"}
    assert [model["id"] for model in told["models"]] == ["small", "sees"]
    assert told["models"][0] == {
        "id": "small", "provider": "box", "backends": ["box:*"], "context": 8192, "max_output": None,
        "answers": True, "capabilities": [], "state": "up", "details": {},
    }  # fmt: skip


@pytest.mark.usefixtures("configure")
def test_a_provider_is_asked_again_on_request(call, provider) -> None:
    for arguments, asked in (((), 1), ((), 1), (("--refresh",), 2), (("--refresh", "-p", "demo"), 2)):
        assert call("models", *arguments).exit_code == 0
        assert provider.asked == asked


@pytest.mark.usefixtures("configure")
def test_who_fails_is_shown_with_what_it_listed_before(call, provider) -> None:
    provider.status = 500
    told = call("models").output
    assert line(told, "box ")[1] == "-"
    assert "asked just now: " in told
    provider.status = 200
    call("models", "--refresh")
    provider.status = 401
    told = call("models", "--refresh").output
    assert line(told, "box ")[1] == "2 models"
    assert "small" in told


@pytest.mark.usefixtures("configure")
def test_a_provider_that_nobody_uses(call) -> None:
    told = call("models", "--provider", "bx")
    assert told.exit_code == 2
    assert "no backend is at a provider 'bx'; those that are used: box, demo" in told.stderr


def test_the_demo_lists_what_it_plays(call) -> None:
    told = call("models")
    assert told.exit_code == 0, told.output
    assert line(told.output, "echo")[:2] == ["echo", "llmux-demo"] or line(told.output, "echo")[:2] == ["echo", "demo"]


def test_a_client_s_own_key_is_not_ours_to_use(call, home: Path) -> None:
    (home / "config.toml").write_text('[provider.openai]\napi_key = "client"\n[[backend]]\nmodel = "openai:*"\n')
    assert line(call("models").output, "openai") == ["openai", "-", "not asked"]


@pytest.mark.parametrize(("seconds", "said"), [(5, "just now"), (300, "5 min ago"), (7200, "2 h ago")])
def test_how_long_ago(seconds: float, said: str) -> None:
    from llmux.cli.models import _ago

    assert _ago(seconds) == said


def test_a_store_that_cannot_be_opened(call, home: Path) -> None:
    (home / "config.toml").write_text('[store]\nurl = "sqlite:/proc/nowhere/llmux.db"\n')
    told = call("models")
    assert told.exit_code == 1
    assert "llmux: " in told.stderr
