"""The other form of this dialect: /api/generate, a prompt and its answer. Backends get it from its own clients only."""

from llmux.dialects.base import AnswerForm, Form
from llmux.dialects.ollama.encoder import GENERATE, Encoder
from llmux.dialects.ollama.request import decode_generate
from llmux.dialects.ollama.response import encode_generated, verbatim_response
from llmux.dialects.ollama.schema import CONTENT_TYPE
from llmux.dialects.ollama.verbatim import VerbatimDecoder


def encoder(form: AnswerForm) -> Encoder:
    """Events -> the stream of this form."""
    return Encoder(form, GENERATE)


FORM = Form(
    path="/api/generate",
    inbound=("/api/generate",),
    content_type=CONTENT_TYPE,
    decode_request=decode_generate,
    encode_response=encode_generated,
    encoder=encoder,
    verbatim=VerbatimDecoder,
    verbatim_response=verbatim_response,
)
