"""Several answers to one request (`candidateCount`): each its own, from Google's chunks to its clients'."""

from typing import Any

import orjson
import pytest
from google.genai.types import GenerateContentResponse
from hypothesis import given
from hypothesis import strategies as st

from llmux.dialects.base import AnswerForm
from llmux.dialects.gemini import GEMINI
from llmux.errors import BackendCut
from llmux.ir.content import Extra, Text, ToolCall
from llmux.ir.events import Event, StreamError, Verbatim
from llmux.ir.fold import explode, fold
from llmux.ir.grammar import check
from llmux.ir.response import Choice, FinishReason, Response
from llmux.ir.usage import Usage
from tests.laws.lanes import cut_by, hear, hear_verbatim

Wire = dict[str, Any]
FORM = AnswerForm("x", "asked", 1)
ARRAY = GEMINI.form("array")
FORMS = {"events": GEMINI, "array": ARRAY}
each_form = pytest.mark.parametrize("form", FORMS)


def candidate(index: int, *parts: Wire, finish: str | None = None, **more: Any) -> Wire:
    """As Google sends it; the number 0 may be left out, as its JSON leaves out what is 0."""
    said: Wire = {"content": {"parts": [*parts], "role": "model"}, **({"index": index} if index else {})}
    return said | ({"finishReason": finish} if finish else {}) | more


def chunk(*candidates: Wire, **more: Any) -> Wire:
    return {"candidates": [*candidates], "modelVersion": "m", "responseId": "r", **more}


def said(text: str) -> Wire:
    return {"text": text}


RATED = {"safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT"}]}
# Three candidates whose pieces interleave, in chunks of one and of several; the third calls a function.
CHUNKS = [
    chunk(candidate(0, said("one")), candidate(1, said("un"))),
    chunk(candidate(1, said(" deux"))),
    chunk(candidate(2, {"functionCall": {"name": "f", "args": {}}})),
    chunk(candidate(0, said(" two")), usageMetadata={"promptTokenCount": 3, "totalTokenCount": 3}),
    chunk(candidate(0, finish="STOP")),
    chunk(candidate(1, finish="MAX_TOKENS", **RATED), candidate(2, finish="STOP")),
    {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 9, "totalTokenCount": 12}},
]
TOLD = Response(
    "r",
    "m",
    (Text(text="one two"),),
    FinishReason.END,
    Usage(3, 9),
    others=(
        Choice((Text(text="un deux"),), FinishReason.MAX_TOKENS, details=Extra("gemini", {"candidate": RATED})),
        Choice((ToolCall(id="call_r_2_0", name="f", arguments="{}"),), FinishReason.TOOL_CALL),
    ),
)


def stream(form: str, chunks: list[Wire]) -> bytes:
    if form == "array":
        return b"[" + b",\r\n".join(map(orjson.dumps, chunks)) + b"]"
    return b"".join(b"data: " + orjson.dumps(told) + b"\n\n" for told in chunks)


def chunks_of(form: str, data: bytes) -> list[Wire]:
    if form == "array":
        return list(orjson.loads(data))
    return [orjson.loads(frame.removeprefix(b"data: ")) for frame in data.split(b"\n\n") if frame]


def heard(data: bytes) -> list[Event]:
    return list(check(hear(GEMINI.decoder({}), [data])))


@each_form
def test_every_candidate_is_heard(form: str) -> None:
    assert fold(heard(stream(form, CHUNKS))) == TOLD


@each_form
@given(st.text())
def test_wherever_the_network_cuts(form: str, seed: str) -> None:
    data = stream(form, CHUNKS)
    pieces = cut_by(seed, data, 40)
    assert hear(GEMINI.decoder({}), pieces) == heard(data)
    assert hear_verbatim(FORMS[form], pieces) == hear_verbatim(FORMS[form], [data])


@each_form
@pytest.mark.parametrize("end", range(1, len(CHUNKS) - 1))
def test_an_answer_is_cut_while_one_of_them_goes_on(form: str, end: int) -> None:
    """Also where every other one is complete, and whichever form the client takes."""
    data = stream(form, CHUNKS[:end])
    for events in (heard(data), hear(FORMS[form].verbatim(), [data])):
        assert isinstance(last := events[-1], StreamError)
        assert isinstance(last.error, BackendCut)


@each_form
def test_the_verbatim_lane_gives_all_of_them(form: str) -> None:
    data = stream(form, CHUNKS)
    (passed,) = hear_verbatim(FORMS[form], [data])
    assert passed == Verbatim(data, True, TOLD.usage, FinishReason.END, True)


def test_one_that_goes_unread_at_first_is_awaited_too() -> None:
    """The second candidate comes when the first has spoken: in the midst of chunks that pass as they are."""
    late = [chunk(candidate(0, said("a"))), chunk(candidate(1, said("b"))), chunk(candidate(0, finish="STOP"))]
    frames = [stream("events", [told]) for told in late]
    assert isinstance(hear(GEMINI.verbatim(), frames)[-1], StreamError)
    end = stream("events", [chunk(candidate(1, finish="STOP"))])
    assert isinstance(hear(GEMINI.verbatim(), [*frames, end])[-1], Verbatim)


@each_form
def test_google_reads_them_in_a_stream(form: str) -> None:
    """I.33 of the contract: candidates 0 and 1, interleaved."""
    encoder = FORMS[form].encoder(FORM)
    chunks = chunks_of(form, b"".join(encoder.feed([event]) for event in heard(stream(form, CHUNKS))))
    read = [GenerateContentResponse.model_validate(told) for told in chunks]
    texts, reasons, calls, order = dict[int, str](), dict[int, str](), list[str](), list[int]()
    for told in read:
        for found in told.candidates or ():
            index = found.index or 0
            order.append(index)
            texts[index] = texts.get(index, "") + "".join(part.text or "" for part in found.content.parts)  # type: ignore[union-attr]
            calls += [part.function_call.name for part in found.content.parts if part.function_call]  # type: ignore[union-attr, misc]
            reasons |= {index: found.finish_reason.value} if found.finish_reason else {}
    assert texts == {0: "one two", 1: "un deux", 2: ""}
    assert reasons == {0: "STOP", 1: "MAX_TOKENS", 2: "STOP"}
    assert (calls, order[:3]) == (["f"], [0, 1, 1])
    assert [told.usage_metadata is not None for told in read] == [False] * (len(read) - 1) + [True]


def test_and_in_a_whole_answer() -> None:
    body = GEMINI.encode_response(TOLD, FORM)
    read = GenerateContentResponse.model_validate_json(body)
    assert [(found.index, found.finish_reason.value) for found in read.candidates or () if found.finish_reason] == [
        (0, "STOP"),
        (1, "MAX_TOKENS"),
        (2, "STOP"),
    ]
    assert GEMINI.decode_response(body, {}).others == TOLD.others
    assert GEMINI.verbatim_response(body).finish_reason is FinishReason.END


@each_form
def test_a_stream_tells_what_a_whole_answer_does(form: str) -> None:
    told = FORMS[form].encoder(FORM).feed(list(explode(TOLD)))
    assert fold(heard(told)).others == TOLD.others


def test_candidates_without_numbers_are_counted() -> None:
    both = chunk(candidate(0, said("a"), finish="STOP"), candidate(0, said("b"), finish="STOP"))
    answer = GEMINI.decode_response(orjson.dumps(both), {})
    assert answer.parts == (Text(text="a"),)
    assert answer.others == (Choice((Text(text="b"),), FinishReason.END),)


@pytest.mark.parametrize("index", [10**9, -1, "1", 1.5])
def test_a_candidate_that_nobody_can_have_asked_for_is_not_heard(index: Any) -> None:
    """A number is a backend's word: it must not make us keep a reader for every one."""
    odd = chunk(candidate(0, said("a"), finish="STOP"), {**candidate(1, said("b")), "index": index})
    assert GEMINI.decode_response(orjson.dumps(odd), {}).others == ()
    assert GEMINI.verbatim_response(orjson.dumps(odd)).done
