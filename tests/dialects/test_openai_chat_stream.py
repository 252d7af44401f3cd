"""Streams of backends -> events: the quirks of compatible servers, each by its name, however the network cuts them."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from llmux.dialects.freetext import FreeText
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.errors import BackendCut, BackendFailed, BackendGarbled, GatewayError, Overloaded
from llmux.ir.content import Citation, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, MessageStart, PartDelta, PartEnd, PartStart, PartState, StreamError
from llmux.ir.fold import fold
from llmux.ir.grammar import check
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from tests.amount import cut

Wire = dict[str, Any]
DONE = "[DONE]"


def frame(document: Wire | str) -> bytes:
    return b"data: " + (document if isinstance(document, str) else json.dumps(document)).encode() + b"\n\n"


def chunk(delta: Wire | None = None, finish: str | None = None, **more: Any) -> Wire:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "r", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def says(text: str) -> Wire:
    return chunk({"content": text})


def calls(*entries: Wire) -> Wire:
    return chunk({"tool_calls": list(entries)})


def call(arguments: Any = None, name: str | None = None, **more: Any) -> Wire:
    function = {"name": name, "arguments": arguments}
    return {**more, "function": {word: value for word, value in function.items() if value is not None}}


STOP = chunk(finish="stop")


def run(stream: bytes, size: int | None = None, names: Any = None) -> list[Event]:
    decoder = OPENAI_CHAT.decoder(names or {})
    size = size or len(stream) or 1
    events = [event for piece in cut(stream, size) for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def read(*documents: Wire | str, names: Any = None) -> Sequence[Event]:
    """The events of a stream, which are the same in whatever pieces it comes, and in order."""
    stream = b"".join(map(frame, documents))
    whole = run(stream, names=names)
    assert run(stream, 1, names) == run(stream, 7, names) == whole
    assert list(check(whole)) == whole
    return whole


def answer(*documents: Wire | str, names: Any = None) -> Response:
    return fold(read(*documents, names=names))


def parts(*documents: Wire | str, names: Any = None) -> tuple[Part, ...]:
    return answer(*documents, DONE, names=names).parts


def failure(*documents: Wire | str) -> GatewayError:
    last = read(*documents)[-1]
    assert isinstance(last, StreamError)
    return last.error


def f(arguments: str = "", id: str = "a", name: str = "f") -> ToolCall:  # noqa: A002 - the wire's word
    return ToolCall(id=id, name=name, arguments=arguments)


# --- worked traces ---------------------------------------------------------------------------------------------------

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def test_reasoning_text_and_two_calls() -> None:
    events = read(
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Let me"}),
        says("I'll check."),
        calls(call("", "f", index=0, id="a", type="function")),
        calls(call('{"x":', index=0)),
        calls(call("1}", index=0)),
        calls(call("{}", "g", index=1, id="b", type="function")),
        chunk(finish="tool_calls"),
        {**chunk(), "choices": [], "usage": USAGE},
        DONE,
    )
    usage = Usage(input_tokens=40, output_tokens=20, cache_read_tokens=60, reasoning_tokens=5)
    assert events == [
        MessageStart("r", "m"),
        PartStart(0, Reasoning()),
        PartDelta(0, "Let me"),
        PartEnd(0),
        PartStart(1, Text()),
        PartDelta(1, "I'll check."),
        PartEnd(1),
        PartStart(2, f()),
        PartDelta(2, '{"x":'),
        PartDelta(2, "1}"),
        PartEnd(2),
        PartStart(3, f(id="b", name="g")),
        PartDelta(3, "{}"),
        PartEnd(3),
        MessageEnd(FinishReason.TOOL_CALL, usage),
    ]


def test_interleaved_arguments_wait_for_their_turn() -> None:
    events = read(
        calls(call('{"a":', "f", index=0, id="a")),
        calls(call('{"b":', "g", index=1, id="b")),
        calls(call("1}", index=0)),
        calls(call("2}", index=1)),
        chunk(finish="tool_calls"),
        DONE,
    )
    assert events[1:] == [
        PartStart(0, f()),
        PartDelta(0, '{"a":'),
        PartDelta(0, "1}"),
        PartEnd(0),
        PartStart(1, f(id="b", name="g")),
        PartDelta(1, '{"b":'),
        PartDelta(1, "2}"),
        PartEnd(1),
        MessageEnd(FinishReason.TOOL_CALL, Usage()),
    ]


def test_a_backend_that_dies_is_no_end() -> None:
    events = read(says("par"))
    assert events[:3] == [MessageStart("r", "m"), PartStart(0, Text()), PartDelta(0, "par")]
    assert isinstance(events[-1], StreamError)
    assert isinstance(events[-1].error, BackendCut)


# --- quirks of calls -------------------------------------------------------------------------------------------------

QUIRKS: dict[str, tuple[list[Wire], tuple[Part, ...]]] = {
    "id and name in every piece": (
        [calls(call('{"x"', "f", index=0, id="a")), calls(call(":1}", "f", index=0, id="a"))],
        (f('{"x":1}'),),
    ),
    "role in every chunk": ([chunk({"role": "assistant", "content": "a"})] * 2, (Text(text="aa"),)),
    "no index, whole calls": (
        [calls(call("{}", "f", id="a"), call('{"y":2}', "g", id="b"))],
        (f("{}"), f('{"y":2}', "b", "g")),
    ),
    "no index, pieces by id": (
        [calls(call('{"x"', "f", id="a")), calls(call(":1}", id="a"))],
        (f('{"x":1}'),),
    ),
    "no index, pieces by nothing": ([calls(call('{"x"', "f", id="a")), calls(call(":1}"))], (f('{"x":1}'),)),
    "no index, an id without arguments yet": (
        [calls(call(None, "f", id="a")), calls(call("{}", "g", id="b"))],
        (f(), f("{}", "b", "g")),
    ),
    "an index in words": ([calls(call("{}", "f", index="0", id="a"))], (f("{}"),)),
    "an index that is no number": ([calls(call("{}", "f", index={}, id="a"))], (f("{}"),)),
    "index -1 for all": (
        [calls(call("{}", "f", index=-1, id="a")), calls(call("{}", "g", index=-1, id="b"))],
        (f("{}"), f("{}", "b", "g")),
    ),
    "two whole calls at index 0": (
        [calls(call('{"x":1}', "f", index=0, id="a")), calls(call('{"x":2}', "f", index=0, id="b"))],
        (f('{"x":1}'), f('{"x":2}', "b")),
    ),
    "indices from 1": ([calls(call("{}", "f", index=1, id="a"))], (f("{}"),)),
    "arguments before the name": (
        [calls(call('{"x"', index=0)), calls(call(":1}", "f", index=0, id="a"))],
        (f('{"x":1}'),),
    ),
    "arguments with the name": ([calls(call('{"x":1}', "f", index=0, id="a"))], (f('{"x":1}'),)),
    "arguments null": ([calls({"index": 0, "id": "a", "function": {"name": "f", "arguments": None}})], (f(),)),
    "arguments as an object": ([calls(call({"x": [1]}, "f", index=0, id="a"))], (f('{"x":[1]}'),)),
    "a placeholder before the arguments": (
        [calls(call("{}", "f", index=0, id="a")), calls(call('{"x"', index=0)), calls(call(":1}", index=0))],
        (f('{"x":1}'),),
    ),
    "a name spelled cumulatively": (
        [calls(call(None, "ge", index=0, id="a")), calls(call(None, "get", index=0)), calls(call("{}", index=0))],
        (f("{}", name="get"),),
    ),
    "a name that comes again later": (
        [calls(call('{"x"', "f", index=0, id="a")), calls(call(":1}", "f2", index=0))],
        (f('{"x":1}'),),
    ),
    "no calls after all": ([chunk({"content": "a", "tool_calls": []}), chunk({"tool_calls": None})], (Text(text="a"),)),
    "a call of no tool": ([says("a"), calls(call("{}", index=0, id="a"))], (Text(text="a"),)),
    "calls that are no objects": ([says("a"), chunk({"tool_calls": [1, None]})], (Text(text="a"),)),
    "a call without a function": ([says("a"), calls({"index": 0, "id": "a"})], (Text(text="a"),)),
    "arguments cut in an escape": (
        [
            calls(call('{"x":"\\', "f", index=0, id="a")),
            calls(call('"}', index=0)),
            calls(call('{"', "g", index=1, id="b")),
            calls(call('"}', index=0)),
            calls(call('y":[]}', index=1)),
        ],
        (f('{"x":"\\"}"}'), f('{"y":[]}', "b", "g")),
    ),
    "text behind an incomplete call": (
        [
            calls(call('{"x"', "f", index=0, id="a")),
            says("so"),
            says(" "),
            says("then"),
            calls(call(":1}", index=0)),
        ],
        (f('{"x":1}'), Text(text="so then")),
    ),
    "text between calls": (
        [calls(call("{}", "f", index=0, id="a")), says("and"), calls(call("{}", "g", index=1, id="b"))],
        (f("{}"), Text(text="and"), f("{}", "b", "g")),
    ),
    "a blank behind a call": ([calls(call("{}", "f", index=0, id="a")), says("\n")], (f("{}"),)),
    "more arguments than a whole": (
        [calls(call("{}", "f", index=0, id="a")), says("so"), calls(call(" ", index=0))],
        (f("{}"), Text(text="so")),
    ),
    "three at once, told at the end": (
        [
            calls(
                call('{"a"', "f", index=0, id="a"), call('{"b"', "g", index=1, id="b"), call("{}", "h", index=2, id="c")
            ),
            calls(call(":2}", index=1)),
            calls(call(":1}", index=0)),
        ],
        (f('{"a":1}'), f('{"b":2}', "b", "g"), f("{}", "c", "h")),
    ),
    "free text": (
        [calls({"index": 0, "id": "a", "type": "custom", "custom": {"name": "p", "input": "so"}})],
        (ToolCall(id="a", name="p", arguments="so", kind="custom"),),
    ),
    "the old function_call": (
        [
            chunk({"function_call": {"name": "f", "arguments": ""}}),
            chunk({"function_call": {"arguments": '{"x":1}'}}),
        ],
        (f('{"x":1}', "call_f7a3a50baa7e7e0fb9a4a9cb"),),
    ),
    "null id": ([calls(call("{}", "f", index=0, id=None))], (f("{}", "call_f7a3a50baa7e7e0fb9a4a9cb"),)),
    "whole calls at one index without ids": (
        [calls(call('{"x":1}', "f", index=0, id="a")), calls(call('{"x":2}', "f", index=0))],
        (f('{"x":1}'), f('{"x":2}', "call_cbd7c4a24f6ff5e0e4a4e6d0")),
    ),
    "Google's proof on a call": (
        [calls({**call("{}", "f", index=0, id="a"), "extra_content": {"google": {"thought_signature": "S"}}})],
        (ToolCall(id="a", name="f", arguments="{}", states=(ReasoningState("google", "signature", "S"),)),),
    ),
}


def without_synthetic_ids(told: tuple[Part, ...]) -> list[Part]:
    return [
        ToolCall(id="call_", name=part.name, arguments=part.arguments, kind=part.kind)
        if isinstance(part, ToolCall) and part.id.startswith("call_")
        else part
        for part in told
    ]


@pytest.mark.parametrize("quirk", QUIRKS)
def test_quirks_of_calls(quirk: str) -> None:
    documents, expected = QUIRKS[quirk]
    assert without_synthetic_ids(parts(*documents)) == without_synthetic_ids(expected)


def test_ids_are_made_up_alike_each_time_and_apart() -> None:
    documents = [calls(call("{}", "f"), call("{}", "g"))]
    first, second = (part.id for part in parts(*documents) if isinstance(part, ToolCall))
    assert first != second
    assert [first, second] == [part.id for part in parts(*documents) if isinstance(part, ToolCall)]


def test_arguments_of_a_megabyte_are_told_as_they_come() -> None:
    pieces = [calls(call("abcd", index=0))] * 2000
    opening, closing = calls(call('{"x":"', "f", index=0, id="a")), calls(call('"}', index=0))
    (part,) = parts(opening, *pieces, closing)
    assert part == f('{"x":"' + "abcd" * 2000 + '"}')


# --- quirks of text and reasoning ------------------------------------------------------------------------------------

SIGNED = {"type": "reasoning.text", "index": 0}
SAYINGS: dict[str, tuple[list[Wire | str], tuple[Part, ...]]] = {
    "reasoning under either name": ([chunk({"reasoning": "a"}), says("b")], (Reasoning(text="a"), Text(text="b"))),
    "both names at once": ([chunk({"reasoning": "a", "reasoning_content": "a"})] * 2, (Reasoning(text="aa"),)),
    "reasoning and text in one chunk": (
        [says(""), chunk({"content": "b", "reasoning_content": "a"})],
        (Reasoning(text="a"), Text(text="b")),
    ),
    "reasoning again after text": (
        [says("a"), chunk({"reasoning": "b"}), says("c")],
        (Text(text="a"), Reasoning(text="b"), Text(text="c")),
    ),
    "details only": ([chunk({"reasoning_details": [{"text": "a"}]}), says("b")], (Reasoning(text="a"), Text(text="b"))),
    "details with a proof, in pieces": (
        [
            chunk({"reasoning": "a", "reasoning_details": [{**SIGNED, "text": "a"}]}),
            chunk({"reasoning": "b", "reasoning_details": [{**SIGNED, "text": "b", "signature": None}]}),
            chunk({"reasoning_details": [{**SIGNED, "signature": "s"}]}),
            says("c"),
        ],
        (
            Reasoning(
                text="ab",
                states=(ReasoningState("openrouter", "details", [{**SIGNED, "text": "ab", "signature": "s"}]),),
            ),
            Text(text="c"),
        ),
    ),
    "details without an index": (
        [chunk({"reasoning_details": [{"data": "x"}, {"data": "y"}]}), calls(call("{}", "f", id="a"))],
        (
            Reasoning(states=(ReasoningState("openrouter", "details", [{"data": "x"}, {"data": "y"}]),)),
            f("{}"),
        ),
    ),
    "a proof at the very end": (
        [says("a"), chunk({"reasoning_details": [{"data": "x"}]})],
        (Text(text="a"), Reasoning(states=(ReasoningState("openrouter", "details", [{"data": "x"}]),))),
    ),
    "Claude's blocks": (
        [
            chunk({"reasoning_content": "a", "thinking_blocks": [{"type": "thinking", "thinking": "a"}]}),
            chunk({"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s"}]}),
            chunk({"thinking_blocks": [{"type": "redacted_thinking", "data": "d"}, {"type": "other"}]}),
            says("b"),
        ],
        (
            Reasoning(text="a", states=(ReasoningState("anthropic", "signature", "s"),)),
            Reasoning(states=(ReasoningState("anthropic", "redacted", "d"),)),
            Text(text="b"),
        ),
    ),
    "Google's proof on a message, too late in a call": (
        [
            calls(call('{"x"', "f", index=0, id="a")),
            chunk({"extra_content": {"google": {"thought_signature": "S"}}}),
            calls(call(":1}", index=0)),
        ],
        (f('{"x":1}'),),
    ),
    "Mistral's list of parts": (
        [
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]}),
            chunk(
                {"content": [{"type": "thinking", "thinking": []}, {"type": "reference"}, {"type": "text", "text": ""}]}
            ),
            chunk({"content": [{"type": "text", "text": "b"}]}),
        ],
        (Reasoning(text="a"), Text(text="b")),
    ),
    "a refusal": ([chunk({"refusal": "no"})], (Refusal(text="no"),)),
    "what a voice says": (
        [chunk({"audio": {"id": "x", "transcript": "a"}}), chunk({"audio": {"data": "AA"}})],
        (Text(text="a"),),
    ),
    "a source": (
        [
            says("a"),
            chunk(
                {"annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": 5}}, {"type": "file"}]}
            ),
        ],
        (
            Text(
                text="a",
                citations=(
                    Citation("openai_chat", {"type": "url_citation", "url_citation": {"url": "u", "title": 5}}, "u"),
                ),
            ),
        ),
    ),
    "Groq's channel": (
        [chunk({"reasoning": "a", "channel": "analysis"}), chunk({"content": "b", "channel": "final"})],
        (Reasoning(text="a"), Text(text="b")),
    ),
    "the number of a token": ([chunk({"content": "a", "token_id": 7}), says("b")], (Text(text="ab"),)),
    "the whole message at the end": (
        [says("a"), {**chunk(), "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}],
        (Text(text="a"),),
    ),
    "only a whole message": (
        [{**chunk(), "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}],
        (Text(text="a"),),
    ),
    "other choices": (
        [says("a"), {**chunk(), "choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}]}],
        (Text(text="a"),),
    ),
    "the first chunk without choices": ([{"id": "", "choices": [], "model": ""}, says("a")], (Text(text="a"),)),
    "choices that are none": ([says("a"), {"choices": None}, {"choices": [5]}, {"ping": 1}], (Text(text="a"),)),
    "what is no object": ([says("a"), "null", "[]", says("b")], (Text(text="ab"),)),
}


@pytest.mark.parametrize("quirk", SAYINGS)
def test_quirks_of_text(quirk: str) -> None:
    documents, expected = SAYINGS[quirk]
    assert parts(*documents) == expected


def test_half_a_character_is_replaced() -> None:
    stream = frame(says("a")) + frame(says("b")).replace(b'"b"', rb'"\ud83d"') + frame(STOP)
    assert fold(run(stream)).parts == (Text(text="a\ufffd"),)


# --- the end ---------------------------------------------------------------------------------------------------------

A_CALL = calls(call("{}", "f", index=0, id="a"))
ENDS: dict[str, tuple[list[Wire | str], FinishReason]] = {
    "stop": ([says("a"), STOP, DONE], FinishReason.END),
    "stop with a call": ([A_CALL, STOP, DONE], FinishReason.TOOL_CALL),
    "tool_calls without one": ([says("a"), chunk(finish="tool_calls"), DONE], FinishReason.END),
    "length beats a call": ([A_CALL, chunk(finish="length"), DONE], FinishReason.MAX_TOKENS),
    "length beats stop, whichever comes first": (
        [says("a"), chunk(finish="length"), STOP, DONE],
        FinishReason.MAX_TOKENS,
    ),
    "filtered": ([says("a"), chunk(finish="SAFETY"), DONE], FinishReason.FILTERED),
    "refused": ([chunk({"refusal": "no"}), STOP, DONE], FinishReason.REFUSAL),
    "early, then more": ([chunk(finish="tool_calls"), A_CALL, DONE], FinishReason.TOOL_CALL),
    "in a word of its own": ([says("a"), chunk(finish="eos_token"), DONE], FinishReason.END),
    "in no word": ([says("a"), chunk(finish=""), chunk(finish="null"), DONE], FinishReason.END),
    "only [DONE]": ([A_CALL, DONE], FinishReason.TOOL_CALL),
    "no [DONE]": ([says("a"), STOP], FinishReason.END),
    "nothing said, but ended": ([chunk({"role": "assistant"}), STOP, DONE], FinishReason.END),
    "blanks around [DONE]": ([says("a"), "  [DONE] "], FinishReason.END),
}


@pytest.mark.parametrize("case", ENDS)
def test_ends(case: str) -> None:
    documents, reason = ENDS[case]
    assert answer(*documents).finish_reason is reason


FAILURES: dict[str, tuple[list[Wire | str], type[GatewayError]]] = {
    "nothing": ([], BackendGarbled),
    "only [DONE]": ([DONE], BackendGarbled),
    "a role and [DONE]": ([chunk({"role": "assistant"}), DONE], BackendGarbled),
    "a role and no more": ([chunk({"role": "assistant"})], BackendCut),
    "an error first": ([{"error": {"message": "x", "type": "overloaded_error"}}], Overloaded),
    "an error in the midst": ([says("a"), {"error": {"message": "x"}}, STOP, DONE], BackendFailed),
    "an error in a string": ([says("a"), {"error": "x"}], BackendFailed),
    "an error by its type": ([says("a"), {"type": "error", "message": "x"}], BackendFailed),
    "an error by its object": ([{"object": "error", "message": "x"}], BackendFailed),
    "an error by its code": ([{"code": 500, "msg": "x"}], BackendFailed),
    "an error by success": ([{"success": False, "message": "x"}], BackendFailed),
    "an error in a finish reason": ([says("a"), chunk(finish="network_error"), DONE], BackendFailed),
    "no JSON": ([says("a"), "{]", STOP], BackendGarbled),
    "no JSON at once": (["{]"], BackendGarbled),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures(case: str) -> None:
    documents, error = FAILURES[case]
    assert type(failure(*documents)) is error


def test_after_the_end_there_is_nothing() -> None:
    decoder = OPENAI_CHAT.decoder({})
    assert isinstance(decoder.feed(frame(says("a")) + frame(DONE))[-1], MessageEnd)
    assert decoder.feed(frame(says("b"))) == decoder.close() == []


USAGES: dict[str, list[Wire | str]] = {
    "with the end": [says("a"), chunk(finish="stop", usage=USAGE), DONE],
    "in a chunk of its own": [says("a"), STOP, {"id": "r", "choices": [], "usage": USAGE}, DONE],
    "in every chunk": [chunk({"content": "a"}, usage={"prompt_tokens": 1}), chunk(finish="stop", usage=USAGE)],
    "in a choice": [
        says("a"),
        {**chunk(), "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}]},
        DONE,
    ],
    "in Groq's field": [says("a"), chunk(finish="stop", x_groq={"usage": USAGE}), DONE],
    "null later": [says("a"), chunk(finish="stop", usage=USAGE), {"choices": [], "usage": None}, DONE],
}


@pytest.mark.parametrize("case", USAGES)
def test_usage_wherever_it_is(case: str) -> None:
    usage = Usage(input_tokens=40, output_tokens=20, cache_read_tokens=60, reasoning_tokens=5)
    assert answer(*USAGES[case]).usage == usage


def test_usage_behind_the_end_counts_if_it_comes_along() -> None:
    late = frame({"choices": [], "usage": USAGE}) + frame("{]") + frame(says("b"))
    response = fold(run(frame(says("a")) + frame(STOP) + frame(DONE) + late))
    assert (response.usage.total_input_tokens, response.parts) == (100, (Text(text="a"),))


# --- framing ---------------------------------------------------------------------------------------------------------

HELLO = b"".join(frame(document) for document in (says("a"), says("b"), STOP, DONE))
FRAMINGS: dict[str, bytes] = {
    "CRLF": HELLO.replace(b"\n", b"\r\n"),
    "CR": HELLO.replace(b"\n", b"\r"),
    "no blank": HELLO.replace(b"data: ", b"data:"),
    "comments": b": OPENROUTER PROCESSING\n\n" + HELLO.replace(b"\n\n", b"\n\n: x\n\n"),
    "a byte order mark": b"\xef\xbb\xbf" + HELLO,
    "no blank line at the end": HELLO.rstrip(b"\n"),
    "cut in the midst of what comes after the end": HELLO.removesuffix(frame(DONE)) + b'data: {"usa',
    "a whole answer instead": json.dumps(
        {"id": "r", "model": "m", "choices": [{"message": {"content": "ab"}, "finish_reason": "stop"}]}
    ).encode(),
}


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_framings(framing: str, size: int | None) -> None:
    assert fold(run(FRAMINGS[framing], size)) == Response("r", "m", (Text(text="ab"),), FinishReason.END)


NO_STREAMS: dict[str, tuple[bytes, type[GatewayError], str]] = {
    "an error in JSON": (b' {"error": {"message": "broken", "code": 502}}', BackendFailed, "broken"),
    "an error page": (b"<html>502</html>", BackendFailed, "HTML"),
    "half an answer": (b'{"id": "r", "choices": [', BackendGarbled, "empty"),
    "blanks": (b"\n\n\n", BackendGarbled, "empty"),
    "a named error": (b"event: error\ndata: overloaded_error\n\n", Overloaded, "overloaded"),
}


@pytest.mark.parametrize("case", NO_STREAMS)
def test_what_is_no_stream(case: str) -> None:
    body, error, words = NO_STREAMS[case]
    (event,) = run(body, 5)
    assert isinstance(event, StreamError)
    assert type(event.error) is error
    assert words in event.error.message


def test_a_frame_that_is_too_large_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmux.wire.sse.MAX_FRAME_BYTES", 10)
    (event,) = OPENAI_CHAT.decoder({}).feed(b"data: " + b"x" * 20)
    assert isinstance(event, StreamError)


# --- names -----------------------------------------------------------------------------------------------------------


def test_tools_get_their_own_names_back() -> None:
    names = {"a_b": "a.b"}
    documents = [calls(call("{}", "a_b", id="a"), call("{}", "A_B", id="b"), call("{}", "c", id="c"))]
    assert parts(*documents, names=names) == (f("{}", "a", "a.b"), f("{}", "b", "a.b"), f("{}", "c", "c"))


BRIDGED = [
    ('{"input": "say \\"x\\""}', 'say "x"'),
    ('{"text": "x"}', "x"),
    ('"x"', "x"),
    ("x", "x"),
    ("5", "5"),
    ('{"a": "x", "b": "y"}', '{"a": "x", "b": "y"}'),
    ("", ""),
]


@pytest.mark.parametrize(("arguments", "text"), BRIDGED)
def test_custom_tools_that_were_sent_as_functions(arguments: str, text: str) -> None:
    documents = [calls(call("", "p", index=0, id="a")), *(calls(call(piece, index=0)) for piece in arguments)]
    told = parts(*documents, calls(call("{}", "f", index=1, id="b")), names={"p": FreeText("p"), "q": "r"})
    assert told[0] == ToolCall(id="a", name="p", arguments=text, kind="custom")


def test_a_state_that_follows_its_reasoning() -> None:
    events = read(chunk({"reasoning_details": [{"text": "a", "signature": "s"}]}), says("b"), STOP, DONE)
    kinds = [type(event) for event in events[1:6]]
    assert kinds == [PartStart, PartDelta, PartState, PartEnd, PartStart]
