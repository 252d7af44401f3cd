"""What the vendors' own SDKs hear in an answer, in words that both can be compared in.

None of it comes from llmux: these readers are the judges of its dialects. Whole answers and streams are read by the
SDK's own client, over a transport that gives it the recorded or encoded bytes.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import anthropic
import httpx2
import openai
from openai.lib.streaming.chat import ChatCompletionStreamState

SSE = "text/event-stream"
JSON = "application/json"
MODEL = "asked"
# Claude's stop reason, OpenAI's finish reason -> what both can say.
FINISHES: Mapping[str | None, str] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "pause_turn": "end",
    "compaction": "end",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tools",
    "refusal": "refused",
    "stop": "end",
    "eos": "end",
    "length": "length",
    "tool_calls": "tools",
    "function_call": "tools",
    "content_filter": "refused",
}
REASONING = ("reasoning_content", "reasoning")


class Tokens(NamedTuple):
    """`prompt` is the whole prompt, what was read from and written to a cache included."""

    prompt: int
    output: int
    cached: int
    written: int
    reasoning: int


class Heard(NamedTuple):
    """An answer. `calls` are names with their arguments as JSON values, or as text where they are no JSON."""

    text: str
    reasoning: str
    calls: tuple[tuple[str, Any], ...]
    finish: str
    usage: Tokens | None


def _transport(body: bytes, content_type: str) -> httpx2.Client:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": content_type}, content=body)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def _arguments(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


# --- Claude -----------------------------------------------------------------------------------------------------------


def claude(body: bytes, *, stream: bool, apart: str) -> Heard:
    """An answer of Claude's wire, by Anthropic's SDK. `apart` is put between runs of text, and of reasoning."""
    http = _transport(body, SSE if stream else JSON)
    with anthropic.Anthropic(api_key="k", http_client=http, max_retries=0) as client:
        asked: Any = {"model": MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}
        if not stream:
            return _claude_message(client.messages.create(**asked), apart)
        with client.messages.stream(**asked) as events:
            return _claude_message(events.get_final_message(), apart)


def _claude_message(message: Any, apart: str) -> Heard:
    texts: list[str] = []
    before = ""
    for block in message.content:
        if block.type == "text" and block.text:
            texts.append(apart if texts and before != "text" else "")
            texts.append(block.text)
        before = block.type
    return Heard(
        "".join(texts),
        apart.join(block.thinking for block in message.content if block.type == "thinking" and block.thinking),
        tuple((block.name, block.input) for block in message.content if block.type == "tool_use"),
        FINISHES[message.stop_reason],
        _claude_tokens(message.usage),
    )


def _claude_tokens(usage: Any) -> Tokens:
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    details = getattr(usage, "output_tokens_details", None)
    reasoning = getattr(details, "thinking_tokens", 0) or 0
    return Tokens(usage.input_tokens + read + written, usage.output_tokens, read, written, reasoning)


# --- OpenAI -----------------------------------------------------------------------------------------------------------


def openai_chat(body: bytes, *, stream: bool) -> Heard:
    """A strict answer of OpenAI's wire, by OpenAI's SDK with its own accumulation of a stream."""
    http = _transport(body, SSE if stream else JSON)
    with openai.OpenAI(api_key="k", base_url="http://backend/v1", http_client=http, max_retries=0) as client:
        asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
        if not stream:
            return _completion(client.chat.completions.create(**asked))
        heard = ChatCompletionStreamState()
        for chunk in client.chat.completions.create(**asked, stream=True):
            heard.handle_chunk(chunk)
        return _completion(heard.current_completion_snapshot)


def _completion(completion: Any) -> Heard:
    message = completion.choices[0].message
    calls = [_called(call) for call in message.tool_calls or ()]
    if message.function_call and message.function_call.name:  # Snowflake sends an empty one with every answer
        calls.append((message.function_call.name, _arguments(message.function_call.arguments)))
    finish = FINISHES.get(completion.choices[0].finish_reason, "end")
    return Heard(
        (message.content if isinstance(message.content, str) else _texts(message.content)) or _transcript(message),
        _reasoning(message, message.content),
        tuple(calls),
        "refused" if message.refusal else ("tools" if calls and finish == "end" else finish),
        _openai_tokens(completion.usage),
    )


def _called(call: Any) -> tuple[str, Any]:
    if call.type == "custom":
        return call.custom.name, call.custom.input
    return call.function.name, _arguments(call.function.arguments)


def _transcript(message: Any) -> str:
    audio = getattr(message, "audio", None)
    return audio.transcript if audio else ""


def _texts(content: Any) -> str:
    """Mistral's content: an array of parts."""
    return "".join(part["text"] for part in content or () if part.get("type") == "text")


def _reasoning(message: Any, content: Any = None) -> str:
    """Reasoning wherever a server puts it; where it is said twice, once."""
    extra = message.model_extra or {}
    for field in REASONING:
        if isinstance(extra.get(field), str) and extra[field]:
            return str(extra[field])
    if isinstance(content, list):
        thinking = [part["thinking"] for part in content if part.get("type") == "thinking"]
        return "".join(piece["text"] for pieces in thinking for piece in pieces)
    return ""


def _openai_tokens(usage: Any) -> Tokens | None:
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


def openai_chunks(body: bytes) -> Heard:
    """A stream of any server that speaks like OpenAI: its chunks by OpenAI's SDK, put together with more patience."""
    with openai.OpenAI(
        api_key="k", base_url="http://backend/v1", http_client=_transport(body, SSE), max_retries=0
    ) as client:
        chunks = list(client.chat.completions.create(model=MODEL, messages=[], stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices or () if choice.index == 0 and choice.delta]
    deltas: list[Any] = [choice.delta for choice in choices]
    calls = _calls(deltas)
    words = [FINISHES.get(choice.finish_reason, "end") for choice in choices if choice.finish_reason]
    finish = next((word for word in ("length", "refused") if word in words), "tools" if calls else "end")
    contents = [delta.content for delta in deltas]
    return Heard(
        "".join(content if isinstance(content, str) else _texts(content) for content in contents if content),
        "".join(_reasoning(delta, delta.content) for delta in deltas),
        tuple((name, _arguments(arguments)) for name, arguments in calls),
        "refused" if any(delta.refusal for delta in deltas) else finish,
        _last_usage(chunks),
    )


def _last_usage(chunks: Iterable[Any]) -> Tokens | None:
    told = [chunk.usage for chunk in chunks if chunk.usage]
    return _openai_tokens(told[-1]) if told else None


def _calls(deltas: Iterable[Any]) -> list[tuple[str, str]]:
    """A fragment that brings a name and an id that is new begins a call; any other continues the last one."""
    ids: list[str | None] = []
    calls: list[tuple[str, str]] = []
    for fragment in (fragment for delta in deltas for fragment in delta.tool_calls or ()):
        name, arguments = fragment.function.name or "", fragment.function.arguments or ""
        if name and (not fragment.id or fragment.id not in ids):
            ids.append(fragment.id)
            calls.append((name, arguments))
        else:
            calls[-1] = (calls[-1][0], calls[-1][1] + arguments)
    return calls
