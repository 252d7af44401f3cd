"""OpenAI's older form: prompts, what binds one to its own API, answers in its words, and OpenAI's SDK as the judge."""

import json
from typing import Any

import httpx2
import openai
import orjson
import pytest

from llmux.dialects.base import AnswerForm
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.dialects.openai_chat.schema import REFUSED
from llmux.dialects.registry import TABLE
from llmux.errors import BackendCut, BackendFailed, BackendModelNotFound, BadRequest, ClientErrorUpstream, Overloaded
from llmux.ir.capability import Profile, Target
from llmux.ir.content import Extra, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    OtherChoice,
    PartDelta,
    PartEnd,
    PartStart,
    StreamError,
    Verbatim,
)
from llmux.ir.fold import explode, fold
from llmux.ir.grammar import check
from llmux.ir.request import Message, Request, Role, Sampling
from llmux.ir.response import Choice, FinishReason, Response
from llmux.ir.usage import Usage
from tests import corpus
from tests.laws.backends import reheard
from tests.laws.lanes import hear

FORM = OPENAI_CHAT.forms["completions"]
ANSWER = AnswerForm("1", "asked", 1_750_000_000)
USAGE = Usage(input_tokens=4, output_tokens=5, cache_read_tokens=3, reasoning_tokens=2)
DIALECT = "openai_completions"


def decode(**fields: Any) -> Request:
    return FORM.decode_request(orjson.dumps({"model": "m", "prompt": "Once", **fields}))


# --- requests --------------------------------------------------------------------------------------------------------


def test_a_prompt_is_a_user_s_message() -> None:
    body = b'{"model": "m", "prompt": "Once upon"}'
    request = FORM.decode_request(body)
    assert (request.dialect, request.form, request.model, request.bound) == ("openai_chat", "completions", "m", "")
    assert request.messages == (Message(Role.USER, (Text(text="Once upon"),)),)
    assert (request.stream, request.include_usage, request.choices, request.extra) == (False, False, 1, None)
    assert request.original is not None
    assert request.original.body is body
    assert decode(prompt=["Once"]).messages == decode().messages


def test_the_limit_is_sixteen_tokens_unless_another_is_named() -> None:
    limits = {None: 16, 5: 5, -1: None}
    assert {limit: decode(max_tokens=limit).max_output_tokens for limit in limits} == limits
    assert decode().max_output_tokens == 16


def test_controls() -> None:
    request = decode(
        temperature=0.5, top_p=0.9, seed=1, presence_penalty=0.1, frequency_penalty=0.2, logit_bias={"1": -1}, top_k=3,
        stop="END", n=2, user="u", stream=True, stream_options={"include_usage": True}, novel=1, logprobs=None,
        best_of=1, echo=False, suffix="",
    )  # fmt: skip
    assert request.sampling == Sampling(
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        seed=1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logit_bias={"1": -1},
    )
    assert (request.stop, request.choices, request.user_id) == (("END",), 2, "u")
    assert (request.stream, request.include_usage, request.bound) == (True, True, "")
    assert request.extra == Extra("openai_chat", {"novel": 1})


BOUND: dict[str, tuple[dict[str, Any], str, int]] = {
    "several prompts": ({"prompt": ["a", "b"]}, "prompt", 2),
    "tokens": ({"prompt": [1, 2]}, "prompt", 0),
    "several prompts in tokens": ({"prompt": [[1, 2], [3]]}, "prompt", 0),
    "no prompt": ({"prompt": None}, "prompt", 0),
    "an empty prompt": ({"prompt": ""}, "prompt", 1),
    "an empty list": ({"prompt": []}, "prompt", 0),
    "a suffix": ({"suffix": "end"}, "suffix", 1),
    "an echo": ({"echo": True}, "echo", 1),
    "the best of several": ({"best_of": 3}, "best_of", 1),
    "probabilities": ({"logprobs": 0}, "logprobs", 1),
    "nothing but the prompt": ({"max_tokens": 0}, "max_tokens", 1),
}


@pytest.mark.parametrize("name", BOUND)
def test_what_only_this_api_understands_binds_the_request_to_it(name: str) -> None:
    fields, bound, texts = BOUND[name]
    request = decode(**fields)
    assert (request.bound, len(request.messages[0].parts)) == (bound, texts)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"prompt": {}}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [[1, "a"]]}, "prompt"),
        ({"n": 0}, "n"),
        ({"echo": "yes"}, "echo"),
        ({"logprobs": "many"}, "logprobs"),
        ({"max_tokens": "x"}, "max_tokens"),
        ({"stop": {}}, "stop"),
    ],
)
def test_a_fault_is_told_by_its_path(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as raised:
        decode(**fields)
    assert raised.value.param == param


@pytest.mark.parametrize("name", TABLE)
def test_a_plain_prompt_is_said_in_every_dialect(name: str) -> None:
    body = TABLE[name].encode_request(decode(), Target("m", Profile())).body
    again = reheard(orjson.dumps(body), decode(), name)
    assert (again.messages, again.max_output_tokens) == (decode().messages, 16)


@corpus.needed
@pytest.mark.parametrize("kind", ["exchange", "stream", "error"])
def test_recorded_requests(kind: corpus.Kind) -> None:
    for row in corpus.rows(DIALECT, kind):
        request = FORM.decode_request(orjson.dumps(row.request))
        plain = isinstance(row.request["prompt"], str) or len(row.request["prompt"]) == 1  # type: ignore[index]  # all have one
        assert bool(request.bound) is (not plain or "suffix" in row.request), row.name  # type: ignore[operator]


# --- answers ---------------------------------------------------------------------------------------------------------


def sdk(body: bytes, *, stream: bool) -> Any:
    """`body` as OpenAI's own SDK hears it: a completion, or its chunks."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/v1/completions"
        kind = "text/event-stream" if stream else "application/json"
        return httpx2.Response(200, headers={"content-type": kind}, content=body)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    with openai.OpenAI(api_key="k", base_url="http://backend/v1", http_client=http, max_retries=0) as client:
        told = client.completions.create(model="m", prompt="Once", stream=stream)
        return list(told) if stream else told


def answer(*parts: Part, reason: FinishReason = FinishReason.END) -> Response:
    return Response("1", "m", parts, reason, USAGE)


def streamed(response: Response, form: AnswerForm = ANSWER) -> bytes:
    encoder = FORM.encoder(form)
    return b"".join(encoder.feed([event]) for event in explode(response))


ANSWERS: dict[str, tuple[Response, str, str]] = {
    "text": (answer(Text(text=" upon"), Text(text=" a time")), " upon a time", "stop"),
    "reasoning is not heard": (answer(Reasoning(text="Hm."), Text(text="a")), "a", "stop"),
    "texts that stood apart": (answer(Text(text="a"), Reasoning(text="t"), Text(text="b")), "a\n\nb", "stop"),
    "a call is not heard": (answer(ToolCall(id="c", name="f"), reason=FinishReason.TOOL_CALL), "", "stop"),
    "a refusal": (answer(Refusal(text="No."), reason=FinishReason.REFUSAL), "No.", "stop"),
    "a refusal without a word": (answer(reason=FinishReason.REFUSAL), "The model refused to answer.", "stop"),
    "what another dialect understands": (
        answer(Opaque(dialect="claude", raw={}, text="told"), Opaque(dialect="claude", raw={})),
        "told",
        "stop",
    ),
    "a cut answer": (answer(Text(text="a"), reason=FinishReason.MAX_TOKENS), "a", "length"),
    "a filtered answer": (answer(Text(text="a"), reason=FinishReason.FILTERED), "a", "content_filter"),
    "letters that end lines elsewhere": (answer(Text(text="\u2028é")), "\u2028é", "stop"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_sdk_hears_the_text(name: str) -> None:
    response, text, finish = ANSWERS[name]
    whole = sdk(FORM.encode_response(response, ANSWER), stream=False)
    chunks = sdk(streamed(response), stream=True)
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == (text, finish)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == text
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == finish
    assert {(chunk.id, chunk.object, chunk.model, chunk.created) for chunk in [whole, *chunks]} == {
        ("cmpl-1", "text_completion", "asked", 1_750_000_000)
    }
    for usage in (whole.usage, chunks[-1].usage):
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (7, 5, 12)


def test_usage_is_told_to_those_who_ask_for_it() -> None:
    silent = streamed(answer(Text(text="a")), AnswerForm("1", "asked", 1, include_usage=False))
    assert b"usage" not in silent
    asked = [json.loads(line[6:]) for line in streamed(answer(Text(text="a"))).split(b"\n\n")[:-2]]
    assert [chunk["usage"] is None for chunk in asked] == [True, True, False]
    assert asked[-1]["choices"] == []


def test_a_stream_ends_in_done_also_when_it_fails() -> None:
    encoder = FORM.encoder(ANSWER)
    failed = encoder.feed([*list(explode(answer(Text(text="a"))))[:3], StreamError(Overloaded("full"))])
    assert streamed(answer()).endswith(b"data: [DONE]\n\n")
    assert failed.endswith(b"data: [DONE]\n\n")
    with pytest.raises(openai.APIError, match="full"):
        sdk(failed, stream=True)


def test_what_is_said_between() -> None:
    encoder = FORM.encoder(ANSWER)
    assert encoder.keepalive() == b": keepalive\n\n"
    assert encoder.feed([Verbatim(b"as it came")]) == b"as it came"


# --- as it came ------------------------------------------------------------------------------------------------------


def passed(stream: bytes, size: int) -> list[Event]:
    return hear(FORM.verbatim(), [stream[at : at + size] for at in range(0, len(stream), size)])


@corpus.needed
@pytest.mark.parametrize("name", corpus.names(DIALECT, "stream"))
@pytest.mark.parametrize("size", [1, 7, 500, 1_000_000])
def test_a_recorded_stream_passes_in_any_cut(name: str, size: int) -> None:
    stream = corpus.row(DIALECT, "stream", name).answer
    events = [event for event in passed(stream, size) if isinstance(event, Verbatim)]
    assert b"".join(event.data for event in events).rstrip() == stream.rstrip()
    assert events[0].content
    assert events[-1].done
    assert events[-1].finish_reason is FinishReason.MAX_TOKENS
    told = Usage(input_tokens=31, output_tokens=25) if name.startswith("openai") else None
    assert events[-1].usage == told


@corpus.needed
@pytest.mark.parametrize("name", corpus.names(DIALECT, "stream"))
def test_a_recorded_stream_that_is_cut_never_looks_whole(name: str) -> None:
    stream = corpus.row(DIALECT, "stream", name).answer
    last = passed(stream[: stream.index(b'"finish_reason":"')], 100)[-1]
    assert isinstance(last, StreamError)
    assert isinstance(last.error, BackendCut)


@corpus.needed
def test_recorded_answers_pass_and_are_understood() -> None:
    for row in corpus.rows(DIALECT, "exchange"):
        body = row.document["response"]["body"]
        event = FORM.verbatim_response(row.answer)
        assert (event.data, event.done) == (row.answer, True)
        assert event.usage is not None
        assert event.usage.output_tokens == body["usage"]["completion_tokens"]
        response = OPENAI_CHAT.decode_response(row.answer, {})
        assert response.parts == (Text(text=body["choices"][0]["text"]),)
        heard = sdk(FORM.encode_response(response, ANSWER), stream=False)
        assert heard.choices[0].text == body["choices"][0]["text"]


def test_a_whole_answer_where_a_stream_was_asked_for_is_told_as_events() -> None:
    body = FORM.encode_response(answer(Text(text=" upon")), ANSWER)
    assert fold(passed(body, 20)).parts == (Text(text=" upon"),)


def test_a_text_beside_a_delta_is_not_said_twice() -> None:
    choice = {"index": 0, "delta": {"content": "a"}, "text": "a", "finish_reason": "stop"}
    chunk = b"data: " + orjson.dumps({"id": "1", "choices": [choice]}) + b"\n\ndata: [DONE]\n\n"
    assert fold(hear(OPENAI_CHAT.decoder({}), [chunk])).parts == (Text(text="a"),)


def test_an_error_in_a_stream_is_told_before_any_byte() -> None:
    (failure,) = passed(b'data: {"error":{"message":"it broke"}}\n\n', 10)
    assert isinstance(failure, StreamError)
    assert failure.error == BackendFailed("it broke")


# --- a model that knows the other form only --------------------------------------------------------------------------

WRONG_FORM = "This is a chat model and not supported in the v1/completions endpoint. Did you mean v1/chat/completions?"


def test_a_model_that_knows_the_other_form_only_is_not_missing() -> None:
    def told(message: str) -> Exception:
        body = {"error": {"message": message, "type": "invalid_request_error", "param": "model", "code": None}}
        return OPENAI_CHAT.decode_error(404, {}, orjson.dumps(body))

    assert told(WRONG_FORM) == ClientErrorUpstream(WRONG_FORM, param="model", upstream_status=404)
    assert isinstance(told("The model `x` does not exist."), BackendModelNotFound)


@corpus.needed
def test_recorded_failures() -> None:
    kinds = {
        row.status: type(OPENAI_CHAT.decode_error(row.status, {}, row.answer)) for row in corpus.rows(DIALECT, "error")
    }
    assert kinds == {404: BackendModelNotFound, 400: ClientErrorUpstream}


# --- several answers -------------------------------------------------------------------------------------------------

BOTH = Response(
    "r",
    "m",
    (Text(text="one"),),
    FinishReason.END,
    USAGE,
    others=(Choice((Reasoning(text="Hm"), Text(text="un")), FinishReason.MAX_TOKENS), Choice((), FinishReason.REFUSAL)),
)
CHOICES = [(0, "one", "stop"), (1, "un", "length"), (2, REFUSED, "stop")]


def test_several_answers_in_one_body() -> None:
    read = openai.types.Completion.model_validate_json(FORM.encode_response(BOTH, ANSWER))
    assert [(choice.index, choice.text, choice.finish_reason) for choice in read.choices] == CHOICES


def test_several_answers_in_a_stream_interleave() -> None:
    """I.33 of the contract: each piece says which choice it is of, and the usage comes once."""
    first, other = MessageStart("r", "m"), OtherChoice
    events: list[Event] = [
        first,
        PartStart(0, Text()),
        PartDelta(0, "on"),
        other(1, (PartStart(0, Text()), PartDelta(0, "u"))),
        PartDelta(0, "e"),
        other(1, (PartDelta(0, "n"), PartEnd(0), MessageEnd(FinishReason.MAX_TOKENS, Usage()))),
        other(2, (MessageEnd(FinishReason.REFUSAL, Usage()),)),
        PartEnd(0),
        MessageEnd(FinishReason.END, USAGE),
    ]
    encoder = FORM.encoder(ANSWER)
    *frames, done, _ = b"".join(encoder.feed([event]) for event in check(events)).split(b"\n\n")
    assert done == b"data: [DONE]"
    read = [json.loads(frame.removeprefix(b"data: ")) for frame in frames]
    choices = [choice for told in read for choice in told["choices"]]
    pieces = [(choice["index"], choice["text"]) for choice in choices if choice["text"]]
    assert pieces == [(0, "on"), (1, "u"), (0, "e"), (1, "n"), (2, REFUSED)]
    ends = {choice["index"]: choice["finish_reason"] for choice in choices if choice["finish_reason"]}
    assert ends == {0: "stop", 1: "length", 2: "stop"}
    assert [told["usage"] is not None for told in read] == [False] * (len(read) - 1) + [True]
