"""Real answers of real providers: read, written anew and read again, and passed on unchanged."""

import json
from collections.abc import Iterator

from msgspec.structs import replace

from llmux.dialects.base import AnswerForm
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.dialects.openai_chat.schema import TIERS
from llmux.ir.capability import Target
from llmux.ir.events import Event, MessageEnd, PartDelta, StreamError, Verbatim
from llmux.ir.fold import fold
from llmux.ir.grammar import check
from llmux.ir.usage import Usage
from tests import corpus
from tests.amount import cut, sampled

DIALECT = "openai_chat"
FORM = AnswerForm("x", "m", 1)

# Streams that do not say the same when they are written anew, and why.
UNEQUAL = {
    "zai-glm_4_6_object_streaming-req6a8f1": "text goes on after reasoning: a blank line is put between the two",
}
# Streams whose own finish reason says less than the full reader knows.
FINISH_SAYS_LESS = {
    "openai-gpt_4_turbo_object_streaming-req64fc7": "stop, though a tool is called",
    "snowflake-snowflake_model_streaming-pydc1721": "no finish reason at all",
}


def decoded(stream: bytes, size: int, *, verbatim: bool = False) -> list[Event]:
    decoder = OPENAI_CHAT.verbatim() if verbatim else OPENAI_CHAT.decoder({})
    events = [event for piece in cut(stream, size) for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def in_openais_words(usage: Usage) -> Usage:
    return replace(usage, service_tier=TIERS.get(usage.service_tier or ""))


def said(events: list[Event]) -> list[Event]:
    """The events without the answer's own name, neighbouring deltas joined."""
    joined: list[Event] = []
    for event in events[1:]:
        last = joined[-1] if joined else None
        if isinstance(event, PartDelta) and isinstance(last, PartDelta):
            joined[-1] = PartDelta(event.index, last.delta + event.delta)
        elif isinstance(event, MessageEnd):
            joined.append(replace(event, usage=in_openais_words(event.usage)))
        else:
            joined.append(event)
    return joined


def streams() -> Iterator[corpus.Row]:
    return corpus.rows(DIALECT, "stream")


def test_every_stream_is_read_the_same_however_it_is_cut() -> None:
    for row in sampled(streams(), 3):
        whole = decoded(row.answer, len(row.answer))
        assert list(check(whole)) == whole, row.name
        assert isinstance(whole[-1], MessageEnd), row.name
        for size in (1, 7):
            assert decoded(row.answer, size) == whole, row.name


def test_every_stream_says_the_same_when_it_is_written_anew() -> None:
    unequal = []
    for row in streams():
        events = decoded(row.answer, 4096)
        stream = OPENAI_CHAT.encoder(FORM).feed(events)
        if said(decoded(stream, 4096)) != said(events):
            unequal.append(row.name)
    assert unequal == list(UNEQUAL)


def test_every_stream_passes_unchanged_with_the_same_facts() -> None:
    for row in streams():
        end = decoded(row.answer, 4096)[-1]
        assert isinstance(end, MessageEnd)
        for size in (len(row.answer), 999, 7):
            events = [event for event in decoded(row.answer, size, verbatim=True) if isinstance(event, Verbatim)]
            last = events[-1]
            assert b"".join(event.data for event in events) == row.answer, row.name
            assert (last.done, last.usage or Usage()) == (True, end.usage), row.name
            assert last.finish_reason is end.finish_reason or row.name in FINISH_SAYS_LESS, row.name


def test_every_answer_is_read_and_says_the_same_when_it_is_written_anew() -> None:
    for row in corpus.rows(DIALECT, "exchange"):
        if row.document["operation"] != "chat":
            continue
        response = OPENAI_CHAT.decode_response(row.answer, {})
        again = OPENAI_CHAT.decode_response(OPENAI_CHAT.encode_response(response, FORM), {})
        usage = in_openais_words(response.usage)
        assert replace(again, id=response.id, model=response.model, details=None) == replace(
            response, usage=usage, details=None
        )
        assert (OPENAI_CHAT.verbatim_response(row.answer).usage or Usage()) == response.usage


def test_every_request_is_understood_and_sent_as_it_came() -> None:
    target = Target("m")
    for kind in ("exchange", "stream"):
        for row in corpus.rows(DIALECT, kind):
            if row.request is None or row.document["operation"] != "chat":
                continue
            request = OPENAI_CHAT.decode_request(json.dumps(row.request).encode())
            assert request.model == row.request["model"]
            sent = OPENAI_CHAT.encode_request(request, target).body
            assert len(sent["messages"]) >= len(row.request["messages"]) - 1, row.name


def test_every_failure_has_a_meaning() -> None:
    for row in corpus.rows(DIALECT, "error"):
        headers = {name.lower(): value for name, value in (row.document["response"].get("headers") or {}).items()}
        if row.status != 200:
            error = OPENAI_CHAT.decode_error(row.status, headers, row.answer)
        else:
            last = decoded(row.answer, 7)[-1]
            assert isinstance(last, StreamError), row.name
            error = last.error
        form = OPENAI_CHAT.encode_error(error, "r")
        assert error.message, row.name
        assert form.status >= 400


def test_a_stream_folds_to_a_whole_answer() -> None:
    for row in streams():
        response = fold(decoded(row.answer, 4096))
        whole = OPENAI_CHAT.encode_response(response, FORM)
        assert OPENAI_CHAT.decode_response(whole, {}).finish_reason is response.finish_reason, row.name
