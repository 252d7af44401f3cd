"""A finished answer, both ways: a backend's body -> Response, Response of any dialect -> the body for a client."""

from typing import Any

import orjson
from msgspec.structs import replace

from llmux.dialects.base import AnswerForm, Names
from llmux.dialects.document import decode
from llmux.dialects.openai_chat.answer import (
    decode_document,
    decode_usage,
    encode_citation,
    encode_finish,
    encode_tier,
    encode_usage,
    failed_finish,
    fault_in,
    told_reason,
)
from llmux.dialects.openai_chat.chunks import Chunks
from llmux.dialects.openai_chat.content import SEPARATOR, joined
from llmux.dialects.openai_chat.reasoning import encode_details, encode_thought, objects
from llmux.dialects.openai_chat.schema import NAME, REFUSED
from llmux.dialects.openai_chat.usual import UNUSUAL, decode_body, usage_of
from llmux.errors import BackendGarbled
from llmux.ir.content import Opaque, Part, Reasoning, Refusal, Text, ToolCall, keep, restore
from llmux.ir.events import Event, Verbatim
from llmux.ir.fold import fold
from llmux.ir.response import Choice, FinishReason, Response
from llmux.ir.usage import Usage
from llmux.wire.sse import DONE, SseFramer

Wire = dict[str, Any]

KNOWN = frozenset({"id", "object", "created", "model", "choices", "usage", "service_tier"})


def decode_response(body: bytes, names: Names) -> Response:
    """A backend's whole answer: read as a stream of one chunk, so that both lanes understand the same.

    Raises:
        BackendGarbled: it is no answer of this wire.
        GatewayError: it tells of a failure, whatever its status said.
    """
    documents = _documents(body)
    chunks, events = Chunks(names), list[Event]()
    for document in documents:
        chunks.chunk(document, events)
    if not chunks.first.finished and not chunks.first.spoke:
        raise BackendGarbled("The backend's answer holds no message.")
    chunks.end(events)
    details = keep(NAME, documents[0], KNOWN) if len(documents) == 1 else None
    return replace(fold(events), details=details)


def _documents(body: bytes) -> list[Wire]:
    """The JSON objects of a body: one, or the chunks of a stream that nobody asked for."""
    framer = SseFramer()
    frames = [data for _, data in framer.feed(body) + framer.close() if data.strip() != DONE]
    try:
        documents = [decode(document) for document in frames or (body,)]
    except ValueError:
        raise BackendGarbled("The backend's answer is not JSON.") from None
    if not all(isinstance(document, dict) for document in documents):
        raise BackendGarbled("The backend's answer is not an object.")
    return documents


def encode_response(response: Response, form: AnswerForm) -> bytes:
    """The body that a client of this dialect gets: its own name of the model, our id of the answer."""
    answers: tuple[Response | Choice, ...] = (response, *response.others)
    body: Wire = {
        "id": f"chatcmpl-{form.id}",
        "object": "chat.completion",
        "created": form.created,
        "model": form.model,
        "choices": [_choice(index, answer, form) for index, answer in enumerate(answers)],
        "usage": encode_usage(response.usage),
        **encode_tier(response.usage),
    }
    return orjson.dumps({**body, **restore(NAME, response.details)})


def _choice(index: int, answer: Response | Choice, form: AnswerForm) -> Wire:
    reason = encode_finish(answer.finish_reason, form)
    return {"index": index, "message": _message(answer, form), "logprobs": None, "finish_reason": reason}


def _message(response: Response | Choice, form: AnswerForm) -> Wire:
    parts = response.parts
    spoken = tuple(Text(text=part.text) if isinstance(part, Opaque) and part.text else part for part in parts)
    text = joined(spoken)
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
    if response.finish_reason is FinishReason.REFUSAL:
        refusal = refusal or REFUSED  # the finish reason alone does not say so
    message: Wire = {"role": "assistant", "content": text or None, "refusal": refusal or None}
    message |= _reasoning(parts)
    if annotations := _annotations(spoken):
        message["annotations"] = annotations
    return message | _calls([part for part in parts if isinstance(part, ToolCall)], form)


def _reasoning(parts: tuple[Part, ...]) -> Wire:
    reasoning = [part for part in parts if isinstance(part, Reasoning)]
    text = SEPARATOR.join(part.text for part in reasoning if part.text)
    details = encode_details(state for part in reasoning for state in part.states)
    return ({"reasoning_content": text} if text else {}) | ({"reasoning_details": details} if details else {})


def _annotations(parts: tuple[Part, ...]) -> list[Any]:
    """Each citation covers its whole text: where exactly is not known."""
    annotations: list[Any] = []
    for index, part in enumerate(parts):
        if isinstance(part, Text) and part.citations:
            end = len(joined(parts[: index + 1]))
            found = (encode_citation(citation, end - len(part.text), end) for citation in part.citations)
            annotations += [annotation for annotation in found if annotation]
    return annotations


def _calls(calls: list[ToolCall], form: AnswerForm) -> Wire:
    if not calls:
        return {}
    if form.legacy_functions:
        return {"function_call": {"name": calls[0].name, "arguments": calls[0].arguments or "{}"}}
    return {"tool_calls": [_call(call) for call in calls]}


def _call(call: ToolCall) -> Wire:
    if call.kind == "custom":
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    wire: Wire = {"id": call.id, "type": "function", "function": function}
    return wire | ({"extra_content": encode_thought(call.states[-1], sealed=True)} if call.states else {})


# --- unchanged -------------------------------------------------------------------------------------------------------


def verbatim_response(body: bytes) -> Verbatim:
    """A backend's whole answer, unchanged, and the facts in it.

    Raises:
        BackendGarbled: it is no answer of this wire.
        GatewayError: it tells of a failure, whatever its status said.
    """
    try:
        answer = decode_body(body)
    except UNUSUAL:
        words, usage = _unusual(body)
    else:
        words = [choice.finish_reason for choice in answer.choices]
        usage = usage_of(answer.usage, answer.service_tier)
    if not words:
        raise BackendGarbled("The backend's answer holds no message.")
    told = [word for word in words if word]
    for word in told:
        if failure := failed_finish(word):
            raise failure
    return Verbatim(body, usage=usage, finish_reason=told_reason(told), done=True)


def _unusual(body: bytes) -> tuple[list[str | None], Usage | None]:
    """The finish reason of each choice, and the usage."""
    document = decode_document(b"", body)
    if failure := fault_in(document):
        raise failure
    words = [choice.get("finish_reason") for choice in objects(document.get("choices"))]
    usage = decode_usage(document.get("usage"), document.get("service_tier"))
    return [word if isinstance(word, str) else None for word in words], usage
