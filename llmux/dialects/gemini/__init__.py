"""Google's generateContent API, as one Dialect value: for its own SDKs and CLI as clients, for AI Studio and Vertex.

Reference: https://ai.google.dev/api/generate-content
"""

from llmux.dialects.base import Counting, Dialect, Form
from llmux.dialects.gemini.embeddings import EMBEDDING
from llmux.dialects.gemini.encoder import ArrayEncoder, Encoder
from llmux.dialects.gemini.errors import decode_error, encode_error
from llmux.dialects.gemini.models import LISTING
from llmux.dialects.gemini.repair import repair
from llmux.dialects.gemini.request import ARRAY, decode_count, decode_request, encode_count, encode_request
from llmux.dialects.gemini.response import (
    decode_count_answer,
    decode_response,
    encode_count_answer,
    encode_response,
    verbatim_response,
)
from llmux.dialects.gemini.schema import LOSSES, NAME, OTHERWISE
from llmux.dialects.gemini.stream import Decoder
from llmux.dialects.gemini.verbatim import ArrayVerbatim, VerbatimDecoder

# Where models are: of AI Studio in its versions, or of none, tuned ones, and those of a project, or of none, on Vertex.
PLACES = (
    "/v1beta/models/*",
    "/v1/models/*",
    "/v1alpha/models/*",
    "/models/*",
    "/v1beta/tunedModels/*",
    "/v1/tunedModels/*",
    "/v1/projects/*",
    "/v1beta1/projects/*",
    "/v1/publishers/*",
    "/v1beta1/publishers/*",
)


def _at(*verbs: str) -> tuple[str, ...]:
    return tuple(f"{place}:{verb}" for place in PLACES for verb in verbs)


# A stream as one JSON array, which who does not say `alt=sse` is given at the same places.
IN_ARRAY = Form(
    inbound=(),
    path="/models/{model}:generateContent",
    stream_path="/models/{model}:streamGenerateContent",
    model_in_body=False,
    content_type="application/json",
    decode_request=decode_request,
    encode_response=encode_response,
    encoder=ArrayEncoder,
    verbatim=ArrayVerbatim,
    verbatim_response=verbatim_response,
)
GEMINI = Dialect(
    name=NAME,
    forms={ARRAY: IN_ARRAY},
    inbound=_at("generateContent", "streamGenerateContent"),
    path="/models/{model}:generateContent",
    stream_path="/models/{model}:streamGenerateContent?alt=sse",
    model_in_body=False,
    models_path="/models",
    content_type="text/event-stream; charset=utf-8",
    forwarded=("user-agent", "x-goog-api-client"),
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
    embedding=EMBEDDING,
    counting=Counting(
        _at("countTokens"),
        "/models/{model}:countTokens",
        decode_count,
        encode_count,
        decode_count_answer,
        encode_count_answer,
    ),
    listing=LISTING,
    otherwise=OTHERWISE,
    losses=LOSSES,
)
