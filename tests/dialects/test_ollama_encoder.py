"""Events -> the lines of a client: what each line says, when it was said, and that Ollama's own SDK takes them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmux.dialects.base import AnswerForm
from llmux.dialects.ollama import OLLAMA
from llmux.errors import Overloaded
from llmux.ir.content import Image, Link, Opaque, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
    UsageUpdate,
    Verbatim,
)
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

GENERATE = OLLAMA.forms["generate"]
SECOND = 1_000_000_000
USAGE = Usage(input_tokens=4, output_tokens=5, cache_read_tokens=3, reasoning_tokens=2)


def form(*elapsed: int, **asked: Any) -> AnswerForm:
    """A form whose clock says each of `elapsed` once, and the last one for ever."""
    ticks = iter(elapsed or (0,))
    last = (elapsed or (0,))[-1]
    return AnswerForm("1", "asked", 1_750_000_000, asked=asked, elapsed=lambda: next(ticks, last))


def part(index: int, opened: Part, *deltas: str) -> list[Event]:
    return [PartStart(index, opened), *(PartDelta(index, delta) for delta in deltas), PartEnd(index)]


def end(reason: FinishReason = FinishReason.END) -> MessageEnd:
    return MessageEnd(reason, USAGE)


def lines(*events: Event, of: Any = OLLAMA, told: AnswerForm | None = None) -> list[dict[str, Any]]:
    data = of.encoder(told or form()).feed([MessageStart("1", "m"), *events])
    assert data.endswith(b"\n")
    assert b"\n\n" not in data
    return [json.loads(line) for line in data.splitlines()]


def messages(*events: Event) -> list[dict[str, Any]]:
    return [line["message"] for line in lines(*events) if "message" in line]


def said(content: str = "", **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **fields}


def test_each_delta_is_a_line() -> None:
    first, second, last = lines(*part(0, Text(), "I ", "see."), end())
    assert first == {
        "model": "asked",
        "created_at": "2025-06-15T15:06:40.000000000Z",
        "message": said("I "),
        "done": False,
    }
    assert second["message"] == said("see.")
    assert last == {
        "model": "asked",
        "created_at": "2025-06-15T15:06:40.000000000Z",
        "message": said(),
        "done": True,
        "done_reason": "stop",
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": 7,
        "prompt_eval_duration": 0,
        "eval_count": 5,
        "eval_duration": 0,
    }


PLAYS: dict[str, tuple[list[Event], list[dict[str, Any]]]] = {
    "reasoning, then text": (
        [*part(0, Reasoning(), "Hm."), *part(1, Text(), "Yes.")],
        [said(thinking="Hm."), said("Yes.")],
    ),
    "texts that follow each other": ([*part(0, Text(), "a"), *part(1, Text(), "b")], [said("a"), said("b")]),
    "texts that stood apart": (
        [*part(0, Text(), "a"), *part(1, Reasoning(), "t"), *part(2, Text(), "b")],
        [said("a"), said(thinking="t"), said("\n\n"), said("b")],
    ),
    "reasoning twice": (
        [*part(0, Reasoning(), "a"), *part(1, Text(), "x"), *part(2, Reasoning(), "b")],
        [said(thinking="a"), said("x"), said(thinking="\n\n"), said(thinking="b")],
    ),
    "a part that says nothing": ([*part(0, Reasoning()), *part(1, Text(), "a")], [said("a")]),
    "a call in pieces": (
        part(0, ToolCall(id="c", name="f"), '{"a":', " 1}"),
        [said(tool_calls=[{"id": "c", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}])],
    ),
    "calls": (
        [*part(0, Text(), "a"), *part(1, ToolCall(id="c", name="f")), *part(2, ToolCall(id="d", name="f"), "[1]")],
        [
            said("a"),
            said(tool_calls=[{"id": "c", "function": {"index": 0, "name": "f", "arguments": {}}}]),
            said(tool_calls=[{"id": "d", "function": {"index": 1, "name": "f", "arguments": {"value": [1]}}}]),
        ],
    ),
    "a call with free text": (
        part(0, ToolCall(id="c", name="p", kind="custom"), "*** x"),
        [said(tool_calls=[{"id": "c", "function": {"index": 0, "name": "p", "arguments": {"input": "*** x"}}}])],
    ),
    "text behind a call": (
        [*part(0, Text(), "a"), *part(1, ToolCall(id="c", name="f")), *part(2, Text(), "b")],
        [
            said("a"),
            said(tool_calls=[{"id": "c", "function": {"index": 0, "name": "f", "arguments": {}}}]),
            said("\n\n"),
            said("b"),
        ],
    ),
    "a refusal": ([*part(0, Text(), "a"), *part(1, Refusal(), "No.")], [said("a"), said("\n\n"), said("No.")]),
    "what another dialect understands": (
        [*part(0, Opaque(dialect="claude", raw={}, text="told")), *part(1, Opaque(dialect="claude", raw={}))],
        [said("told")],
    ),
    "what this wire cannot say": (
        [
            PartStart(0, Reasoning()),
            PartState(0, ReasoningState("a", "signature", "x")),
            PartEnd(0),
            UsageUpdate(USAGE),
        ],
        [],
    ),
    "a picture": ([PartStart(0, Image(source=Link("x"))), PartEnd(0), *part(1, Text(), "a")], [said("a")]),
    "letters that end lines elsewhere": (part(0, Text(), "\u2028é\x85"), [said("\u2028é\x85")]),
}


@pytest.mark.parametrize("name", PLAYS)
def test_what_is_said(name: str) -> None:
    events, expected = PLAYS[name]
    assert messages(*events, end()) == [*expected, said()]


def test_no_letter_ends_a_line_in_its_midst() -> None:
    encoder = OLLAMA.encoder(form())
    data = encoder.feed(part(0, Text(), "a\u2028b\x85c\nd")) + encoder.feed(
        part(1, ToolCall(id="\u2028", name="f"), "{}")
    )
    assert len(data.decode().splitlines()) == 2


def test_half_a_character_is_replaced() -> None:
    assert messages(*part(0, Text(), "a\ud83d"))[0] == said("a\ufffd")


REASONS = {reason: "length" if reason.name in {"MAX_TOKENS", "CONTEXT_FULL"} else "stop" for reason in FinishReason}


@pytest.mark.parametrize("reason", FinishReason)
def test_why_it_ended(reason: FinishReason) -> None:
    assert lines(*part(0, Text(), "x"), end(reason))[-1]["done_reason"] == REASONS[reason]


def test_a_refusal_without_a_word_gets_some() -> None:
    assert messages(end(FinishReason.REFUSAL)) == [said("The model refused to answer."), said()]


# --- when ------------------------------------------------------------------------------------------------------------


def test_the_last_line_tells_what_was_measured() -> None:
    told = form(SECOND, SECOND, 3 * SECOND + 5, 3 * SECOND + 5)  # first content, its line; the end, its line
    first, last = lines(*part(0, Text(), "x"), end(), told=told)
    assert first["created_at"] == "2025-06-15T15:06:41.000000000Z"
    assert last["created_at"] == "2025-06-15T15:06:43.000000005Z"
    durations = {name: last[name] for name in last if name.endswith("duration")}
    assert durations == {
        "total_duration": 3 * SECOND + 5,
        "load_duration": 0,
        "prompt_eval_duration": SECOND,
        "eval_duration": 2 * SECOND + 5,
    }


def test_what_comes_at_once_is_told_at_one_time() -> None:
    encoder = OLLAMA.encoder(form(1, 2, 3, 4))  # the first content, its lines; those of a second read; a keep-alive
    start, *deltas = part(0, Text(), "a", "b", "c", "d")[:-1]
    first, second = encoder.feed([start, *deltas[:2]]), encoder.feed(deltas[2:])
    told = [json.loads(line) for data in (first, second, encoder.keepalive()) for line in data.splitlines()]
    assert [line["created_at"][-2:-1] for line in told] == ["2", "2", "3", "3", "4"]
    assert [line["message"]["content"] for line in told] == ["a", "b", "c", "d", ""]


@pytest.mark.parametrize("parts", [part(0, ToolCall(id="c", name="f"), "{}"), part(0, Reasoning(), "t")])
def test_a_call_and_reasoning_are_content_too(parts: list[Event]) -> None:
    last = lines(*parts, end(), told=form(2, 2, 9))[-1]
    assert (last["prompt_eval_duration"], last["eval_duration"]) == (2, 7)


def test_an_answer_without_content_took_its_time_for_the_prompt() -> None:
    last = lines(end(), told=form(9))[-1]
    assert (last["total_duration"], last["prompt_eval_duration"], last["eval_duration"]) == (9, 9, 0)


def test_a_line_that_says_nothing_keeps_the_client_alive_until_the_end() -> None:
    for of in (OLLAMA, GENERATE):
        encoder = of.encoder(form())
        alive = json.loads(encoder.keepalive())
        assert (alive.get("message", said()), alive.get("response", ""), alive["done"]) == (said(), "", False)
        for over in (end(), StreamError(Overloaded("x")), Verbatim(b"", done=True)):
            encoder = of.encoder(form())
            encoder.feed([over])
            assert encoder.keepalive() == b""


# --- the other ends --------------------------------------------------------------------------------------------------


def test_a_failure_is_a_line_that_ends_the_stream() -> None:
    *_, last = lines(*part(0, Text(), "x")[:2], StreamError(Overloaded("It is full.")))
    assert last == {"error": "It is full."}


def test_verbatim_bytes_pass() -> None:
    encoder = OLLAMA.encoder(form())
    assert encoder.feed([Verbatim(b'{"a": 1}\n'), Verbatim(b'{"b":2}\n')]) == b'{"a": 1}\n{"b":2}\n'


IDLE: list[tuple[dict[str, Any], str]] = [
    ({}, "load"),
    ({"keep_alive": 0}, "unload"),
    ({"keep_alive": "0"}, "unload"),
    ({"keep_alive": "0s"}, "unload"),
    ({"keep_alive": 0.0}, "unload"),
    ({"keep_alive": "5m"}, "load"),
    ({"keep_alive": ""}, "load"),
    ({"keep_alive": -1}, "load"),
    ({"keep_alive": False}, "load"),
    ({"keep_alive": "10"}, "load"),
]


@pytest.mark.parametrize(("asked", "reason"), IDLE)
def test_who_asks_nothing_hears_that_the_model_is_loaded(asked: dict[str, Any], reason: str) -> None:
    (chat,) = lines(end(), told=form(model="m", messages=[], **asked))
    assert (chat["message"], chat["done"], chat["done_reason"]) == (said(), True, reason)
    (generated,) = lines(end(), of=GENERATE, told=form(model="m", prompt="", **asked))
    assert (generated["response"], generated["done"], generated["done_reason"]) == ("", True, reason)
    assert "eval_count" not in chat


# --- generate --------------------------------------------------------------------------------------------------------


def test_generate_says_it_in_its_own_place() -> None:
    events = [*part(0, Reasoning(), "Hm."), *part(1, Text(), "Yes."), *part(2, ToolCall(id="c", name="f"), "{}"), end()]
    thought, told, last = lines(*events, of=GENERATE)
    assert (thought["response"], thought["thinking"]) == ("", "Hm.")
    assert (told["response"], "thinking" in told) == ("Yes.", False)
    assert (last["response"], last["done"], last["eval_count"]) == ("", True, 5)
    assert all("message" not in line for line in (thought, told, last))


# --- the cost of a long call -----------------------------------------------------------------------------------------


def pieces(count: int) -> Iterator[Event]:
    yield PartStart(0, ToolCall(id="c", name="f"))
    yield PartDelta(0, '{"a":"')
    yield from (PartDelta(0, "x" * 10) for _ in range(count))
    yield PartDelta(0, '"}')
    yield PartEnd(0)


def test_a_long_call_is_joined_once() -> None:
    encoder = OLLAMA.encoder(form())
    feed: Callable[[list[Event]], bytes] = encoder.feed
    data = [feed([event]) for event in pieces(2000)]
    assert [bool(piece) for piece in data].count(True) == 1
    assert json.loads(data[-1])["message"]["tool_calls"][0]["function"]["arguments"] == {"a": "x" * 20_000}
