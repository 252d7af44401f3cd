"""Events of any dialect, as Google's clients read them: in its own grammar, which its SDKs are strict about."""

import base64
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given

from llmux.dialects.base import AnswerForm
from llmux.dialects.envelope import unseal
from llmux.dialects.gemini import GEMINI
from llmux.errors import Overloaded
from llmux.ir.content import (
    Audio,
    Document,
    Extra,
    FileId,
    Image,
    Inline,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    Refusal,
    Text,
    ToolCall,
)
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
from llmux.ir.fold import explode
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from tests.strategies import PIXEL, RESPONSES

Wire = dict[str, Any]
FORM = AnswerForm(id="r", model="asked", created=1)
ARRAY = GEMINI.form("array")
USAGE = Usage(input_tokens=40, output_tokens=37, cache_read_tokens=10, reasoning_tokens=30, service_tier="default")


def told(events: Sequence[Event]) -> list[Wire]:
    """The chunks that tell `events`; the same ones in both forms."""
    stream = GEMINI.encoder(FORM).feed(events)
    chunks = [orjson.loads(frame.removeprefix(b"data: ")) for frame in stream.split(b"\n\n") if frame]
    array = ARRAY.encoder(FORM).feed(events)
    assert (orjson.loads(array) if array else []) == chunks
    return chunks


def parts(*said: Part) -> list[Wire]:
    """The parts that a client gets of an answer, but for the last chunk's empty one; and of a body, the same."""
    response = Response("b", "m", said, FinishReason.END, USAGE)
    chunks = told(list(explode(response)))
    found = [part for chunk in chunks[:-1] for part in chunk["candidates"][0]["content"]["parts"]]
    body = orjson.loads(GEMINI.encode_response(response, FORM))
    assert body["candidates"][0]["content"]["parts"] == (found or [{"text": ""}])
    return found


def test_the_frames_of_a_stream() -> None:
    """I.47 of the contract: no names, no comments, no last word; one id; usage and reason in the last chunk."""
    response = Response("b", "m", (Text(text="a"),), FinishReason.END, USAGE)
    stream = GEMINI.encoder(FORM).feed(list(explode(response)))
    assert stream == (
        b'data: {"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0}],'
        b'"modelVersion":"asked","responseId":"r"}\n\n'
        b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],'
        b'"usageMetadata":{"promptTokenCount":50,"candidatesTokenCount":7,"totalTokenCount":87,'
        b'"cachedContentTokenCount":10,"thoughtsTokenCount":30,"serviceTier":"standard"},'
        b'"modelVersion":"asked","responseId":"r"}\n\n'
    )
    assert ARRAY.encoder(FORM).feed(list(explode(response))) == (
        stream.replace(b"\n\ndata: ", b"\n,\r\n").replace(b"data: ", b"[")[:-2] + b"\n]"
    )


@given(RESPONSES)
def test_whatever_is_told_has_the_shape_of_google_s_chunks(response: Response) -> None:
    for chunk in told(list(explode(response))):
        assert chunk["responseId"] == "r"
        (candidate,) = chunk["candidates"]
        assert candidate["content"]["parts"], "a chat of Google's SDK forgets an answer with a chunk without parts"
        for part in candidate["content"]["parts"]:
            assert len(part.keys() - {"thought", "thoughtSignature"}) >= 1
    assert chunk["candidates"][0]["finishReason"]
    assert "usageMetadata" in chunk


FOREIGN = ReasoningState("anthropic", "signature", "S")


def google(data: str, kind: str = "signature") -> ReasoningState:
    return ReasoningState("google", kind, data)


def sealed(part: Wire) -> ReasoningState | None:
    """What a client holds for us: valid base64, or Google's Python SDK would raise."""
    return unseal(base64.b64decode(part["thoughtSignature"], validate=True).decode())


CALL = {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}
PARTS: dict[str, tuple[Part, list[Wire]]] = {
    "a text": (Text(text="a\u2028"), [{"text": "a\u2028"}]),
    "an empty text": (Text(), []),
    "a refusal": (Refusal(text="no"), [{"text": "no"}]),
    "reasoning": (Reasoning(text="a"), [{"text": "a", "thought": True}]),
    "a call": (ToolCall(id="c", name="f", arguments='{"a":1}'), [CALL]),
    "a call without arguments": (ToolCall(id="c", name="f"), [{"functionCall": {"id": "c", "name": "f", "args": {}}}]),
    "a call with free text": (
        ToolCall(id="c", name="f", arguments="x", kind="custom"),
        [{"functionCall": {"id": "c", "name": "f", "args": {"input": "x"}}}],
    ),
    "a signed call": (
        ToolCall(id="c", name="f", arguments='{"a":1}', states=(google("Uw=="),)),
        [{**CALL, "thoughtSignature": "Uw=="}],
    ),
    "a call signed twice": (
        ToolCall(id="c", name="f", arguments='{"a":1}', states=(google("Uw=="), google("VA=="))),
        [{**CALL, "thoughtSignature": "Uw=="}, {"text": "", "thought": True, "thoughtSignature": "VA=="}],
    ),
    "a proof of nothing": (Reasoning(states=(google("Uw==", "alone"),)), [{"text": "", "thoughtSignature": "Uw=="}]),
    "a picture": (Image(source=Inline("image/png", PIXEL)), [{"inlineData": {"mimeType": "image/png", "data": PIXEL}}]),
    "a picture with more to say": (
        Image(source=Inline("image/png", PIXEL), extra=Extra("gemini", {"thoughtSignature": "Uw=="})),
        [{"inlineData": {"mimeType": "image/png", "data": PIXEL}, "thoughtSignature": "Uw=="}],
    ),
    "a picture elsewhere": (Image(source=FileId("x")), []),
    "sound": (Audio(format="wav", data="AAAA"), [{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]),
    "Google's own": (Opaque(dialect="gemini", raw={"toolCall": {}}), [{"toolCall": {}}]),
    "a document": (Document(source=Inline("application/pdf", "JVBERi0=")), []),
    "another's own": (Opaque(dialect="claude", raw={"x": 1}), []),
    "another's, told": (Opaque(dialect="claude", raw={"x": 1}, text="x"), [{"text": "x"}]),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTS)
def test_parts(case: str) -> None:
    part, expected = PARTS[case]
    assert parts(part) == expected


def test_a_foreign_proof_travels_sealed() -> None:
    response = Response("b", "m", (Reasoning(text="a", states=(FOREIGN, google("Uw=="))),), FinishReason.END)
    whole = orjson.loads(GEMINI.encode_response(response, FORM))["candidates"][0]["content"]["parts"]
    assert [sealed(whole[0]), whole[1]] == [FOREIGN, {"text": "", "thought": True, "thoughtSignature": "Uw=="}]
    first, proof, *_ = told(list(explode(response)))
    assert first["candidates"][0]["content"]["parts"] == [{"text": "a", "thought": True}]
    (part,) = proof["candidates"][0]["content"]["parts"]
    assert (part["text"], part["thought"], sealed(part)) == ("", True, FOREIGN)


def test_a_proof_of_a_text_is_on_it_in_a_body_and_behind_it_in_a_stream() -> None:
    said = (Text(text="a"), Reasoning(states=(google("Uw==", "text"),)))
    response = Response("b", "m", said, FinishReason.END)
    body = orjson.loads(GEMINI.encode_response(response, FORM))
    assert body["candidates"][0]["content"]["parts"] == [{"text": "a", "thoughtSignature": "Uw=="}]
    _, proof, _ = told(list(explode(response)))
    assert proof["candidates"][0]["content"]["parts"] == [{"text": "", "thoughtSignature": "Uw=="}]


def test_calls_are_told_whole() -> None:
    """I.45 of the contract: also one without a delta."""
    call = ToolCall(id="c", name="f")
    events = [
        MessageStart("b", "m"), PartStart(0, call), PartDelta(0, '{"a"'), PartDelta(0, ":1}"),
        PartState(0, google("Uw==")), PartEnd(0), PartStart(1, call), PartEnd(1),
    ]  # fmt: skip
    encoder = GEMINI.encoder(FORM)
    assert [encoder.feed([event]) for event in events[:5]] == [b""] * 5
    first, second, _ = told([*events, MessageEnd(FinishReason.TOOL_CALL, Usage())])
    assert first["candidates"][0]["content"]["parts"] == [{**CALL, "thoughtSignature": "Uw=="}]
    assert second["candidates"][0]["content"]["parts"] == [{"functionCall": {"id": "c", "name": "f", "args": {}}}]


def test_more_of_what_is_told_whole_is_passed_over() -> None:
    assert GEMINI.encoder(FORM).feed([PartStart(0, Opaque(dialect="claude", raw={})), PartDelta(0, "x")]) == b""


def test_a_long_argument_in_small_pieces_is_put_together_once() -> None:
    """Were it quadratic, this would take minutes."""
    encoder = GEMINI.encoder(FORM)
    encoder.feed([PartStart(0, ToolCall(id="c", name="f")), PartDelta(0, '{"a":"')])
    for _ in range(100_000):
        encoder.feed([PartDelta(0, "x" * 32)])
    assert len(encoder.feed([PartDelta(0, '"}'), PartEnd(0)])) > 3_200_000


# --- the end ---------------------------------------------------------------------------------------------------------

ENDS: dict[FinishReason, str] = {
    FinishReason.END: "STOP",
    FinishReason.STOP_SEQUENCE: "STOP",
    FinishReason.TOOL_CALL: "STOP",
    FinishReason.PAUSE: "STOP",
    FinishReason.MAX_TOKENS: "MAX_TOKENS",
    FinishReason.CONTEXT_FULL: "MAX_TOKENS",
    FinishReason.FILTERED: "SAFETY",
    FinishReason.REFUSAL: "SAFETY",
}


@pytest.mark.parametrize("reason", FinishReason)
def test_ends(reason: FinishReason) -> None:
    """I.50 of the contract."""
    (chunk,) = told([MessageStart("b", "m"), UsageUpdate(Usage()), MessageEnd(reason, Usage())])
    assert chunk["candidates"] == [
        {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": ENDS[reason], "index": 0}
    ]
    assert chunk["usageMetadata"] == {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}


def test_what_google_said_of_the_end_is_said_again() -> None:
    details = Extra("gemini", {"candidate": {"finishReason": "RECITATION", "safetyRatings": [1]}, "x": 2})
    (chunk,) = told([MessageEnd(FinishReason.FILTERED, Usage(), None, details)])
    assert chunk["candidates"][0]["finishReason"] == "RECITATION"
    assert (chunk["candidates"][0]["safetyRatings"], chunk["x"]) == ([1], 2)
    (foreign,) = told([MessageEnd(FinishReason.END, Usage(), None, Extra("claude", {"x": 2}))])
    assert "x" not in foreign


def test_a_refused_prompt_has_no_candidates() -> None:
    details = Extra("gemini", {"promptFeedback": {"blockReason": "SAFETY"}})
    response = Response("b", "m", (), FinishReason.FILTERED, USAGE, None, details)
    body = orjson.loads(GEMINI.encode_response(response, FORM))
    assert body["promptFeedback"] == {"blockReason": "SAFETY"}
    assert "candidates" not in body


FAULT = StreamError(Overloaded("m", retry_after=2))
DOCUMENT = (
    b'{"error":{"code":503,"message":"m","status":"UNAVAILABLE",'
    b'"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2s"}]}}'
)
BEGUN = [MessageStart("b", "m"), PartStart(0, Text()), PartDelta(0, "a")]


def test_a_failure_in_the_midst_is_told_and_nothing_behind_it() -> None:
    """I.49 of the contract."""
    *_, last = told([*BEGUN, FAULT])
    assert last == orjson.loads(DOCUMENT)
    assert GEMINI.encoder(FORM).feed([FAULT]) == b"data: " + DOCUMENT + b"\n\n"
    assert ARRAY.encoder(FORM).feed([FAULT]) == b"[" + DOCUMENT + b"\n]"


def test_what_passes_unchanged_can_still_fail() -> None:
    passed = Verbatim(b'[{"a":1}')
    assert orjson.loads(ARRAY.encoder(FORM).feed([passed, FAULT])) == [{"a": 1}, orjson.loads(DOCUMENT)]
    assert ARRAY.encoder(FORM).feed([Verbatim(b""), FAULT]) == b"[" + DOCUMENT + b"\n]"
    assert GEMINI.encoder(FORM).feed([Verbatim(b"data: {}\n\n"), FAULT]).endswith(b"data: " + DOCUMENT + b"\n\n")


@pytest.mark.parametrize("form", [GEMINI, ARRAY], ids=["events", "array"])
@pytest.mark.parametrize("last", [FAULT, MessageEnd(FinishReason.END, Usage()), Verbatim(b"]", done=True)])
def test_a_keep_alive_is_a_blank_line_until_the_end(form: Any, last: Event) -> None:
    encoder = form.encoder(FORM)
    kept = [encoder.keepalive(), encoder.feed(BEGUN), encoder.keepalive(), encoder.feed([last]), encoder.keepalive()]
    assert [kept[0], kept[2], kept[4]] == [b"\n", b"\n", b""]
