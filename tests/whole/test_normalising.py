"""A model that prints its calls, and spells them wrongly: what a client gets of it, over real sockets.

The demo's echo says what it is told, so the call that it prints is the user's.
"""

import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.cli.running import running, surroundings

CONFIG = """
port = 0
log_format = "json"

[store]
url = "memory:"

[provider.mock]
base_url = "MOCK/v1"

[[backend]]
model = "mock:echo"
tool_text = true
"""
SCHEMA = {"type": "object", "properties": {"file_path": {"type": "string"}, "limit": {"type": "integer"}}}
PRINTED = '<tool_call>{"name": "read", "arguments": {"filePath": "/a", "limit": "5"}}</tool_call>'
ASKED = {"model": "any", "max_tokens": 99, "messages": [{"role": "user", "content": PRINTED}]}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/messages": {**ASKED, "tools": [{"name": "Read", "input_schema": SCHEMA}]},
    "/v1/chat/completions": {
        **ASKED, "tools": [{"type": "function", "function": {"name": "Read", "parameters": SCHEMA}}],
    },
}  # fmt: skip
MEANT = {"file_path": "/a", "limit": 5}
TOLD = ["repaired=text>Read", "repaired=Read.filePath>file_path", "repaired=Read.limit"]


class Heard(NamedTuple):
    headers: Mapping[str, str]
    body: bytes


Asked = tuple[str, bool]  # where, and whether as a stream


@pytest.fixture(scope="module")
def told(mock: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Mapping[Asked, Heard], str]:
    """What was answered, and the log of it all."""
    home = tmp_path_factory.mktemp("normalising")
    (home / "config.toml").write_text(CONFIG.replace("MOCK", mock))
    arguments = ("start", "--config", "config.toml")
    with (
        (home / "log").open("w") as log,
        running(*arguments, env=surroundings(home), cwd=home, stderr=log) as gateway,
    ):
        heard = {(path, stream): ask(gateway.url, path, stream=stream) for path in BODIES for stream in (False, True)}
    return heard, (home / "log").read_text()


def ask(url: str, path: str, *, stream: bool) -> Heard:
    body = json.dumps({**BODIES[path], "stream": stream})
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        connection.request("POST", path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        return Heard({name.lower(): value for name, value in answer.getheaders()}, answer.read())


@pytest.mark.parametrize("path", BODIES)
def test_a_whole_answer_holds_the_call_and_says_what_was_put_right(
    told: tuple[Mapping[Asked, Heard], str], path: str
) -> None:
    headers, body = told[0][path, False]
    answer = json.loads(body)
    assert headers["x-llmux-warnings"].split(";") == TOLD
    if path == "/v1/messages":
        (call,) = answer["content"]
        assert (call["name"], call["input"], answer["stop_reason"]) == ("Read", MEANT, "tool_use")
    else:
        (choice,) = answer["choices"]
        function = choice["message"]["tool_calls"][0]["function"]
        assert (function["name"], json.loads(function["arguments"])) == ("Read", MEANT)
        assert choice["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("path", BODIES)
def test_a_stream_holds_it_too(told: tuple[Mapping[Asked, Heard], str], path: str) -> None:
    body = told[0][path, True].body
    assert b"<tool_call>" not in body
    assert b"filePath" not in body
    assert b"file_path" in body


def test_the_log_tells_of_every_answer(told: tuple[Mapping[Asked, Heard], str]) -> None:
    heard, log = told
    facts = [json.loads(line) for line in log.splitlines() if '"AnswerRepaired"' in line]
    assert {fact["request_id"]: fact["repairs"] for fact in facts} == {
        answer.headers["x-request-id"]: TOLD for answer in heard.values()
    }
