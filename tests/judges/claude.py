"""Claude's wire, heard by Anthropic's SDK."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import anthropic
import httpx2

from tests.judges.heard import JSON, MODEL, SSE, Heard, Judge, Stage, Tokens, finished, runs

FINISHES: Mapping[str, str] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "pause_turn": "end",
    "compaction": "end",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tools",
    "refusal": "refused",
}
ASKED: Any = {"model": MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}


@functools.cache
def _client() -> tuple[anthropic.Anthropic, Stage]:
    stage = Stage(httpx2.Response)
    http = httpx2.Client(transport=httpx2.MockTransport(stage))
    return anthropic.Anthropic(api_key="k", http_client=http, max_retries=0), stage


def whole(body: bytes) -> Heard:
    """One body."""
    client, stage = _client()
    stage.set(body, JSON)
    return _message(client.messages.create(**ASKED))


def stream(body: bytes) -> Heard:
    """A stream, with the SDK's own accumulation."""
    client, stage = _client()
    stage.set(body, SSE)
    with client.messages.stream(**ASKED) as events:
        return _message(events.get_final_message())


def _message(message: Any) -> Heard:
    pieces = list(_pieces(message.content))
    calls = tuple((block.name, block.input) for block in message.content if block.type == "tool_use")
    finish = finished(FINISHES[message.stop_reason], calls)
    return Heard(runs(pieces, "text"), runs(pieces, "thinking"), "", calls, finish, _tokens(message.usage))


def _pieces(content: Any) -> Iterator[tuple[str, str]]:
    for block in content:
        yield block.type, getattr(block, block.type, "") if block.type in {"text", "thinking"} else ""


def _tokens(usage: Any) -> Tokens:
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    details = getattr(usage, "output_tokens_details", None)
    reasoning = getattr(details, "thinking_tokens", 0) or 0
    return Tokens(usage.input_tokens + read + written, usage.output_tokens, read, written, reasoning)


CLAUDE = Judge(whole, stream, whole, stream)
