"""Failures of OpenAI's Responses in a stream. Its words for them are `dialects/openai_errors.py`'s business."""

from collections.abc import Mapping
from typing import Any

from llmux.dialects.openai_errors import message
from llmux.errors import GatewayError

SERVER = "server_error"
# A request that no further try makes better.
HOPELESS = "invalid_prompt"
# Our `kind` -> the code in a `response.failed`, by which Codex decides whether to compact, to wait, to give up or to
# try again. Any other is the server's.
CODES: Mapping[str, str] = {
    "invalid_request": HOPELESS,
    "unsupported": HOPELESS,
    "content_policy": HOPELESS,
    "authentication": HOPELESS,
    "permission": HOPELESS,
    "not_found": HOPELESS,
    "model_not_found": HOPELESS,
    "method_not_allowed": HOPELESS,
    "too_large": HOPELESS,
    "context_length": "context_length_exceeded",
    "field_refused": HOPELESS,
    "rate_limit": "rate_limit_exceeded",
    "quota": "insufficient_quota",
    "backend_model_not_found": HOPELESS,
}


def failed_document(error: GatewayError) -> dict[str, Any]:
    """An error as a broken stream tells it. From its sentence Codex reads how long to wait."""
    told = message(error)
    if error.retry_after is not None and "try again in" not in told:
        told = f"{told} Please try again in {error.retry_after:g}s."
    return {"code": CODES.get(error.kind, SERVER), "message": told}
