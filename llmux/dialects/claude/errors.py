"""Failures in Claude's words. What a backend's failure means is `dialects/faults.py`'s business.

Reference: https://docs.claude.com/en/api/errors
"""

import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from llmux.dialects import faults
from llmux.dialects.base import ErrorForm
from llmux.dialects.claude.schema import ERRORS, HOPELESS, NO_THREADS
from llmux.dialects.document import line
from llmux.errors import BadRequest, ContextTooLong, FieldRefused, GatewayError, ModelNotFound

# By this beginning Claude Code recognises that it must compact the conversation.
TOO_LONG = "prompt is too long"
SIZES = re.compile(r"\d[\d,]*\d")

# How the messages name a field -> where it stands.
PLACES = {"effort": "output_config.effort"}


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """The failure that an HTTP answer means. `headers` have lower-case names. Any `body` will do."""
    error = faults.decode(status, headers, body)
    if isinstance(error, FieldRefused) and error.param:
        error.param = PLACES.get(error.param, error.param)
    return error


def encode_error(error: GatewayError, request_id: str) -> ErrorForm:
    """An error as an HTTP answer."""
    status, _ = _form(error)
    headers = {"request-id": request_id}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    if error.kind in HOPELESS or status == HTTPStatus.CONFLICT:  # the SDKs retry a 409
        headers["x-should-retry"] = "false"
    return ErrorForm(status, line(error_document(error, request_id)), headers)


def error_document(error: GatewayError, request_id: str) -> dict[str, Any]:
    """An error as a JSON object: the body of an HTTP answer, or the data of an `error` event."""
    _, word = _form(error)
    told: dict[str, Any] = {"type": word, "message": _message(error)}
    if error.code == NO_THREADS:
        told["details"] = {"error_code": error.code, "unsupported": [error.param]}
    return {"type": "error", "error": told, "request_id": request_id}


def _form(error: GatewayError) -> tuple[int, str]:
    status, word = ERRORS.get(error.kind, ERRORS["internal"])
    passed_on = error.kind == "invalid_request" and error.upstream_status in faults.CLIENT_ERRORS
    return (error.upstream_status or status if passed_on else status), word


def _message(error: GatewayError) -> str:
    message = error.message
    if isinstance(error, ContextTooLong):
        return _too_long(message)
    if isinstance(error, ModelNotFound) and "model:" not in message:
        return f"model: {message}"
    if isinstance(error, BadRequest) and error.param and error.param not in message:
        return f"{error.param}: {message}"
    return message


def _too_long(message: str) -> str:
    """Claude's own sentence, with both sizes when `message` names two, and behind it what the backend said."""
    if TOO_LONG in message.lower():
        return message
    sizes = sorted(int(size.replace(",", "")) for size in SIZES.findall(message)[:2])
    match sizes:
        case [most, needed]:
            return f"{TOO_LONG}: {needed} tokens > {most} maximum ({message})"
        case _:
            return f"{TOO_LONG} ({message})"
