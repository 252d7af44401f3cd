"""Ollama's own API, as one Dialect value: for its SDKs as clients, and for servers on this machine and in its cloud.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from llmux.dialects.base import Dialect
from llmux.dialects.ollama.embeddings import EMBEDDING
from llmux.dialects.ollama.encoder import Encoder
from llmux.dialects.ollama.errors import decode_error, encode_error
from llmux.dialects.ollama.generate import FORM
from llmux.dialects.ollama.models import LISTING
from llmux.dialects.ollama.request import decode_request, encode_request
from llmux.dialects.ollama.response import decode_response, encode_response, verbatim_response
from llmux.dialects.ollama.schema import CONTENT_TYPE, GENERATE, LOSSES, NAME
from llmux.dialects.ollama.stream import Decoder
from llmux.dialects.ollama.verbatim import VerbatimDecoder

OLLAMA = Dialect(
    name=NAME,
    forms={GENERATE: FORM},
    path="/api/chat",
    models_path="/api/tags",
    inbound=("/api/chat",),
    content_type=CONTENT_TYPE,
    forgetful=True,
    call_ids=False,
    decode_request=decode_request,
    encode_request=encode_request,
    repair=dict,
    decode_response=decode_response,
    encode_response=encode_response,
    decoder=Decoder,
    encoder=Encoder,
    verbatim=VerbatimDecoder,
    verbatim_response=verbatim_response,
    decode_error=decode_error,
    encode_error=encode_error,
    embedding=EMBEDDING,
    listing=LISTING,
    losses=LOSSES,
)
