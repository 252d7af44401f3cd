"""OpenAI's Chat Completions, as one Dialect value: for its own SDKs as clients, and for every compatible server."""

from llmux.dialects.base import Dialect
from llmux.dialects.openai_chat.completions import COMPLETIONS, FORM
from llmux.dialects.openai_chat.encoder import Encoder
from llmux.dialects.openai_chat.errors import decode_error
from llmux.dialects.openai_chat.models import LISTING
from llmux.dialects.openai_chat.repair import repair
from llmux.dialects.openai_chat.request import decode_request, encode_request
from llmux.dialects.openai_chat.response import decode_response, encode_response, verbatim_response
from llmux.dialects.openai_chat.schema import LOSSES, NAME, OTHERWISE
from llmux.dialects.openai_chat.stream import Decoder
from llmux.dialects.openai_chat.verbatim import METERING, VerbatimDecoder
from llmux.dialects.openai_embeddings import embedding
from llmux.dialects.openai_errors import encode_error

OPENAI_CHAT = Dialect(
    name=NAME,
    forms={COMPLETIONS: FORM},
    path="/chat/completions",
    models_path="/models",
    inbound=("/v1/chat/completions", "/chat/completions"),
    content_type="text/event-stream; charset=utf-8",
    forwarded=("openai-beta", "idempotency-key"),
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
    metering=METERING,
    decode_error=decode_error,
    encode_error=encode_error,
    embedding=embedding("/v1/embeddings", "/embeddings"),
    listing=LISTING,
    otherwise=OTHERWISE,
    losses=LOSSES,
    forgetful=True,  # its own API has no field for reasoning: many clients drop those that servers add
)
