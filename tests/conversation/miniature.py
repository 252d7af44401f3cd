"""A dialect in miniature whose API knows kept answers: enough of OpenAI's Responses for conversations by id."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec.structs import replace

from llmux.dialects.base import NOWHERE, Address, AnswerForm, Names, Outbound
from llmux.dialects.document import read
from llmux.dialects.openai_responses.keeping import KEEPING
from llmux.dialects.registry import TABLE
from llmux.errors import BackendCut
from llmux.ir.capability import Target
from llmux.ir.content import Opaque, Part, Text, ToolCall, ToolResult
from llmux.ir.events import Event, MessageEnd, StreamError, Verbatim
from llmux.ir.fold import fold
from llmux.ir.request import Message, Original, Request, Role
from llmux.ir.response import FinishReason, Response
from tests.scripted import sse

NAME = "openai_responses"
ROLES = {role.value: role for role in Role}


def decode_request(body: bytes, at: Address = NOWHERE) -> Request:
    document, _ = read(body)
    given = document.get("input") or []
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    leading = [Message(Role.SYSTEM, (Text(text=document["instructions"]),))] if document.get("instructions") else []
    return Request(
        dialect=NAME,
        model=document["model"],
        messages=(*leading, *map(_message, items)),
        stream=document.get("stream", False),
        store=document.get("store"),
        previous=document.get("previous_response_id"),
        original=Original(body, document),
    )


def _message(item: dict[str, Any]) -> Message:
    kind = item.get("type", "message")
    if kind == "message":
        content = item["content"]
        text = content if isinstance(content, str) else "".join(part["text"] for part in content)
        return Message(ROLES[item["role"]], (Text(text=text),))
    if kind == "function_call":
        return Message(Role.ASSISTANT, (ToolCall(id=item["call_id"], name=item["name"], arguments=item["arguments"]),))
    if kind == "function_call_output":
        return Message(Role.TOOL, (ToolResult(call_id=item["call_id"], content=(Text(text=item["output"]),)),))
    return Message(Role.ASSISTANT, (Opaque(dialect=NAME, raw=item),))


def encode_request(request: Request, target: Target) -> Outbound:
    spoken = [(message.role.value, _text(message.parts)) for message in request.messages]
    items = [{"type": "message", "role": role, "content": text} for role, text in spoken]
    return Outbound({"model": target.model, "input": items, "stream": request.stream, "store": bool(request.store)})


def _text(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def encode_response(response: Response, form: AnswerForm) -> bytes:
    return orjson.dumps(_document(response, form))


def decode_response(body: bytes, names: Names) -> Response:
    document = orjson.loads(body)
    parts = tuple(Text(text=part["text"]) for item in document["output"] for part in item["content"])
    return Response(document["id"], "m", parts, FinishReason.END)


def _document(response: Response, form: AnswerForm) -> dict[str, Any]:
    usage = response.usage
    return {
        "id": f"resp_{form.id}",
        "object": "response",
        "created_at": form.created,
        "status": "completed",
        "model": form.model,
        "output": [_item(part, form.id) for part in response.parts],
        "instructions": form.asked.get("instructions"),
        "store": form.asked.get("store", True),
        "usage": {
            "input_tokens": usage.total_input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.total_input_tokens + usage.output_tokens,
        },
    }


def _item(part: Part, answer_id: str) -> Mapping[str, Any]:
    if isinstance(part, Opaque):
        return part.raw
    if isinstance(part, ToolCall):
        call = {"id": f"fc_{part.id}", "call_id": part.id, "name": part.name, "arguments": part.arguments}
        return {"type": "function_call", **call}
    content = [{"type": "output_text", "text": _text([part]), "annotations": []}]
    return {"type": "message", "id": f"msg_{answer_id}", "role": "assistant", "status": "completed", "content": content}


class Encoder:
    def __init__(self, form: AnswerForm) -> None:
        self._form, self._events = form, list[Event]()

    def feed(self, events: Sequence[Event]) -> bytes:
        self._events += events
        if events and isinstance(events[-1], Verbatim):
            return b"".join(event.data for event in events if isinstance(event, Verbatim))
        if events and isinstance(events[-1], StreamError):
            return sse({"type": "response.failed"})
        if not isinstance(self._events[-1], MessageEnd):
            return b""
        return sse({"type": "response.completed", "response": _document(fold(self._events), self._form)})

    def keepalive(self) -> bytes:
        return b": keepalive\n\n"


class VerbatimDecoder:
    def __init__(self) -> None:
        self._done = False

    def feed(self, data: bytes) -> list[Event]:
        self._done = b"response.completed" in data
        return [Verbatim(data, done=self._done)]

    def close(self) -> list[Event]:
        return [] if self._done else [StreamError(BackendCut("cut"))]


MINIATURE = replace(
    TABLE["openai_chat"],
    name=NAME,
    path="/responses",
    inbound=("/v1/responses", "/responses"),
    decode_request=decode_request,
    encode_request=encode_request,
    encode_response=encode_response,
    decode_response=decode_response,
    encoder=Encoder,
    verbatim=VerbatimDecoder,
    verbatim_response=lambda body: Verbatim(body, done=True),
    forgetful=False,
    keeping=KEEPING,
)
DIALECTS = {**TABLE, NAME: MINIATURE}
