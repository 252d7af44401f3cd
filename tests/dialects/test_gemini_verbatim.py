"""Google's answers for Google's clients: every byte as it came, and the facts that the house needs, in both forms."""

from typing import Any

import orjson
import pytest

from llmux.dialects.gemini import GEMINI, verbatim
from llmux.errors import BackendCut, BackendFailed, BackendGarbled, GatewayError, Overloaded
from llmux.ir.events import Event, MessageEnd, StreamError, Verbatim
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from tests.amount import cut

Wire = dict[str, Any]
ARRAY = GEMINI.form("array")
FORMS = {"events": GEMINI, "array": ARRAY}
each_form = pytest.mark.parametrize("form", FORMS)
USAGE = {"promptTokenCount": 5, "candidatesTokenCount": 2}


def chunk(said: str = "", finish: Any = None, **more: Any) -> Wire:
    candidate: Wire = {"content": {"parts": [{"text": said}]}, **({"finishReason": finish} if finish else {})}
    return {"candidates": [candidate], **more}


def stream(form: str, *chunks: Any, end: bytes = b"\r\n\r\n") -> bytes:
    documents = [orjson.dumps(document) for document in chunks]
    if form == "array":
        return b"[" + b"\n,\r\n".join(documents) + b"\n]"
    return b"".join(b"data: " + document + end for document in documents)


def hear(form: str, data: bytes, size: int = 1 << 20) -> list[Event]:
    decoder = FORMS[form].verbatim()
    events = [event for piece in cut(data, size) for event in decoder.feed(piece)]
    return events + decoder.close()


def passed(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Verbatim))


WHOLE = (chunk("a"), chunk("b"), chunk("c", "STOP", usageMetadata=USAGE))


@each_form
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_every_byte_passes(form: str, size: int) -> None:
    data = stream(form, *WHOLE)
    events = hear(form, data, size)
    assert passed(events) == data
    last = events[-1]
    assert isinstance(last, Verbatim)
    assert (last.done, last.finish_reason, last.usage) == (True, FinishReason.END, Usage(5, 2))


def test_whole_frames_in_the_midst_pass_as_one() -> None:
    decoder = FORMS["events"].verbatim()
    decoder.feed(stream("events", chunk("a")))
    frames = stream("events", chunk("b"), chunk("c"))
    assert decoder.feed(frames) == [Verbatim(frames)]
    end = stream("events", chunk("d", "STOP", usageMetadata=USAGE))
    assert passed([*decoder.feed(end), *decoder.close()]) == end


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n"])
def test_lines_end_in_every_way(end: bytes) -> None:
    data = stream("events", *WHOLE, end=end)
    for size in (1, 2, 3, 1 << 20):
        events = hear("events", data, size)
        assert passed(events) == data
        assert isinstance(events[-1], Verbatim)


@each_form
def test_only_what_says_something_is_content(form: str) -> None:
    decoder = FORMS[form].verbatim()
    first = stream(form, chunk(), chunk("a", "STOP"))
    cut = first.index(b'"a"') - 40
    (silent,) = [event for event in decoder.feed(first[:cut]) if isinstance(event, Verbatim)]
    assert not silent.content
    (said,) = [event for event in decoder.feed(first[cut:]) if isinstance(event, Verbatim)]
    assert said.content


@each_form
def test_an_empty_answer_is_one(form: str) -> None:
    assert isinstance(hear(form, stream(form, chunk("", "STOP")))[-1], Verbatim)
    blocked = hear(form, stream(form, {"promptFeedback": {"blockReason": "SAFETY"}}))[-1]
    assert isinstance(blocked, Verbatim)
    assert blocked.finish_reason is FinishReason.FILTERED


@each_form
def test_a_call_is_a_reason_of_its_own(form: str) -> None:
    call = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}}]}
    last = hear(form, stream(form, call, chunk("", "STOP")))[-1]
    assert isinstance(last, Verbatim)
    assert last.finish_reason is FinishReason.TOOL_CALL


@each_form
def test_usage_is_found_behind_the_end(form: str) -> None:
    last = hear(form, stream(form, *WHOLE, {"usageMetadata": {"promptTokenCount": 9}}))[-1]
    assert isinstance(last, Verbatim)
    assert last.usage == Usage(9)


@each_form
def test_a_last_chunk_that_nobody_can_read_has_passed_already(form: str) -> None:
    data = stream(form, *WHOLE, 5).replace(b"5\n]", b"{x}\n]")
    assert passed(hear(form, data)) == data


# --- failures --------------------------------------------------------------------------------------------------------

FAULT = {"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}
BROKEN = chunk("", "MALFORMED_FUNCTION_CALL")


@each_form
@pytest.mark.parametrize("fault", [FAULT, [FAULT], BROKEN], ids=["error", "an array of it", "finish"])
def test_a_failure_before_the_first_word_gives_no_byte(form: str, fault: Any) -> None:
    for size in (1, 1 << 20):
        (event,) = hear(form, stream(form, fault, *WHOLE), size)
        assert isinstance(event, StreamError)
        assert isinstance(event.error, Overloaded | BackendFailed)


@pytest.mark.parametrize("fault", [FAULT, BROKEN])
def test_a_failure_in_the_midst_stands_behind_what_came_before_it(fault: Wire) -> None:
    for form in FORMS:
        data = stream(form, chunk("a"), fault)
        events = hear(form, data, 20)
        assert isinstance(events[-1], StreamError)
        assert passed(events) == data[: data.index(b"data: ", 5) if form == "events" else data.index(b"\n")]
    events = hear("events", stream("events", chunk("a"), chunk("b"), fault))
    assert passed(events) == stream("events", chunk("a"), chunk("b"))


@each_form
def test_a_word_that_means_an_end_may_stand_in_a_text(form: str) -> None:
    said = '"finishReason" and "error": [DONE]'
    data = stream(form, chunk("a"), chunk(said), chunk("b"), chunk("", "STOP"))
    assert passed(hear(form, data)) == data


CUTS: dict[str, tuple[str, bytes, type[GatewayError]]] = {
    "nothing": ("events", b"", BackendGarbled),
    "only comments": ("events", b": hello\n\n\n\n", BackendGarbled),
    "no last chunk": ("events", stream("events", chunk("a")), BackendCut),
    "half a chunk": ("events", stream("events", *WHOLE)[:-20], BackendCut),
    "nothing, as an array": ("array", b"", BackendGarbled),
    "an empty array": ("array", b"[]", BackendGarbled),
    "no last element": ("array", stream("array", chunk("a"))[:-1], BackendCut),
    "half an element": ("array", stream("array", *WHOLE)[:-20], BackendCut),
    "no JSON at first": ("events", b"data: {x\n\n", BackendGarbled),
    "no object at first": ("events", b"data: 5\n\n", BackendGarbled),
    "no JSON at first, as an array": ("array", b"[{x}]", BackendGarbled),
}


@pytest.mark.parametrize("case", CUTS)
def test_what_is_cut_never_looks_whole(case: str) -> None:
    form, data, raised = CUTS[case]
    for size in (1, 1 << 20):
        last = hear(form, data, size)[-1]
        assert isinstance(last, StreamError)
        assert type(last.error) is raised
    decoder = FORMS[form].verbatim()
    decoder.feed(data)
    decoder.close()
    assert (decoder.feed(stream(form, *WHOLE)), decoder.close()) == ([], [])


def test_what_the_form_lacks_is_added() -> None:
    data = stream("events", *WHOLE)
    assert passed(hear("events", data.rstrip())) == data.rstrip() + b"\n\n"
    array = stream("array", *WHOLE)
    assert passed(hear("array", array[:-2])) == array


def test_a_failure_without_its_last_line() -> None:
    for data in (stream("events", chunk("a")) + orjson.dumps(FAULT), stream("events", chunk("a"), FAULT).rstrip()):
        events = hear("events", data)
        assert isinstance(events[-1], StreamError)
        assert events[-1].error == Overloaded("m", code="UNAVAILABLE", upstream_status=503)


# --- another framing than was asked for ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("events", stream("array", *WHOLE)),
        ("events", orjson.dumps(WHOLE[-1])),
        ("array", stream("events", *WHOLE)),
        ("array", orjson.dumps(WHOLE[-1])),
    ],
)
def test_another_framing_is_told_as_events(form: str, data: bytes) -> None:
    for size in (1, 1 << 20):
        events = hear(form, data, size)
        assert passed(events) == b""
        assert isinstance(events[-1], MessageEnd)


def test_a_page_is_no_stream() -> None:
    for form in FORMS:
        assert isinstance(hear(form, b"<html>")[-1], StreamError)


def test_a_comment_first_is_a_stream_and_passes() -> None:
    data = b": hello\n\n" + stream("events", *WHOLE)
    assert passed(hear("events", data, 1)) == data


@each_form
def test_a_chunk_that_is_too_large(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbatim, "MAX_FRAME_BYTES", 10)
    first = b"[{" if form == "array" else b"data: {"
    decoder = FORMS[form].verbatim()
    assert decoder.feed(first) == []
    (event,) = decoder.feed(b"x" * 20)
    assert isinstance(event, StreamError)


@each_form
def test_a_long_chunk_in_small_pieces_is_put_together_once(form: str) -> None:
    """Were it quadratic, this would take minutes."""
    decoder = FORMS[form].verbatim()
    data = stream(form, chunk("X", "STOP"))
    head, tail = data.split(b"X")
    decoder.feed(head)
    for _ in range(20_000):
        decoder.feed(b"x" * 64)
    (event,) = decoder.feed(tail)[:1]
    assert isinstance(event, Verbatim)
    assert len(event.data) > 1_280_000


# --- the client's own document ---------------------------------------------------------------------------------------


def test_a_client_s_document_goes_without_the_proofs_of_others() -> None:
    import base64

    from llmux.dialects.envelope import seal
    from llmux.ir.content import ReasoningState

    foreign = base64.b64encode(seal(ReasoningState("anthropic", "signature", "S")).encode()).decode()
    call = {"functionCall": {"name": "f", "args": {"thoughtSignature": foreign}}}
    document = {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [
                {"text": "hm", "thought": True, "thoughtSignature": foreign},
                {"text": "", "thought": True, "thought_signature": foreign.replace("/", "_").replace("+", "-")},
                {**call, "thoughtSignature": foreign},
                {"text": "a", "thoughtSignature": "Uw=="},
            ]},
            {"role": "model", "parts": [{"text": "", "thoughtSignature": foreign}]},
            {"role": "user", "parts": []},
        ],
    }  # fmt: skip
    request = GEMINI.decode_request(orjson.dumps({"model": "m", **document}))
    assert request.original is not None
    assert request.original.repaired
    assert GEMINI.repair(document) == {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [
                {"text": "hm", "thought": True},
                {**call, "thoughtSignature": "skip_thought_signature_validator"},
                {"text": "a", "thoughtSignature": "Uw=="},
            ]},
            {"role": "user", "parts": []},
        ],
    }  # fmt: skip
    plain = GEMINI.decode_request(orjson.dumps({"model": "m", "contents": document["contents"][:1]}))
    assert plain.original is not None
    assert not plain.original.repaired
