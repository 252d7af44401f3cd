"""A finished answer, both ways, for both forms; and unchanged, with the facts in it."""

import json
from typing import Any

import pytest

from llmux.dialects.base import AnswerForm
from llmux.dialects.ollama import OLLAMA
from llmux.errors import BackendCut, BackendFailed, BackendGarbled, GatewayError
from llmux.ir.content import Opaque, Reasoning, Refusal, Text, ToolCall
from llmux.ir.events import Verbatim
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage

GENERATE = OLLAMA.forms["generate"]
FORM = AnswerForm("1", "asked", 1_750_000_000, elapsed=lambda: 5_000_000_007)
USAGE = Usage(input_tokens=4, output_tokens=5, cache_read_tokens=3)
END = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 5}
PARTS = (
    Reasoning(text="Hm."),
    Text(text="Yes"),
    Text(text="."),
    Reasoning(text="So."),
    Refusal(text="But no."),
    Opaque(dialect="claude", raw={}, text="told"),
    ToolCall(id="c", name="f", arguments='{"a":1}'),
    ToolCall(id="d", name="p", arguments="*** x", kind="custom"),
)


def answer(*parts: Any, reason: FinishReason = FinishReason.END) -> Response:
    return Response("1", "m", parts, reason, USAGE)


def test_a_chat_answer() -> None:
    assert json.loads(OLLAMA.encode_response(answer(*PARTS), FORM)) == {
        "model": "asked",
        "created_at": "2025-06-15T15:06:45.000000007Z",
        "message": {
            "role": "assistant",
            "content": "Yes.\n\nBut no.\n\ntold",
            "thinking": "Hm.\n\nSo.",
            "tool_calls": [
                {"id": "c", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}},
                {"id": "d", "function": {"index": 1, "name": "p", "arguments": {"input": "*** x"}}},
            ],
        },
        "done": True,
        "done_reason": "stop",
        "total_duration": 5_000_000_007,
        "load_duration": 0,
        "prompt_eval_count": 7,
        "eval_count": 5,
        "eval_duration": 5_000_000_007,
    }


def test_a_generated_answer() -> None:
    told = json.loads(GENERATE.encode_response(answer(*PARTS), FORM))
    assert (told["response"], told["thinking"]) == ("Yes.\n\nBut no.\n\ntold", "Hm.\n\nSo.")
    assert "message" not in told
    plain = json.loads(GENERATE.encode_response(answer(Text(text="Yes.")), FORM))
    assert (plain["response"], "thinking" in plain) == ("Yes.", False)


def test_a_refusal_without_a_word_gets_some() -> None:
    told = json.loads(OLLAMA.encode_response(answer(reason=FinishReason.REFUSAL), FORM))
    assert told["message"]["content"] == "The model refused to answer."
    assert json.loads(OLLAMA.encode_response(answer(), FORM))["message"]["content"] == ""


def test_who_asks_nothing_hears_that_the_model_is_loaded() -> None:
    form = AnswerForm("1", "asked", 1_750_000_000, asked={"model": "m", "messages": [], "keep_alive": 0})
    assert json.loads(OLLAMA.encode_response(answer(), form)) == {
        "model": "asked",
        "created_at": "2025-06-15T15:06:40.000000000Z",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "unload",
    }


# --- decode ----------------------------------------------------------------------------------------------------------

BODIES: dict[str, bytes] = {
    "a document": json.dumps({"message": {"content": "Yes."}, **END}).encode(),
    "a document on many lines": json.dumps({"message": {"content": "Yes."}, **END}, indent=1).encode(),
    "generate's": json.dumps({"response": "Yes.", **END}).encode(),
    "a stream that nobody asked for": b'{"message":{"content":"Ye"}}\n{"message":{"content":"s."}}\n'
    + json.dumps(END).encode(),
    "words behind the end": b'{"message":{"content":"Yes."}}\n' + json.dumps(END).encode() + b'\n{"response":"no"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_read(name: str) -> None:
    response = OLLAMA.decode_response(BODIES[name], {})
    assert (response.parts, response.usage) == ((Text(text="Yes."),), Usage(input_tokens=7, output_tokens=5))


FAILURES: dict[str, tuple[bytes, type[GatewayError]]] = {
    "nothing": (b"", BackendGarbled),
    "a page": (b"<html>", BackendGarbled),
    "many lines of no JSON": (b"oops\noops\n", BackendGarbled),
    "another value": (b"[1]", BackendGarbled),
    "an error": (b'{"error":"it broke"}', BackendFailed),
    "not the end": (b'{"message":{"content":"Yes."},"done":false}', BackendCut),
    "not the end, on two lines": (b'{"message":{"content":"Ye"}}\n{"message":{"content":"s."}}', BackendCut),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_body_that_is_no_answer(name: str) -> None:
    body, error = FAILURES[name]
    with pytest.raises(error):
        OLLAMA.decode_response(body, {})


# --- unchanged -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"message": {"content": "x"}}, FinishReason.END),
        ({"message": {"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}}, FinishReason.TOOL_CALL),
        ({"response": "x", "done_reason": "length"}, FinishReason.MAX_TOKENS),
    ],
)
def test_an_answer_passes_unchanged_with_its_facts(said: dict[str, Any], reason: FinishReason) -> None:
    body = json.dumps({"novel": 1, **END, **said}, indent=3).encode()
    usage = Usage(input_tokens=7, output_tokens=5)
    assert OLLAMA.verbatim_response(body) == Verbatim(body, usage=usage, finish_reason=reason, done=True)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"done":true}', BackendGarbled),
        (b"oops", BackendGarbled),
        (b'{"error":"it broke"}', BackendFailed),
        (b'{"message":{"content":"x"},"done":false}', BackendCut),
    ],
)
def test_what_is_no_answer_does_not_pass(body: bytes, error: type[GatewayError]) -> None:
    with pytest.raises(error):
        GENERATE.verbatim_response(body)
