"""Whole answers, both ways and unchanged."""

import json
from typing import Any

import pytest

from llmux.dialects.base import AnswerForm
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.dialects.openai_chat.answer import told_reason
from llmux.errors import BackendFailed, BackendGarbled, ContextTooLong, GatewayError, Overloaded
from llmux.ir.content import Citation, Extra, Opaque, Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.events import Verbatim
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage

Wire = dict[str, Any]
FORM = AnswerForm("x", "asked", 1)


def body(message: Wire | None = None, finish: str | None = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": message or {"role": "assistant", "content": "a"}, "finish_reason": finish}
    return json.dumps(
        {"id": "r", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **more}
    ).encode()


def decode(message: Wire | None = None, finish: str | None = "stop", **more: Any) -> Response:
    return OPENAI_CHAT.decode_response(body(message, finish, **more), {})


def encode(*parts: Any, form: AnswerForm = FORM, reason: FinishReason = FinishReason.END, **fields: Any) -> Wire:
    document: Wire = json.loads(OPENAI_CHAT.encode_response(Response("r", "m", parts, reason, **fields), form))
    return document


def message(*parts: Any, form: AnswerForm = FORM) -> Wire:
    said: Wire = encode(*parts, form=form)["choices"][0]["message"]
    return said


def test_a_plain_answer() -> None:
    assert decode() == Response("r", "m", (Text(text="a"),), FinishReason.END)
    assert encode(Text(text="a")) == {
        "id": "chatcmpl-x",
        "object": "chat.completion",
        "created": 1,
        "model": "asked",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "a", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "total_tokens": 0,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_what_has_no_word_goes_back_to_the_same_dialect() -> None:
    response = decode(system_fingerprint="fp")
    assert response.details == Extra("openai_chat", {"system_fingerprint": "fp"})
    assert encode(details=response.details)["system_fingerprint"] == "fp"
    assert "x" not in encode(details=Extra("claude", {"x": 1}))


def test_calls_and_reasoning() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    response = decode({"content": None, "reasoning": "r", "tool_calls": [call]}, finish="stop")
    assert response.parts == (Reasoning(text="r"), ToolCall(id="c", name="f", arguments="{}"))
    assert response.finish_reason is FinishReason.TOOL_CALL
    assert message(*response.parts) == {
        "role": "assistant", "content": None, "refusal": None, "reasoning_content": "r", "tool_calls": [call],
    }  # fmt: skip


def test_other_forms_of_calls() -> None:
    calls = (ToolCall(id="c", name="f"), ToolCall(id="d", name="p", arguments="x", kind="custom"))
    assert message(*calls)["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "d", "type": "custom", "custom": {"name": "p", "input": "x"}},
    ]
    legacy = AnswerForm("x", "asked", 1, legacy_functions=True)
    assert message(*calls, form=legacy)["function_call"] == {"name": "f", "arguments": "{}"}
    choice = encode(*calls, form=legacy, reason=FinishReason.TOOL_CALL)["choices"][0]
    assert choice["finish_reason"] == "function_call"


def test_states_and_sources() -> None:
    states = (ReasoningState("anthropic", "redacted", "d"),)
    citations = (Citation("claude", {}, url="u"), Citation("claude", {}))
    said = message(
        Reasoning(states=states), Text(text="a"), ToolCall(id="c", name="f"), Text(text="bc", citations=citations)
    )
    assert said["content"] == "a\n\nbc"
    assert [detail["type"] for detail in said["reasoning_details"]] == ["reasoning.encrypted"]
    place = {"start_index": 3, "end_index": 5, "url": "u", "title": "u"}
    assert said["annotations"] == [{"type": "url_citation", "url_citation": place}]


def test_another_dialects_parts_are_at_most_a_text() -> None:
    said = message(Opaque(dialect="claude", raw={}, text="digest"), Opaque(dialect="claude", raw={}))
    assert said["content"] == "digest"


def test_a_refusal_without_words_is_told_in_ours() -> None:
    silent = encode(reason=FinishReason.REFUSAL)["choices"][0]
    assert (silent["message"]["refusal"], silent["finish_reason"]) == ("The model refused to answer.", "stop")


USAGES: list[tuple[Wire, Usage]] = [
    ({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}, Usage(input_tokens=5, output_tokens=2)),
    (
        {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}},
        Usage(input_tokens=2, cache_read_tokens=4, cache_write_tokens=3),
    ),
    ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 4}, Usage(input_tokens=1, cache_read_tokens=4)),
    ({"prompt_tokens": 5, "cached_tokens": 4}, Usage(input_tokens=1, cache_read_tokens=4)),
    (
        {"prompt_tokens": 5, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 1},
        Usage(input_tokens=2, cache_read_tokens=2, cache_write_tokens=1),
    ),
    ({"prompt_tokens": 1, "cached_tokens": 4}, Usage(cache_read_tokens=4)),
    (
        {"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}},
        Usage(output_tokens=9, reasoning_tokens=4),
    ),
    (
        {"prompt_tokens": 1, "completion_tokens": 9, "total_tokens": 14, "reasoning_tokens": 4},
        Usage(input_tokens=1, output_tokens=13, reasoning_tokens=4),
    ),
    (
        {"completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 4}},
        Usage(output_tokens=7, reasoning_tokens=4),
    ),
    ({"prompt_tokens": 5.0, "completion_tokens": None, "prompt_tokens_details": None}, Usage(input_tokens=5)),
    ({"prompt_tokens": "5", "completion_tokens": -1, "total_tokens": 1e300}, Usage()),
    ({"prompt_tokens": 1e300}, Usage()),
    ({"credits": 5}, Usage()),
]


@pytest.mark.parametrize(("wire", "usage"), USAGES)
def test_usage_as_each_server_counts_it(wire: Wire, usage: Usage) -> None:
    assert decode(usage=wire).usage == usage


def test_the_tier_that_served() -> None:
    usage = decode(usage={"prompt_tokens": 1}, service_tier="flex").usage
    assert usage.service_tier == "flex"
    assert encode(usage=Usage(service_tier="standard"))["service_tier"] == "default"
    assert "service_tier" not in encode(usage=Usage(service_tier="ultra"))


def test_a_stream_that_nobody_asked_for() -> None:
    chunks = [
        {"id": "r", "model": "m", "choices": [{"delta": {"content": word}, "finish_reason": finish}]}
        for word, finish in (("a", None), ("b", "stop"))
    ]
    frames = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    assert OPENAI_CHAT.decode_response(frames, {}) == Response("r", "m", (Text(text="ab"),), FinishReason.END)


def test_a_message_beside_an_empty_delta() -> None:
    """Perplexity's whole answers have both."""
    choice = {"delta": {"role": "assistant", "content": ""}, "message": {"content": "8"}, "finish_reason": "stop"}
    assert decode(choices=[choice]).parts == (Text(text="8"),)


BROKEN: dict[str, tuple[bytes, type[GatewayError]]] = {
    "no JSON": (b"<html>", BackendGarbled),
    "not UTF-8": (b'{"id":"\xff"}', BackendGarbled),
    "no object": (b"[]", BackendGarbled),
    "no choices": (b"{}", BackendGarbled),
    "choices that are none": (b'{"choices": []}', BackendGarbled),
    "an error": (b'{"error": {"message": "x", "type": "overloaded_error"}}', Overloaded),
    "an error in a string": (b'{"error": "maximum context length"}', ContextTooLong),
    "an error of FastAPI": (b'{"detail": "x"}', BackendFailed),
    "an end that is a failure": (body(finish="error"), BackendFailed),
}


@pytest.mark.parametrize("lane", [lambda body: OPENAI_CHAT.decode_response(body, {}), OPENAI_CHAT.verbatim_response])
@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_answer(case: str, lane: Any) -> None:
    wire, error = BROKEN[case]
    with pytest.raises(GatewayError) as raised:
        lane(wire)
    assert type(raised.value) is error


def test_an_answer_passes_unchanged() -> None:
    wire = body(finish="tool_calls", usage={"prompt_tokens": 3}, service_tier="flex", new={"field": 1})
    usage = Usage(input_tokens=3, service_tier="flex")
    assert OPENAI_CHAT.verbatim_response(wire) == Verbatim(wire, True, usage, FinishReason.TOOL_CALL, done=True)


def test_an_odd_answer_passes_too() -> None:
    wire = b'{"choices": [{"message": {"content": "a"}, "finish_reason": 1}, {"finish_reason": "stop"}], "usage": 5}'
    assert OPENAI_CHAT.verbatim_response(wire) == Verbatim(wire, True, None, FinishReason.END, done=True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["stop"], FinishReason.END),
        (["a word of its own"], FinishReason.END),
        (["stop", "tool_calls"], FinishReason.TOOL_CALL),
        (["stop", "length"], FinishReason.MAX_TOKENS),
        ([], FinishReason.END),
    ],
)
def test_what_finish_reasons_alone_tell(words: list[str], reason: FinishReason) -> None:
    assert told_reason(words) is reason
