"""Failures in OpenAI's words, as both of its APIs answer with them. Dialect-neutral.

What a backend's failure means is `dialects/faults.py`'s business.

Reference: https://platform.openai.com/docs/guides/error-codes
"""

import math
from collections.abc import Mapping
from typing import Any

import orjson

from llmux.dialects.base import ErrorForm
from llmux.dialects.faults import CLIENT_ERRORS
from llmux.errors import GatewayError
from llmux.ir.value import Value


class Row(Value):
    """How one kind of failure is told. `status` and `code` None: the failure's own."""

    type: str
    code: str | None = None
    status: int | None = None
    retry: bool = True  # False: the vendors' SDKs are told not to try again


REQUEST = "invalid_request_error"
SERVER = "server_error"
# Our `kind` -> OpenAI's words. 529 is Claude's own status: OpenAI's clients know 503.
KINDS: Mapping[str, Row] = {
    "internal": Row(SERVER, "internal_error"),
    "invalid_request": Row(REQUEST),
    "unsupported": Row(REQUEST, "unsupported_parameter"),
    "content_policy": Row(REQUEST, "content_policy_violation"),
    "authentication": Row(REQUEST, "invalid_api_key", retry=False),
    "permission": Row(REQUEST, "permission_denied"),
    "not_found": Row(REQUEST, "unknown_url"),
    "model_not_found": Row(REQUEST, "model_not_found"),
    "method_not_allowed": Row(REQUEST, "method_not_supported"),
    "slow": Row(REQUEST, "request_timeout"),
    "too_large": Row(REQUEST, "request_too_large"),
    "context_length": Row(REQUEST, "context_length_exceeded"),
    "field_refused": Row(REQUEST, "unsupported_parameter"),
    "backend": Row(SERVER, "bad_gateway"),
    "unreachable": Row(SERVER, "bad_gateway"),
    "server": Row(SERVER, "server_error"),
    "overloaded": Row(SERVER, "overloaded", status=503),
    "timeout": Row(SERVER, "timeout"),
    "cut": Row(SERVER, "bad_gateway"),
    "garbled": Row(SERVER, "bad_gateway"),
    "rate_limit": Row("rate_limit_error", "rate_limit_exceeded"),
    "quota": Row("insufficient_quota", "insufficient_quota", retry=False),
    "key_refused": Row(SERVER, "bad_gateway"),
    "backend_model_not_found": Row(REQUEST, "model_not_found", status=404),  # a 5xx would be tried again
    "unavailable": Row(SERVER, "service_unavailable"),
    "cancelled": Row(REQUEST, "cancelled"),
}
CONFLICT = 409  # the SDKs try it again, and it never helps


def encode_error(error: GatewayError, request_id: str) -> ErrorForm:
    """An error as an answer of its own: status, body, and what the SDKs read in its headers."""
    row = KINDS[error.kind]
    status = row.status or _status(error)
    headers = {"x-request-id": request_id}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
        headers["retry-after-ms"] = str(math.ceil(error.retry_after * 1000))
    if not row.retry or status == CONFLICT:
        headers["x-should-retry"] = "false"
    return ErrorForm(status, orjson.dumps({"error": error_document(error)}), headers)


def error_document(error: GatewayError) -> dict[str, Any]:
    """An error as a body tells it, and a broken stream too."""
    row = KINDS[error.kind]
    return {"message": message(error), "type": row.type, "param": error.param, "code": row.code or error.code}


def _status(error: GatewayError) -> int:
    """The client's own error keeps the status that the backend gave it."""
    passed_on = error.kind == "invalid_request" and error.upstream_status in CLIENT_ERRORS
    return error.upstream_status if passed_on and error.upstream_status else error.status


def message(error: GatewayError) -> str:
    """Clients look for OpenAI's own sentence when a prompt is too long."""
    if error.kind == "context_length" and "maximum context length" not in error.message.lower():
        return f"This model's maximum context length is exceeded. {error.message}"
    return error.message
