"""Failures in Ollama's words: a status and one sentence. What they mean is mostly `dialects/faults.py`'s business.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md#errors
"""

import math
import re
from collections.abc import Mapping

from llmux.dialects import faults
from llmux.dialects.base import ErrorForm
from llmux.dialects.document import line
from llmux.errors import BadRequest, ClientErrorUpstream, FieldRefused, GatewayError, ModelNotFound

# Our `kind` -> the status, where it is not the failure's own.
STATUSES: Mapping[str, int] = {"overloaded": 503, "quota": 403, "backend_model_not_found": 404}
# How a model refuses to be asked to reason, or in that word: `"qwen" does not support thinking`, `think value "max" is
# not supported for this model`.
OPTION = re.compile(r"invalid options: (\w+)", re.IGNORECASE)
THINK = re.compile(r"does not support thinking|think value .* is not supported|invalid think value", re.IGNORECASE)


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """The failure that an HTTP answer means. `headers` have lower-case names. Any `body` will do."""
    error = faults.decode(status, headers, body)
    if isinstance(error, ClientErrorUpstream | FieldRefused) and THINK.search(error.message):
        return FieldRefused(error.message, param="think", upstream_status=error.upstream_status)
    if isinstance(error, ClientErrorUpstream) and (found := OPTION.search(error.message)):
        return FieldRefused(error.message, param=f"options.{found[1]}", upstream_status=error.upstream_status)
    return error


def encode_error(error: GatewayError, request_id: str) -> ErrorForm:
    """An error as an answer of its own."""
    headers = {"x-request-id": request_id}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    passed_on = error.kind == "invalid_request" and error.upstream_status in faults.CLIENT_ERRORS
    status = error.upstream_status if passed_on and error.upstream_status else STATUSES.get(error.kind, error.status)
    return ErrorForm(status, line(error_document(error)), headers)


def error_document(error: GatewayError) -> dict[str, str]:
    """An error's body, which a broken stream tells too."""
    message = error.message
    if isinstance(error, ModelNotFound) and "not found" not in message:
        message = f"model not found: {message.removeprefix('model: ')}"  # by these words clients know it
    elif isinstance(error, BadRequest) and error.param and error.param not in message:
        message = f"{error.param}: {message}"
    return {"error": message}
