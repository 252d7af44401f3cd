"""Failures of OpenAI's Chat Completions. Its words for them are `dialects/openai_errors.py`'s business."""

import re
from collections.abc import Mapping

from llmux.dialects import faults
from llmux.errors import BackendModelNotFound, ClientErrorUpstream, FieldRefused, GatewayError

# A model that exists, but is asked in the other of this API's two forms. Nothing is wrong with it for others.
OTHER_FORM = re.compile(r"not supported in the v1/(?:chat/)?completions endpoint", re.IGNORECASE)

CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """The failure that an HTTP answer means. `headers` have lower-case names. Any `body` will do."""
    error = faults.decode(status, headers, body)
    if isinstance(error, BackendModelNotFound) and OTHER_FORM.search(error.message):
        return ClientErrorUpstream(error.message, param="model", upstream_status=status)
    if isinstance(error, FieldRefused) and error.param:  # xAI says reasoningEffort
        error.param = CAPITAL.sub(lambda found: f"_{found[0].lower()}", error.param)
    return error
