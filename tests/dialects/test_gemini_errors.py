"""Failures in Google's words, both ways."""

from typing import Any

import orjson
import pytest

from llmux.dialects.gemini import GEMINI
from llmux.errors import (
    BackendFailed,
    BackendModelNotFound,
    BadRequest,
    ClientErrorUpstream,
    ContextTooLong,
    FieldRefused,
    GatewayError,
    InternalError,
    KeyRefused,
    Overloaded,
    QuotaUsedUp,
    RateLimited,
    TooLarge,
    Unauthenticated,
)
from llmux.ir.capability import Profile

RPC = "type.googleapis.com/google.rpc."


def told(code: int, message: str = "m", status: str = "", *details: Any) -> Any:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def quota(name: str) -> Any:
    return {"@type": f"{RPC}QuotaFailure", "violations": [{"quotaId": name}, 5]}


RETRY = {"@type": f"{RPC}RetryInfo", "retryDelay": "34.5s"}
BAD_KEY = {"@type": f"{RPC}ErrorInfo", "reason": "API_KEY_INVALID"}
DECODED: dict[str, tuple[int, Any, type[GatewayError], float | None]] = {
    "too fast": (429, told(429, "m", "RESOURCE_EXHAUSTED", RETRY, quota("RequestsPerMinute")), RateLimited, 34.5),
    "used up for today": (429, told(429, "m", "RESOURCE_EXHAUSTED", RETRY, quota("RequestsPerDayPerProject")),
                          QuotaUsedUp, None),
    "in an array": (429, [told(429, "m", "RESOURCE_EXHAUSTED", RETRY, quota("PerDay"))], QuotaUsedUp, None),
    "a bad key": (400, told(400, "no", "INVALID_ARGUMENT", BAD_KEY), KeyRefused, None),
    "a bad key, in words": (400, told(400, "API key not valid. Please pass a valid API key."), KeyRefused, None),
    "no right": (403, told(403, "m", "PERMISSION_DENIED"), KeyRefused, None),
    "no such model": (404, told(404, "m", "NOT_FOUND"), BackendModelNotFound, None),
    "too long": (400, told(400, "The input token count (9) exceeds the maximum number of tokens allowed (5)."),
                 ContextTooLong, None),
    "overloaded": (503, told(503, "m", "UNAVAILABLE"), Overloaded, None),
    "broken": (500, told(500, "m", "INTERNAL"), BackendFailed, None),
    "wrong": (400, told(400, "m", "INVALID_ARGUMENT"), ClientErrorUpstream, None),
    "a page": (502, "<html>", BackendFailed, None),
    "nothing": (500, [], BackendFailed, None),
}  # fmt: skip


@pytest.mark.parametrize("case", DECODED)
def test_what_a_failure_means(case: str) -> None:
    status, document, raised, retry_after = DECODED[case]
    body = document.encode() if isinstance(document, str) else orjson.dumps(document)
    error = GEMINI.decode_error(status, {}, body)
    assert (type(error), error.retry_after) == (raised, retry_after)
    assert error.upstream_status == status


def test_a_field_that_the_model_does_not_know_is_named_as_we_send_it() -> None:
    message = (
        "Invalid JSON payload received. Unknown name \"thinking_level\" at 'generation_config.thinking_config': no."
    )
    error = GEMINI.decode_error(400, {}, orjson.dumps(told(400, message)))
    assert isinstance(error, FieldRefused)
    assert error.param == "generationConfig.thinkingConfig.thinkingLevel"
    other = GEMINI.decode_error(400, {}, orjson.dumps(told(400, "Unknown name \"x\" at 'tools[0]': no.")))
    assert type(other) is ClientErrorUpstream, "a tool without its parameters would mean another thing"


SCHEMAS_REFUSED = {
    "Invalid JSON payload received. Unknown name \"parametersJsonSchema\" at 'tools[0].function_declarations[0]': "
    "Cannot find field.": "parametersJsonSchema",
    "Invalid JSON payload received. Unknown name \"parameters_json_schema\" at 'tools[0]': no.": "parametersJsonSchema",
    "Invalid JSON payload received. Unknown name \"responseJsonSchema\" at 'generation_config': Cannot find field.": (
        "responseJsonSchema"
    ),
    "Invalid value at 'tools[0].function_declarations[0].parameters_json_schema' (type), 5": "parametersJsonSchema",
}


@pytest.mark.parametrize(("message", "field"), SCHEMAS_REFUSED.items(), ids=range(len(SCHEMAS_REFUSED)))
def test_a_schema_that_is_refused_is_no_field_to_be_left_out(message: str, field: str) -> None:
    """B.8 of the contract: it is told in the subset that older servers take."""
    error = GEMINI.decode_error(400, {}, orjson.dumps(told(400, message)))
    assert (type(error), error.param) == (FieldRefused, field)
    assert Profile(**GEMINI.otherwise[field]) == Profile(full_schemas=False)


ENCODED: dict[str, tuple[GatewayError, int, str, list[Any]]] = {
    "our fault": (InternalError("m"), 500, "INTERNAL", []),
    "a bad request": (BadRequest("m", param="contents.0"), 400, "INVALID_ARGUMENT", [
        {"@type": f"{RPC}BadRequest", "fieldViolations": [{"field": "contents.0", "description": "m"}]}]),
    "the client's own, passed on": (ClientErrorUpstream("m", upstream_status=422), 422, "INVALID_ARGUMENT", []),
    "no key": (Unauthenticated("m"), 401, "UNAUTHENTICATED", [
        {"@type": f"{RPC}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]),
    "too large": (TooLarge("m"), 400, "INVALID_ARGUMENT", []),
    "too fast": (RateLimited("m", retry_after=1.5), 429, "RESOURCE_EXHAUSTED", [
        {"@type": f"{RPC}RetryInfo", "retryDelay": "1.5s"}]),
    "used up": (QuotaUsedUp("m"), 429, "RESOURCE_EXHAUSTED", [
        {"@type": f"{RPC}QuotaFailure", "violations": [{"quotaId": "BackendPerDay", "description": "m"}]}]),
    "overloaded": (Overloaded("m"), 503, "UNAVAILABLE", []),
    "our key": (KeyRefused("m"), 500, "INTERNAL", []),
}  # fmt: skip


@pytest.mark.parametrize("case", ENCODED)
def test_what_a_client_hears(case: str) -> None:
    """I.58 of the contract: our own bad key is not shown as the client's."""
    error, status, word, details = ENCODED[case]
    form = GEMINI.encode_error(error, "r")
    document = orjson.loads(form.body)["error"]
    assert (form.status, document["code"], document["status"]) == (status, status, word)
    assert document.get("details", []) == details
    assert form.headers["x-request-id"] == "r"
    assert form.headers.get("retry-after") == ("2" if error.retry_after else None)


def test_a_prompt_that_is_too_long_is_told_in_google_s_sentence() -> None:
    ours = orjson.loads(GEMINI.encode_error(ContextTooLong("prompt is too long"), "r").body)["error"]["message"]
    assert ours == "The input token count exceeds the maximum number of tokens allowed. prompt is too long"
    own = "The input token count (9) exceeds the maximum number of tokens allowed (5)."
    assert orjson.loads(GEMINI.encode_error(ContextTooLong(own), "r").body)["error"]["message"] == own


def test_every_failure_has_a_row() -> None:
    from llmux import errors
    from llmux.dialects.gemini.errors import ERRORS

    kinds = {kind.kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GatewayError)}
    assert kinds == ERRORS.keys()
