"""Error bodies of every shape -> the failure they mean."""

import json

import pytest

from llmux.dialects.faults import classify, decode, decode_document
from llmux.errors import (
    BackendFailed,
    BackendModelNotFound,
    BackendSlow,
    ClientErrorUpstream,
    ContentRefused,
    ContextTooLong,
    FieldRefused,
    GatewayError,
    KeyRefused,
    Overloaded,
    ProofRefused,
    QuotaUsedUp,
    RateLimited,
    TooLarge,
)

CLAUDE = '{"type":"error","error":{"type":"%s","message":"%s"}}'
OPENAI = '{"error":{"message":"%s","type":"%s","param":null,"code":"%s"}}'

BODIES: dict[str, tuple[int, str, type[GatewayError]]] = {
    "claude: bad request": (400, CLAUDE % ("invalid_request_error", "messages: Field required"), ClientErrorUpstream),
    "claude: signature": (
        400,
        CLAUDE % ("invalid_request_error", "messages.1.content.0: Invalid `signature` in `thinking` block"),
        ProofRefused,
    ),
    "claude: thinking changed": (
        400,
        CLAUDE % ("invalid_request_error", "m: `thinking` blocks in the latest assistant message cannot be modified."),
        ProofRefused,
    ),
    "openai: encrypted": (400, OPENAI % ("no", "invalid_request_error", "invalid_encrypted_content"), ProofRefused),
    "gemini: signature": (400, '{"error":{"code":400,"message":"Thought signature is not valid"}}', ProofRefused),
    "claude: too long": (400, CLAUDE % ("invalid_request_error", "prompt is too long: 9 tokens > 8"), ContextTooLong),
    "claude: no credit": (400, CLAUDE % ("invalid_request_error", "Your credit balance is too low"), QuotaUsedUp),
    "claude: extra field": (
        400,
        CLAUDE % ("invalid_request_error", "tools.0.custom.strict: Extra inputs are not permitted"),
        FieldRefused,
    ),
    "claude: key": (401, CLAUDE % ("authentication_error", "invalid x-api-key"), KeyRefused),
    "claude: permission": (403, CLAUDE % ("permission_error", "no"), KeyRefused),
    "claude: billing": (402, CLAUDE % ("billing_error", "pay"), QuotaUsedUp),
    "claude: model": (404, CLAUDE % ("not_found_error", "model: claude-9"), BackendModelNotFound),
    "claude: too large": (413, CLAUDE % ("request_too_large", "too large"), TooLarge),
    "claude: rate": (429, CLAUDE % ("rate_limit_error", "slow"), RateLimited),
    "claude: failed": (500, CLAUDE % ("api_error", "Internal server error"), BackendFailed),
    "claude: timeout": (504, CLAUDE % ("timeout_error", "late"), BackendSlow),
    "claude: overloaded": (529, CLAUDE % ("overloaded_error", "Overloaded"), Overloaded),
    "openai: too long": (400, OPENAI % ("long", "invalid_request_error", "context_length_exceeded"), ContextTooLong),
    "openai: quota": (429, OPENAI % ("no", "insufficient_quota", "insufficient_quota"), QuotaUsedUp),
    "openai: policy": (400, OPENAI % ("no", "invalid_request_error", "content_policy_violation"), ContentRefused),
    "openai: key": (400, '{"error":{"message":"Incorrect API key provided: sk-1"}}', KeyRefused),
    "gemini": (429, '[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]', RateLimited),
    "string": (400, '{"error":"bad"}', ClientErrorUpstream),
    "string of vllm": (400, '{"object":"error","message":"maximum context length is 8 tokens"}', ContextTooLong),
    "flat with a number": (200, '{"success":false,"code":429,"msg":"slow down"}', RateLimited),
    "number of its own": (200, '{"code":1302,"msg":"?"}', BackendFailed),
    "detail": (422, '{"detail":"no such thing"}', ClientErrorUpstream),
    "detail list": (
        422,
        '{"detail":[{"loc":["body","top_k"],"msg":"Extra inputs are not permitted","type":"extra_forbidden"}]}',
        FieldRefused,
    ),
    "list of strings": (400, '{"errors":["wrong"]}', ClientErrorUpstream),
    "list without a place": (400, '{"errors":[{"message":"wrong"}]}', ClientErrorUpstream),
    "hidden by openrouter": (
        400,
        '{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"input is too long"}}}',
        ContextTooLong,
    ),
    "too large and too long": (413, '{"error":"exceeds the context window"}', ContextTooLong),
    "too large": (413, "", TooLarge),
    "html": (502, "<html><title>Bad gateway</title></html>", BackendFailed),
    "empty": (503, "", Overloaded),
    "nothing": (500, "[]", BackendFailed),
    "null": (500, "null", BackendFailed),
    "text": (418, "teapot", ClientErrorUpstream),
    "not utf-8": (500, "\udcff", BackendFailed),
    "408 may pass": (408, "", BackendFailed),
}


@pytest.mark.parametrize(("status", "body", "meaning"), BODIES.values(), ids=BODIES)
def test_what_a_body_means(status: int, body: str, meaning: type[GatewayError]) -> None:
    error = decode(status, {}, body.encode(errors="surrogateescape"))
    assert type(error) is meaning
    assert status < 400 or error.upstream_status == status
    assert error.message
    assert "<" not in error.message
    assert "sk-" not in error.message


FIELDS = {
    "seed: Extra inputs are not permitted": "seed",
    "Unknown parameter: 'logit_bias'.": "logit_bias",
    "Unsupported parameter: 'max_tokens' is not supported with this model.": "max_tokens",
    "Unsupported value: 'temperature' does not support 0.2 with this model.": "temperature",
    "Unrecognized request argument supplied: top_k": "top_k",
    "`temperature` is deprecated for this model.": "temperature",
    "This model does not support the effort parameter.": "effort",
    "This model does not support effort level 'xhigh'.": "output_config.effort",
    "adaptive thinking is not supported on this model": "thinking",
    '"thinking.type.enabled" is not supported for this model.': "thinking",
    "This model doesn't support extended thinking": "thinking",
    "`temperature` and `top_p` cannot both be specified for this model. Please use only one.": "top_p",
    "`reasoning_effort` is not supported with this model": "reasoning_effort",
    "Model m does not support parameter reasoningEffort.": "reasoningEffort",
    "Unknown parameter: 'tools[0].function.strict'.": "tools.0.function.strict",
    "Extra inputs are not permitted, field: 'top_a'": "top_a",
    "for 'role:assistant' this must be satisfied[('messages.2' : property 'reasoning_content' is unsupported)]": (
        "messages.2.reasoning_content"
    ),
    "property 'penalty' is unsupported": "penalty",
    'Invalid JSON payload received. Unknown name "min_p": Cannot find field.': "min_p",
    "Malformed input request: #: extraneous key [metadata] is not permitted, please reformat": "metadata",
    "This response_format type is unavailable now": "response_format",
}


@pytest.mark.parametrize(("message", "field"), FIELDS.items(), ids=FIELDS.values())
def test_the_field_that_is_refused_is_named(message: str, field: str) -> None:
    error = decode_document({"error": {"message": message, "type": "invalid_request_error"}}, 400)
    assert isinstance(error, FieldRefused)
    assert error.param == field


def test_a_refused_field_that_nobody_names_is_the_clients_error() -> None:
    assert type(classify(400, "no", "unsupported_value", "", {})) is ClientErrorUpstream
    named = classify(400, "no", "unsupported_value", "", {}, "stop")
    assert (type(named), named.param) == (FieldRefused, "stop")


def test_the_place_that_a_backend_names_counts_more_than_its_words() -> None:
    """OpenAI quotes the value that is refused, and tells the field beside it."""
    message = "Unsupported value: 'low' is not supported with the 'm' model. Supported values are: 'medium'."
    told = classify(400, message, "unsupported_value", "", {}, "text.verbosity")
    assert (type(told), told.param) == (FieldRefused, "text.verbosity")
    named = classify(400, "Encrypted content is not supported with this model.", None, "", {}, "include")
    assert (type(named), named.param) == (FieldRefused, "include")
    other = classify(400, "Setting both at the same time is not supported.", None, "", {}, "max_tokens")
    assert type(other) is ClientErrorUpstream


def test_the_backends_words_are_kept_and_cut() -> None:
    error = decode_document({"error": {"message": "x" * 5000, "code": "odd", "type": "odder", "param": "p"}}, 400)
    assert (error.code, error.param, len(error.message)) == ("odd", "p", 2000)


def test_a_failure_inside_an_answer_has_no_status() -> None:
    error = decode_document({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert error == Overloaded("Overloaded", code="overloaded_error")


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
WAITS: dict[str, tuple[dict[str, str], str, float | None]] = {
    "seconds": ({"retry-after": "12"}, "", 12),
    "fraction": ({"retry-after": " 1.5 "}, "", 1.5),
    "milliseconds win": ({"retry-after-ms": "250", "retry-after": "1"}, "", 0.25),
    "date": ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, "", 30),
    "date that is past": ({"retry-after": "Wed, 21 Oct 2026 07:27:30 GMT", "date": DATE}, "", 0),
    "date without now": ({"retry-after": DATE}, "", None),
    "date without a zone": ({"retry-after": "2026-10-21T07:28:30", "date": DATE}, "", None),
    "nonsense": ({"retry-after": "soon"}, "", None),
    "negative": ({"retry-after": "-3"}, "", None),
    "sentence": ({}, "Please try again in 1.5s.", 1.5),
    "sentence, ms": ({}, "Please try again in 20ms.", 0.02),
    "sentence, minutes": ({}, "Try again in 2m", 120),
    "sentence, both": ({}, "Try again in 1m30s.", 90),
    "sentence, words": ({}, "please retry after 20 seconds or 3 apples", 20),
    "sentence, milli": ({}, "retry in 500 milliseconds", 0.5),
    "gemini's sentence": ({}, "Please retry in 34.07s.", 34.07),
    "openai's limits": (
        {
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "6m0s",
            "x-ratelimit-remaining-tokens": "10",
            "x-ratelimit-reset-tokens": "9m",
        },
        "",
        360,
    ),
    "claude's limits": (
        {
            "anthropic-ratelimit-tokens-remaining": "0",
            "anthropic-ratelimit-tokens-reset": "2026-10-21T07:29:00Z",
            "date": DATE,
        },
        "",
        60,
    ),
    "limit without reset": ({"x-ratelimit-remaining-requests": "0"}, "", None),
    "nothing": ({}, "Rate limited", None),
}


@pytest.mark.parametrize(("headers", "message", "wait"), WAITS.values(), ids=WAITS)
def test_when_to_come_back(headers: dict[str, str], message: str, wait: float | None) -> None:
    error = classify(429, message, None, "", headers)
    assert error.retry_after == (pytest.approx(wait) if wait is not None else None)


def test_googles_retry_info_counts() -> None:
    details = [{"@type": "x"}, 3, {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]
    body = json.dumps({"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": details}})
    assert decode(429, {}, body.encode()).retry_after == 34.5
    assert decode(429, {"retry-after": "1"}, body.encode()).retry_after == 1
