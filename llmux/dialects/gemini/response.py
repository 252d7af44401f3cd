"""A finished answer, both ways: a backend's body -> Response, Response of any dialect -> the body for a client.

Reference: https://ai.google.dev/api/generate-content#generatecontentresponse
"""

from typing import Any

import msgspec

from llmux.dialects.base import AnswerForm, Names
from llmux.dialects.document import decode, line
from llmux.dialects.gemini.answer import (
    block_reason,
    candidates_of,
    decode_usage,
    encode_end,
    encode_parts,
    encode_usage,
    failed_finish,
    fault_in,
    finish_reason,
    finish_word,
    parts_of,
)
from llmux.dialects.gemini.candidates import Candidates
from llmux.errors import BackendGarbled
from llmux.ir.events import Event, Verbatim
from llmux.ir.fold import fold
from llmux.ir.response import Choice, FinishReason, Response
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
    candidates, events = Candidates(names), list[Event]()
    for document in _documents(body):
        candidates.chunk(_decode(document), events)
    if not candidates.finished:
        raise BackendGarbled("The backend's answer holds no message.")
    candidates.end(events)
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
    answers: tuple[Response | Choice, ...] = (response, *response.others)
    _, beside = encode_end(response.finish_reason, response.details)
    refused = "promptFeedback" in beside and not encode_parts(response.parts)
    candidates = [] if refused else [_candidate(index, answer) for index, answer in enumerate(answers)]
    return line(
        {
            **({"candidates": candidates} if candidates else {}),
            **beside,
            "usageMetadata": encode_usage(response.usage),
            "modelVersion": form.model,
            "responseId": form.id,
        }
    )


def _candidate(index: int, answer: Response | Choice) -> Wire:
    end, _ = encode_end(answer.finish_reason, answer.details, index)
    return {"content": {"parts": encode_parts(answer.parts) or [NOTHING], "role": "model"}, **end}


def verbatim_response(body: bytes) -> Verbatim:
    """A backend's whole answer, unchanged, and the facts in it.

    Raises:
        BackendGarbled: it is no answer of this wire.
        GatewayError: it tells of a failure, whatever its status said.
    """
    document = _decode(body)
    if fault := fault_in(document):
        raise fault
    candidates = dict(candidates_of(document)) if isinstance(document, dict) else {}
    for candidate in candidates.values():
        if failure := failed_finish(finish_word(candidate), candidate, said=bool(parts_of(candidate))):
            raise failure
    first = candidates.get(0, {})
    told = finish_word(first)
    if not told and not (isinstance(document, dict) and block_reason(document)):
        raise BackendGarbled("The backend's answer holds no message.")
    called = any("functionCall" in part for part in parts_of(first))
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
