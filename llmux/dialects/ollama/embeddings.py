"""Ollama's two ways of asking for embeddings, the newer for many texts and the older for one; backends are asked in the
newer. Pure: bytes <-> the neutral words.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md#generate-embeddings
"""

from typing import Annotated, Any

import msgspec
import orjson

from llmux.dialects.base import NOWHERE, Address, AnswerForm, Embedding, Outbound
from llmux.dialects.document import read
from llmux.dialects.shape import LARGEST, Fields, refuse
from llmux.errors import BackendGarbled, Unsupported
from llmux.ir.capability import Target
from llmux.ir.content import keep, restore
from llmux.ir.embedding import EmbeddingRequest, Embeddings

NAME = "ollama"
PATH, OLDER_PATH = "/api/embed", "/api/embeddings"
OLDER = "prompt"  # the form of a request at OLDER_PATH, by the field that holds its text
KNOWN = frozenset({"model", "input", "prompt", "dimensions"})


def decode_request(body: bytes, at: Address = NOWHERE) -> EmbeddingRequest:
    """What a client asks for: in the newer form, unless it knocked at the older one's path.

    Raises:
        BadRequest: it is no such request; `param` names the place.
    """
    fields = Fields(read(body)[0])
    older = at.path.rstrip("/").endswith(OLDER_PATH)
    inputs = (fields.need_text("prompt"),) if older else fields.texts("input")
    if not inputs:
        refuse("input", "a string or an array of strings")
    dimensions = fields.integer("dimensions")
    if dimensions is not None and dimensions < 1:
        refuse("dimensions", "at least 1")
    return EmbeddingRequest(
        form=OLDER if older else "",
        model=fields.need_text("model") or refuse("model", "the name of a model"),
        inputs=inputs,
        dimensions=dimensions,
        extra=keep(NAME, fields.document, KNOWN),
    )


def encode_request(request: EmbeddingRequest, target: Target) -> Outbound:
    """The body for a backend.

    Raises:
        Unsupported: the client has sent tokens instead of texts.
    """
    if not all(isinstance(one, str) for one in request.inputs):
        raise Unsupported("The backend embeds texts, not tokens.", param="input")
    body: dict[str, Any] = {"model": target.model, "input": list(request.inputs)}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return Outbound({**body, **restore(NAME, request.extra)})


class _Answer(msgspec.Struct):
    embeddings: list[list[float]]
    prompt_eval_count: Annotated[int, msgspec.Meta(ge=0, lt=LARGEST)] | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


def decode_response(body: bytes) -> Embeddings:
    """The vectors.

    Raises:
        BackendGarbled: it is no such answer.
    """
    try:
        answer = _decode_answer(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BackendGarbled(f"The backend's embeddings cannot be read: {error!r}") from None
    return Embeddings(tuple(answer.embeddings), answer.prompt_eval_count or 0)


def encode_response(answer: Embeddings, request: EmbeddingRequest, form: AnswerForm) -> bytes:
    """The document that answers `request`. Times are in nanoseconds."""
    if request.form == OLDER:
        return orjson.dumps({"embedding": list(answer.vectors[0])})
    told = {
        "model": form.model,
        "embeddings": [list(vector) for vector in answer.vectors],
        "total_duration": form.elapsed(),
        "load_duration": 0,
        "prompt_eval_count": answer.input_tokens,
    }
    return orjson.dumps(told)


EMBEDDING = Embedding(
    inbound=(PATH, OLDER_PATH),
    path=PATH,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
)
