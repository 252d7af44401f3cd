"""Gemini's two ways of asking for embeddings, for one text and for many; backends are asked for many. Pure: bytes <->
the neutral words.

Reference: https://ai.google.dev/api/embeddings
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import orjson

from llmux.dialects.base import NOWHERE, Address, AnswerForm, Embedding, Outbound
from llmux.dialects.document import read
from llmux.dialects.shape import LARGEST, Fields, refuse
from llmux.errors import BackendGarbled, Unsupported
from llmux.ir.capability import Target
from llmux.ir.content import Extra, restore
from llmux.ir.embedding import EmbeddingRequest, Embeddings

NAME = "gemini"
ONE, MANY = ":embedContent", ":batchEmbedContents"
SIZE, NESTED = "outputDimensionality", "embedContentConfig"
SINGLE = "single"  # the form of a request for one text
# Where a client knocks: each version of the API, and none.
VERSIONS = ("/v1beta", "/v1", "/v1alpha", "")
# The names of fields in their other spelling, and where newer SDKs nest them.
SPELLINGS = {
    "task_type": "taskType",
    "output_dimensionality": SIZE,
    "auto_truncate": "autoTruncate",
    "embed_content_config": NESTED,
}
KNOWN = frozenset({"content", "model", SIZE, NESTED})


def decode_request(body: bytes, at: Address = NOWHERE) -> EmbeddingRequest:
    """What a client asks for. The model's name and the form stand in the path.

    Raises:
        BadRequest: it is no such request; `param` names the place.
    """
    fields = Fields(read(body)[0])
    single = at.path.endswith(ONE)
    entries = (fields,) if single else fields.objects("requests")
    if not entries:
        refuse("requests", "at least one request")
    settings = tuple(map(_settings, entries))
    own = [{name: value for name, value in one.document.items() if name not in KNOWN} for one in settings]
    return EmbeddingRequest(
        form=SINGLE if single else "",
        model=at.path.rpartition(":")[0].partition("/models/")[2] or refuse("model", "the name of a model in the path"),
        inputs=tuple(map(_text, entries)),
        dimensions=_dimensions(settings),
        extra=Extra(NAME, {"settings": own}) if any(own) else None,
    )


def _settings(entry: Fields) -> Fields:
    """All that an entry says, in one spelling and at one place."""
    said = {SPELLINGS.get(name, name): value for name, value in entry.document.items() if value is not None}
    nested = Fields(said.get(NESTED, {}), entry.at(NESTED)).document
    return Fields(said | {SPELLINGS.get(name, name): value for name, value in nested.items()}, entry.path)


def _dimensions(settings: Sequence[Fields]) -> int | None:
    """The one number that all entries agree on."""
    asked = [one.integer(SIZE) for one in settings]
    if any(one != asked[0] for one in asked):
        refuse(settings[0].at(SIZE), "the same number in each request")
    if asked[0] is not None and asked[0] < 1:
        refuse(settings[0].at(SIZE), "at least 1")
    return asked[0]


def _text(entry: Fields) -> str:
    """The text of an entry's content: an object with parts, as the API has it, or a bare string."""
    content = entry.document.get("content")
    if isinstance(content, str):
        return content
    parts = Fields(content, entry.at("content")).objects("parts")
    if not parts:
        refuse(entry.at("content.parts"), "at least one part")
    for part in parts:
        if "text" not in part.document:
            raise Unsupported("llmux embeds texts only.", param=part.path)
    return "".join(part.need_text("text") for part in parts)


def encode_request(request: EmbeddingRequest, target: Target) -> Outbound:
    """The body for a backend.

    Raises:
        Unsupported: the client has sent tokens instead of texts.
    """
    own: Sequence[Mapping[str, Any]] = restore(NAME, request.extra).get("settings", ({},) * len(request.inputs))
    size = {} if request.dimensions is None else {SIZE: request.dimensions}
    if not all(isinstance(one, str) for one in request.inputs):
        raise Unsupported("The backend embeds texts, not tokens.", param="input")
    name = f"models/{target.model.removeprefix('models/')}"
    texts = zip(request.inputs, own, strict=True)
    return Outbound(
        {"requests": [{"model": name, "content": {"parts": [{"text": text}]}, **size, **more} for text, more in texts]}
    )


class _Vector(msgspec.Struct):
    values: list[float]


class _Usage(msgspec.Struct):
    tokens: Annotated[int, msgspec.Meta(ge=0, lt=LARGEST)] | None = msgspec.field(default=None, name="promptTokenCount")


class _Answer(msgspec.Struct):
    embeddings: list[_Vector]
    usage: _Usage | None = msgspec.field(default=None, name="usageMetadata")


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
    return Embeddings(tuple(one.values for one in answer.embeddings), (answer.usage and answer.usage.tokens) or 0)


def encode_response(answer: Embeddings, request: EmbeddingRequest, form: AnswerForm) -> bytes:
    """The document that answers `request`."""
    del form
    values = [{"values": list(vector)} for vector in answer.vectors]
    told = {"embedding": values[0]} if request.form == SINGLE else {"embeddings": values}
    return orjson.dumps({**told, "usageMetadata": {"promptTokenCount": answer.input_tokens}})


EMBEDDING = Embedding(
    inbound=tuple(f"{version}/models/*{verb}" for version in VERSIONS for verb in (ONE, MANY)),
    path=f"/models/{{model}}{MANY}",
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
)
