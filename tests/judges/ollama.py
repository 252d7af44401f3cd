"""Ollama's wire, heard by its SDK: chats, and in recordings what was generated too."""

import functools
import json
from collections.abc import Iterable
from typing import Any

import httpx
import ollama

from tests.judges.heard import JSON, MODEL, Heard, Judge, Stage, Tokens, finished

NDJSON = "application/x-ndjson"


@functools.cache
def _client() -> tuple[ollama.Client, Stage]:
    stage = Stage(httpx.Response)
    return ollama.Client("http://backend", transport=httpx.MockTransport(stage)), stage


def _asked(body: bytes, *, streamed: bool) -> list[Any]:
    client, stage = _client()
    stage.set(body, NDJSON if streamed else JSON)
    first = json.loads(body.split(b"\n", 1)[0] if streamed else body)
    if "response" in first:
        answer: Any = client.generate(MODEL, "hi", stream=streamed)
    else:
        answer = client.chat(MODEL, [{"role": "user", "content": "hi"}], stream=streamed)
    return list(answer) if streamed else [answer]


def recorded_whole(body: bytes) -> Heard:
    """One body."""
    return _answer(_asked(body, streamed=False))


def recorded_stream(body: bytes) -> Heard:
    """A stream: lines of JSON."""
    return _answer(_asked(body, streamed=True))


def whole(body: bytes) -> Heard:
    """One body of ours: it is done."""
    assert json.loads(body)["done"] is True
    return recorded_whole(body)


def stream(body: bytes) -> Heard:
    """A stream of ours: the last line, and only it, says that it is done."""
    lines = [json.loads(line) for line in body.splitlines()]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    return recorded_stream(body)


def _answer(chunks: list[Any]) -> Heard:
    last = chunks[-1]
    assert last.done, last
    calls = tuple((call.function.name, dict(call.function.arguments)) for chunk in chunks for call in _calls(chunk))
    return Heard(
        _run(_said(chunk, "content", "response") for chunk in chunks),
        _run(_said(chunk, "thinking", "thinking") for chunk in chunks),
        "",
        calls,
        finished("length" if last.done_reason == "length" else "end", calls),
        Tokens(last.prompt_eval_count or 0, last.eval_count, 0, 0, 0) if last.eval_count is not None else None,
    )


def _run(pieces: Iterable[str]) -> tuple[str, ...]:
    text = "".join(pieces)
    return (text,) if text else ()


def _said(chunk: Any, of_chat: str, of_generate: str) -> str:
    message = getattr(chunk, "message", None)
    return (getattr(message, of_chat) if message is not None else getattr(chunk, of_generate)) or ""


def _calls(chunk: Any) -> Iterable[Any]:
    message = getattr(chunk, "message", None)
    return (message.tool_calls or ()) if message is not None else ()


OLLAMA = Judge(whole, stream, recorded_whole, recorded_stream)
