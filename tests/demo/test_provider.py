"""A call -> acts, in both dialects."""

import json

import pytest

from llmux.demo.faults import FAULTS
from llmux.demo.listing import told
from llmux.demo.model import MODELS
from llmux.demo.provider import Provider
from llmux.demo.script import Halt, Pause
from llmux.demo.speak import Acts, Head
from llmux.dialects.registry import TABLE
from llmux.errors import BackendError, GatewayError
from llmux.ir.content import Text
from llmux.ir.events import StreamError
from llmux.ir.fold import fold
from llmux.ir.response import FinishReason
from llmux.transports.base import Call
from tests.demo.asking import DIALECTS, call, heard

both = pytest.mark.parametrize("dialect", DIALECTS)


def perform(asked: Call) -> Acts:
    return Provider(TABLE.values()).perform(asked)


def head(acts: Acts) -> Head:
    return next(act for act in acts if isinstance(act, Head))


def body(acts: Acts) -> bytes:
    return b"".join(act for act in acts if isinstance(act, bytes))


@both
def test_a_stream_says_the_answer(dialect: str) -> None:
    acts = perform(call(dialect))
    assert head(acts).status == 200
    assert head(acts).headers["content-type"] == TABLE[dialect].content_type
    response = fold(heard(TABLE[dialect], body(acts)))
    assert response.parts == (Text(text="one two three"),)
    assert (response.finish_reason, response.usage.output_tokens) == (FinishReason.END, 3)


@both
def test_a_document_says_the_answer(dialect: str) -> None:
    acts = perform(call(dialect, stream=False))
    assert head(acts).headers["content-length"] == str(len(body(acts)))
    response = TABLE[dialect].decode_response(body(acts), {})
    assert response.parts == (Text(text="one two three"),)
    assert response.usage.output_tokens == 3


@both
@pytest.mark.parametrize("model", [*MODELS, *FAULTS])
@pytest.mark.parametrize("stream", [True, False])
def test_the_same_call_gets_the_same_acts(dialect: str, model: str, stream: bool) -> None:
    asked = call(dialect, model=model, stream=stream)
    assert perform(asked) == perform(asked)


@both
def test_each_delta_is_an_act_of_its_own(dialect: str) -> None:
    said = [act for act in perform(call(dialect, model="echo?delay=1s")) if isinstance(act, bytes | Pause)]
    assert said.count(Pause(1.0)) == 3


@both
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_is_one_of_the_dialect(dialect: str, stream: bool) -> None:
    for word in FAULTS:
        code = word.removeprefix("fail-")
        if not code.isdigit():
            continue
        acts = perform(call(dialect, model=word, stream=stream))
        assert head(acts).status == int(code)
        error = TABLE[dialect].decode_error(int(code), head(acts).headers, body(acts))
        assert isinstance(error, GatewayError)
        assert json.loads(body(acts))["error"]
    acts = perform(call(dialect, model="fail-429?retry-after=3", stream=stream))
    assert head(acts).headers["retry-after"] == "3"


@both
@pytest.mark.parametrize("word", ["cut", "cut-clean", "error-in-stream", "garbage", "html", "empty", "error-first"])
def test_a_broken_stream_is_a_failure_of_the_backend(dialect: str, word: str) -> None:
    last = heard(TABLE[dialect], body(perform(call(dialect, "one two three four five", word))))[-1]
    assert isinstance(last, StreamError)
    assert isinstance(last.error, BackendError)


@both
def test_a_document_breaks_where_a_stream_would(dialect: str) -> None:
    whole = body(perform(call(dialect, "one two three four five", stream=False)))
    acts = perform(call(dialect, "one two three four five", "cut", stream=False))
    assert acts[-1] is Halt.CUT
    assert 0 < len(body(acts)) < len(whole)
    assert int(head(acts).headers["content-length"]) > len(body(acts))
    assert perform(call(dialect, model="refuse", stream=False)) == (Halt.REFUSE,)
    assert body(perform(call(dialect, model="empty", stream=False))) == b""
    assert head(perform(call(dialect, model="error-in-stream", stream=False))).status == 529
    assert "html" in head(perform(call(dialect, model="html", stream=False))).headers["content-type"]
    assert perform(call(dialect, model="slow-2s", stream=False))[0] == Pause(2.0)


@both
def test_a_header_asks_for_a_fault_whatever_the_model(dialect: str) -> None:
    acts = perform(call(dialect, model="gpt-4o", x_llmux_demo="fail-429?retry-after=9"))
    assert (head(acts).status, head(acts).headers["retry-after"]) == (429, "9")
    acts = perform(call(dialect, model="think", x_llmux_demo="cut"))
    assert b"The" in body(acts)
    assert acts[-1] is Halt.CUT
    assert head(perform(call(dialect, x_llmux_demo="fall-over"))).status == 400
    assert head(perform(call(dialect, model="echo?speed=9"))).status == 400


@both
def test_flaky_is_counted(dialect: str) -> None:
    provider = Provider(TABLE.values())
    statuses = [head(provider.perform(call(dialect, model="flaky?times=2"))).status for _ in range(4)]
    assert statuses == [529, 529, 200, 529]


@both
def test_a_wrong_request_is_answered_in_its_dialect(dialect: str) -> None:
    acts = perform(Call(TABLE[dialect].path, {}, b"{"))
    assert head(acts).status == 400
    assert json.loads(body(acts))["error"]


def test_tokens_are_counted() -> None:
    asked = call("claude")
    counting = TABLE["claude"].counting
    assert counting is not None
    acts = perform(Call(counting.path + "?beta=true", {}, asked.body))
    assert counting.decode_response(body(acts)) == 6


def test_models_are_listed() -> None:
    listed = json.loads(body(perform(Call("/v1/models?limit=1000", {}, method="GET"))))
    assert [model["id"] for model in listed["data"]] == [word for word, _ in told()]
    assert json.loads(body(perform(Call("/models/echo", {}, method="GET"))))["id"] == "echo"
    assert head(perform(Call("/v1/models/nobody", {}, method="GET"))).status == 404
    assert head(perform(Call("/nowhere", {}, method="GET"))).status == 404


def test_models_are_listed_in_every_dialect() -> None:
    listed = json.loads(body(perform(Call("/api/tags", {}, method="GET"))))
    assert [model["name"] for model in listed["models"]] == [word for word, _ in told()]
    shown = json.loads(body(perform(Call("/api/show", {}, b'{"model": "echo"}'))))
    assert shown["capabilities"] == ["completion", "tools", "vision", "thinking"]
    assert head(perform(Call("/api/pull", {}, b"{}"))).status == 501
