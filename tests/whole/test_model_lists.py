"""What a provider lists, through a whole gateway: shown, served, refused, kept over a restart."""

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tests.cli.running import Running, ask
from tests.whole.conftest import Start

# By another name and address than the demo's own row: its list is then all that it serves.
CONFIG = """
port = 0

[tokens]
mine = {{ key = "k", models = ["*echo*", "*think*"] }}

[provider.box]
base_url = "{url}/v1"

[[backend]]
model = "box:*"
max_per_hour = 100
"""
KEY = {"authorization": "Bearer k"}


def request(url: str, method: str, path: str, headers: Mapping[str, str], body: object = None) -> tuple[int, Any]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, path, json.dumps(body) if body else None, dict(headers))
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def listed(gateway: Running, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    """The list, as soon as there is one: providers are asked behind the requests."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        _, told = request(gateway.url, "GET", "/v1/models", headers)
        if told["data"]:
            return list(told["data"])
        time.sleep(0.02)
    raise AssertionError("nothing was ever listed")


def chat(gateway: Running, model: str) -> tuple[int, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    return request(gateway.url, "POST", "/v1/chat/completions", KEY | {"content-type": "application/json"}, body)


def test_what_a_provider_lists_is_shown_and_served(start: Start, mock: str) -> None:
    assert ask(mock, "/v1/models")["data"], "the demo has a list"
    with start(CONFIG.format(url=mock)) as gateway:
        cards = listed(gateway, KEY)
        assert [card["id"] for card in cards] == ["echo", "think"]
        assert cards[0]["llmux"]["backends"] == [
            {
                "backend": "box:*",
                "state": "up",
                "windows": [{"per": "hour", "unit": "requests", "limit": 100, "left": 100, "opens_in_s": 0.0}],
            }
        ]
        for card in cards:
            assert chat(gateway, card["id"])[0] == 200
        left = listed(gateway, KEY)[0]["llmux"]["backends"][0]["windows"][0]["left"]
        assert left == 98
        shown = listed(gateway, KEY | {"user-agent": "claude-code/2.1", "anthropic-version": "2023-06-01"})
        assert [card["id"] for card in shown] == ["claude/echo", "claude/think"]
        assert chat(gateway, "claude/echo")[0] == 200
        status, told = chat(gateway, "echoes")
        assert (status, told["error"]["code"]) == (404, "model_not_found")
        assert chat(gateway, "box:echoes")[0] == 200, "passed on: the demo plays under any name"


def test_lists_survive_a_restart(start: Start, mock: str) -> None:
    with start(CONFIG.format(url=mock)) as gateway:
        before = [card["id"] for card in listed(gateway, KEY)]
        gateway.stop()
    with start(CONFIG.format(url=mock) + "\n[routing]\nmodels_refresh = 9999\n") as gateway:
        _, told = request(gateway.url, "GET", "/v1/models", KEY)
        assert [card["id"] for card in told["data"]] == before, "known before the first request"


def test_an_owner_who_wants_none(start: Start, mock: str) -> None:
    with start(CONFIG.format(url=mock) + "\n[routing]\nmodels_refresh = 0\n") as gateway:
        assert chat(gateway, "echo")[0] == 200
        assert request(gateway.url, "GET", "/v1/models", KEY)[1]["data"] == []
