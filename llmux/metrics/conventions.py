"""OpenTelemetry's words for what llmux does: its semantic conventions for generative AI. Pure tables and lookups.

https://opentelemetry.io/docs/specs/semconv/gen-ai/ (read 2026-11). What those have no word for begins with "llmux.".
"""

import re
from collections.abc import Mapping

from llmux.ir.usage import Usage
from llmux.telemetry import RequestFinished

Attributes = dict[str, str | int | float | bool | tuple[str, ...]]

OPERATION, PROVIDER = "gen_ai.operation.name", "gen_ai.provider.name"
REQUEST_MODEL, RESPONSE_MODEL = "gen_ai.request.model", "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105  # input or output; no secret
ERROR_TYPE = "error.type"
BACKEND = "llmux.backend"

# Bounds of histograms, in tokens and in seconds; and the names of what is measured.
CLIENT_DURATION, TOKEN_USAGE = "gen_ai.client.operation.duration", "gen_ai.client.token.usage"
SERVER_DURATION, FIRST_TOKEN = "gen_ai.server.request.duration", "gen_ai.server.time_to_first_token"
DURATIONS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_TOKENS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)

# How a path ends -> the operation, the first that fits; every other is a chat.
OPERATIONS: Mapping[str, str] = {
    r"chat/completions": "chat",
    r"(v1/completions|api/generate)": "text_completion",
    r"(embeddings|api/embed|:(batch)?embedcontents?)": "embeddings",
    r":(stream)?generatecontent": "generate_content",
    r"(count_tokens|input_tokens|:counttokens)": "count_tokens",
}
_OPERATIONS = [(re.compile(rf"{ending}/?\Z", re.IGNORECASE), name) for ending, name in OPERATIONS.items()]
# Our name of a provider -> theirs, where it is another.
PROVIDERS: Mapping[str, str] = {
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}


def operation(path: str) -> str:
    """What a client asks for at `path`."""
    return next((name for pattern, name in _OPERATIONS if pattern.search(path)), "chat")


def provider(name: str) -> str:
    """How they call a provider."""
    return PROVIDERS.get(name, name)


def of_usage(usage: Usage) -> Attributes:
    """Tokens. Their input is all of the prompt, the cached part included."""
    told: Attributes = {
        "gen_ai.usage.input_tokens": usage.total_input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    some = {
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }
    return told | {name: amount for name, amount in some.items() if amount}


def of_request(fact: RequestFinished) -> Attributes:
    """A request of a client's that is over. No address, no key, no word of what was said."""
    told: Attributes = {
        OPERATION: operation(fact.path),
        REQUEST_MODEL: fact.model,
        "gen_ai.request.stream": fact.stream,
        "http.response.status_code": fact.status,
        "llmux.request_id": fact.request_id,
        "llmux.client": fact.client,
        "llmux.dialect": fact.dialect,
        "llmux.attempts": fact.attempts,
    }
    if fact.backend:
        told[BACKEND] = fact.backend
    if fact.finish_reason:
        told[FINISH_REASONS] = (fact.finish_reason,)
    if fact.first_event_s is not None and fact.stream:
        told["gen_ai.response.time_to_first_chunk"] = fact.first_event_s
    if fact.error:
        told[ERROR_TYPE] = fact.error
    return told | (of_usage(fact.usage) if fact.usage else {})
