"""Gemini's wire, heard by Google's SDK: a stream is put together as its chats do, part after part."""

import functools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx2
from google import genai
from google.genai import types

from tests.judges.heard import JSON, MODEL, SSE, Heard, Judge, Stage, Tokens, finished, runs

# Every finish reason that stands for a filter; STOP and the rest end an answer.
FILTERS = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
    }
)

WORDS = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION"}


@functools.cache
def _client() -> tuple[genai.Client, Stage]:
    stage = Stage(httpx2.Response)
    http = httpx2.Client(transport=httpx2.MockTransport(stage))
    options = types.HttpOptions(base_url="http://backend", httpx_client=http)
    return genai.Client(api_key="k", http_options=options), stage


def whole(body: bytes) -> Heard:
    """One body that keeps to the wire: it says why it ended."""
    _ends([json.loads(body)])
    return _whole(body)


def stream(body: bytes) -> Heard:
    """A stream that keeps to the wire: frames of nothing but data, all of one answer; the last says why it ended."""
    lines = [line for line in body.splitlines() if line]
    assert all(line.startswith(b"data: ") for line in lines), lines
    chunks = [json.loads(line[6:]) for line in lines]
    _ends(chunks)
    assert len({chunk["responseId"] for chunk in chunks}) == 1
    return _stream(body)


def _whole(body: bytes) -> Heard:
    client, stage = _client()
    stage.set(body, JSON)
    return _answer([client.models.generate_content(model=MODEL, contents="hi")])


def _stream(body: bytes) -> Heard:
    client, stage = _client()
    stage.set(body, SSE)
    return _answer(list(client.models.generate_content_stream(model=MODEL, contents="hi")))


def _ends(chunks: list[Any]) -> None:
    """Each candidate says once why it ended, the first one in the last chunk; or it is told why there is none."""
    said = [
        {each.get("index", 0): each.get("finishReason") for each in chunk.get("candidates") or ()} for chunk in chunks
    ]
    blocked = any(chunk.get("promptFeedback", {}).get("blockReason") for chunk in chunks)
    *before, last = (words.get(0) for words in said)
    assert not any(before)
    assert last or blocked
    for index in {index for words in said for index in words} - {0}:
        assert sum(bool(words.get(index)) for words in said) == 1


def recorded_whole(body: bytes) -> Heard:
    """One body as it was recorded."""
    return _whole(json.dumps(_worded(json.loads(body))).encode())


def recorded_stream(body: bytes) -> Heard:
    """A stream as it was recorded: those that are one JSON array are cut into the frames that the SDK asks for."""
    if body.lstrip().startswith(b"["):
        body = b"".join(b"data: %s\n\n" % json.dumps(_worded(chunk)).encode() for chunk in json.loads(body))
    return _stream(body)


def _worded(chunk: Any) -> Any:
    """A chunk with its finish reason in words, and without other enums: a client that asks for numbers gets numbers,
    which the SDK cannot read.
    """
    candidates = [
        {**each, "safetyRatings": [], "finishReason": WORDS.get(each.get("finishReason"), each.get("finishReason"))}
        for each in chunk.get("candidates", ())
    ]
    counts = {name: count for name, count in chunk.get("usageMetadata", {}).items() if not name.endswith("Details")}
    return {**chunk, "candidates": candidates, "usageMetadata": counts}


def _answer(chunks: list[Any]) -> Heard:
    candidates = [each for chunk in chunks for each in chunk.candidates or () if not each.index]  # the first of several
    parts = [part for candidate in candidates if candidate.content for part in candidate.content.parts or ()]
    pieces = list(_pieces(parts))
    calls = tuple(_calls(parts))
    return Heard(
        runs(pieces, "text"),
        runs(pieces, "reasoning"),
        "",
        calls,
        finished(_finish(chunks, candidates), calls),
        _tokens(next((chunk.usage_metadata for chunk in reversed(chunks) if chunk.usage_metadata), None)),
    )


def _pieces(parts: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for part in parts:
        if part.text is not None:
            yield ("reasoning" if part.thought else "text"), part.text
        else:
            yield "other", ""


def _finish(chunks: Iterable[Any], candidates: Iterable[Any]) -> str:
    words = [candidate.finish_reason for candidate in candidates if candidate.finish_reason]
    word = str(getattr(words[-1], "value", words[-1])) if words else ""
    if any(chunk.prompt_feedback and chunk.prompt_feedback.block_reason for chunk in chunks) or word in FILTERS:
        return "refused"
    return "length" if word == "MAX_TOKENS" else "end"


def _calls(parts: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Calls; those that come in pieces (Vertex, `will_continue`) put together: one path and one string a piece."""
    name, given = "", dict[str, Any]()
    for call in (part.function_call for part in parts if part.function_call):
        name = call.name or name
        given.update(call.args or {})
        for piece in call.partial_args or ():
            key = piece.json_path.removeprefix("$.")
            given[key] = given.get(key, "") + (piece.string_value or "")
        if not call.will_continue:
            yield name, given
            name, given = "", {}


def _tokens(usage: Any) -> Tokens | None:
    if usage is None or usage.prompt_token_count is None:
        return None
    reasoning = usage.thoughts_token_count or 0
    return Tokens(
        usage.prompt_token_count + (usage.tool_use_prompt_token_count or 0),
        (usage.candidates_token_count or 0) + reasoning,
        usage.cached_content_token_count or 0,
        0,
        reasoning,
    )


GEMINI = Judge(whole, stream, recorded_whole, recorded_stream)
