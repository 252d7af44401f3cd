"""Failures, both ways: what a backend's body means, and how a client of this dialect hears it."""

import json
from typing import Any

import pytest

from llmux import errors
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.errors import GatewayError

# a backend's answer -> what it means, and the field at fault
BACKENDS: list[tuple[int, dict[str, Any], type[GatewayError], str | None]] = [
    (401, {"message": "Incorrect API key", "code": "invalid_api_key"}, errors.KeyRefused, None),
    (403, {"message": "no"}, errors.KeyRefused, None),
    (429, {"message": "slow", "code": "rate_limit_exceeded"}, errors.RateLimited, None),
    (429, {"message": "pay", "code": "insufficient_quota"}, errors.QuotaUsedUp, None),
    (402, {"message": "pay"}, errors.QuotaUsedUp, None),
    (400, {"message": "long", "code": "context_length_exceeded"}, errors.ContextTooLong, None),
    (
        400,
        {"message": "Unsupported parameter: 'stop'", "code": "unsupported_parameter", "param": "stop"},
        errors.FieldRefused,
        "stop",
    ),
    (404, {"message": "no such model", "code": "model_not_found"}, errors.BackendModelNotFound, None),
    (422, {"message": "odd", "param": "tools"}, errors.ClientErrorUpstream, "tools"),
    (500, {"message": "oops"}, errors.BackendFailed, None),
    (503, {"message": "busy"}, errors.Overloaded, None),
]


@pytest.mark.parametrize(("status", "error", "meaning", "param"), BACKENDS)
def test_what_a_backend_means(
    status: int, error: dict[str, Any], meaning: type[GatewayError], param: str | None
) -> None:
    raised = OPENAI_CHAT.decode_error(status, {"retry-after": "2"}, json.dumps({"error": error}).encode())
    assert (type(raised), raised.param, raised.upstream_status) == (meaning, param, status)
    assert raised.retry_after == 2


# ours -> status, type, code
CLIENTS: list[tuple[GatewayError, int, str, str | None]] = [
    (errors.BadRequest("x", param="messages.0"), 400, "invalid_request_error", None),
    (errors.Unsupported("x"), 400, "invalid_request_error", "unsupported_parameter"),
    (errors.Unauthenticated("x"), 401, "invalid_request_error", "invalid_api_key"),
    (errors.Forbidden("x"), 403, "invalid_request_error", "permission_denied"),
    (errors.NotFound("x"), 404, "invalid_request_error", "unknown_url"),
    (errors.ModelNotFound("x"), 404, "invalid_request_error", "model_not_found"),
    (errors.MethodNotAllowed("x"), 405, "invalid_request_error", "method_not_supported"),
    (errors.TooLarge("x"), 413, "invalid_request_error", "request_too_large"),
    (errors.ContentRefused("x"), 400, "invalid_request_error", "content_policy_violation"),
    (errors.FieldRefused("x", param="stop"), 400, "invalid_request_error", "unsupported_parameter"),
    (errors.ClientErrorUpstream("x", code="odd", upstream_status=422), 422, "invalid_request_error", "odd"),
    (errors.ClientErrorUpstream("x"), 400, "invalid_request_error", None),
    (errors.RateLimited("x"), 429, "rate_limit_error", "rate_limit_exceeded"),
    (errors.QuotaUsedUp("x"), 429, "insufficient_quota", "insufficient_quota"),
    (errors.BackendFailed("x", upstream_status=500), 502, "server_error", "server_error"),
    (errors.BackendUnreachable("x"), 502, "server_error", "bad_gateway"),
    (errors.KeyRefused("x", upstream_status=401), 502, "server_error", "bad_gateway"),
    (errors.Overloaded("x"), 503, "server_error", "overloaded"),
    (errors.BackendSlow("x"), 504, "server_error", "timeout"),
    (errors.NoBackendUp("x"), 503, "server_error", "service_unavailable"),
    (errors.InternalError("x"), 500, "server_error", "internal_error"),
]


@pytest.mark.parametrize(("error", "status", "type_", "code"), CLIENTS)
def test_how_a_client_hears_it(error: GatewayError, status: int, type_: str, code: str | None) -> None:
    form = OPENAI_CHAT.encode_error(error, "req")
    assert form.status == status
    assert json.loads(form.body) == {
        "error": {"message": "x", "type": type_, "param": error.param, "code": code},
    }  # fmt: skip
    assert form.headers["x-request-id"] == "req"


def all_errors(base: type[GatewayError] = GatewayError) -> list[type[GatewayError]]:
    return [base, *(found for kind in base.__subclasses__() for found in all_errors(kind))]


@pytest.mark.parametrize("error", all_errors())
def test_every_failure_has_its_words(error: type[GatewayError]) -> None:
    form = OPENAI_CHAT.encode_error(error("x"), "req")
    assert 400 <= form.status < 600
    assert form.status != 529


SENTENCES = [
    ("prompt is too long: 9 > 5", "This model's maximum context length is exceeded. prompt is too long: 9 > 5"),
    ("This model's maximum context length is 5 tokens.", "This model's maximum context length is 5 tokens."),
]


@pytest.mark.parametrize(("backends", "ours"), SENTENCES)
def test_a_prompt_that_is_too_long_is_said_in_openais_sentence(backends: str, ours: str) -> None:
    body = OPENAI_CHAT.encode_error(errors.ContextTooLong(backends), "r").body
    assert json.loads(body)["error"]["message"] == ours


def test_when_to_come_back() -> None:
    headers = OPENAI_CHAT.encode_error(errors.RateLimited("x", retry_after=1.25), "r").headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("2", "1250")
    assert "x-should-retry" not in headers


@pytest.mark.parametrize(
    "error",
    [errors.QuotaUsedUp("x"), errors.Unauthenticated("x"), errors.ClientErrorUpstream("x", upstream_status=409)],
)
def test_the_sdks_are_told_not_to_try_again(error: GatewayError) -> None:
    assert OPENAI_CHAT.encode_error(error, "r").headers["x-should-retry"] == "false"
