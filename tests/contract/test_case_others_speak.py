"""Cases 51 to 54 of the contract: backends that speak Responses or Gemini, and what their quirks must become."""

import base64
from typing import Any

import pytest

from llmux.errors import BackendError, ContextTooLong
from llmux.ir.content import ToolCall
from llmux.ir.events import PartDelta, PartStart
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from tests.contract import hearing
from tests.contract.again import claude_again, signatures
from tests.contract.stage import Wire, answer, documents, failure, heard, named, plain, sent, through


def response(status: str = "in_progress", **fields: Any) -> Wire:
    known = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": []}
    return {**known, "status": status, **fields}


USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 15,
}
CREATED = {"type": "response.created", "response": response()}
COMPLETED = {"type": "response.completed", "response": response("completed", usage=USAGE)}


def added(index: int, item: Wire) -> Wire:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, item: Wire) -> Wire:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def message(item_id: str, *texts: str) -> Wire:
    parts = [{"type": "output_text", "text": text} for text in texts]
    return {"type": "message", "id": item_id, "role": "assistant", "content": parts}


def call(item_id: str, arguments: str) -> Wire:
    return {"type": "function_call", "id": item_id, "call_id": "a", "name": "f", "arguments": arguments}


TEXT_DELTA = {"type": "response.output_text.delta", "output_index": 0, "item_id": "m9", "delta": "hi"}
ARGUMENTS_DONE = {
    "type": "response.function_call_arguments.done", "output_index": 0, "item_id": "fc_9", "arguments": '{"x":1}',
}  # fmt: skip
QUIRKS: dict[str, tuple[list[Wire], list[str]]] = {
    "I.51 arguments that come only when they are done": (
        [CREATED, added(0, call("fc_1", "")), ARGUMENTS_DONE, done(0, call("fc_2", '{"x":1}')), COMPLETED],
        ["0 tool_use a f", '0 + {"x":1}', "0 end", "ended tool_use"],
    ),
    "I.51 ids that differ from event to event": (
        [CREATED, added(0, message("m1")), TEXT_DELTA, done(0, message("m2", "hi")), COMPLETED],
        ["0 text", "0 + hi", "0 end", "ended end_turn"],
    ),
    "I.51 a text that is longer when it is done": (
        [CREATED, added(0, message("m1")), TEXT_DELTA, done(0, message("m1", "hi there")), COMPLETED],
        ["0 text", "0 + hi", "0 +  there", "0 end", "ended end_turn"],
    ),
    "I.51 an item that only its end tells": (
        [CREATED, done(0, call("fc_1", '{"x":1}')), COMPLETED],
        ["0 tool_use a f", '0 + {"x":1}', "0 end", "ended tool_use"],
    ),
    "I.51 an output that only the end of all tells": (
        [CREATED, {**COMPLETED, "response": response("completed", usage=USAGE, output=[message("m1", "hi")])}],
        ["0 text", "0 + hi", "0 end", "ended end_turn"],
    ),
    "I.52 an answer that was cut": (
        [
            CREATED, added(0, message("m1")), TEXT_DELTA,
            {"type": "response.incomplete", "response": response(
                "incomplete", incomplete_details={"reason": "max_output_tokens"}, output=[message("m1", "hi")]
            )},
        ],
        ["0 text", "0 + hi", "0 end", "ended max_tokens"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", QUIRKS)
def test_quirks_of_responses_are_clean_blocks(case: str) -> None:
    events, expected = QUIRKS[case]
    assert hearing.claude(through("openai_responses", named(*events), "claude")) == ["start", *expected, "stop"]


def test_a_failure_of_responses_is_no_end_and_a_prompt_too_long_is_told_in_claudes_sentence() -> None:
    """I.52."""
    error = {"code": "context_length_exceeded", "message": "Your input exceeds the context window of this model."}
    failed = named(CREATED, {"type": "response.failed", "response": response("failed", error=error)})
    assert isinstance(failure("openai_responses", failed), ContextTooLong)
    start, last = hearing.claude(through("openai_responses", failed, "claude"))
    assert start == "start"
    assert last.startswith("error invalid_request_error: prompt is too long")


# --- Gemini ----------------------------------------------------------------------------------------------------------

PROOF = base64.b64encode(b"\xfb\xff\xfeproof").decode()  # holds + and /
assert {"+", "/"} & set(PROOF)


def chunk(*parts: Wire, finish: str | None = None, **fields: Any) -> Wire:
    candidate: Wire = {"index": 0}
    candidate |= {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    candidate |= {"finishReason": finish} if finish else {}
    return {"candidates": [candidate], "modelVersion": "m", "responseId": "r1", **fields}


F = {"functionCall": {"name": "f", "args": {"x": 1}}}
G = {"functionCall": {"name": "g", "args": {}}}
METADATA = {
    "promptTokenCount": 50,
    "cachedContentTokenCount": 10,
    "candidatesTokenCount": 7,
    "thoughtsTokenCount": 30,
    "totalTokenCount": 87,
}
TOLD = Usage(input_tokens=40, output_tokens=37, cache_read_tokens=10, reasoning_tokens=30)
SIGNED = plain(chunk({**F, "thoughtSignature": PROOF}, G), chunk(finish="STOP", usageMetadata=METADATA))
CALLED = [
    *("start", "0 thinking", "0 signed", "0 end", "1 tool_use f", '1 + {"x":1}', "1 end"),
    *("2 tool_use g", "2 + {}", "2 end", "ended tool_use", "stop"),
]


def test_googles_stop_behind_a_call_waits_for_the_tool_and_its_proof_stands_in_front() -> None:
    """I.53: as a block of thinking that has a signature and no text."""
    stream = through("gemini", SIGNED, "claude")
    ids = [call.id for call in answer("gemini", SIGNED).parts if isinstance(call, ToolCall)]
    assert len(set(ids)) == 2
    lines = hearing.claude(stream)
    assert [line.replace(f" {ids[0]} ", " ").replace(f" {ids[1]} ", " ") for line in lines] == CALLED


def test_arguments_come_whole() -> None:
    """I.53: one delta a call."""
    events = heard("gemini", SIGNED)
    assert [event.delta for event in events if isinstance(event, PartDelta)] == ['{"x":1}', "{}"]
    assert len([event for event in events if isinstance(event, PartStart)]) == 2


def test_a_claude_client_brings_googles_proof_back_to_the_exact_call() -> None:
    """I.53."""
    again = claude_again(through("gemini", SIGNED, "claude"))
    assert signatures(sent("claude", again, "gemini 3")) == [PROOF, None]


def test_a_chat_client_that_keeps_what_it_was_told_does_so_too() -> None:
    """I.53: one that drops it is in tests/conversation, where the proof is kept for it."""
    chunks = documents(through("gemini", SIGNED, "openai_chat"))[:-2]
    entries = [entry for each in chunks for entry in each["choices"][0]["delta"].get("tool_calls", ())]
    opened = [dict(entry) for entry in entries if "id" in entry]
    for entry in opened:
        said = "".join(e["function"]["arguments"] for e in entries if e["index"] == entry["index"])
        entry["function"] = {**entry["function"], "arguments": said}
        entry.pop("index")
    results = [{"role": "tool", "tool_call_id": entry["id"], "content": "ok"} for entry in opened]
    messages = [{"role": "user", "content": "go"}, {"role": "assistant", "tool_calls": opened}, *results]
    assert signatures(sent("openai_chat", {"model": "m", "messages": messages}, "gemini 3")) == [PROOF, None]


def test_googles_own_client_brings_its_proof_back_in_the_other_alphabet() -> None:
    """I.53: the Python SDK writes it URL-safe."""
    other = PROOF.replace("+", "-").replace("/", "_").rstrip("=")
    assert other != PROOF
    contents = [
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [{**F, "thoughtSignature": other}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "ok"}}}]},
    ]
    assert signatures(sent("gemini", {"model": "m", "contents": contents}, "gemini 3")) == [PROOF]


def test_a_prompt_that_google_blocks_is_filtered() -> None:
    """I.54: there is no candidate at all."""
    blocked = plain({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}})
    assert answer("gemini", blocked).finish_reason is FinishReason.FILTERED
    assert hearing.claude(through("gemini", blocked, "claude")) == ["start", "ended refusal", "stop"]


@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE"])
def test_a_call_that_google_could_not_make_is_an_error(word: str) -> None:
    """I.54: and says why."""
    broken = plain(chunk({"text": "x"}), chunk(finish=word) | {"responseId": "r1"})
    assert isinstance(failure("gemini", broken), BackendError)
    *_, last = hearing.claude(through("gemini", broken, "claude"))
    assert last.startswith("error api_error: ")
    assert word in last


USAGES = {
    "I.54 on the last chunk": [chunk({"text": "x"}), chunk(finish="STOP", usageMetadata=METADATA)],
    "I.54 on every chunk, each time more": [
        chunk({"text": "x"}, usageMetadata={"promptTokenCount": 50, "candidatesTokenCount": 1}),
        chunk(finish="STOP", usageMetadata=METADATA),
    ],
    "I.54 alone behind the end": [
        chunk({"text": "x"}), chunk(finish="STOP"), {"usageMetadata": METADATA, "responseId": "r1"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", USAGES)
def test_googles_usage_counts_thoughts_with_the_answer_and_the_cache_apart(case: str) -> None:
    stream = plain(*USAGES[case])
    assert answer("gemini", stream).usage == TOLD
    usage = hearing.usage(through("gemini", stream, "claude"))
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (40, 10, 37)
