"""OpenAI's Responses, as one Dialect value: for its own SDKs and Codex as clients, and for every compatible server.

Reference: https://platform.openai.com/docs/api-reference/responses
"""

from llmux.dialects.base import Counting, Dialect
from llmux.dialects.faults import decode as decode_error
from llmux.dialects.openai_embeddings import embedding
from llmux.dialects.openai_errors import encode_error
from llmux.dialects.openai_responses.encoder import Encoder
from llmux.dialects.openai_responses.keeping import KEEPING
from llmux.dialects.openai_responses.models import LISTING
from llmux.dialects.openai_responses.repair import repair
from llmux.dialects.openai_responses.request import decode_request, encode_count, encode_request
from llmux.dialects.openai_responses.response import (
    decode_count,
    decode_response,
    encode_count_answer,
    encode_response,
    verbatim_response,
)
from llmux.dialects.openai_responses.schema import LOSSES, NAME
from llmux.dialects.openai_responses.stream import Decoder
from llmux.dialects.openai_responses.verbatim import VerbatimDecoder

OPENAI_RESPONSES = Dialect(
    name=NAME,
    path="/responses",
    models_path="/models",
    inbound=("/v1/responses", "/responses"),
    content_type="text/event-stream; charset=utf-8",
    forwarded=(
        "openai-beta",
        "idempotency-key",
        "originator",
        "session_id",
        "session-id",
        "thread-id",
        "conversation_id",
        "x-client-request-id",
        "x-codex-beta-features",
        "x-codex-turn-metadata",
        "x-codex-turn-state",
        "x-codex-window-id",
        "x-openai-internal-codex-responses-lite",
        "x-openai-subagent",
    ),
    session_headers=("session_id", "session-id"),
    decode_request=decode_request,
    encode_request=encode_request,
    repair=repair,
    decode_response=decode_response,
    encode_response=encode_response,
    decoder=Decoder,
    encoder=Encoder,
    verbatim=VerbatimDecoder,
    verbatim_response=verbatim_response,
    decode_error=decode_error,
    encode_error=encode_error,
    embedding=embedding(),  # its clients ask for them at the same place as OpenAI Chat's
    counting=Counting(
        ("/v1/responses/input_tokens", "/responses/input_tokens"),
        "/responses/input_tokens",
        decode_request,
        encode_count,
        decode_count,
        encode_count_answer,
    ),
    keeping=KEEPING,
    listing=LISTING,
    losses=LOSSES,
)
