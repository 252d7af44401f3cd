"""Claude Messages, as one Dialect value.

Reference: https://docs.claude.com/en/api/messages
"""

from llmux.dialects.base import Counting, Dialect
from llmux.dialects.claude.encoder import Encoder
from llmux.dialects.claude.errors import decode_error, encode_error
from llmux.dialects.claude.models import LISTING
from llmux.dialects.claude.repair import repair
from llmux.dialects.claude.request import decode_request, encode_count, encode_request
from llmux.dialects.claude.response import decode_count, decode_response, encode_count_answer, encode_response
from llmux.dialects.claude.schema import DIALECT, LOSSES, VERSION
from llmux.dialects.claude.stream import Decoder
from llmux.dialects.claude.verbatim import VerbatimDecoder, verbatim_response

CLAUDE = Dialect(
    name=DIALECT,
    path="/v1/messages",
    inbound=("/v1/messages", "/messages"),
    models_path="/v1/models",
    content_type="text/event-stream; charset=utf-8",
    headers={"anthropic-version": VERSION},
    forwarded=(
        "anthropic-version",
        "anthropic-beta",
        "anthropic-user-profile-id",
        "anthropic-workspace-id",
        "anthropic-dangerous-direct-browser-access",
        "idempotency-key",
        "user-agent",
        "x-app",
        "x-claude-code-agent-id",
        "x-claude-code-session-id",
        "x-stainless-arch",
        "x-stainless-lang",
        "x-stainless-os",
        "x-stainless-package-version",
        "x-stainless-retry-count",
        "x-stainless-runtime",
        "x-stainless-runtime-version",
    ),
    session_headers=("x-claude-code-session-id",),
    caches_marked=True,
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
    counting=Counting(
        ("/v1/messages/count_tokens", "/messages/count_tokens"),
        "/v1/messages/count_tokens",
        decode_request,
        encode_count,
        decode_count,
        encode_count_answer,
    ),
    listing=LISTING,
    otherwise={"stop_sequences": {"max_stop": 0}},
    losses=LOSSES,
)
