"""Failures in OpenAI's words. What a backend's failure means is `dialects/faults.py`'s business.

Reference: https://platform.openai.com/docs/guides/error-codes
"""

import math
from collections.abc import Mapping
from typing import Any

import orjson

from llmux.dialects import faults
from llmux.dialects.base import ErrorForm
from llmux.errors import GatewayError
from llmux.ir.value import Value


class Row(Value):
    """How one kind of failure is told.

    `code` None: the failure's own; `status` 0 likewise. `failed` is the code in a `response.failed`, by which Codex
    decides whether to compact, to wait, to give up or to try again.
    """

    type: str
    code: str | None = None
    status: int = 0
    retry: bool = True  # False: the vendors' SDKs are told not to try again
    failed: str = "server_error"


REQUEST = "invalid_request_error"
SERVER = "server_error"
# A request that no further try makes better.
HOPELESS = "invalid_prompt"
# Our `kind` -> OpenAI's words. 529 is Claude's own status: OpenAI's clients know 503.
KINDS: Mapping[str, Row] = {
    "internal": Row(SERVER, "internal_error"),
    "invalid_request": Row(REQUEST, failed=HOPELESS),
    "unsupported": Row(REQUEST, "unsupported_parameter", failed=HOPELESS),
    "content_policy": Row(REQUEST, "content_policy_violation", failed=HOPELESS),
    "authentication": Row(REQUEST, "invalid_api_key", retry=False, failed=HOPELESS),
    "permission": Row(REQUEST, "permission_denied", failed=HOPELESS),
    "not_found": Row(REQUEST, "unknown_url", failed=HOPELESS),
    "model_not_found": Row(REQUEST, "model_not_found", failed=HOPELESS),
    "method_not_allowed": Row(REQUEST, "method_not_supported", failed=HOPELESS),
    "too_large": Row(REQUEST, "request_too_large", failed=HOPELESS),
    "context_length": Row(REQUEST, "context_length_exceeded", failed="context_length_exceeded"),
    "field_refused": Row(REQUEST, "unsupported_parameter", failed=HOPELESS),
    "backend": Row(SERVER, "bad_gateway"),
    "unreachable": Row(SERVER, "bad_gateway"),
    "server": Row(SERVER, "server_error"),
    "overloaded": Row(SERVER, "overloaded", status=503),
    "timeout": Row(SERVER, "timeout"),
    "cut": Row(SERVER, "bad_gateway"),
    "garbled": Row(SERVER, "bad_gateway"),
    "rate_limit": Row("rate_limit_error", "rate_limit_exceeded", failed="rate_limit_exceeded"),
    "quota": Row("insufficient_quota", "insufficient_quota", retry=False, failed="insufficient_quota"),
    "key_refused": Row(SERVER, "bad_gateway"),
    "backend_model_not_found": Row(REQUEST, "model_not_found", status=404, failed=HOPELESS),
    "unavailable": Row(SERVER, "service_unavailable"),
    "cancelled": Row(REQUEST, "cancelled"),
}
CONFLICT = 409  # the SDKs try it again, and it never helps

decode_error = faults.decode


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
    """An error as its body tells it."""
    row = KINDS[error.kind]
    return {"message": _message(error), "type": row.type, "param": error.param, "code": row.code or error.code}


def failed_document(error: GatewayError) -> dict[str, Any]:
    """An error as a broken stream tells it. From its sentence Codex reads how long to wait."""
    message = _message(error)
    if error.retry_after is not None and "try again in" not in message:
        message = f"{message} Please try again in {error.retry_after:g}s."
    return {"code": KINDS[error.kind].failed, "message": message}


def _status(error: GatewayError) -> int:
    """The client's own error keeps the status that the backend gave it."""
    passed_on = error.kind == "invalid_request" and error.upstream_status in faults.CLIENT_ERRORS
    return error.upstream_status if passed_on and error.upstream_status else error.status


def _message(error: GatewayError) -> str:
    """Clients look for OpenAI's own sentence when a prompt is too long."""
    if error.kind == "context_length" and "maximum context length" not in error.message.lower():
        return f"This model's maximum context length is exceeded. {error.message}"
    return error.message
