"""Failures, both ways: what a backend's body means, and how a client of this dialect hears it."""

import json

import pytest

from llmux import errors
from llmux.dialects.ollama import OLLAMA
from llmux.errors import GatewayError

# a backend's status and sentence -> what it means, and the field at fault
BACKENDS: list[tuple[int, str, type[GatewayError], str | None]] = [
    (400, "registry.ollama.ai/library/gemma3:1b does not support tools", errors.Unsupported, None),
    (400, '"llama3" does not support thinking', errors.FieldRefused, "think"),
    (400, 'think value "max" is not supported for this model', errors.FieldRefused, "think"),
    (400, 'invalid think value: "hard" (must be "high", "low", true, or false)', errors.FieldRefused, "think"),
    (404, 'model "x" not found, try pulling it first', errors.BackendModelNotFound, None),
    (400, "prompt too long; exceeded max context length by 12 tokens", errors.ContextTooLong, None),
    (400, "the input length exceeds the context length", errors.ContextTooLong, None),
    (401, "unauthorized", errors.KeyRefused, None),
    (429, "you have reached your usage limit", errors.RateLimited, None),
    (500, "llama runner process has terminated: exit status 2", errors.BackendFailed, None),
    (503, "server busy, please try again. maximum pending requests exceeded", errors.Overloaded, None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "message", "meaning", "param"), BACKENDS)
def test_what_a_backend_means(status: int, message: str, meaning: type[GatewayError], param: str | None) -> None:
    raised = OLLAMA.decode_error(status, {}, json.dumps({"error": message}).encode())
    assert (type(raised), raised.param, raised.upstream_status) == (meaning, param, status)
    assert meaning is errors.KeyRefused or raised.message == message


# ours -> status, sentence
CLIENTS: list[tuple[GatewayError, int, str]] = [
    (errors.BadRequest("Wrong.", param="messages.0"), 400, "messages.0: Wrong."),
    (errors.BadRequest("Invalid value for 'model'.", param="model"), 400, "Invalid value for 'model'."),
    (errors.Unsupported("No."), 400, "No."),
    (errors.Unauthenticated("x"), 401, "x"),
    (errors.Forbidden("x"), 403, "x"),
    (errors.ModelNotFound("model: m (nobody)"), 404, "model not found: m (nobody)"),
    (errors.ModelNotFound("model m not found"), 404, "model m not found"),
    (errors.TooLarge("x"), 413, "x"),
    (errors.ContextTooLong("x"), 400, "x"),
    (errors.ClientErrorUpstream("x", upstream_status=422), 422, "x"),
    (errors.ClientErrorUpstream("x"), 400, "x"),
    (errors.RateLimited("x"), 429, "x"),
    (errors.QuotaUsedUp("x"), 403, "x"),
    (errors.Overloaded("x"), 503, "x"),
    (errors.BackendSlow("x"), 504, "x"),
    (errors.BackendFailed("x", upstream_status=500), 502, "x"),
    (errors.NoBackendUp("x"), 503, "x"),
    (errors.InternalError("x"), 500, "x"),
]


@pytest.mark.parametrize(("error", "status", "sentence"), CLIENTS)
def test_how_a_client_hears_it(error: GatewayError, status: int, sentence: str) -> None:
    told = OLLAMA.encode_error(error, "req_1")
    assert (told.status, json.loads(told.body)) == (status, {"error": sentence})
    assert told.headers == {"x-request-id": "req_1"}


def test_when_to_come_back_is_in_whole_seconds() -> None:
    told = OLLAMA.encode_error(errors.RateLimited("x", retry_after=1.2), "req_1")
    assert told.headers["retry-after"] == "2"
