"""The messages of a client's request -> ours. Whether each tool call is answered is `dialects/history.py`'s business.

This wire has no parts, and its clients send no ids: the SDKs drop them. A call is known by its place, a result by its
tool's name or by nothing but its place behind the calls.
"""

from typing import Any

import orjson
from msgspec.structs import replace

from llmux.dialects.ollama.content import beyond
from llmux.dialects.ollama.media import decode_image
from llmux.dialects.ollama.schema import ROLES
from llmux.dialects.shape import Fields, refuse
from llmux.ir.content import Image, Part, Reasoning, Text, ToolCall, ToolResult
from llmux.ir.request import Message, Role

KNOWN = frozenset({"role", "content", "images"})
KNOWN_OF_ASSISTANT = KNOWN | {"thinking", "tool_calls"}
KNOWN_OF_TOOL = KNOWN | {"tool_name", "name", "tool_call_id"}
KNOWN_OF_CALL = frozenset({"id", "type", "function"})


def decode_messages(body: Fields) -> tuple[Message, ...]:
    """The conversation; empty for a request that only loads or unloads a model.

    Neighbouring tool messages are one: a TOOL message answers all calls of one step.

    Raises:
        BadRequest: a message has another shape than its role has.
    """
    messages: list[Message] = []
    open_calls: list[ToolCall] = []  # of the last step, those without a result
    for index, fields in enumerate(body.objects("messages")):
        message = _decode_message(fields, index, open_calls)
        if message.role is Role.TOOL and messages and messages[-1].role is Role.TOOL:
            messages[-1] = replace(messages[-1], parts=messages[-1].parts + message.parts)
        else:
            messages.append(message)
    return tuple(messages)


def _decode_message(fields: Fields, index: int, open_calls: list[ToolCall]) -> Message:
    role = ROLES.get(fields.need_text("role").lower()) or refuse(fields.at("role"), f"one of {', '.join(ROLES)}")
    content = decode_content(fields, "content")
    if role is Role.TOOL:
        return _decode_result(fields, content, index, open_calls)
    if role is not Role.ASSISTANT:
        return Message(role, content, extra=beyond(fields, KNOWN))
    thinking = fields.text("thinking")
    calls = _decode_calls(fields, index)
    if calls:
        open_calls[:] = calls
    parts = (*((Reasoning(text=thinking),) if thinking else ()), *content, *calls)
    return Message(role, parts, extra=beyond(fields, KNOWN_OF_ASSISTANT))


def decode_content(fields: Fields, name: str) -> tuple[Part, ...]:
    """The text in the field `name`, and the pictures beside it."""
    text = fields.text(name)
    path = fields.at("images")
    images = (decode_image(image, f"{path}.{index}") for index, image in enumerate(fields.texts("images")))
    return (*((Text(text=text),) if text else ()), *(Image(source=image) for image in images))


def _decode_calls(fields: Fields, index: int) -> list[ToolCall]:
    return [_decode_call(call, f"call_{index}_{number}") for number, call in enumerate(fields.objects("tool_calls"))]


def _decode_call(call: Fields, spare_id: str) -> ToolCall:
    function = call.object("function") or Fields(None, call.at("function"))
    arguments = function.document.get("arguments")
    return ToolCall(
        id=call.text("id") or spare_id,
        name=function.need_text("name"),
        arguments=_arguments(arguments),
        extra=beyond(call, KNOWN_OF_CALL),
    )


def _arguments(value: Any) -> str:
    """JSON text. A string is the text itself: some clients send what other APIs want."""
    if isinstance(value, str):
        return value
    return "{}" if value is None else orjson.dumps(value).decode()


def _decode_result(fields: Fields, content: tuple[Part, ...], index: int, open_calls: list[ToolCall]) -> Message:
    name = fields.text("tool_name") or fields.text("name")
    call_id = fields.text("tool_call_id")
    call = _answered(call_id, name, open_calls)
    if call is not None:
        open_calls.remove(call)
        call_id, name = call.id, name or call.name
    result = ToolResult(call_id=call_id or f"call_{index}", content=content, name=name)
    return Message(Role.TOOL, (replace(result, extra=beyond(fields, KNOWN_OF_TOOL)),))


def _answered(call_id: str | None, name: str | None, open_calls: list[ToolCall]) -> ToolCall | None:
    """The call that a result is for: by its id; else by the name of its tool; else the first that has none."""
    if call_id:
        return next((call for call in open_calls if call.id == call_id), None)
    by_name = (call for call in open_calls if call.name == name)
    return next(by_name, None) or next(iter(open_calls), None)
