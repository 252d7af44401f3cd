"""Failures in OpenAI's words: status, body, and what the SDKs and Codex read in them."""

import inspect
import json

import pytest

from llmux import errors
from llmux.dialects.openai_errors import KINDS
from llmux.dialects.openai_responses import OPENAI_RESPONSES
from llmux.dialects.openai_responses.errors import CODES
from llmux.errors import (
    BackendGarbled,
    BadRequest,
    ClientErrorUpstream,
    ContextTooLong,
    GatewayError,
    KeyRefused,
    Overloaded,
    QuotaUsedUp,
    RateLimited,
    Unauthenticated,
)

ALL = [error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, GatewayError)]
ROWS: list[tuple[GatewayError, int, str, str | None]] = [
    (BadRequest("x", param="input.0"), 400, "invalid_request_error", None),
    (Unauthenticated("x"), 401, "invalid_request_error", "invalid_api_key"),
    (ContextTooLong("x"), 400, "invalid_request_error", "context_length_exceeded"),
    (Overloaded("x"), 503, "server_error", "overloaded"),
    (RateLimited("x"), 429, "rate_limit_error", "rate_limit_exceeded"),
    (QuotaUsedUp("x"), 429, "insufficient_quota", "insufficient_quota"),
    (KeyRefused("x"), 502, "server_error", "bad_gateway"),
    (ClientErrorUpstream("x", code="odd", upstream_status=409), 409, "invalid_request_error", "odd"),
]


@pytest.mark.parametrize("error", ALL)
def test_every_failure_has_a_row(error: type[GatewayError]) -> None:
    assert error.kind in KINDS


def test_every_code_of_a_broken_stream_is_of_a_failure_that_there_is() -> None:
    assert CODES.keys() <= {error.kind for error in ALL}


@pytest.mark.parametrize(("error", "status", "kind", "code"), ROWS)
def test_a_failure_is_told(error: GatewayError, status: int, kind: str, code: str | None) -> None:
    form = OPENAI_RESPONSES.encode_error(error, "req_1")
    told = json.loads(form.body)["error"]
    assert (form.status, told["type"], told["code"], told["param"]) == (status, kind, code, error.param)
    assert told["message"].endswith("x")
    assert form.headers["x-request-id"] == "req_1"


def test_when_to_come_back_and_when_never() -> None:
    headers = OPENAI_RESPONSES.encode_error(RateLimited("x", retry_after=1.2), "r").headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("2", "1200")
    for error in (Unauthenticated("x"), QuotaUsedUp("x"), ClientErrorUpstream("x", upstream_status=409)):
        assert OPENAI_RESPONSES.encode_error(error, "r").headers["x-should-retry"] == "false"
    assert "x-should-retry" not in OPENAI_RESPONSES.encode_error(RateLimited("x"), "r").headers


@pytest.mark.parametrize("said", ["This model's maximum context length is 8 tokens.", "prompt is too long"])
def test_a_prompt_that_is_too_long_is_told_in_the_sentence_that_clients_look_for(said: str) -> None:
    told = json.loads(OPENAI_RESPONSES.encode_error(ContextTooLong(said), "r").body)["error"]["message"]
    assert told.count("maximum context length") == 1
    assert said in told


def test_what_comes_back_is_what_was_said() -> None:
    for error in (ContextTooLong("x"), RateLimited("x"), QuotaUsedUp("x"), Overloaded("x")):
        form = OPENAI_RESPONSES.encode_error(error, "r")
        assert type(OPENAI_RESPONSES.decode_error(form.status, {}, form.body)) is type(error)


def test_a_count_that_is_none() -> None:
    counting = OPENAI_RESPONSES.counting
    assert counting
    for body in (b"", b"{}", b'{"input_tokens":"many"}'):
        with pytest.raises(BackendGarbled):
            counting.decode_response(body)
