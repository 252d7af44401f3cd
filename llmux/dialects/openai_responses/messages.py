"""The items of a conversation -> messages. Whether each call is answered is `dialects/history.py`'s business.

What the assistant says between two of the others, reasoning, words and calls, is one message, in the order of its
items; the results of its calls are one. Each part keeps in its `extra` what its item said beyond our words.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmux.dialects.openai_responses.calls import BY_CALL, arguments_of, is_hosted, qualified, written
from llmux.dialects.openai_responses.content import beyond, decode_parts
from llmux.dialects.openai_responses.reasoning import reasoning_text, states_of
from llmux.dialects.openai_responses.schema import CONTROL, NAME, ROLES, SPOKEN
from llmux.dialects.openai_responses.tools import decode_tools
from llmux.dialects.shape import Fields, refuse
from llmux.ir.content import Extra, Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from llmux.ir.request import Message, Role, Tool

Said = tuple[Role, tuple[Part, ...], Extra | None]

KNOWN_OF_MESSAGE = frozenset({"type", "role", "content"})
KNOWN_OF_CALL = frozenset({"type", "call_id", "name", "arguments", "input"})
KNOWN_OF_RESULT = frozenset({"type", "call_id", "output"})
# Marks the message that was given apart from the others, in front of them.
INSTRUCTIONS = Extra(NAME, {"instructions": True})
# Marks what is an item of its own; an unknown part of a message has no mark.
ITEM = Extra(NAME, {"item": True})


def decode_input(body: Fields) -> tuple[Message, ...]:
    """The conversation of a request: `instructions`, then `input`, which may be a string.

    Raises:
        BadRequest: an item has another shape than its type has.
    """
    instructions, given = body.text("instructions"), body.document.get("input")
    leading = (Message(Role.SYSTEM, (Text(text=instructions),), extra=INSTRUCTIONS),) if instructions else ()
    if isinstance(given, str):
        return (*leading, Message(Role.USER, (Text(text=given),)))
    if given is not None and not isinstance(given, list):
        refuse(body.at("input"), "a string or an array of items")
    return leading + decode_items(given or (), body.at("input"))


def decode_items(items: Iterable[Any], path: str = "input") -> tuple[Message, ...]:
    """The messages that `items`, of a request or of an answer, are. `path` is where they stand, for errors.

    Raises:
        BadRequest: an item has another shape than its type has.
    """
    turns, hosted = _Turns(), set[str]()  # the calls that the provider has run itself: so are their results
    for index, item in enumerate(items):
        fields = Fields(item, f"{path}.{index}")
        kind = fields.text("type") or ("message" if "role" in fields.document else "item_reference")
        decode = DECODERS.get(kind, _opaque)
        if kind == "shell_call" and is_hosted(fields.document):
            hosted.add(fields.text("call_id") or "")
        elif kind == "shell_call_output" and fields.text("call_id") in hosted:
            decode = _opaque
        turns.add(kind, decode(fields))
    return turns.close()


def found_tools(body: Fields) -> tuple[Tool, ...]:
    """The tools that items of the conversation bring along: `additional_tools`, and what a search has found."""
    given = body.document.get("input")
    bringing = (
        Fields(item, f"{body.at('input')}.{index}")
        for index, item in enumerate(given if isinstance(given, list) else ())
        if isinstance(item, dict) and item.get("type") in {"additional_tools", "tool_search_output"}
    )
    return tuple(tool for item in bringing for tool in decode_tools(item.objects("tools"), found=True))


class _Turns:
    """The messages so far, and the one that still grows."""

    __slots__ = ("_last", "_messages", "_parts", "_role")

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._parts: list[Part] = []
        self._role: Role | None = None
        self._last = ""

    def add(self, kind: str, said: Said) -> None:
        """An item. Words directly behind words are another message: they were not cut from the same text."""
        role, parts, extra = said
        apart = kind == "message" == self._last
        if role not in {Role.ASSISTANT, Role.TOOL} or role is not self._role or apart:
            self._flush()
        self._last = kind
        if role in {Role.ASSISTANT, Role.TOOL}:
            self._role = role
            self._parts += parts
        else:
            self._messages.append(Message(role, parts, extra=extra))

    def close(self) -> tuple[Message, ...]:
        self._flush()
        return tuple(self._messages)

    def _flush(self) -> None:
        if self._role is not None and self._parts:
            self._messages.append(Message(self._role, tuple(self._parts)))
        self._role, self._parts = None, []


# --- items -----------------------------------------------------------------------------------------------------------


def _message(item: Fields) -> Said:
    role = ROLES.get(item.need_text("role")) or refuse(item.at("role"), f"one of {', '.join(ROLES)}")
    parts = decode_parts(item.document.get("content"), item.at("content"))
    extra = beyond(item, KNOWN_OF_MESSAGE)
    if role is not Role.ASSISTANT:
        return role, parts, extra
    return role, tuple(_in_message(part, extra) for part in parts), None


def _in_message(part: Part, message: Extra | None) -> Part:
    """A part of what the assistant says remembers what was said of the whole."""
    if message is None or not isinstance(part, Text | Refusal):
        return part
    fields = part.extra.fields if part.extra else {}
    extra = Extra(NAME, {**fields, "message": message.fields})
    if isinstance(part, Refusal):
        return Refusal(text=part.text, extra=extra)
    return Text(text=part.text, citations=part.citations, extra=extra)


def _reasoning(item: Fields) -> Said:
    """The summary is what the client was shown; where there is none, the reasoning itself."""
    text = reasoning_text(item.document)
    return Role.ASSISTANT, (Reasoning(text=text, states=states_of(item.document), extra=_whole(item)),), None


def _whole(item: Fields) -> Extra:
    return Extra(NAME, item.document)


def _call(item: Fields) -> Said:
    """A call of a function or of a custom tool."""
    custom = item.document.get("type") == "custom_tool_call"
    name = item.need_text("name") or refuse(item.at("name"), "a name")
    extra = beyond(item, KNOWN_OF_CALL)
    if (namespace := item.text("namespace")) not in (None, name):
        extra = Extra(NAME, {**(extra.fields if extra else {}), "name": name})
        name = qualified(namespace, name)
    call_id = item.need_text("call_id")
    if custom:
        call = ToolCall(id=call_id, name=name, arguments=item.text("input") or "", kind="custom", extra=extra)
    else:
        call = ToolCall(id=call_id, name=name, arguments=written(item.document.get("arguments")), extra=extra)
    return Role.ASSISTANT, (call,), None


def _typed_call(item: Fields) -> Said:
    if is_hosted(item.document):
        return _opaque(item)
    name = BY_CALL[item.need_text("type")]
    call_id = item.text("call_id") or item.text("id") or refuse(item.at("call_id"), "a string")
    call = ToolCall(id=call_id, name=name, arguments=arguments_of(item.document), extra=_whole(item))
    return Role.ASSISTANT, (call,), None


def _result(item: Fields) -> Said:
    """What a call gave. One without an id of a call answers none: `in_order` tells it as text."""
    return _of(item, decode_output(item), beyond(item, KNOWN_OF_RESULT))


def decode_output(item: Fields) -> tuple[Part, ...]:
    """`output` is a string, or parts; anything else is told as JSON."""
    output = item.document.get("output")
    if isinstance(output, list) and all(isinstance(part, dict) and "type" in part for part in output):
        return decode_parts(output, item.at("output"))
    return decode_parts(written(output), item.at("output"))


def _of(item: Fields, content: tuple[Part, ...], extra: Extra | None, *, is_error: bool = False) -> Said:
    call_id = item.text("call_id") or ""
    result = ToolResult(call_id=call_id, content=content, is_error=is_error, name=item.text("name"), extra=extra)
    return Role.TOOL, (result,), None


def _local_shell_result(item: Fields) -> Said:
    """Its `id` is that of the call."""
    call_id = item.text("call_id") or item.need_text("id")
    result = ToolResult(call_id=call_id, content=decode_output(item), extra=_whole(item))
    return Role.TOOL, (result,), None


def _shell_result(item: Fields) -> Said:
    """Output and outcome of each command, as JSON."""
    return _of(item, decode_parts(written(item.document.get("output")), item.at("output")), _whole(item))


def _patch_result(item: Fields) -> Said:
    status = item.text("status") or ""
    content = (Text(text=item.text("output") or status),)
    return _of(item, content, _whole(item), is_error=status == "failed")


def _search_result(item: Fields) -> Said:
    """The tools themselves are known from `found_tools`: here their names say what was found."""
    if is_hosted({**item.document, "type": "tool_search_call"}):
        return _opaque(item)
    names = ", ".join(tool.name for tool in decode_tools(item.objects("tools")))
    text = f"Found, and ready to be called: {names}" if names else "No tool was found."
    return _of(item, (Text(text=text),), _whole(item))


def _opaque(item: Fields) -> Said:
    """What only OpenAI understands. It stays where it is, in the turn of whoever says such things."""
    kind = item.text("type") or ""
    role = Role.ASSISTANT if kind in SPOKEN else Role.DEVELOPER if kind in CONTROL else Role.USER
    return role, (Opaque(dialect=NAME, raw=item.document, extra=ITEM),), None


DECODERS: Mapping[str, Callable[[Fields], Said]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _call,
    "custom_tool_call": _call,
    **dict.fromkeys(BY_CALL, _typed_call),
    "function_call_output": _result,
    "custom_tool_call_output": _result,
    "local_shell_call_output": _local_shell_result,
    "shell_call_output": _shell_result,
    "apply_patch_call_output": _patch_result,
    "tool_search_output": _search_result,
}
