"""OpenAI's way of asking for embeddings, for each dialect of its. Pure: bytes <-> the neutral words.

Its SDKs ask for base64 unasked, and read nothing else then. Other servers do not all know it: a backend is always asked
for plain numbers, and they are packed for the client.

Reference: https://platform.openai.com/docs/api-reference/embeddings
"""

import base64
import sys
from array import array
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import orjson

from llmux.dialects.base import NOWHERE, Address, AnswerForm, Embedding, Outbound
from llmux.dialects.document import read
from llmux.dialects.shape import LARGEST, Fields, refuse
from llmux.errors import BackendGarbled
from llmux.ir.capability import Target
from llmux.ir.content import keep, restore
from llmux.ir.embedding import EmbeddingRequest, Embeddings, Input, Vector

NAME = "openai_embeddings"
KNOWN = frozenset({"model", "input", "dimensions", "encoding_format"})
PACKED: Mapping[str | None, bool] = {None: False, "float": False, "base64": True}
EXPECTED = "a string, or an array of strings or of tokens"


# --- a client's request ----------------------------------------------------------------------------------------------


def decode_request(body: bytes, at: Address = NOWHERE) -> EmbeddingRequest:  # noqa: ARG001 - all is in the body
    """What a client asks for.

    Raises:
        BadRequest: it is no such request; `param` names the place.
    """
    fields = Fields(read(body)[0])
    packed = PACKED.get(fields.text("encoding_format"))
    if packed is None:
        refuse("encoding_format", "float or base64")
    dimensions = fields.integer("dimensions")
    if dimensions is not None and dimensions < 1:
        refuse("dimensions", "at least 1")
    return EmbeddingRequest(
        model=fields.need_text("model") or refuse("model", "the name of a model"),
        inputs=_inputs(fields.document.get("input")),
        dimensions=dimensions,
        packed=packed,
        extra=keep(NAME, fields.document, KNOWN),
    )


def _inputs(value: Any) -> tuple[Input, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not value:
        refuse("input", EXPECTED)
    if _are_tokens(value):
        return (tuple(value),)
    return tuple(_input(entry, f"input.{index}") for index, entry in enumerate(value))


def _input(entry: Any, path: str) -> Input:
    if isinstance(entry, str):
        return entry
    if not (isinstance(entry, list) and entry and _are_tokens(entry)):
        refuse(path, "a string or an array of tokens")
    return tuple(entry)


def _are_tokens(values: list[Any]) -> bool:
    return all(type(value) is int and 0 <= value < LARGEST for value in values)


# --- a backend's request and answer ----------------------------------------------------------------------------------


def encode_request(request: EmbeddingRequest, target: Target) -> Outbound:
    """The body for a backend: a list, whatever the client wrote, and plain numbers back."""
    body: dict[str, Any] = {"model": target.model, "input": list(request.inputs), "encoding_format": "float"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return Outbound({**body, **restore(NAME, request.extra)})


class _Vector(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: Annotated[int, msgspec.Meta(ge=0, lt=LARGEST)] | None = None


class _Answer(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


def decode_response(body: bytes) -> Embeddings:
    """The vectors, by their indexes. Some servers pack them although they were asked not to.

    Raises:
        BackendGarbled: it is no such answer.
    """
    try:
        answer = _decode_answer(body)
        vectors = {one.index if one.index is not None else place: _plain(one) for place, one in enumerate(answer.data)}
        ordered = tuple(vectors[index] for index in range(len(answer.data)))
    except (msgspec.MsgspecError, ValueError, KeyError, RecursionError) as error:
        raise BackendGarbled(f"The backend's embeddings cannot be read: {error!r}") from None
    return Embeddings(ordered, (answer.usage and answer.usage.prompt_tokens) or 0)


def _plain(one: _Vector) -> Vector:
    return one.embedding if isinstance(one.embedding, list) else unpack(one.embedding)


# --- a client's answer -----------------------------------------------------------------------------------------------


def encode_response(answer: Embeddings, request: EmbeddingRequest, form: AnswerForm) -> bytes:
    """The document that answers `request`."""
    usage = {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens}
    told = pack if request.packed else list
    data = [
        {"object": "embedding", "index": index, "embedding": told(vector)}
        for index, vector in enumerate(answer.vectors)
    ]
    return orjson.dumps({"object": "list", "data": data, "model": form.model, "usage": usage})


def pack(vector: Vector) -> str:
    """`vector` in base64 of little-endian float32, as OpenAI's SDKs read it."""
    return base64.b64encode(_little_endian(array("f", vector)).tobytes()).decode()


def unpack(text: str) -> Vector:
    """The numbers in `text`, base64 of little-endian float32. Raises ValueError: it is none."""
    numbers = array("f")
    numbers.frombytes(base64.b64decode(text, validate=True))
    return _little_endian(numbers).tolist()


def _little_endian(numbers: "array[float]") -> "array[float]":
    if sys.byteorder == "big":  # pragma: no cover - nobody tests there
        numbers.byteswap()
    return numbers


def embedding(*inbound: str) -> Embedding:
    """The whole of it, asked for at the paths `inbound`. None: for backends only."""
    return Embedding(
        inbound=inbound,
        path="/embeddings",
        decode_request=decode_request,
        encode_request=encode_request,
        decode_response=decode_response,
        encode_response=encode_response,
    )
