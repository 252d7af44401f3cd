"""Events -> streams for clients: exactly the chunks that the vendors' SDKs take, and read back the same."""

import json
from typing import Any

import pytest

from llmux.dialects.base import AnswerForm
from llmux.dialects.envelope import seal, unseal
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.errors import BackendCut, Overloaded
from llmux.ir.content import Citation, Opaque, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    Opened,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
    UsageUpdate,
    Verbatim,
)
from llmux.ir.fold import explode, fold
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from tests.judges.openai_chat import OPENAI_CHAT as JUDGE

Wire = dict[str, Any]
FORM = AnswerForm("x", "asked", 1, include_usage=False)
WITH_USAGE = AnswerForm("x", "asked", 1)
LEGACY = AnswerForm("x", "asked", 1, include_usage=False, legacy_functions=True)
STATE = ReasoningState("anthropic", "signature", "s")


def answer(*parts: Part, reason: FinishReason = FinishReason.END, **fields: Any) -> Response:
    return Response("r", "m", parts, reason, **fields)


def chunks(response: Response, form: AnswerForm = FORM) -> list[Wire]:
    """The chunks of an answer, between which and after which there is nothing but the end."""
    *frames, done, nothing = OPENAI_CHAT.encoder(form).feed(list(explode(response))).split(b"\n\n")
    assert (done, nothing) == (b"data: [DONE]", b"")
    return [json.loads(frame.removeprefix(b"data: ")) for frame in frames]


def deltas(*parts: Part, form: AnswerForm = FORM) -> list[Wire]:
    """What is said between the role and the finish."""
    return [chunk["choices"][0]["delta"] for chunk in chunks(answer(*parts), form)[1:-1]]


def test_a_stream_of_text() -> None:
    about = {"id": "chatcmpl-x", "object": "chat.completion.chunk", "created": 1, "model": "asked"}

    def chunk(delta: Wire, finish: str | None = None) -> Wire:
        return {**about, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    assert chunks(answer(Text(text="hi"))) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "hi"}),
        chunk({}, "stop"),
    ]


def test_usage_comes_last_and_is_null_before() -> None:
    usage = Usage(
        input_tokens=40,
        output_tokens=20,
        cache_read_tokens=60,
        cache_write_tokens=10,
        reasoning_tokens=5,
        service_tier="standard",
    )
    *before, last = chunks(answer(Text(text="hi"), usage=usage), WITH_USAGE)
    assert [chunk["usage"] for chunk in before] == [None] * 3
    assert (last["choices"], last["service_tier"]) == ([], "default")
    assert last["usage"] == {
        "prompt_tokens": 110,
        "completion_tokens": 20,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }


def test_calls_open_once_and_count_from_0() -> None:
    said = deltas(Text(text="a"), ToolCall(id="c", name="f", arguments='{"x":1}'), ToolCall(id="d", name="g"))
    assert said == [
        {"content": "a"},
        {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":1}'}}]},
        {"tool_calls": [{"index": 1, "id": "d", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
    ]


def test_custom_calls() -> None:
    assert deltas(
        ToolCall(id="c", name="p", arguments="so", kind="custom"), ToolCall(id="d", name="p", kind="custom")
    ) == [
        {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "p", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "so"}}]},
        {"tool_calls": [{"index": 1, "id": "d", "type": "custom", "custom": {"name": "p", "input": ""}}]},
    ]


def test_the_old_functions_hear_one_call() -> None:
    parts = (
        ToolCall(id="c", name="f", arguments="{}", states=(STATE,)),
        ToolCall(id="d", name="g", arguments="{}"),
        ToolCall(id="e", name="h"),
    )
    response = answer(*parts, reason=FinishReason.TOOL_CALL)
    *said, end = [chunk["choices"][0] for chunk in chunks(response, LEGACY)[1:]]
    assert [choice["delta"] for choice in said] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
    ]
    assert end["finish_reason"] == "function_call"


def test_reasoning_and_its_proof() -> None:
    first, proof, *rest = deltas(
        Reasoning(text="think", states=(STATE,)), Reasoning(states=(STATE,)), Reasoning(text="more"), Text(text="a")
    )
    assert first == {"reasoning_content": "think"}
    detail = {"type": "reasoning.encrypted", "data": seal(STATE), "format": "llmux", "index": 0}
    assert proof == {"reasoning_details": [detail]}
    assert rest == [
        {"reasoning_details": [{**detail, "index": 1}]},
        {"reasoning_content": "\n\n"},
        {"reasoning_content": "more"},
        {"content": "a"},
    ]


def test_a_proof_of_its_own_kind_goes_as_it_came() -> None:
    details = [{"type": "reasoning.text", "text": "a", "signature": "s", "index": 0}]
    assert deltas(Reasoning(states=(ReasoningState("openrouter", "details", details),))) == [
        {"reasoning_details": details}
    ]


def test_a_proof_on_a_call() -> None:
    (opening, late, *_) = deltas(
        ToolCall(id="c", name="f", states=(STATE,)), ToolCall(id="d", name="f", arguments="{}")
    )
    sealed = opening["tool_calls"][0]["extra_content"]["google"]["thought_signature"]
    assert unseal(sealed) == STATE
    assert late == {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}
    late_proof = {"extra_content": {"google": {"thought_signature": sealed}}}
    proof = heard_late(ToolCall(id="c", name="f", arguments="{}"))
    assert proof == {"tool_calls": [{"index": 0, "function": {"arguments": ""}, **late_proof}]}
    custom = heard_late(ToolCall(id="c", name="f", arguments="x", kind="custom"))
    assert custom == {"tool_calls": [{"index": 0, "custom": {"input": ""}, **late_proof}]}
    legacy = heard_late(ToolCall(id="c", name="f", arguments="{}"), LEGACY)
    assert legacy == {"function_call": {"arguments": "{}"}}


def proven_late(call: ToolCall) -> list[Event]:
    """Its proof comes behind its arguments, as some backends stream it."""
    *events, ended, end = explode(answer(call))
    return [*events, PartState(0, STATE), ended, end]


def heard_late(call: ToolCall, form: AnswerForm = FORM) -> Wire:
    """What is told last of it, before the finish."""
    frames = OPENAI_CHAT.encoder(form).feed(proven_late(call)).split(b"\n\n")
    told: Wire = json.loads(frames[-4].removeprefix(b"data: "))["choices"][0]["delta"]
    return told


def test_openais_sdk_takes_a_proof_that_comes_behind_its_call() -> None:
    told = OPENAI_CHAT.encoder(FORM).feed(proven_late(ToolCall(id="c", name="f", arguments='{"a":1}')))
    heard = JUDGE.stream(told)
    assert heard.calls == (("f", {"a": 1}),)


def test_a_refusal() -> None:
    said = chunks(answer(Refusal(text="no"), reason=FinishReason.REFUSAL))[1:]
    assert [chunk["choices"][0]["delta"] for chunk in said] == [{"refusal": "no"}, {}]
    assert said[-1]["choices"][0]["finish_reason"] == "stop"


def test_a_refusal_without_words_is_told_in_ours() -> None:
    said = chunks(answer(Text(text="well"), reason=FinishReason.REFUSAL))[-2:]
    assert [chunk["choices"][0]["delta"] for chunk in said] == [{"refusal": "The model refused to answer."}, {}]
    assert said[-1]["choices"][0]["finish_reason"] == "stop"


def test_texts_that_stood_apart_are_set_apart() -> None:
    call = ToolCall(id="c", name="f", arguments="{}")
    said = deltas(Text(text="a"), Text(text="b"), call, Text(text=""), Text(text="c"))
    assert [delta["content"] for delta in said if "content" in delta] == ["a", "b", "c"]
    assert [delta["content"] for delta in deltas(Text(text="a"), call, Text(text="c")) if "content" in delta] == [
        "a",
        "\n\n",
        "c",
    ]


def test_sources_name_the_place_that_they_cover() -> None:
    own = {"type": "url_citation", "url_citation": {"url": "v"}}
    citations = (
        Citation("claude", {}, url="u", title="t"),
        Citation("claude", {}, quote="no address"),
        Citation("openai_chat", own),
    )
    parts = (Text(text="ab"), Reasoning(text="x"), Text(text="cde", citations=citations), Text(text="f"))
    annotations = [delta["annotations"] for delta in deltas(*parts) if "annotations" in delta]
    cited = {"start_index": 4, "end_index": 7, "url": "u", "title": "t"}
    assert annotations == [[{"type": "url_citation", "url_citation": cited, "index": 0}, {**own, "index": 1}]]
    assert [delta for delta in deltas(Text(text="a", citations=citations[1:2])) if "annotations" in delta] == []


def test_another_dialects_parts_are_at_most_a_text() -> None:
    assert deltas(Opaque(dialect="claude", raw={}), Opaque(dialect="claude", raw={}, text="digest")) == [
        {"content": "digest"}
    ]
    events = [PartStart(0, Opaque(dialect="claude", raw={})), PartDelta(0, "x"), PartEnd(0)]
    assert OPENAI_CHAT.encoder(FORM).feed(events) == b""


REASONS = {
    FinishReason.END: "stop",
    FinishReason.STOP_SEQUENCE: "stop",
    FinishReason.MAX_TOKENS: "length",
    FinishReason.CONTEXT_FULL: "length",
    FinishReason.TOOL_CALL: "tool_calls",
    FinishReason.FILTERED: "content_filter",
    FinishReason.REFUSAL: "stop",
    FinishReason.PAUSE: "stop",
}


@pytest.mark.parametrize("reason", FinishReason)
def test_every_reason_has_a_word(reason: FinishReason) -> None:
    assert chunks(answer(reason=reason))[-1]["choices"][0]["finish_reason"] == REASONS[reason]


def test_one_line_for_every_reader_of_lines() -> None:
    text = "a\u2028b\u2029c\u0085d\né"
    stream = OPENAI_CHAT.encoder(FORM).feed(list(explode(answer(Text(text=text)))))
    assert len(stream.decode().splitlines()) == stream.count(b"\n")
    assert chunks(answer(Text(text=text)))[1]["choices"][0]["delta"] == {"content": text}


def test_a_failure_ends_the_stream() -> None:
    error = BackendCut("The backend's answer broke off.")
    stream = OPENAI_CHAT.encoder(FORM).feed([StreamError(error)])
    frame, done, _ = stream.split(b"\n\n")
    assert json.loads(frame.removeprefix(b"data: ")) == {
        "error": {"message": error.message, "type": "server_error", "param": None, "code": "bad_gateway"}
    }
    assert done == b"data: [DONE]"


def test_frames_of_the_backend_pass_as_they_are() -> None:
    events: list[Event] = [
        Opened("b", "m", 1),
        Verbatim(b"data: x\n\n"),
        UsageUpdate(Usage()),
        Verbatim(b"data: y\n\n"),
    ]
    assert OPENAI_CHAT.encoder(FORM).feed(events) == b"data: x\n\ndata: y\n\n"


def test_a_keepalive_is_a_comment() -> None:
    assert OPENAI_CHAT.encoder(FORM).keepalive() == b": keepalive\n\n"


ROUND: list[tuple[Part, ...]] = [
    (),
    (Text(text="a"),),
    (Reasoning(text="r", states=(STATE,)), Text(text="a"), ToolCall(id="c", name="f", arguments='{"x": 1}')),
    (ToolCall(id="c", name="f", arguments="{}"), ToolCall(id="d", name="p", arguments="x", kind="custom")),
    (Reasoning(states=(STATE,)), ToolCall(id="c", name="f", arguments="{}", states=(STATE,))),
    (Refusal(text="no"),),
]


@pytest.mark.parametrize("parts", ROUND)
@pytest.mark.parametrize("batch", [1, 100])
def test_what_is_written_is_read_the_same(parts: tuple[Part, ...], batch: int) -> None:
    called = any(isinstance(part, ToolCall) for part in parts)
    refused = any(isinstance(part, Refusal) for part in parts)
    reason = FinishReason.TOOL_CALL if called else FinishReason.REFUSAL if refused else FinishReason.END
    response = Response("chatcmpl-x", "asked", parts, reason, Usage(input_tokens=1, output_tokens=2))
    encoder, events = OPENAI_CHAT.encoder(WITH_USAGE), list(explode(response))
    stream = b"".join(encoder.feed(events[at : at + batch]) for at in range(0, len(events), batch))
    decoder = OPENAI_CHAT.decoder({})
    assert fold([*decoder.feed(stream), *decoder.close()]) == response
    whole = OPENAI_CHAT.encode_response(response, WITH_USAGE)
    assert OPENAI_CHAT.decode_response(whole, {}) == response


def test_an_answer_that_ends_at_once() -> None:
    encoder = OPENAI_CHAT.encoder(FORM)
    assert encoder.feed([]) == b""
    assert b'"stop"' in encoder.feed([MessageStart("r", "m"), MessageEnd(FinishReason.END, Usage())])


def test_overloaded_is_told_in_openais_words() -> None:
    assert b'"code":"overloaded"' in OPENAI_CHAT.encoder(FORM).feed([StreamError(Overloaded("x"))])
