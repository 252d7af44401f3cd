"""Failures in Google's words. What they have in common with those of others is `dialects/faults.py`'s business.

Reference: https://ai.google.dev/gemini-api/docs/troubleshooting, https://google.aip.dev/193
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from llmux.dialects import faults
from llmux.dialects.base import ErrorForm
from llmux.dialects.fault_words import SENTENCES
from llmux.dialects.gemini.schema import camel_key
from llmux.errors import (
    ClientErrorUpstream,
    FieldRefused,
    GatewayError,
    KeyRefused,
    QuotaUsedUp,
    RateLimited,
    Unsupported,
)

Wire = dict[str, Any]

RPC = "type.googleapis.com/google.rpc."
PER_DAY = "PerDay"  # in the name of a quota that waiting a minute does not give back
BAD_KEY = "API_KEY_INVALID"
TOO_LONG = "exceeds the maximum number of tokens"
# How it refuses a whole JSON Schema.
REFUSES_SCHEMA = re.compile(
    r"(?:Unknown name|Invalid JSON payload|Invalid value).*\b(parameters|response)_?Json_?Schema\b",
    re.IGNORECASE | re.DOTALL,
)
# How it refuses a field of generationConfig that the model does not know.
UNKNOWN_FIELD = re.compile(r"Unknown name \"(\w+)\" at '(generation_config[\w.]*)'")

# Other words in which a model refuses to be asked how much to think.
REFUSED = {
    "thinking level is not supported": "generationConfig.thinkingConfig.thinkingLevel",
    "thinking budget is not supported": "generationConfig.thinkingConfig.thinkingBudget",
    "only works in thinking mode": "generationConfig.thinkingConfig",
    "thinking is not enabled": "generationConfig.thinkingConfig",
    "support thinking": "generationConfig.thinkingConfig",
}

# kind of a GatewayError -> (HTTP status, Google's word). None: the failure's own status.
ERRORS: Mapping[str, tuple[int | None, str]] = {
    "internal": (500, "INTERNAL"),
    "invalid_request": (None, "INVALID_ARGUMENT"),
    "unsupported": (400, "INVALID_ARGUMENT"),
    "content_policy": (400, "INVALID_ARGUMENT"),
    "context_length": (400, "INVALID_ARGUMENT"),
    "field_refused": (400, "INVALID_ARGUMENT"),
    "too_large": (400, "INVALID_ARGUMENT"),
    "authentication": (401, "UNAUTHENTICATED"),
    "permission": (403, "PERMISSION_DENIED"),
    "not_found": (404, "NOT_FOUND"),
    "model_not_found": (404, "NOT_FOUND"),
    "backend_model_not_found": (404, "NOT_FOUND"),
    "method_not_allowed": (405, "UNIMPLEMENTED"),
    "slow": (408, "DEADLINE_EXCEEDED"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED"),
    "quota": (429, "RESOURCE_EXHAUSTED"),
    "server": (500, "INTERNAL"),
    "backend": (500, "INTERNAL"),
    "unreachable": (500, "INTERNAL"),
    "cut": (500, "INTERNAL"),
    "garbled": (500, "INTERNAL"),
    "key_refused": (500, "INTERNAL"),
    "unavailable": (503, "UNAVAILABLE"),
    "overloaded": (503, "UNAVAILABLE"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
    "cancelled": (499, "CANCELLED"),
}


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """The failure that an HTTP answer means. `headers` have lower-case names. Any `body` will do."""
    error = faults.decode(status, headers, body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return error
    return _nearer(error, document)


def decode_fault(document: Any) -> GatewayError:
    """The failure that a document tells of in the place of an answer, or in its midst."""
    return _nearer(faults.decode_document(document), document)


def _nearer(error: GatewayError, document: Any) -> GatewayError:
    """What Google's own details say beyond the status and the sentence."""
    raised, param = type(error), error.param
    if isinstance(error, RateLimited) and any(PER_DAY in quota for quota in _told(document, "quotaId")):
        raised = QuotaUsedUp
    elif BAD_KEY in _told(document, "reason"):
        raised = KeyRefused
    elif isinstance(error, ClientErrorUpstream | FieldRefused | Unsupported) and (
        field := _refused_field(error.message)
    ):
        raised, param = FieldRefused, field
    if raised is type(error) and param == error.param:
        return error
    # What it says of a retry is true of the minute, and not of the day.
    retry_after = None if raised is QuotaUsedUp else error.retry_after
    message = SENTENCES.get(raised, error.message)
    return raised(message, retry_after=retry_after, param=param, code=error.code, upstream_status=error.upstream_status)


def _refused_field(message: str) -> str | None:
    """The field that `message` says is not taken, as we send it."""
    if found := REFUSES_SCHEMA.search(message):
        return f"{found[1].lower()}JsonSchema"
    if found := UNKNOWN_FIELD.search(message):
        return ".".join(camel_key(step) for step in (*found[2].split("."), found[1]))
    return next((field for words, field in REFUSED.items() if words in message.lower()), None)


def _told(document: Any, name: str) -> tuple[str, ...]:
    """Every text that the error's details have under `name`."""
    return tuple(_texts(_details(document), name))


def _details(document: Any) -> Any:
    if isinstance(document, list) and document:
        document = document[0]
    error = document.get("error") if isinstance(document, dict) else None
    return error.get("details") if isinstance(error, dict) else None


def _texts(value: Any, name: str) -> Iterator[str]:
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            if isinstance(text := entry.get(name), str):
                yield text
            yield from _texts(entry.get("violations"), name)


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_error(error: GatewayError, request_id: str) -> ErrorForm:
    """An error as an answer of its own."""
    document = error_document(error)
    headers = {"x-request-id": request_id}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    return ErrorForm(document["error"]["code"], orjson.dumps(document), headers)


def error_document(error: GatewayError) -> Wire:
    """An error's body, which a broken stream tells too."""
    status, word = ERRORS[error.kind]
    if status is None:  # the client's own error keeps the status that the backend gave it
        passed_on = error.upstream_status in faults.CLIENT_ERRORS
        status = error.upstream_status if passed_on and error.upstream_status else error.status
    told: Wire = {"code": status, "message": _message(error), "status": word}
    if details := list(_encode_details(error)):
        told["details"] = details
    return {"error": told}


def _message(error: GatewayError) -> str:
    """Clients look for Google's own sentence when a prompt is too long."""
    if error.kind == "context_length" and TOO_LONG not in error.message:
        return f"The input token count {TOO_LONG} allowed. {error.message}"
    return error.message


def _encode_details(error: GatewayError) -> Iterator[Wire]:
    if error.retry_after is not None:
        yield {"@type": f"{RPC}RetryInfo", "retryDelay": f"{error.retry_after:g}s"}
    if error.kind == "quota":  # by the word in its name clients know that a retry is no use today
        violation = {"quotaId": f"Backend{PER_DAY}", "description": error.message}
        yield {"@type": f"{RPC}QuotaFailure", "violations": [violation]}
    if error.kind == "authentication":
        yield {"@type": f"{RPC}ErrorInfo", "reason": BAD_KEY, "domain": "googleapis.com"}
    if error.param is not None:
        violation = {"field": error.param, "description": error.message}
        yield {"@type": f"{RPC}BadRequest", "fieldViolations": [violation]}
