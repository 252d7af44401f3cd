"""The messages of a client's request. Whether each tool call is answered is `dialects/history.py`'s business."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from llmux.dialects.marks import cache_mark
from llmux.dialects.openai_chat.content import beyond, decode_parts
from llmux.dialects.openai_chat.reasoning import FIELDS as REASONING_FIELDS
from llmux.dialects.openai_chat.reasoning import decode_reasoning, thought
from llmux.dialects.openai_chat.schema import NAME, ROLES
from llmux.dialects.shape import Fields, refuse
from llmux.ir.content import Opaque, Part, Refusal, ToolCall, ToolResult
from llmux.ir.request import Message, Role

PLAIN = frozenset({"role", "content"})
SPEAKERS = {word: role for word, role in ROLES.items() if role is not Role.TOOL}
KNOWN = frozenset({"role", "content", "name"})
KNOWN_OF_ASSISTANT = KNOWN | REASONING_FIELDS | {"refusal", "audio", "tool_calls", "function_call"}
KNOWN_OF_CALL = frozenset({"id", "type", "function", "custom", "index", "extra_content"})
KNOWN_OF_TOOL = KNOWN | {"tool_call_id"}


def decode_messages(body: Fields) -> tuple[Message, ...]:
    """The conversation. Neighbouring tool messages are one: a TOOL message answers all calls of one step.

    Raises:
        BadRequest: no messages, or one of another shape than its role has.
    """
    messages: list[Message] = []
    functions: dict[str, str] = {}  # the old API has no ids: the name of a function -> the id of its last call
    path = body.at("messages")
    for index, wire in enumerate(body.list("messages") or ()):
        place = f"{path}.{index}"
        if plain := _plain(wire, place):
            messages.append(plain)
            continue
        message = _decode_message(Fields(wire, place), index, functions)
        if message.role is Role.TOOL and messages and messages[-1].role is Role.TOOL:
            messages[-1] = replace(messages[-1], parts=messages[-1].parts + message.parts)
        else:
            messages.append(message)
    return tuple(messages) or refuse(path, "at least one message")


def _plain(wire: Any, path: str) -> Message | None:
    """A message that is a role and a content, as most are: a third of the time. None for any other."""
    if not isinstance(wire, dict) or wire.keys() != PLAIN or not isinstance(wire["role"], str):
        return None
    role = SPEAKERS.get(wire["role"])
    return Message(role, decode_parts(wire["content"], f"{path}.content")) if role else None


def _decode_message(fields: Fields, index: int, functions: dict[str, str]) -> Message:
    word = fields.need_text("role")
    role = ROLES.get(word) or refuse(fields.at("role"), f"one of {', '.join(ROLES)}")
    if role is Role.TOOL:
        return _decode_result(fields, word, f"fc_{index}", functions)
    parts = decode_parts(fields.document.get("content"), fields.at("content"))
    known = KNOWN
    if role is Role.ASSISTANT:
        known = KNOWN_OF_ASSISTANT
        parts = (*decode_reasoning(fields.document), *parts)
        for name, decode in SPOKEN.items():
            if fields.document.get(name) is not None:
                parts += decode(fields)
        parts += _decode_function_call(fields, f"fc_{index}", functions)
    if parts and not parts[-1].cache and (mark := cache_mark(fields)):
        parts = (*parts[:-1], replace(parts[-1], cache=mark))
    return Message(role, parts, fields.text("name"), beyond(fields, known))


def _decode_result(fields: Fields, word: str, spare_id: str, functions: Mapping[str, str]) -> Message:
    name = fields.text("name")
    call_id = fields.need_text("tool_call_id") if word == "tool" else functions.get(name or "", spare_id)
    content = decode_parts(fields.document.get("content"), fields.at("content"))
    extra = beyond(fields, KNOWN_OF_TOOL)
    return Message(
        Role.TOOL, (ToolResult(call_id=call_id, content=content, name=name, cache=cache_mark(fields), extra=extra),)
    )


def _decode_refusal(fields: Fields) -> tuple[Part, ...]:
    text = fields.need_text("refusal")
    return (Refusal(text=text),) if text else ()


def _decode_audio(fields: Fields) -> tuple[Part, ...]:
    """Sound that the model has made: a name for it, which only its own maker knows."""
    audio = fields.object("audio")
    return (Opaque(dialect=NAME, raw={"audio": audio.document}),) if audio else ()


def _decode_calls(fields: Fields) -> tuple[Part, ...]:
    return tuple(_decode_call(call) for call in fields.objects("tool_calls"))


def _decode_call(call: Fields) -> ToolCall:
    states = thought(call.document)
    extra = beyond(call, KNOWN_OF_CALL)
    if custom := call.object("custom"):
        return ToolCall(
            id=call.need_text("id"),
            name=custom.need_text("name"),
            arguments=custom.text("input") or "",
            kind="custom",
            extra=extra,
        )
    function = call.object("function") or Fields(None, call.at("function"))
    arguments = function.text("arguments") or ""
    return ToolCall(
        id=call.need_text("id"), name=function.need_text("name"), arguments=arguments, states=states, extra=extra
    )


# What an assistant's message may say beside its content, in the order in which it is understood to be said.
SPOKEN: Mapping[str, Callable[[Fields], tuple[Part, ...]]] = {
    "refusal": _decode_refusal,
    "audio": _decode_audio,
    "tool_calls": _decode_calls,
}


def _decode_function_call(fields: Fields, call_id: str, functions: dict[str, str]) -> tuple[Part, ...]:
    call = fields.object("function_call")
    if call is None:
        return ()
    name = call.need_text("name")
    functions[name] = call_id
    return (ToolCall(id=call_id, name=name, arguments=call.text("arguments") or ""),)
