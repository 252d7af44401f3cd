"""What Gemini's backends answer -> events: chunk by chunk, in every framing, and as one body."""

from typing import Any

import orjson
import pytest

from llmux.dialects.freetext import FreeText
from llmux.dialects.gemini import GEMINI
from llmux.errors import BackendCut, BackendFailed, BackendGarbled, GatewayError, Overloaded
from llmux.ir.content import (
    Audio,
    Citation,
    Extra,
    Image,
    Inline,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    Text,
    ToolCall,
)
from llmux.ir.events import Event, MessageEnd, MessageStart, PartCitation, PartDelta, StreamError
from llmux.ir.fold import fold
from llmux.ir.grammar import check
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from tests.amount import cut
from tests.strategies import PIXEL

Wire = dict[str, Any]
ABOUT: Wire = {"modelVersion": "gemini-x", "responseId": "r"}
USAGE = {"promptTokenCount": 50, "cachedContentTokenCount": 10, "candidatesTokenCount": 7, "thoughtsTokenCount": 30}


def chunk(*parts: Wire, finish: Any = None, **more: Any) -> Wire:
    candidate: Wire = {"content": {"parts": [*parts], "role": "model"}, "index": 0}
    candidate |= {"finishReason": finish} if finish is not None else {}
    candidate |= more.pop("candidate", {})
    return {"candidates": [candidate], **ABOUT, **more}


def text(said: str, **more: Any) -> Wire:
    return {"text": said, **more}


def events_stream(*chunks: Any, end: bytes = b"\r\n\r\n") -> bytes:
    return b"".join(b"data: " + orjson.dumps(document) + end for document in chunks)


def array_stream(*chunks: Any) -> bytes:
    return b"[" + b"\n,\r\n".join(map(orjson.dumps, chunks)) + b"\n]"


def hear(stream: bytes, names: Any = None, size: int = 1 << 20) -> list[Event]:
    decoder = GEMINI.decoder(names or {})
    events = [event for piece in cut(stream, size) for event in decoder.feed(piece)]
    return list(check([*events, *decoder.close()]))


def answer(*chunks: Any, names: Any = None) -> Response:
    """What `chunks` say, as a stream; the same as an array, and piece by piece."""
    heard = hear(events_stream(*chunks), names)
    assert hear(array_stream(*chunks), names) == heard
    assert hear(events_stream(*chunks, end=b"\n\n"), names, size=1) == heard
    assert fold(heard) == GEMINI.decode_response(array_stream(*chunks), names or {})
    return fold(heard)


def google(data: str, kind: str = "signature") -> ReasoningState:
    return ReasoningState("google", kind, data)


STOP = chunk(text(""), finish="STOP", usageMetadata=USAGE)


def test_the_third_trace_of_the_contract() -> None:
    """Thoughts, then two calls at once of which the first is signed, then the end in a chunk of its own."""
    calls = chunk(
        {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "Uw=="},
        {"functionCall": {"id": "own", "name": "g", "args": {}}},
    )
    response = answer(chunk(text("plan", thought=True)), calls, STOP)
    assert response == Response(
        "r",
        "gemini-x",
        (
            Reasoning(text="plan"),
            ToolCall(id="call_r_0", name="f", arguments='{"x":1}', states=(google("Uw=="),)),
            ToolCall(id="own", name="g", arguments="{}"),
        ),
        FinishReason.TOOL_CALL,
        Usage(input_tokens=40, output_tokens=37, cache_read_tokens=10, reasoning_tokens=30),
    )


CODE = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "Uw=="}
PARTS: dict[str, tuple[list[Wire], tuple[Part, ...]]] = {
    "text goes on": ([chunk(text("a")), chunk(text("b"), text("c"))], (Text(text="abc"),)),
    "reasoning, then text": (
        [chunk(text("a", thought=True)), chunk(text("b", thought=True), text("c"))],
        (Reasoning(text="ab"), Text(text="c")),
    ),
    "reasoning with its proof": (
        [chunk(text("a", thought=True)), chunk(text("b", thought=True, thoughtSignature="Uw==")),
         chunk(text("c", thought=True))],
        (Reasoning(text="ab", states=(google("Uw=="),)), Reasoning(text="c")),
    ),
    "a proof behind reasoning": (
        [chunk(text("a", thought=True)), chunk(text("", thought=True, thoughtSignature="Uw=="))],
        (Reasoning(text="a", states=(google("Uw=="),)),),
    ),
    "a proof of hidden reasoning": (
        [chunk(text("", thought=True, thoughtSignature="Uw=="), text("a"))],
        (Reasoning(states=(google("Uw=="),)), Text(text="a")),
    ),
    "a text with its proof": (
        [chunk(text("a")), chunk(text("b", thoughtSignature="Uw==")), chunk(text("c"))],
        (Text(text="ab"), Reasoning(states=(google("Uw==", "text"),)), Text(text="c")),
    ),
    "two texts with their proofs": (
        [chunk(text("a", thoughtSignature="Uw=="), text("b", thoughtSignature="VA=="))],
        (Text(text="a"), Reasoning(states=(google("Uw==", "text"),)), Text(text="b"),
         Reasoning(states=(google("VA==", "text"),))),
    ),
    "a proof alone, at the end": (
        [chunk(text("a")), chunk(text("", thoughtSignature="Uw=="))],
        (Text(text="a"), Reasoning(states=(google("Uw==", "alone"),))),
    ),
    "a proof alone, before a call": (
        [chunk(text("", thoughtSignature="Uw==")), chunk({"functionCall": {"name": "f"}})],
        (Reasoning(states=(google("Uw==", "alone"),)), ToolCall(id="call_r_0", name="f", arguments="{}")),
    ),
    "code that Google ran": (
        [chunk(CODE, {"codeExecutionResult": {"output": "1"}}, text("a"))],
        (Opaque(dialect="gemini", raw=CODE), Opaque(dialect="gemini", raw={"codeExecutionResult": {"output": "1"}}),
         Text(text="a")),
    ),
    "a picture": (
        [chunk(text("a"), {"inlineData": {"mimeType": "image/png", "data": PIXEL}})],
        (Text(text="a"), Image(source=Inline("image/png", PIXEL))),
    ),
    "sound": ([chunk({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "AAAA"}})],
              (Audio(format="l16;rate=24000", data="AAAA"),)),
    "what nobody knows": ([chunk({"novel": 1})], (Opaque(dialect="gemini", raw={"novel": 1}),)),
    "another candidate": (
        [{"candidates": [{"index": 1, "content": {"parts": [text("b")]}, "finishReason": "STOP"}], **ABOUT},
         chunk(text("a"))],
        (Text(text="a"),),
    ),
    "nothing": ([chunk(text("")), {"candidates": [{"content": {}}]}, {"candidates": [5]}, {}], ()),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTS)
def test_parts(case: str) -> None:
    chunks, parts = PARTS[case]
    assert answer(chunk(), *chunks, STOP).parts == parts


def test_the_usual_path_and_the_careful_one_say_the_same() -> None:
    usual = [chunk(text(said, thought=said < "c"), usageMetadata={"totalTokenCount": 5}) for said in "abcd"]
    odd = [{**document, "novel": 1} for document in usual]
    assert answer(chunk(), *usual, STOP) == answer(chunk(), *odd, STOP)


# --- calls -----------------------------------------------------------------------------------------------------------


def test_names_are_the_client_s_own() -> None:
    names = {"t_1_f": "1 f", "patch": FreeText("patch")}
    calls = [{"functionCall": {"name": "T_1_f"}}, {"functionCall": {"name": "patch", "args": {"input": "*** Begin"}}},
             {"functionCall": {"name": "other"}},
             {"functionCall": {"name": "patch", "args": {"input": ""}}}]  # fmt: skip
    parts = answer(chunk(*calls), STOP, names=names).parts
    assert [(part.name, part.arguments, part.kind) for part in parts if isinstance(part, ToolCall)] == [
        ("1 f", "{}", "function"),
        ("patch", "*** Begin", "custom"),
        ("other", "{}", "function"),
        ("patch", "", "custom"),
    ]


def test_calls_of_an_answer_without_a_name_have_ids_too() -> None:
    bare = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}, "finishReason": "STOP"}]}
    assert answer(bare).parts == (ToolCall(id="call_0", name="f", arguments="{}"),)


def piece(*args: Wire, goes_on: bool = True, **more: Any) -> Wire:
    call: Wire = {"partialArgs": [*args]} if args else {}
    return chunk({"functionCall": {**call, **({"willContinue": True} if goes_on else {}), **more}})


PIECES: dict[str, tuple[list[Wire], str]] = {
    "a text in pieces": (
        [piece({"jsonPath": "$.a", "stringValue": "x", "willContinue": True}),
         piece({"jsonPath": "$.a", "stringValue": "y"}), piece(goes_on=False)],
        '{"a":"xy"}',
    ),
    "values": (
        [piece({"jsonPath": "$.n", "numberValue": 1}, {"jsonPath": "$.b", "boolValue": True},
               {"jsonPath": "$.z", "nullValue": "NULL_VALUE"}, goes_on=False)],
        '{"n":1,"b":true,"z":null}',
    ),
    "objects and arrays": (
        [piece({"jsonPath": "$.a.b[0].c", "stringValue": "x"}, {"jsonPath": "$.a.b[1]", "numberValue": 2},
               {"jsonPath": "$['odd key'][\"d\"]", "boolValue": False}, goes_on=False)],
        '{"a":{"b":[{"c":"x"},2]},"odd key":{"d":false}}',
    ),
    "more of what is there": (
        [piece({"jsonPath": "$.a[0].b", "numberValue": 1}, {"jsonPath": "$.a[0].c", "numberValue": 2},
               {"jsonPath": "$.a[0].c[1]", "numberValue": 3}, goes_on=False)],
        '{"a":[{"b":1,"c":2}]}',
    ),
    "an array grows by one": (
        [piece({"jsonPath": "$.a[999999999]", "numberValue": 1}, {"jsonPath": "$.a[0]", "numberValue": 2},
               goes_on=False)],
        '{"a":[2]}',
    ),
    "a value over another": (
        [piece({"jsonPath": "$.a", "numberValue": 1}), piece({"jsonPath": "$.a", "stringValue": "x"}, goes_on=False)],
        '{"a":1}',
    ),
    "a path through a value": (
        [piece({"jsonPath": "$.a", "numberValue": 1}, {"jsonPath": "$.a.b", "numberValue": 2}, goes_on=False)],
        '{"a":1}',
    ),
    "nonsense": (
        [chunk({"functionCall": {"partialArgs": 5, "willContinue": True}}),
         piece({"jsonPath": 5}, {"jsonPath": "$"}, {"jsonPath": "$", "numberValue": 1}, {"jsonPath": "$.a"},
               goes_on=False)],
        "{}",
    ),
    "no end": ([piece({"jsonPath": "$.a", "numberValue": 1})], '{"a":1}'),
}  # fmt: skip


@pytest.mark.parametrize("case", PIECES)
def test_calls_in_pieces(case: str) -> None:
    pieces, arguments = PIECES[case]
    begin = chunk({"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "Uw=="})
    call = ToolCall(id="call_r_0", name="f", arguments=arguments, states=(google("Uw=="),))
    assert answer(begin, *pieces, STOP).parts == (call,)
    second = ToolCall(id="i", name="g", arguments='{"a":1}')
    whole = {"functionCall": {"id": "i", "name": "g", "partialArgs": [{"jsonPath": "$.a", "numberValue": 1}]}}
    assert answer(begin, *pieces, chunk(whole), STOP).parts == (call, second)


# --- the end ---------------------------------------------------------------------------------------------------------

ENDS: dict[str, tuple[Any, FinishReason]] = {
    "stop": ("STOP", FinishReason.END),
    "the limit": ("MAX_TOKENS", FinishReason.MAX_TOKENS),
    "the limit, as a number": (2, FinishReason.MAX_TOKENS),
    "to be continued": ("CONTINUATION", FinishReason.MAX_TOKENS),
    "safety": ("SAFETY", FinishReason.FILTERED),
    "personal data, as a number": (9, FinishReason.FILTERED),
    "a filter of Vertex": ("MODEL_ARMOR", FinishReason.FILTERED),
    "a word that is new": ("NOVEL", FinishReason.END),
    "other": ("OTHER", FinishReason.END),
}


@pytest.mark.parametrize("case", ENDS)
def test_ends(case: str) -> None:
    finish, reason = ENDS[case]
    response = answer(chunk(text("a")), chunk(finish=finish))
    assert response.finish_reason is reason
    assert GEMINI.verbatim_response(orjson.dumps(chunk(text("a"), finish=finish))).finish_reason is reason


def test_the_limit_counts_more_than_a_call() -> None:
    call = chunk({"functionCall": {"name": "f"}}, finish="MAX_TOKENS")
    assert answer(call).finish_reason is FinishReason.MAX_TOKENS


@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE", 10])
def test_an_answer_that_broke_is_no_answer(word: Any) -> None:
    """I.54 of the contract."""
    end = chunk(finish=word, candidate={"finishMessage": "Bad call"})
    for stream in (events_stream(end), array_stream(end), events_stream(chunk(text("a")), end)):
        last = hear(stream)[-1]
        assert isinstance(last, StreamError)
        assert isinstance(last.error, BackendFailed)
        assert last.error.message.startswith("Bad call (")
    with pytest.raises(BackendFailed):
        GEMINI.verbatim_response(orjson.dumps(end))


def test_an_unknown_end_of_nothing_is_a_failure() -> None:
    with pytest.raises(BackendFailed, match="OTHER"):
        answer(chunk(finish="OTHER"))


def test_a_prompt_that_is_refused() -> None:
    """I.54 of the contract: no candidates at all."""
    refused = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}, **ABOUT}
    response = answer(refused)
    assert (response.parts, response.finish_reason, response.usage.input_tokens) == ((), FinishReason.FILTERED, 5)
    assert response.details == Extra("gemini", {"promptFeedback": {"blockReason": "SAFETY"}})
    assert GEMINI.verbatim_response(orjson.dumps(refused)).finish_reason is FinishReason.FILTERED


def test_usage_is_the_last_one_told_also_behind_the_end() -> None:
    """I.54 of the contract: each chunk tells it anew."""
    first = chunk(text("a"), usageMetadata={"promptTokenCount": 5, "totalTokenCount": 5})
    last = {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "toolUsePromptTokenCount": 3,
                              "serviceTier": "flex"}}  # fmt: skip
    response = answer(first, first, chunk(finish="STOP"), last)
    assert response.usage == Usage(input_tokens=8, output_tokens=2, service_tier="flex")
    in_the_midst = hear(events_stream(first, first, chunk(text("a"), usageMetadata=USAGE), chunk(finish="STOP")))[-1]
    assert isinstance(in_the_midst, MessageEnd)
    assert in_the_midst.usage.output_tokens == 37


@pytest.mark.parametrize("usage", [None, 5, {}, {"promptTokenCount": "x"}, {"candidatesTokenCount": 5}])
def test_usage_that_is_none(usage: Any) -> None:
    assert answer(chunk(text("a"), finish="STOP", usageMetadata=usage)).usage == Usage()


# --- what is said beside it ------------------------------------------------------------------------------------------

PAGE = {"web": {"uri": "https://x.test", "title": "t"}}
GROUNDING = {
    "groundingChunks": [PAGE, {"web": {"uri": "https://y.test"}}, {"web": 5}, 5],
    "groundingSupports": [
        {"segment": {"text": "a"}, "groundingChunkIndices": [0, "x"]},
        {"segment": {"text": "b"}, "groundingChunkIndices": [0]},
        {"segment": 5},
        5,
    ],
}


def test_sources_are_citations_of_the_text() -> None:
    response = answer(
        chunk(text("ab")),
        chunk(text("", thoughtSignature="Uw=="), finish="STOP", candidate={"groundingMetadata": GROUNDING}),
    )
    cited, proof = response.parts
    assert cited == Text(
        text="ab",
        citations=(
            Citation("gemini", PAGE, "https://x.test", "t", "a"),
            Citation("gemini", {"web": {"uri": "https://y.test"}}, "https://y.test"),
        ),
    )
    assert isinstance(proof, Reasoning)
    assert response.details == Extra("gemini", {"candidate": {"groundingMetadata": GROUNDING}})


@pytest.mark.parametrize("grounding", [5, {}, {"groundingChunks": 5}, {"groundingSupports": [{}]}])
def test_sources_that_are_none(grounding: Any) -> None:
    events = hear(events_stream(chunk(text("a"), finish="STOP", candidate={"groundingMetadata": grounding})))
    assert not any(isinstance(event, PartCitation) for event in events)


def test_what_only_google_s_clients_understand_is_kept_for_them() -> None:
    ratings = {"safetyRatings": [{"blocked": True}], "tokenCount": 5, "logprobsResult": {}}
    response = answer(chunk(text("a"), finish="LANGUAGE", candidate=ratings))
    kept = {"safetyRatings": [{"blocked": True}], "finishReason": "LANGUAGE"}
    assert response.details == Extra("gemini", {"candidate": kept})


# --- what is no answer -----------------------------------------------------------------------------------------------

FAULT = {"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}
FAILURES: dict[str, tuple[bytes, type[GatewayError]]] = {
    "nothing": (b"", BackendGarbled),
    "blanks": (b"\n \r\n\xef\xbb\xbf", BackendGarbled),
    "a cut": (events_stream(chunk(text("a"))), BackendCut),
    "a cut in a frame": (events_stream(chunk(text("a")), STOP)[:-20], BackendCut),
    "a cut array": (array_stream(chunk(text("a")), STOP)[:-5], BackendCut),
    "an empty array": (b"[]", BackendGarbled),
    "no JSON": (b"data: {x\n\n", BackendGarbled),
    "no object": (b"data: 5\n\n", BackendGarbled),
    "a text": (b"upstream is away", BackendGarbled),
    "a page": (b"<html>", BackendFailed),
    "a failure": (events_stream(FAULT), Overloaded),
    "a failure in an array": (array_stream(FAULT), Overloaded),
    "a failure in an array of one, in a frame": (events_stream([FAULT]), Overloaded),
    "a failure alone": (orjson.dumps(FAULT, option=orjson.OPT_INDENT_2), Overloaded),
    "a failure in the midst": (events_stream(chunk(text("a")), FAULT), Overloaded),
    "a failure in bare lines": (events_stream(chunk(text("a"))) + orjson.dumps(FAULT, option=orjson.OPT_INDENT_2),
                                Overloaded),
    "a part of another shape": (events_stream(chunk({"text": 5})), BackendGarbled),
    "a call without a name": (events_stream(chunk({"functionCall": {}})), BackendGarbled),
    "a call of another shape": (events_stream(chunk({"functionCall": 5})), BackendGarbled),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_failures(case: str) -> None:
    stream, raised = FAILURES[case]
    for size in (1, 1 << 20):
        last = hear(stream, size=size)[-1]
        assert isinstance(last, StreamError)
        assert type(last.error) is raised
    decoder = GEMINI.decoder({})
    decoder.feed(stream)
    decoder.close()
    assert (decoder.feed(events_stream(STOP)), decoder.close()) == ([], [])
    with pytest.raises(GatewayError):
        GEMINI.decode_response(stream, {})


def test_a_stream_may_end_without_its_last_line_or_bracket() -> None:
    whole = hear(events_stream(chunk(text("a")), STOP))
    assert hear(events_stream(chunk(text("a")), STOP).rstrip()) == whole
    assert hear(array_stream(chunk(text("a")), STOP)[:-2]) == whole
    assert hear(b"\xef\xbb\xbf" + array_stream(chunk(text("a")), STOP), size=1) == whole


def test_a_word_behind_the_end_that_others_say_is_passed_over() -> None:
    assert hear(events_stream(STOP) + b"data: [DONE]\n\n") == hear(events_stream(STOP))


def test_one_document_where_a_stream_was_asked_for() -> None:
    assert hear(orjson.dumps(chunk(text("a"), finish="STOP"))) == hear(events_stream(chunk(text("a"), finish="STOP")))


def test_a_stream_where_one_document_was_asked_for() -> None:
    stream = events_stream(chunk(text("a")), STOP)
    assert GEMINI.decode_response(stream, {}) == fold(hear(stream))


@pytest.mark.parametrize(
    "body", [b"{", b"5", b"[]", b"{}", orjson.dumps(chunk(text("a"))), b'[{"error":{"code":400}}]']
)
def test_a_body_that_is_no_answer(body: bytes) -> None:
    with pytest.raises(GatewayError):
        GEMINI.decode_response(body, {})
    with pytest.raises(GatewayError):
        GEMINI.verbatim_response(body)


def test_deltas_come_as_they_are() -> None:
    events = hear(events_stream(chunk(text("a")), chunk(text("b")), chunk(text("c")), STOP))
    assert [event.delta for event in events if isinstance(event, PartDelta)] == ["a", "b", "c"]
    assert events[0] == MessageStart("r", "gemini-x")


# --- counting --------------------------------------------------------------------------------------------------------


def test_counts() -> None:
    counting = GEMINI.counting
    assert counting is not None
    assert counting.decode_response(counting.encode_response(5)) == 5
    for body in (b"{}", b"\xff", b"["):
        with pytest.raises(BackendGarbled):
            counting.decode_response(body)


def test_reasoning_behind_a_signed_text_leaves_the_proof_with_the_text() -> None:
    parts = text("a", thoughtSignature="c2ln"), text("Hm", thought=True), text("b")
    proof = Reasoning(states=(ReasoningState("google", "text", "c2ln"),))
    assert fold(hear(events_stream(chunk(*parts, finish="STOP")))).parts == (
        Text(text="a"), proof, Reasoning(text="Hm"), Text(text="b"),
    )  # fmt: skip
