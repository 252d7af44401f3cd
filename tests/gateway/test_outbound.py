"""What a backend is sent for the sake of its prompt cache: marks where it wants them, and nothing that changes."""

from typing import Any

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.gateway.outbound import Recipient, prepare
from llmux.ir.capability import Profile
from llmux.responder import Context
from llmux.routing.catalog import Backend

LONG = "word " * 1_000
CACHED = {"cache_control": {"type": "ephemeral"}}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "system", "content": LONG}, {"role": "user", "content": "Hi"}],
}
MESSAGES: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "system": [{"type": "text", "text": LONG}],
    "messages": [{"role": "user", "content": "Hi"}],
}


def sent(dialect: str, body: dict[str, Any], to: str, **backend: Any) -> dict[str, Any]:
    request = TABLE[dialect].decode_request(orjson.dumps(body))
    recipient = Recipient(Backend(name="b", provider="b", model="m", dialect=to, **backend), TABLE[to])
    document: dict[str, Any] = orjson.loads(prepare(request, Context("r"), recipient).body)
    return document


def test_claude_is_told_what_to_cache() -> None:
    body = sent("openai_chat", CHAT, "claude")
    assert body["system"] == [{"type": "text", "text": LONG} | CACHED]
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi"} | CACHED]}]


UNMARKED: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "the owner does not want it": ("openai_chat", CHAT, "claude", {"auto_cache": False}),
    "the backend caches by itself": ("claude", MESSAGES, "openai_chat", {}),
    "the client knows marks and set none": ("claude", MESSAGES, "claude", {"verbatim": False}),
    "too short": ("openai_chat", CHAT | {"messages": CHAT["messages"][1:]}, "claude", {}),
}


@pytest.mark.parametrize("case", UNMARKED.values(), ids=UNMARKED)
def test_nothing_is_marked(case: tuple[str, dict[str, Any], str, dict[str, Any]]) -> None:
    dialect, body, to, backend = case
    assert b"cache_control" not in orjson.dumps(sent(dialect, body, to, **backend))


def test_the_clients_own_marks_are_the_only_ones() -> None:
    user = {"role": "user", "content": [{"type": "text", "text": "Hi"} | CACHED]}
    body = sent("openai_chat", CHAT | {"messages": [CHAT["messages"][0], user]}, "claude")
    assert body["system"] == [{"type": "text", "text": LONG}]
    assert body["messages"] == [user]


WISH = b'"stream_options":{"include_usage":true}'
# What a client's JSON begins with -> what its backend's does.
METERED: dict[str, tuple[bytes, dict[str, Any], bytes]] = {
    "in front of the rest": (b' {"a": 1.0, "stream":true', {}, b"{" + WISH + b',"a": 1.0, "stream":true'),
    "asked for": (b'{"stream":true,' + WISH, {}, b'{"stream":true,' + WISH),
    "no stream": (b'{"stream":false', {}, b'{"stream":false'),
    "beside others": (
        b'{"stream":true,"stream_options":{"x":1}',
        {},
        b'{"stream":true,"stream_options":{"x":1,"include_usage":true}',
    ),
    "none wanted": (b'{"stream":true,"stream_options":null', {}, b'{"stream":true,' + WISH),
    "not known": (b'{"stream":true', {"profile": Profile(stream_usage=False)}, b'{"stream":true'),
    "refused": (b'{"stream":true', {"without": frozenset({"stream_options"})}, b'{"stream":true'),
}


@pytest.mark.parametrize(("said", "more", "expected"), METERED.values(), ids=METERED)
def test_usage_is_asked_for_where_the_client_does_not(said: bytes, more: dict[str, Any], expected: bytes) -> None:
    rest = b',"model":"m","messages":[{"role":"user","content":"Hi"}]}'
    request = TABLE["openai_chat"].decode_request(said + rest)
    to = Recipient(Backend(name="b", provider="b", model="m", dialect="openai_chat"), TABLE["openai_chat"], **more)
    outgoing = prepare(request, Context("r"), to)
    assert outgoing.verbatim
    assert outgoing.body == expected + rest
    assert (outgoing.metering is not None) == (expected != said)
