"""Whole answers, both ways; the counting of tokens; and failures in Claude's words."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from llmux import errors
from llmux.dialects.base import AnswerForm
from llmux.dialects.claude import CLAUDE
from llmux.dialects.claude.schema import ERRORS, FINISH_REASONS, STOP_REASONS
from llmux.dialects.envelope import seal
from llmux.dialects.freetext import FreeText
from llmux.errors import (
    BackendGarbled,
    BadRequest,
    ClientErrorUpstream,
    ContextTooLong,
    GatewayError,
    KeyRefused,
    ModelNotFound,
    Overloaded,
    QuotaUsedUp,
    RateLimited,
    Unauthenticated,
)
from llmux.ir.content import (
    Audio,
    Citation,
    Extra,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    Refusal,
    Text,
    ToolCall,
)
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage

Wire = dict[str, Any]

FORM = AnswerForm(id="7", model="asked", created=1)
MESSAGE: Wire = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
ANSWER = Response("msg_1", "claude-x", (), FinishReason.END, Usage(3, 2))


def decode(names: dict[str, str] | None = None, **fields: Any) -> Response:
    return CLAUDE.decode_response(orjson.dumps(MESSAGE | fields), names or {})


def encode(answer: Response) -> Wire:
    wire: Wire = orjson.loads(CLAUDE.encode_response(answer, FORM))
    return wire


# --- parts -----------------------------------------------------------------------------------------------------------

SIGNED = ReasoningState("anthropic", "signature", "S")
HIDDEN = ReasoningState("anthropic", "redacted", "D")
FOREIGN = ReasoningState("openrouter", "details", [{"a": 1}])
CITED: Wire = {"type": "web_search_result_location", "url": "u", "title": "t", "cited_text": "q"}
SERVER: Wire = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
BOTH_WAYS: dict[str, tuple[Part, Wire]] = {
    "text": (Text(text="x"), {"type": "text", "text": "x"}),
    "cited": (
        Text(text="x", citations=(Citation("claude", CITED, "u", "t", "q"),)),
        {"type": "text", "text": "x", "citations": [CITED]},
    ),
    "reasoning": (
        Reasoning(text="t", states=(SIGNED,)),
        {"type": "thinking", "thinking": "t", "signature": "S"},
    ),
    "unsigned": (Reasoning(text="t"), {"type": "thinking", "thinking": "t", "signature": ""}),
    "hidden": (Reasoning(states=(HIDDEN,)), {"type": "redacted_thinking", "data": "D"}),
    "another maker's": (
        Reasoning(text="t", states=(FOREIGN,)),
        {"type": "thinking", "thinking": "t", "signature": seal(FOREIGN)},
    ),
    "call": (
        ToolCall(id="a", name="f", arguments='{"x":1}', extra=Extra("claude", {"caller": {"type": "direct"}})),
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}, "caller": {"type": "direct"}},
    ),
    "call without a legal id": (
        ToolCall(id="functions.x:0", name="f", arguments="{}"),
        {"type": "tool_use", "id": "tu_ZnVuY3Rpb25zLng6MA", "name": "f", "input": {}},
    ),
    "server tool": (Opaque(dialect="claude", raw=SERVER), SERVER),
}


@pytest.mark.parametrize(("part", "block"), BOTH_WAYS.values(), ids=BOTH_WAYS)
def test_parts(part: Part, block: Wire) -> None:
    assert decode(content=[block]).parts == (part,)
    assert encode(replace(ANSWER, parts=(part,)))["content"] == [block]


ONE_WAY: dict[str, tuple[Part, list[Wire]]] = {
    "refusal": (Refusal(text="no"), [{"type": "text", "text": "no"}]),
    "several proofs": (
        Reasoning(text="t", states=(SIGNED, HIDDEN, FOREIGN)),
        [
            {"type": "thinking", "thinking": "t", "signature": "S"},
            {"type": "redacted_thinking", "data": "D"},
            {"type": "thinking", "thinking": "", "signature": seal(FOREIGN)},
        ],
    ),
    "a proof on a call": (
        ToolCall(id="a", name="f", states=(FOREIGN,)),
        [
            {"type": "thinking", "thinking": "", "signature": seal(FOREIGN)},
            {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        ],
    ),
    "another's citation": (Text(text="x", citations=(Citation("o", {}),)), [{"type": "text", "text": "x"}]),
    "another's block": (Opaque(dialect="o", raw={}), []),
    "another's block, told": (Opaque(dialect="o", raw={}, text="x"), [{"type": "text", "text": "x"}]),
    "sound": (Audio(format="wav", data=""), []),
}


@pytest.mark.parametrize(("part", "blocks"), ONE_WAY.values(), ids=ONE_WAY)
def test_parts_of_other_apis(part: Part, blocks: list[Wire]) -> None:
    assert encode(replace(ANSWER, parts=(part,)))["content"] == blocks


def test_summaries_are_not_what_the_model_says() -> None:
    assert decode(content=[{"type": "compaction", "content": "So far"}]).parts == (
        Opaque(dialect="claude", raw={"type": "compaction", "content": "So far"}),
    )


def test_calls_have_the_names_that_the_client_knows() -> None:
    content = [{"type": "tool_use", "id": "a", "name": name, "input": {"input": "say"}} for name in ("f", "g", "h")]
    named, custom, same = decode({"f": "files.read", "g": FreeText("patch")}, content=content).parts
    assert named == ToolCall(id="a", name="files.read", arguments='{"input":"say"}')
    assert custom == ToolCall(id="a", name="patch", arguments="say", kind="custom")
    assert same == ToolCall(id="a", name="h", arguments='{"input":"say"}')


# --- the rest --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "reason"), FINISH_REASONS.items())
def test_finish_reasons(word: str, reason: FinishReason) -> None:
    content = [{"type": "tool_use", "id": "a", "name": "f"}] if reason is FinishReason.TOOL_CALL else []
    assert decode(stop_reason=word, content=content).finish_reason is reason


def test_every_finish_reason_has_a_word() -> None:
    assert STOP_REASONS.keys() == set(FinishReason)
    assert all(FINISH_REASONS[word] in {reason, FinishReason.REFUSAL} for reason, word in STOP_REASONS.items())


FINISHES: dict[str, tuple[Wire, FinishReason]] = {
    "calls count more than the word": (
        {"stop_reason": "end_turn", "content": [{"type": "tool_use", "id": "a", "name": "f"}]},
        FinishReason.TOOL_CALL,
    ),
    "and so does their absence": ({"stop_reason": "tool_use"}, FinishReason.END),
    "a cut call is cut": (
        {"stop_reason": "max_tokens", "content": [{"type": "tool_use", "id": "a", "name": "f"}]},
        FinishReason.MAX_TOKENS,
    ),
    "a word to come": ({"stop_reason": "bored"}, FinishReason.END),
    "no word": ({"stop_reason": None}, FinishReason.END),
    "no word at all": ({"stop_reason": 5}, FinishReason.END),
}


@pytest.mark.parametrize(("fields", "reason"), FINISHES.values(), ids=FINISHES)
def test_odd_finish_reasons(fields: Wire, reason: FinishReason) -> None:
    assert decode(**fields).finish_reason is reason


def test_a_stop_sequence_needs_its_text() -> None:
    stopped = replace(ANSWER, finish_reason=FinishReason.STOP_SEQUENCE, stop_sequence="END")
    assert decode(stop_reason="stop_sequence", stop_sequence="END") == stopped
    assert (encode(stopped)["stop_reason"], encode(stopped)["stop_sequence"]) == ("stop_sequence", "END")
    assert encode(replace(stopped, stop_sequence=None))["stop_reason"] == "end_turn"


USAGES: dict[str, tuple[Wire, Usage]] = {
    "plain": (
        {
            "input_tokens": 1,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 2,
        },
        Usage(1, 2),
    ),
    "whole": (
        {
            "input_tokens": 1,
            "cache_creation_input_tokens": 7,
            "cache_read_input_tokens": 3,
            "output_tokens": 2,
            "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 5},
            "output_tokens_details": {"thinking_tokens": 1},
            "server_tool_use": {"web_search_requests": 2},
            "service_tier": "standard",
        },
        Usage(1, 2, 3, 7, 5, 1, {"web_search_requests": 2}, "default"),
    ),
}


@pytest.mark.parametrize(("wire", "usage"), USAGES.values(), ids=USAGES)
def test_usage(wire: Wire, usage: Usage) -> None:
    assert decode(usage=wire).usage == usage
    assert encode(replace(ANSWER, usage=usage))["usage"] == wire


ODD_USAGES: dict[str, tuple[Wire | None, Usage]] = {
    "none": (None, Usage()),
    "nulls and nonsense": ({"input_tokens": None, "output_tokens": -1, "cache_read_input_tokens": "x"}, Usage()),
    "split only": (
        {"cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 5}},
        Usage(cache_write_tokens=7, cache_write_1h_tokens=5),
    ),
    "tier to come": ({"service_tier": "warp"}, Usage(service_tier="warp")),
    "zero searches": ({"server_tool_use": {"web_search_requests": 0}}, Usage()),
}


@pytest.mark.parametrize(("wire", "usage"), ODD_USAGES.values(), ids=ODD_USAGES)
def test_odd_usage(wire: Wire | None, usage: Usage) -> None:
    assert decode(usage=wire).usage == usage


def test_details_come_back() -> None:
    said: Wire = {
        "stop_details": {"type": "refusal"},
        "container": {"id": "c"},
        "context_management": {"applied_edits": []},
    }
    answer = decode(**said)
    assert answer.details == Extra("claude", said)
    assert {name: encode(answer)[name] for name in said} == said


def test_the_envelope() -> None:
    wire = encode(ANSWER)
    assert (wire["id"], wire["type"], wire["role"], wire["model"]) == ("msg_1", "message", "assistant", "asked")
    assert encode(replace(ANSWER, id="chatcmpl-1"))["id"] == "msg_7"


GARBLED: dict[str, bytes] = {
    "not JSON": b"<html>",
    "a list": b"[]",
    "no message": b"{}",
    "content of another shape": b'{"content":[5]}',
    "block of another shape": b'{"content":[{"type":"text"}]}',
}


@pytest.mark.parametrize("body", GARBLED.values(), ids=GARBLED)
def test_garbled_answers(body: bytes) -> None:
    with pytest.raises(BackendGarbled):
        CLAUDE.decode_response(body, {})


def test_a_failure_with_status_200() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    with pytest.raises(Overloaded):
        CLAUDE.decode_response(body, {})
    with pytest.raises(Overloaded):
        CLAUDE.verbatim_response(body)


def test_an_answer_passed_on() -> None:
    body = orjson.dumps(MESSAGE | {"content": [{"type": "text", "text": "x"}], "stop_reason": "tool_use"})
    passed = CLAUDE.verbatim_response(body)
    assert (passed.data, passed.content, passed.done) == (body, True, True)
    assert (passed.usage, passed.finish_reason) == (Usage(3, 2), FinishReason.TOOL_CALL)
    assert not CLAUDE.verbatim_response(orjson.dumps(MESSAGE)).content
    assert CLAUDE.verbatim_response(b'{"content":[],"usage":5}').usage == Usage()


def test_counting() -> None:
    counting = CLAUDE.counting
    assert counting is not None
    assert counting.decode_response(counting.encode_response(12)) == 12
    with pytest.raises(BackendGarbled):
        counting.decode_response(b"{}")


# --- failures --------------------------------------------------------------------------------------------------------

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, GatewayError) and kind is not GatewayError
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_failure_has_its_words(kind: type[GatewayError]) -> None:
    form = CLAUDE.encode_error(kind("It failed."), "req_1")
    status, word = ERRORS[kind.kind]
    document = orjson.loads(form.body)
    assert (form.status, form.headers["request-id"]) == (status, "req_1")
    assert (document["type"], document["error"]["type"], document["request_id"]) == ("error", word, "req_1")
    assert "It failed." in document["error"]["message"]


HEADERS: dict[str, tuple[GatewayError, dict[str, str]]] = {
    "rate limit": (RateLimited("x", retry_after=1.2), {"retry-after": "2"}),
    "now": (RateLimited("x", retry_after=0.0), {"retry-after": "0"}),
    "no token": (Unauthenticated("x"), {"x-should-retry": "false"}),
    "quota": (QuotaUsedUp("x"), {"x-should-retry": "false"}),
    "our key": (KeyRefused("x"), {"x-should-retry": "false"}),
    "conflict": (ClientErrorUpstream("x", upstream_status=409), {"x-should-retry": "false"}),
    "overloaded": (Overloaded("x"), {}),
}


@pytest.mark.parametrize(("error", "headers"), HEADERS.values(), ids=HEADERS)
def test_headers_of_failures(error: GatewayError, headers: dict[str, str]) -> None:
    assert CLAUDE.encode_error(error, "r").headers == {"request-id": "r"} | headers


MESSAGES: dict[str, tuple[GatewayError, str]] = {
    "a place": (BadRequest("must be a list.", param="tools"), "tools: must be a list."),
    "a place that is told": (BadRequest("tools: no", param="tools"), "tools: no"),
    "a model": (ModelNotFound("gpt-9 is not served here."), "model: gpt-9 is not served here."),
    "a model that is told": (ModelNotFound("model: gpt-9"), "model: gpt-9"),
    "too long, in its words": (ContextTooLong("Prompt is too long: 9"), "Prompt is too long: 9"),
    "too long": (ContextTooLong("context window"), "prompt is too long (context window)"),
    "too long, with sizes": (
        ContextTooLong("context window is 128,000, you sent 130500"),
        "prompt is too long: 130500 tokens > 128000 maximum (context window is 128,000, you sent 130500)",
    ),
}


@pytest.mark.parametrize(("error", "message"), MESSAGES.values(), ids=MESSAGES)
def test_messages_of_failures(error: GatewayError, message: str) -> None:
    assert orjson.loads(CLAUDE.encode_error(error, "r").body)["error"]["message"] == message


@pytest.mark.parametrize(("upstream", "status"), [(422, 422), (400, 400), (None, 400), (502, 400)])
def test_the_clients_own_error_keeps_its_status(upstream: int | None, status: int) -> None:
    assert CLAUDE.encode_error(ClientErrorUpstream("x", upstream_status=upstream), "r").status == status
