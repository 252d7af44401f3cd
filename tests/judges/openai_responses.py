"""OpenAI's Responses, heard by OpenAI's SDK."""

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import httpx2
import openai

from tests.judges.heard import JSON, MODEL, SSE, Heard, Judge, Stage, Tokens, arguments, finished, runs

INCOMPLETE = {"max_output_tokens": "length", "content_filter": "refused"}
ENDS = frozenset({"response.completed", "response.incomplete"})


@functools.cache
def _client() -> tuple[openai.OpenAI, Stage]:
    stage = Stage(httpx2.Response)
    http = httpx2.Client(transport=httpx2.MockTransport(stage))
    return openai.OpenAI(api_key="k", base_url="http://backend/v1", http_client=http, max_retries=0), stage


def whole(body: bytes) -> Heard:
    """One body."""
    client, stage = _client()
    stage.set(body, JSON)
    return _response(client.responses.create(model=MODEL, input="hi"))


def stream(body: bytes) -> Heard:
    """A stream that keeps to the wire, by the SDK's helper. Its deltas must say what its last event says."""
    client, stage = _client()
    stage.set(body, SSE)
    deltas = list[tuple[str, int, str]]()
    last: Any = None
    with client.responses.stream(model=MODEL, input="hi") as events:
        for last in events:
            if last.type in {"response.output_text.delta", "response.function_call_arguments.delta"}:
                deltas.append((last.type, last.output_index, last.delta))
    assert last is not None
    assert last.type in ENDS, last
    _same(deltas, last.response)
    return _response(last.response)


def _same(deltas: Iterable[tuple[str, int, str]], response: Any) -> None:
    """The helper hands out the last event's answer; what was shown while it came must be the same."""
    texts, calls = dict[int, str](), dict[int, str]()
    for kind, index, delta in deltas:
        told = texts if kind == "response.output_text.delta" else calls
        told[index] = told.get(index, "") + delta
    spoken = ["".join(_texts(item)) for item in response.output if item.type == "message"]
    asked = [item.arguments for item in response.output if item.type == "function_call"]
    assert [texts[index] for index in sorted(texts)] == [text for text in spoken if text]
    assert [calls[index] for index in sorted(calls)] == [text for text in asked if text]


def recorded_stream(body: bytes) -> Heard:
    """A stream of any server: its events by the SDK, its last event's answer, and the items that only came before."""
    client, stage = _client()
    stage.set(body, SSE)
    items = dict[int, Any]()
    last: Any = None
    for last in client.responses.create(model=MODEL, input="hi", stream=True):
        if last.type == "response.output_item.done":
            items[last.output_index] = last.item
    assert last is not None
    assert last.type in ENDS, last
    if not last.response.output:
        last.response.output = [items[index] for index in sorted(items)]
    return _response(last.response)


def _response(response: Any) -> Heard:
    assert response.status in {"completed", "incomplete"}, response
    pieces = [piece for item in response.output for piece in _pieces(item)]
    calls = tuple(call for item in response.output for call in _calls(item))
    refusal = "".join(runs(pieces, "refusal"))
    word = INCOMPLETE[response.incomplete_details.reason] if response.status == "incomplete" else "end"
    return Heard(
        runs(pieces, "text"),
        runs(pieces, "reasoning"),
        refusal,
        calls,
        "refused" if refusal else finished(word, calls),
        _tokens(response.usage),
    )


def _pieces(item: Any) -> Iterator[tuple[str, str]]:
    if item.type == "message":
        for part in item.content:
            if part.type == "refusal":
                yield "refusal", part.refusal
            else:
                yield "text", part.text
    elif item.type == "reasoning":
        for place, part in enumerate(item.summary or item.content or ()):
            if place:
                yield "between", ""  # each part of a summary is a run of its own
            yield "reasoning", part.text
    yield item.type, ""  # the end of an item ends its run


def _texts(item: Any) -> Iterator[str]:
    return (part.text for part in item.content if part.type == "output_text")


def _calls(item: Any) -> Iterator[tuple[str, Any]]:
    """Calls. A tool in a namespace is called by both names; one that is a type of its own, by that of its type.

    A function that was found by a search is said to stand in a namespace of its own name: that is none.
    """
    name, space = getattr(item, "name", ""), getattr(item, "namespace", None)
    name = f"{space}__{name}" if space and space != name else name
    if item.type == "function_call":
        yield name, arguments(item.arguments)
    elif item.type == "custom_tool_call":
        yield name, item.input
    elif item.type == "apply_patch_call":
        yield "apply_patch", {"operation": item.operation.to_dict()}


def _tokens(usage: Any) -> Tokens | None:
    if usage is None:
        return None
    sent, made = usage.input_tokens_details, usage.output_tokens_details
    cached, written = getattr(sent, "cached_tokens", 0) or 0, getattr(sent, "cache_write_tokens", 0) or 0
    return Tokens(usage.input_tokens, usage.output_tokens, cached, written, getattr(made, "reasoning_tokens", 0) or 0)


OPENAI_RESPONSES = Judge(whole, stream, whole, recorded_stream)
