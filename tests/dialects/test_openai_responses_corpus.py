"""Real answers of real providers: read however they are cut, written anew, and heard the same by OpenAI's own SDK."""

import json
from collections.abc import Iterator

from msgspec.structs import replace

from llmux.dialects.base import AnswerForm
from llmux.dialects.openai_responses import OPENAI_RESPONSES
from llmux.dialects.openai_responses.items import encode_output_items
from llmux.dialects.openai_responses.messages import decode_items
from llmux.ir.capability import Target
from llmux.ir.content import ToolCall
from llmux.ir.events import Event, MessageEnd, StreamError, Verbatim
from llmux.ir.fold import explode, fold
from llmux.ir.grammar import check
from llmux.ir.response import Response
from llmux.ir.usage import Usage
from tests import corpus
from tests.amount import cut, sampled
from tests.judges import openai_responses

DIALECT = "openai_responses"
# A client that has the tools which OpenAI has given a form of their own, so that their calls come back in it.
FORM = AnswerForm("x", "m", 1, asked={"tools": [{"type": "apply_patch"}, {"type": "shell"}, {"type": "local_shell"}]})
OTHER_OPERATIONS = frozenset({"compact", "input_tokens"})


def decoded(stream: bytes, size: int, *, verbatim: bool = False) -> list[Event]:
    decoder = OPENAI_RESPONSES.verbatim() if verbatim else OPENAI_RESPONSES.decoder({})
    events = [event for piece in cut(stream, size) for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def answers() -> Iterator[tuple[str, Response]]:
    for row in corpus.rows(DIALECT, "stream"):
        yield row.name, fold(decoded(row.answer, 4096))
    for row in corpus.rows(DIALECT, "exchange"):
        if row.document["operation"] not in OTHER_OPERATIONS:
            yield row.name, OPENAI_RESPONSES.decode_response(row.answer, {})


def test_every_stream_is_read_the_same_however_it_is_cut() -> None:
    for row in sampled(corpus.rows(DIALECT, "stream"), 3):
        whole = decoded(row.answer, len(row.answer))
        assert list(check(whole)) == whole, row.name
        assert isinstance(whole[-1], MessageEnd), row.name
        for size in (1, 7):
            assert decoded(row.answer, size) == whole, row.name


def test_every_stream_says_the_same_when_it_is_written_anew() -> None:
    for row in corpus.rows(DIALECT, "stream"):
        events = decoded(row.answer, 4096)
        again = fold(decoded(OPENAI_RESPONSES.encoder(FORM).feed(events), 4096))
        assert replace(again, id="", model="") == replace(fold(events), id="", model=""), row.name


def test_every_stream_passes_unchanged_with_the_same_facts() -> None:
    for row in corpus.rows(DIALECT, "stream"):
        end = decoded(row.answer, 4096)[-1]
        assert isinstance(end, MessageEnd)
        for size in (len(row.answer), 999, 7):
            events = [event for event in decoded(row.answer, size, verbatim=True) if isinstance(event, Verbatim)]
            last = events[-1]
            assert b"".join(event.data for event in events) == row.answer, row.name
            assert (last.done, last.usage or Usage(), last.finish_reason) == (True, end.usage, end.finish_reason)


def test_every_answer_says_the_same_when_it_is_written_anew() -> None:
    for name, answer in answers():
        again = OPENAI_RESPONSES.decode_response(OPENAI_RESPONSES.encode_response(answer, FORM), {})
        assert replace(again, id=answer.id, model=answer.model) == answer, name


def test_the_last_event_of_a_stream_tells_what_the_whole_answer_does() -> None:
    for name, answer in answers():
        last = OPENAI_RESPONSES.encoder(FORM).feed(list(explode(answer))).rsplit(b"data: ", 1)[1]
        whole = json.loads(OPENAI_RESPONSES.encode_response(answer, FORM))
        assert json.loads(last)["response"] == whole, name


def test_openais_own_sdk_hears_the_same_streamed_and_whole() -> None:
    for name, answer in answers():
        whole = openai_responses.whole(OPENAI_RESPONSES.encode_response(answer, FORM))
        assert openai_responses.stream(OPENAI_RESPONSES.encoder(FORM).feed(list(explode(answer)))) == whole, name


def test_every_request_is_understood_and_sent_as_it_came() -> None:
    kinds: tuple[corpus.Kind, ...] = ("exchange", "stream")
    for kind in kinds:
        for row in corpus.rows(DIALECT, kind):
            if row.request is None or row.document["operation"] != "create":
                continue
            request = OPENAI_RESPONSES.decode_request(json.dumps({"model": "m", **row.request}).encode())
            sent = OPENAI_RESPONSES.encode_request(request, Target("m", maker="openai")).body
            assert sent.get("tools") == row.request.get("tools"), row.name
            assert (sent["store"], "previous_response_id" in sent) == (bool(row.request.get("store")), False)


def test_the_items_of_every_answer_are_messages_of_the_next_request() -> None:
    for name, answer in answers():
        items = encode_output_items(answer, FORM)
        messages = decode_items(items)
        calls = [item for item in items if item["type"] == "function_call"]
        assert sum(isinstance(part, ToolCall) for message in messages for part in message.parts) >= len(calls)
        assert items == [] or messages, name


def test_every_failure_has_a_meaning() -> None:
    for row in corpus.rows(DIALECT, "error"):
        headers = {name.lower(): value for name, value in (row.document["response"].get("headers") or {}).items()}
        if row.status != 200:
            error = OPENAI_RESPONSES.decode_error(row.status, headers, row.answer)
        else:
            last = decoded(row.answer, 7)[-1]
            assert isinstance(last, StreamError), row.name
            error = last.error
        form = OPENAI_RESPONSES.encode_error(error, "r")
        assert error.message, row.name
        assert form.status >= 400
