"""OpenAI's Chat Completions, heard by OpenAI's SDK."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx2
import openai
from openai.lib.streaming.chat import ChatCompletionStreamState

from tests.judges.heard import JSON, MODEL, SSE, Heard, Judge, Stage, Tokens, arguments, finished

FINISHES: Mapping[str | None, str] = {
    "stop": "end",
    "length": "length",
    "tool_calls": "tools",
    "function_call": "tools",
    "content_filter": "refused",
}
ASKED: Any = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
REASONING = ("reasoning_content", "reasoning")


@functools.cache
def _client() -> tuple[openai.OpenAI, Stage]:
    stage = Stage(httpx2.Response)
    http = httpx2.Client(transport=httpx2.MockTransport(stage))
    return openai.OpenAI(api_key="k", base_url="http://backend/v1", http_client=http, max_retries=0), stage


def _asked(body: bytes, *, streamed: bool) -> Any:
    client, stage = _client()
    stage.set(body, SSE if streamed else JSON)
    return client.chat.completions.create(**ASKED, stream=streamed)


def whole(body: bytes) -> Heard:
    """One body that keeps to the wire."""
    completion = _asked(body, streamed=False)
    assert completion.choices[0].finish_reason in FINISHES
    return _completion(completion)


def stream(body: bytes) -> Heard:
    """A stream that keeps to the wire, with the SDK's own accumulation."""
    heard = ChatCompletionStreamState()
    for chunk in _asked(body, streamed=True):
        heard.handle_chunk(chunk)
    completion = heard.current_completion_snapshot
    assert completion.choices[0].finish_reason in FINISHES
    return _completion(completion)


def recorded_whole(body: bytes) -> Heard:
    """One body of any server that speaks like OpenAI."""
    return _completion(_asked(body, streamed=False))


def recorded_stream(body: bytes) -> Heard:
    """A stream of any server that speaks like OpenAI: its chunks by OpenAI's SDK, put together with more patience."""
    chunks = list(_asked(body, streamed=True))
    choices = [choice for chunk in chunks for choice in chunk.choices or () if choice.index == 0 and choice.delta]
    deltas: list[Any] = [choice.delta for choice in choices]
    calls = tuple((name, arguments(text)) for name, text in _calls(deltas))
    words = [FINISHES.get(choice.finish_reason, "end") for choice in choices if choice.finish_reason]
    finish = next((word for word in ("length", "refused") if word in words), "end")
    refusal = "".join(delta.refusal or "" for delta in deltas)
    return Heard(
        _run("".join(_text(delta.content) for delta in deltas)),
        _run("".join(_reasoning(delta) for delta in deltas)),
        refusal,
        calls,
        "refused" if refusal else finished(finish, calls),
        _last_usage(chunks),
    )


def _run(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _completion(completion: Any) -> Heard:
    message = completion.choices[0].message
    calls = tuple(_called(message))
    finish = FINISHES.get(completion.choices[0].finish_reason, "end")
    return Heard(
        _run(_text(message.content) or _transcript(message)),
        _run(_reasoning(message)),
        message.refusal or "",
        calls,
        "refused" if message.refusal else finished(finish, calls),
        _tokens(completion.usage),
    )


def _called(message: Any) -> Iterator[tuple[str, Any]]:
    for call in message.tool_calls or ():
        if call.type == "custom":
            custom = call.custom if isinstance(call.custom, dict) else vars(call.custom)  # in streams it is not typed
            yield custom["name"], custom["input"]
        else:
            yield call.function.name, arguments(call.function.arguments)
    old = message.function_call
    if old and old.name:  # Snowflake sends an empty one with every answer
        yield old.name, arguments(old.arguments)


def _transcript(message: Any) -> str:
    audio = getattr(message, "audio", None)
    return str(audio.transcript) if audio else ""


def _text(content: Any) -> str:
    """A message's text. Mistral's content is an array of parts."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content or () if part.get("type") == "text")


def _reasoning(message: Any) -> str:
    """Reasoning wherever a server puts it; where it is said twice, once."""
    extra = message.model_extra or {}
    for field in REASONING:
        if isinstance(extra.get(field), str) and extra[field]:
            return str(extra[field])
    if isinstance(message.content, list):
        thinking = [part["thinking"] for part in message.content if part.get("type") == "thinking"]
        return "".join(piece["text"] for pieces in thinking for piece in pieces)
    return ""


def _tokens(usage: Any) -> Tokens | None:
    if usage is None:
        return None
    extra = usage.model_extra or {}
    sent, made = usage.prompt_tokens_details, usage.completion_tokens_details
    reasoning = (getattr(made, "reasoning_tokens", 0) or 0) or extra.get("reasoning_tokens") or 0
    output = usage.completion_tokens or 0
    if reasoning and (reasoning > output or usage.total_tokens - (usage.prompt_tokens or 0) - output == reasoning):
        output += reasoning  # xAI and Gemini count them beside the others
    cached = (
        (getattr(sent, "cached_tokens", 0) or 0) or extra.get("prompt_cache_hit_tokens") or extra.get("cached_tokens")
    )
    written = getattr(sent, "cache_write_tokens", 0) or 0
    return Tokens(usage.prompt_tokens or 0, output, cached or 0, written, reasoning)


def _last_usage(chunks: Iterable[Any]) -> Tokens | None:
    told = [chunk.usage for chunk in chunks if chunk.usage]
    return _tokens(told[-1]) if told else None


def _calls(deltas: Iterable[Any]) -> list[tuple[str, str]]:
    """A fragment that brings a name and an id that is new begins a call; any other continues the last one."""
    ids: list[str | None] = []
    calls: list[tuple[str, str]] = []
    for fragment in (fragment for delta in deltas for fragment in delta.tool_calls or ()):
        name, text = fragment.function.name or "", fragment.function.arguments or ""
        if name and (not fragment.id or fragment.id not in ids):
            ids.append(fragment.id)
            calls.append((name, text))
        else:
            calls[-1] = (calls[-1][0], calls[-1][1] + text)
    return calls


OPENAI_CHAT = Judge(whole, stream, recorded_whole, recorded_stream)
