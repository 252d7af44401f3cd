"""The stage on which the cases of the contract are played: what a backend is sent, what a client hears.

A play goes through the public faces of the dialects alone. A stream is heard three ways, whole, byte by byte and in
pieces of seven bytes, and must say the same each time, in the order that `ir/grammar.py` allows.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec.structs import replace

from llmux.config.endpoint import MAKERS
from llmux.config.tables import builtin
from llmux.dialects.base import AnswerForm, Decoder, Names, Outbound
from llmux.dialects.registry import TABLE
from llmux.errors import GatewayError
from llmux.ir.capability import Target
from llmux.ir.events import Event, StreamError, Verbatim
from llmux.ir.fold import fold
from llmux.ir.grammar import check
from llmux.ir.request import Request
from llmux.ir.response import Response
from tests.amount import cut
from tests.contract import grammar

Wire = dict[str, Any]
TABLES = builtin()
FORM = AnswerForm(id="1", model="asked", created=1_750_000_000)
PIECES = (1, 7)  # bytes a read, beside the whole at once

# The models of the contract's cases: dialect, provider, model.
MODELS: Mapping[str, tuple[str, str, str]] = {
    "claude 4": ("claude", "anthropic", "claude-sonnet-4-20250514"),
    "claude 4.5": ("claude", "anthropic", "claude-sonnet-4-5"),
    "claude 4.6": ("claude", "anthropic", "claude-opus-4-6"),
    "claude 4.8": ("claude", "anthropic", "claude-opus-4-8"),
    "gpt-4o": ("openai_chat", "openai", "gpt-4o"),
    "gpt-5": ("openai_chat", "openai", "gpt-5"),
    "gpt-5.6": ("openai_chat", "openai", "gpt-5.6"),
    "other": ("openai_chat", "", "some-model"),
    "deepseek": ("openai_chat", "deepseek", "deepseek-v3.2"),
    "responses": ("openai_responses", "openai", "gpt-5"),
    "responses 4o": ("openai_responses", "openai", "gpt-4o"),
    "gemini 2.5": ("gemini", "gemini", "gemini-2.5-flash"),
    "gemini 3": ("gemini", "gemini", "gemini-3-flash"),
    "ollama": ("ollama", "ollama", "llama3.2"),
}


def target(name: str) -> Target:
    """The model of that name in `MODELS`, with what the shipped tables say that it accepts."""
    dialect, provider, model = MODELS[name]
    maker = TABLES.providers[provider].maker or provider if provider else MAKERS.get(dialect, "")
    return Target(model, TABLES.profile(dialect, provider, model), maker)


def asked(dialect: str, body: Mapping[str, Any]) -> Request:
    """The request that a client of `dialect` sends, where its path names no model."""
    return TABLE[dialect].decode_request(json.dumps(body).encode())  # which can say half a character


def outbound(client: str, body: Mapping[str, Any], model: str) -> Outbound:
    """What the model of that name is sent for it, in the translated lane."""
    request = replace(asked(client, body), original=None)
    return TABLE[MODELS[model][0]].encode_request(request, target(model))


def sent(client: str, body: Mapping[str, Any], model: str) -> Wire:
    """The body of it, as JSON says it."""
    document: Wire = orjson.loads(orjson.dumps(outbound(client, body, model).body))
    return document


def heard(dialect: str, stream: bytes, names: Names | None = None) -> list[Event]:
    """The events of a backend's stream: the same in whatever pieces it comes, and in a legal order."""
    whole = _run(TABLE[dialect].decoder(names or {}), stream, len(stream) or 1)
    for size in PIECES:
        assert _run(TABLE[dialect].decoder(names or {}), stream, size) == whole, f"in pieces of {size}"
    assert list(check(whole)) == whole
    return whole


def answer(dialect: str, stream: bytes, names: Names | None = None) -> Response:
    """The whole answer that the stream tells. Raises what the stream ends in, if that is a failure."""
    return fold(heard(dialect, stream, names))


def failure(dialect: str, stream: bytes) -> GatewayError:
    """The failure that a stream ends in."""
    last = heard(dialect, stream)[-1]
    assert isinstance(last, StreamError), last
    return last.error


def told(client: str, events: Sequence[Event], form: AnswerForm = FORM) -> bytes:
    """What a client hears of `events`: the same bytes, one by one or at once, and in the grammar of its wire."""
    encoder = TABLE[client].encoder(form)
    stream = b"".join(encoder.feed([event]) for event in events)
    if client != "ollama":  # whose last line tells how long it took
        assert TABLE[client].encoder(form).feed(events) == stream
    if not isinstance(events[0], Verbatim):  # else they are its backend's own words
        grammar.check(client, stream)
    return stream


def through(backend: str, stream: bytes, client: str, form: AnswerForm = FORM) -> bytes:
    """A backend's stream, as a client of another dialect hears it."""
    return told(client, heard(backend, stream), form)


def whole(client: str, response: Response, form: AnswerForm = FORM) -> Wire:
    """An answer as one body."""
    document: Wire = orjson.loads(TABLE[client].encode_response(response, form))
    return document


def documents(stream: bytes) -> list[Any]:
    """The JSON values of a stream of ours, SSE or NDJSON, in their order; `[DONE]` as the string that it is."""
    if not stream.startswith((b"data:", b"event:")):
        return [orjson.loads(line) for line in stream.splitlines()]
    frames = stream.removesuffix(b"\n\n").split(b"\n\n")
    data = [line[6:] for frame in frames for line in frame.split(b"\n") if line.startswith(b"data: ")]
    return ["[DONE]" if line == b"[DONE]" else orjson.loads(line) for line in data]


def named(*events: Mapping[str, Any]) -> bytes:
    """A stream of Claude's or of Responses': each event under the name that its type is."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in events)


def plain(*events: Mapping[str, Any] | str) -> bytes:
    """A stream of OpenAI's or Gemini's: events without names; a string is sent as it is."""
    return b"".join(b"data: %b\n\n" % (e.encode() if isinstance(e, str) else orjson.dumps(e)) for e in events)


def lines(*events: Mapping[str, Any]) -> bytes:
    """A stream of Ollama's."""
    return b"".join(orjson.dumps(event) + b"\n" for event in events)


def _run(decoder: Decoder, stream: bytes, size: int) -> list[Event]:
    events = [event for piece in cut(stream, size) for event in decoder.feed(piece)]
    return [*events, *decoder.close()]
