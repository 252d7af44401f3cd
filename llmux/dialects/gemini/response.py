"""A finished answer, both ways: a backend's body -> Response, Response of any dialect -> the body for a client.

Reference: https://ai.google.dev/api/generate-content#generatecontentresponse
"""

from typing import Any

import msgspec

from llmux.dialects.base import AnswerForm, Names
from llmux.dialects.document import decode, line
from llmux.dialects.gemini.answer import (
    block_reason,
    decode_usage,
    encode_end,
    encode_parts,
    encode_usage,
    failed_finish,
    fault_in,
    finish_reason,
    finish_word,
    first_candidate,
    parts_of,
)
from llmux.dialects.gemini.reader import Reader
from llmux.errors import BackendGarbled
from llmux.ir.events import Event, Verbatim
from llmux.ir.fold import fold
from llmux.ir.response import FinishReason, Response
from llmux.wire.json_array import ArrayFramer
from llmux.wire.sse import SseFramer

Wire = dict[str, Any]

NOTHING: Wire = {"text": ""}


def decode_response(body: bytes, names: Names) -> Response:
    """A backend's whole answer: one document, or the chunks of a stream that nobody asked for.

    Raises:
        BackendGarbled: it is no answer of this wire.
        GatewayError: it tells of a failure, whatever its status said.
    """
    reader, events = Reader(names), list[Event]()
    for document in _documents(body):
        reader.chunk(_decode(document), events)
    if not reader.finished:
        raise BackendGarbled("The backend's answer holds no message.")
    reader.end(events)
    return fold(events)


def _documents(body: bytes) -> list[bytes]:
    if body.lstrip().startswith(b"data:"):
        framer = SseFramer()
        return [data for _, data in framer.feed(body) + framer.close()]
    return ArrayFramer().feed(body) or [body]


def _decode(document: bytes) -> Any:
    try:
        return decode(document)
    except ValueError:
        raise BackendGarbled("The backend's answer is not JSON.") from None


def encode_response(response: Response, form: AnswerForm) -> bytes:
    """The body that a client of this dialect gets: its own name of the model, our id of the answer."""
    parts = encode_parts(response.parts)
    end, beside = encode_end(response.finish_reason, response.details)
    candidate = {"content": {"parts": parts or [NOTHING], "role": "model"}, **end}
    refused = "promptFeedback" in beside and not parts
    return line(
        {
            **({} if refused else {"candidates": [candidate]}),
            **beside,
            "usageMetadata": encode_usage(response.usage),
            "modelVersion": form.model,
            "responseId": form.id,
        }
    )


def verbatim_response(body: bytes) -> Verbatim:
    """A backend's whole answer, unchanged, and the facts in it.

    Raises:
        BackendGarbled: it is no answer of this wire.
        GatewayError: it tells of a failure, whatever its status said.
    """
    document = _decode(body)
    if fault := fault_in(document):
        raise fault
    candidate = first_candidate(document) if isinstance(document, dict) else {}
    told = finish_word(candidate)
    parts = parts_of(candidate)
    if failure := failed_finish(told, candidate, said=bool(parts)):
        raise failure
    if not told and not (isinstance(document, dict) and block_reason(document)):
        raise BackendGarbled("The backend's answer holds no message.")
    called = any("functionCall" in part for part in parts)
    reason = finish_reason(told, called=called) if told else FinishReason.FILTERED
    return Verbatim(body, usage=decode_usage(document.get("usageMetadata")), finish_reason=reason, done=True)


# --- counting --------------------------------------------------------------------------------------------------------


class _Counted(msgspec.Struct):
    totalTokens: int  # noqa: N815 - the wire's name


_counted = msgspec.json.Decoder(_Counted)


def decode_count_answer(body: bytes) -> int:
    """The number of tokens of a request.

    Raises:
        BackendGarbled: the body does not say.
    """
    try:
        return _counted.decode(body).totalTokens
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BackendGarbled("The backend did not count the tokens.") from None


def encode_count_answer(tokens: int) -> bytes:
    """The number of tokens, as a client hears it."""
    return line({"totalTokens": tokens})
