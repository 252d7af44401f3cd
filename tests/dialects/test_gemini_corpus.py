"""Real answers of Google's: read in any cut, written anew, passed on; and Google's own SDK hears in them what we hear.

Real requests of Google's clients: understood, and said to every other dialect.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import httpx
import orjson
import pytest
from google import genai
from google.genai import errors, types
from msgspec.structs import replace

from llmux.dialects.base import Address, AnswerForm, Form
from llmux.dialects.gemini import GEMINI
from llmux.dialects.registry import TABLE
from llmux.errors import BadRequest, Overloaded
from llmux.ir.capability import Profile, Target
from llmux.ir.content import Reasoning, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, StreamError, Verbatim
from llmux.ir.fold import explode, fold
from llmux.ir.grammar import check
from llmux.ir.request import Request, Role
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from tests import corpus
from tests.amount import cut, sampled

FORM = AnswerForm("r", "asked", 1)
# What the SDK cannot read: numbers for words, and calls in pieces, which it does not put together.
UNHEARD = {"stop_1", "partial_args"}
ABLE = Target("m", Profile(vision=True, thinking=True, pdf=True, reasoning="level", tool_result_media=True), "google")


# --- what Google's own SDK hears -------------------------------------------------------------------------------------


class Heard(NamedTuple):
    """An answer. Tokens are those of the prompt, of the answer, cached, and of reasoning."""

    text: str
    reasoning: str
    calls: list[tuple[str, Any]]
    tokens: tuple[int, int, int, int]


def client(body: bytes, content_type: str, status: int = 200) -> genai.Client:
    """Google's SDK, over a transport that answers everything with `body`."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"content-type": content_type}, content=body)

    return genai.Client(
        api_key="k", http_options=types.HttpOptions(httpx_client=httpx.Client(transport=httpx.MockTransport(answer)))
    )


def by_sdk(body: bytes, *, stream: bool) -> Heard:
    """What Google's SDK hears."""
    models = client(body, "text/event-stream" if stream else "application/json").models
    if stream:
        return heard(list(models.generate_content_stream(model="m", contents="hi")))
    return heard([models.generate_content(model="m", contents="hi")])


def heard(chunks: Sequence[types.GenerateContentResponse]) -> Heard:
    parts = [
        part
        for chunk in chunks
        for candidate in chunk.candidates or ()
        if candidate.content
        for part in candidate.content.parts or ()
    ]
    usage = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata][-1]
    thoughts = usage.thoughts_token_count or 0
    return Heard(
        "".join(part.text for part in parts if part.text and not part.thought),
        "".join(part.text for part in parts if part.text and part.thought),
        [
            (part.function_call.name or "", part.function_call.args or {})
            for part in parts
            if part.function_call and part.function_call.name
        ],
        (
            (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0),
            (usage.candidates_token_count or 0) + thoughts,
            usage.cached_content_token_count or 0,
            thoughts,
        ),
    )


def by_us(response: Response) -> Heard:
    """What we hear, in the same words."""
    usage = response.usage
    return Heard(
        "".join(part.text for part in response.parts if isinstance(part, Text)),
        "".join(part.text for part in response.parts if isinstance(part, Reasoning)),
        [(part.name, json.loads(part.arguments)) for part in response.parts if isinstance(part, ToolCall)],
        (usage.total_input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.reasoning_tokens),
    )


# --- answers ---------------------------------------------------------------------------------------------------------


def rows(kind: corpus.Kind) -> Iterator[corpus.Row]:
    return (row for row in corpus.rows("gemini", kind) if row.document["operation"] != "countTokens")


def form(row: corpus.Row) -> Form:
    return GEMINI.form("array" if row.document["response"].get("framing") == "json_array" else "")


def hear(decoder: Any, stream: bytes, size: int) -> list[Event]:
    events = [event for piece in cut(stream, size) for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def test_every_stream_is_read_the_same_however_it_is_cut() -> None:
    for row in rows("stream"):
        whole = hear(GEMINI.decoder({}), row.answer, 1 << 20)
        assert list(check(whole)) == whole, row.name
        assert isinstance(whole[-1], MessageEnd), row.name
        for size in (1, 7, 1000):
            assert hear(GEMINI.decoder({}), row.answer, size) == whole, row.name


def test_every_stream_passes_unchanged_with_the_same_facts() -> None:
    for row in rows("stream"):
        end = hear(GEMINI.decoder({}), row.answer, 1 << 20)[-1]
        for size in (1, 999, 1 << 20):
            events = hear(form(row).verbatim(), row.answer, size)
            last = events[-1]
            assert b"".join(event.data for event in events if isinstance(event, Verbatim)) == row.answer, row.name
            assert isinstance(last, Verbatim)
            assert isinstance(end, MessageEnd)
            assert (last.done, last.finish_reason, last.usage) == (True, end.finish_reason, end.usage), row.name


def test_every_stream_says_the_same_to_google_s_sdk() -> None:
    for row in sampled(rows("stream"), 3):
        response = fold(hear(GEMINI.decoder({}), row.answer, 1 << 20))
        if row.document["response"]["framing"] != "json_array" and not UNHEARD & {*row.document["features"]}:
            assert by_sdk(row.answer, stream=True) == by_us(response), row.name
        anew = GEMINI.encoder(FORM).feed(list(explode(response)))
        assert by_sdk(anew, stream=True) == by_us(response), row.name
        assert by_sdk(GEMINI.encode_response(response, FORM), stream=False) == by_us(response), row.name


def test_every_answer_says_the_same_to_google_s_sdk() -> None:
    for row in sampled(rows("exchange"), 3):
        response = GEMINI.decode_response(row.answer, {})
        if not UNHEARD & {*row.document["features"]}:
            assert by_us(response) == by_sdk(row.answer, stream=False), row.name
        assert by_sdk(GEMINI.encode_response(response, FORM), stream=False) == by_us(response), row.name
        passed = GEMINI.verbatim_response(row.answer)
        assert (passed.data, passed.finish_reason, passed.usage) == (row.answer, response.finish_reason, response.usage)


def test_every_answer_is_written_anew_and_says_the_same() -> None:
    for kind in ("stream", "exchange"):
        for row in rows(kind):  # type: ignore[arg-type]
            response = GEMINI.decode_response(row.answer, {})
            again = GEMINI.decode_response(GEMINI.encode_response(response, FORM), {})
            assert replace(again, id=response.id, model=response.model) == without_citations(response), row.name


def without_citations(response: Response) -> Response:
    """Sources come back by `groundingMetadata`, on the last text that is told."""
    again = GEMINI.decode_response(GEMINI.encode_response(response, FORM), {})
    cited = [part.citations for part in again.parts if isinstance(part, Text)]
    texts = iter(cited)
    parts = tuple(replace(part, citations=next(texts)) if isinstance(part, Text) else part for part in response.parts)
    return replace(response, parts=parts)


def test_every_failure_has_a_meaning() -> None:
    for row in corpus.rows("gemini", "error"):
        error = GEMINI.decode_error(row.status, {}, row.answer)
        told = GEMINI.encode_error(error, "r")
        assert error.message
        assert told.status >= 400
        with pytest.raises(errors.APIError) as raised:
            client(told.body, "application/json", told.status).models.generate_content(model="m", contents="hi")
        assert raised.value.code == told.status


# --- what the SDK makes of our streams -------------------------------------------------------------------------------

ANSWER = Response(
    "b",
    "m",
    (Reasoning(text="hm"), Text(text="a\u2028b"), ToolCall(id="c1", name="f", arguments='{"x":1}')),
    FinishReason.TOOL_CALL,
    Usage(input_tokens=5, output_tokens=7, reasoning_tokens=3),
)


def test_google_s_sdk_hears_a_stream_that_is_kept_alive() -> None:
    encoder = GEMINI.encoder(FORM)
    told = [b"".join((encoder.keepalive(), encoder.feed([event]))) for event in explode(ANSWER)]
    assert by_sdk(encoder.keepalive() + b"".join(told), stream=True) == by_us(ANSWER)


def test_a_chat_of_google_s_sdk_remembers_the_answer() -> None:
    encoder = GEMINI.encoder(FORM)
    body = b"".join(encoder.keepalive() + encoder.feed([event]) for event in explode(ANSWER))
    chat = client(body, "text/event-stream").chats.create(model="m")
    chunks = list(chat.send_message_stream("hi"))
    assert {chunk.response_id for chunk in chunks} == {"r"}
    assert chunks[-1].candidates is not None
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP
    history = [content.model_dump(exclude_none=True, mode="json") for content in chat.get_history(curated=True)]
    request = GEMINI.decode_request(orjson.dumps({"model": "m", "contents": history}))
    assert request.messages[1].parts == (Reasoning(text="hm"), *ANSWER.parts[1:])


def test_google_s_sdk_raises_what_breaks_a_stream() -> None:
    events = [*list(explode(ANSWER))[:3], StreamError(Overloaded("m"))]
    body = GEMINI.encoder(FORM).feed(events)
    with pytest.raises(errors.APIError) as raised:
        list(client(body, "text/event-stream").models.generate_content_stream(model="m", contents="hi"))
    assert (raised.value.code, raised.value.status) == (503, "UNAVAILABLE")


def test_google_s_sdk_counts() -> None:
    counting = GEMINI.counting
    assert counting is not None
    models = client(counting.encode_response(5), "application/json").models
    assert models.count_tokens(model="m", contents="hi").total_tokens == 5


# --- requests --------------------------------------------------------------------------------------------------------

CLIENTS = corpus.ROOT.parent / "clients" / "recorded"


def recorded_requests() -> Iterator[tuple[str, Request]]:
    """What Google's own clients have sent, with where they knocked."""
    if not CLIENTS.is_dir():
        pytest.skip(f"no recordings at {CLIENTS}: set LLMUX_CORPUS")
    files = sorted(path for name in ("gemini*", "*google-genai") for path in CLIENTS.glob(f"{name}/*.json"))
    for path in files:
        document = json.loads(Path(path).read_bytes())
        at = Address(unquote(document["path"]), dict(parse_qsl(document["query"])))
        body = orjson.dumps(document["body"])
        counting = GEMINI.counting
        assert counting is not None
        decode = counting.decode_request if at.path.endswith(":countTokens") else GEMINI.decode_request
        yield f"{path.parent.name}/{path.stem}", decode(body, at)


def test_what_google_s_clients_send_is_said_in_every_dialect() -> None:
    """Texts, calls, results, tools: everything that all of them can say."""
    found = 0
    for name, request in recorded_requests():
        found += 1
        assert request.model == "gemini-2.5-pro", name
        for dialect in TABLE.values():
            sent = dialect.encode_request(request, ABLE)
            body = orjson.dumps(sent.body).decode()
            for part in (part for message in request.messages for part in message.parts):
                if isinstance(part, Text):
                    assert orjson.dumps(part.text.rstrip()).decode()[1:-1] in body, (name, dialect.name)
                if isinstance(part, ToolCall):
                    assert part.name in body
            for tool in request.tools:
                assert f'"name":"{tool.name}"' in body, (name, dialect.name)
            assert not {warning for warning in sent.warnings if "tools" in warning}, (name, dialect.name)
    assert found >= 10


def test_each_result_is_for_a_call_and_each_call_has_its_result() -> None:
    for name, request in recorded_requests():
        calls = [part.id for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
        results = [
            part.call_id  # type: ignore[attr-defined]
            for message in request.messages
            if message.role is Role.TOOL
            for part in message.parts
        ]
        assert results == calls, name


def test_every_recorded_request_is_understood_and_said_again() -> None:
    for kind in ("exchange", "stream"):
        for row in rows(kind):  # type: ignore[arg-type]
            if row.request is None:
                continue
            path, _, query = row.document["request"]["path"].partition("?")
            at = Address(unquote(path), dict(parse_qsl(query)))
            request = GEMINI.decode_request(orjson.dumps(row.request), at)
            assert request.model == row.document["model"] or request.model, row.name
            assert request.stream is (kind == "stream"), row.name
            again = GEMINI.encode_request(request, ABLE).body
            for field in ("safetySettings", "cachedContent"):
                assert again.get(field) == row.request.get(field), row.name
            for dialect in TABLE.values():
                with suppress(BadRequest):  # what cannot be said there is refused, not left out in silence
                    dialect.encode_request(request, ABLE)
