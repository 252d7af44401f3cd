"""A finished answer, both ways: a backend's body -> Response, Response of any dialect -> the body for a client.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md#chat-request-no-streaming
"""

from collections.abc import Iterable
from typing import Any

from llmux.dialects.base import AnswerForm, Names
from llmux.dialects.document import line
from llmux.dialects.ollama.answer import (
    CUT,
    GARBLED,
    Line,
    Stamps,
    decode_finish,
    decode_line,
    decode_usage,
    encode_call,
    encode_end,
    idle_reason,
)
from llmux.dialects.ollama.content import SEPARATOR
from llmux.dialects.ollama.reader import Reader
from llmux.dialects.ollama.schema import REFUSED
from llmux.errors import BackendCut, BackendGarbled
from llmux.ir.content import Opaque, Part, Reasoning, Refusal, Text, ToolCall
from llmux.ir.events import Event, Verbatim
from llmux.ir.fold import fold
from llmux.ir.response import FinishReason, Response
from llmux.wire.ndjson import NdjsonFramer

Wire = dict[str, Any]


def decode_response(body: bytes, names: Names) -> Response:
    """A backend's whole answer, read as a stream of one line, or of the many that nobody asked for.

    Raises:
        BackendGarbled: it is no answer of this wire.
        GatewayError: it tells of a failure, whatever its status said.
    """
    reader, events = Reader(names), list[Event]()
    for said in _lines(body):
        reader.line(said, events)
        if said.done:
            return fold(events)
    raise BackendCut(CUT)


def _lines(body: bytes) -> list[Line]:
    """The lines of a body: one document, however it is written, or a stream that nobody asked for."""
    try:
        return [decode_line(body)]
    except BackendGarbled:
        framer = NdjsonFramer()
        lines = framer.feed(body) + framer.close()
        if len(lines) < 2:  # noqa: PLR2004 - a line alone has just been read
            raise
        return [decode_line(line) for line in lines]


def encode_response(response: Response, form: AnswerForm) -> bytes:
    """The body that a client of /api/chat gets."""
    message: Wire = {"role": "assistant", "content": _text(response)}
    if thinking := _thinking(response.parts):
        message["thinking"] = thinking
    calls = [part for part in response.parts if isinstance(part, ToolCall)]
    if calls:
        message["tool_calls"] = [encode_call(call, "", index) for index, call in enumerate(calls)]
    return _encode(response, form, {"message": message})


def encode_generated(response: Response, form: AnswerForm) -> bytes:
    """The body that a client of /api/generate gets. It has asked with no tools, and hears of no calls."""
    thinking = _thinking(response.parts)
    return _encode(response, form, {"response": _text(response), **({"thinking": thinking} if thinking else {})})


def _encode(response: Response, form: AnswerForm, said: Wire) -> bytes:
    """An answer in one piece: how long its prompt took and how long its words, nobody has seen apart."""
    body: Wire = {"model": form.model, "created_at": Stamps(form).now(), **said}
    if idle := idle_reason(form):
        return line({**body, "done_reason": idle, "done": True})
    total = form.elapsed()
    durations = {"total_duration": total, "eval_duration": total}
    return line({**body, **encode_end(response.finish_reason, response.usage, durations)})


def _text(response: Response) -> str:
    """All that is said in words, in the order it was said; texts that were told apart stand apart."""
    pieces: list[str] = []
    apart = False
    for part in response.parts:
        text = part.text if isinstance(part, Text | Refusal | Opaque) else ""
        if text:
            pieces += (SEPARATOR, text) if pieces and (apart or not isinstance(part, Text)) else (text,)
        apart = not isinstance(part, Text)
    return "".join(pieces) or (REFUSED if response.finish_reason is FinishReason.REFUSAL else "")


def _thinking(parts: Iterable[Part]) -> str:
    return SEPARATOR.join(part.text for part in parts if isinstance(part, Reasoning) and part.text)


# --- unchanged -------------------------------------------------------------------------------------------------------


def verbatim_response(body: bytes) -> Verbatim:
    """A backend's whole answer, unchanged, and the facts in it.

    Raises:
        BackendGarbled: it is no answer of this wire.
        BackendCut: it does not say that it is complete.
        GatewayError: it tells of a failure, whatever its status said.
    """
    said = decode_line(body)
    if said.message is None and said.response is None:
        raise BackendGarbled(GARBLED)
    if not said.done:
        raise BackendCut(CUT)
    called = bool(said.message and said.message.tool_calls)
    finish_reason = decode_finish(said.done_reason, called=called)
    return Verbatim(body, usage=decode_usage(said), finish_reason=finish_reason, done=True)
