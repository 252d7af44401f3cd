"""A backend's stream -> events: usual lines, odd ones, failures, and every way to break off."""

import json
from typing import Any

import pytest

from llmux.dialects.freetext import FreeText
from llmux.dialects.ollama import OLLAMA
from llmux.dialects.ollama import stream as ollama_stream
from llmux.errors import BackendCut, BackendFailed, BackendGarbled, GatewayError
from llmux.ir.content import Reasoning, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, MessageStart, PartDelta, PartEnd, PartStart, StreamError
from llmux.ir.fold import fold
from llmux.ir.grammar import check
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

AT = {"model": "m", "created_at": "2026-11-21T10:00:00.1Z"}
END = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3}


def line(**fields: Any) -> bytes:
    return json.dumps({**AT, "done": False, **fields}, ensure_ascii=False).encode() + b"\n"


def said(content: str = "", **fields: Any) -> bytes:
    return line(message={"role": "assistant", "content": content, **fields})


def end(**fields: Any) -> bytes:
    return line(**{"message": {"role": "assistant", "content": ""}, **END, **fields})


def hear(*pieces: bytes, names: Any = None) -> list[Event]:
    decoder = OLLAMA.decoder(names or {})
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return list(check([*events, *decoder.close()]))


def call(name: str, arguments: Any, **fields: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **fields}


def test_text_is_one_part_and_reasoning_another() -> None:
    events = hear(said(thinking="H") + said(thinking="m."), said("I "), said("see.", thinking=None), end())
    start = events.pop(0)
    assert isinstance(start, MessageStart)
    assert start.model == "m"
    assert start.id.startswith("ollama-")
    assert events == [
        PartStart(0, Reasoning()),
        PartDelta(0, "H"),
        PartDelta(0, "m."),
        PartEnd(0),
        PartStart(1, Text()),
        PartDelta(1, "I "),
        PartDelta(1, "see."),
        PartEnd(1),
        MessageEnd(FinishReason.END, Usage(input_tokens=7, output_tokens=3)),
    ]


def test_calls_come_whole_and_end_the_answer() -> None:
    calls = [call("f", {"b": 1, "a": 2}, id="c1"), call("g", {})]
    response = fold(hear(said("Look."), said(tool_calls=calls), end()))
    text, first, second = response.parts
    assert (text, first) == (Text(text="Look."), ToolCall(id="c1", name="f", arguments='{"b": 1, "a": 2}'))
    assert isinstance(second, ToolCall)
    assert (second.name, second.arguments) == ("g", "{}")
    assert response.finish_reason is FinishReason.TOOL_CALL


def test_calls_without_ids_get_some_that_follow_from_the_answer() -> None:
    def ids(created: str) -> list[str]:
        lines = line(created_at=created, message={"tool_calls": [call("f", {}), call("f", {})]})
        return [part.id for part in fold(hear(lines, end())).parts if isinstance(part, ToolCall)]

    assert ids("1") == ids("1")
    assert len({*ids("1"), *ids("2")}) == 4


def test_a_call_is_told_in_one_piece_that_nothing_joins() -> None:
    events = hear(said(tool_calls=[call("f", {}, id="c"), call("f", {}, id="c")]), end())
    assert [type(event) for event in events[1:-1]] == [PartStart, PartDelta, PartEnd] * 2


ARGUMENTS = {
    '{"a": 1}': '{"a": 1}',
    '"{\\"a\\":1}"': '{"a":1}',
    "null": "{}",
    "[1]": "[1]",
    "1.50": "1.50",
}


@pytest.mark.parametrize("raw", ARGUMENTS)
def test_arguments_keep_their_spelling(raw: str) -> None:
    stream = said(tool_calls=[call("f", "RAW")]).replace(b'"RAW"', raw.encode())
    (part,) = fold(hear(stream, end())).parts
    assert isinstance(part, ToolCall)
    assert part.arguments == ARGUMENTS[raw]


def test_a_call_without_arguments() -> None:
    (part,) = fold(hear(said(tool_calls=[{"function": {"name": "f"}}]), end())).parts
    assert isinstance(part, ToolCall)
    assert part.arguments == "{}"


def test_a_free_text_tool_is_turned_back() -> None:
    calls = [call("patch", {"input": "*** x"}), call("f", {"input": "y"})]
    parts = fold(hear(said(tool_calls=calls), end(), names={"patch": FreeText("patch")})).parts
    told = [(part.name, part.kind, part.arguments) for part in parts if isinstance(part, ToolCall)]
    assert told == [("patch", "custom", "*** x"), ("f", "function", '{"input": "y"}')]


@pytest.mark.parametrize(
    ("word", "called", "reason"),
    [
        ("stop", False, FinishReason.END),
        ("stop", True, FinishReason.TOOL_CALL),
        ("length", False, FinishReason.MAX_TOKENS),
        ("length", True, FinishReason.MAX_TOKENS),
        ("load", False, FinishReason.END),
        (None, False, FinishReason.END),
        ("novel", True, FinishReason.TOOL_CALL),
    ],
)
def test_why_it_ended(word: str | None, called: bool, reason: FinishReason) -> None:
    calls = [said(tool_calls=[call("f", {})])] if called else [said("x")]
    assert fold(hear(*calls, end(done_reason=word))).finish_reason is reason


COUNTS: list[tuple[dict[str, Any], Usage]] = [
    ({"prompt_eval_count": 7.0, "eval_count": 3}, Usage(input_tokens=7, output_tokens=3)),
    ({"prompt_eval_count": None, "eval_count": None}, Usage()),
    ({"prompt_eval_count": -1, "eval_count": 1e300}, Usage()),
]


@pytest.mark.parametrize(("counts", "usage"), COUNTS)
def test_usage(counts: dict[str, Any], usage: Usage) -> None:
    assert fold(hear(said("x"), end(**counts))).usage == usage


def test_an_answer_of_generate_is_understood_too() -> None:
    response = fold(hear(line(response="", thinking="Hm."), line(response="Yes."), line(response="", **END)))
    assert response.parts == (Reasoning(text="Hm."), Text(text="Yes."))


def test_an_answer_that_says_nothing_has_ended_all_the_same() -> None:
    response = fold(hear(end()))
    assert (response.parts, response.finish_reason) == ((), FinishReason.END)


def test_a_whole_answer_on_many_lines() -> None:
    whole = json.dumps({**AT, "message": {"content": "Yes."}, **END}, indent=2).encode()
    assert fold(hear(*(whole[at : at + 5] for at in range(0, len(whole), 5)))).parts == (Text(text="Yes."),)


def test_half_a_character_is_replaced() -> None:
    stream = b'{"model":"m","message":{"content":"a\\ud83d"}}\n' + end()
    assert fold(hear(stream)).parts == (Text(text="a\ufffd"),)
    called = said(tool_calls=[call("f", {"a": "RAW"}, id="c")]).replace(b"RAW", rb"\ud83d") + end()
    assert fold(hear(called)).parts == (ToolCall(id="c", name="f", arguments='{"a":"\ufffd"}'),)


def test_what_comes_behind_the_end_does_not_count() -> None:
    assert hear(said("x"), end() + said("y"), said("z")) == hear(said("x"), end())


def test_a_last_line_may_lack_its_end() -> None:
    assert hear(said("x"), end().rstrip()) == hear(said("x"), end())


# --- failures --------------------------------------------------------------------------------------------------------

FAILED = BackendFailed("it broke")
FAILURES: dict[str, tuple[list[bytes], GatewayError]] = {
    "nothing": ([], BackendGarbled("The backend's answer is empty.")),
    "blank lines": ([b"\n\n"], BackendGarbled("The backend's answer is empty.")),
    "cut": ([said("x")], BackendCut("The backend's answer broke off.")),
    "cut in a line": ([said("x"), said("y")[:20]], BackendCut("The backend's answer broke off.")),
    "cut in the first line": ([said("x")[:-4]], BackendGarbled("The backend sent a line that is not Ollama's.")),
    "cut in the last line": ([said("x"), end()[:-4]], BackendCut("The backend's answer broke off.")),
    "an error at first": ([b'{"error":"it broke"}\n'], FAILED),
    "an error in the midst": ([said("x"), b'{"error":"it broke"}\n', end()], FAILED),
    "an error without the end of its line": ([said("x"), b'{"error":"it broke"}'], FAILED),
    "an error in OpenAI's words": ([b'{"error":{"message":"it broke"}}\n'], FAILED),
    "an error on many lines": ([b'{\n"error":\n"it broke"}'], FAILED),
    "no JSON in the midst": ([said("x"), b"oops\n"], BackendGarbled("The backend sent a line that is not Ollama's.")),
    "another shape": ([said("x"), b'{"message":3}\n'], BackendGarbled("The backend sent a line that is not Ollama's.")),
    "no character in arguments": (
        [said(tool_calls=[call("f", {"a": "RAW"})]).replace(b"RAW", b"\xff")],
        BackendGarbled("The backend sent a line that is not Ollama's."),
    ),
    "a page": ([b"<html>\n<p>502</p>\n"], BackendFailed("The backend answered with an HTML page.")),
    "a sentence": ([b"upstream is away"], BackendFailed("upstream is away")),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_never_an_end(name: str) -> None:
    pieces, error = FAILURES[name]
    last = hear(*pieces)[-1]
    assert isinstance(last, StreamError)
    assert last.error == error


def test_nothing_comes_behind_a_failure() -> None:
    decoder = OLLAMA.decoder({})
    (failure,) = decoder.feed(b'{"error":"it broke"}\n' + said("x"))
    assert isinstance(failure, StreamError)
    assert decoder.feed(said("x")) == decoder.close() == []


def test_a_page_is_not_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_stream, "MAX_LINE_BYTES", 10)
    (failure,) = hear(b"oops oops\n", b"oops\n")
    assert isinstance(failure, StreamError)
    assert isinstance(failure.error, BackendGarbled)
