"""The messages of a backend's request: a conversation of any dialect, in the order and with the words of this one.

Order and completeness of tool results are `dialects/history.py`'s business.
"""

from collections.abc import Callable, Mapping
from typing import Any

from llmux.dialects.arguments import object_of
from llmux.dialects.history import in_order
from llmux.dialects.ollama.content import SEPARATOR, Draft, Said, encode_parts, joined
from llmux.dialects.ollama.schema import NAME
from llmux.ir.content import Image, Part, Reasoning, ToolCall, ToolResult, restore
from llmux.ir.request import Message, Role

Wire = dict[str, Any]

REMINDER = "<system-reminder>\n{}\n</system-reminder>"


def encode_messages(messages: tuple[Message, ...], draft: Draft) -> list[Wire]:
    """The conversation in this wire: in order, and complete. None at all stays none: it asks to load a model.

    Raises:
        Unsupported: something in it cannot be said here.
    """
    thread = _Thread(draft)
    for message in in_order(messages):
        thread.add(message)
    return thread.close() or ([{"role": "user", "content": "(empty)"}] if messages else [])


class _Thread:
    """The messages written so far, and the pictures of tool results that wait for a place in a user's message."""

    __slots__ = ("_draft", "_messages", "_names", "_waiting", "_writers")

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._messages: list[Wire] = []
        self._names: dict[str, str] = {}  # id of a call -> its tool
        self._waiting = Said()
        self._writers: Mapping[Role, Callable[[Message], None]] = {
            Role.SYSTEM: self._system,
            Role.DEVELOPER: self._system,
            Role.USER: self._user,
            Role.ASSISTANT: self._assistant,
            Role.TOOL: self._tool,
        }

    def add(self, message: Message) -> None:
        """Write one message."""
        if message.name:
            self._draft.losses.drop("names")
        if message.role is not Role.USER:
            self._hand_over()
        self._writers[message.role](message)

    def close(self) -> list[Wire]:
        """All of them."""
        self._hand_over()
        return self._messages

    def _hand_over(self) -> None:
        """What waits becomes a message of its own where no user speaks next."""
        if self._waiting.images:
            self._put("user", Said())

    def _put(self, role: str, said: Said, extra: Mapping[str, Any] | None = None) -> None:
        """Write one message, if it says anything; a user's takes what waits in front of its own content."""
        if role == "user" and self._waiting.images:
            text = SEPARATOR.join(filter(None, (self._waiting.text, said.text)))
            said, self._waiting = Said(text, self._waiting.images + said.images), Said()
        if said.text or said.images or extra:
            images = {"images": list(said.images)} if said.images else {}
            self._messages.append({"role": role, "content": said.text, **images, **(extra or {})})

    def _extra(self, source: Message | Part) -> Mapping[str, Any]:
        return restore(NAME, source.extra) if self._draft.own else {}

    def _system(self, message: Message) -> None:
        said = encode_parts(message.parts, self._draft)
        leading = all(wire["role"] == "system" for wire in self._messages)
        if leading or self._draft.own or self._draft.target.profile.mid_system:
            self._put("system", said, self._extra(message))
        elif said.text or said.images:
            self._draft.losses.approx("system_position")
            self._put("user", Said(REMINDER.format(said.text), said.images))

    def _user(self, message: Message) -> None:
        self._put("user", encode_parts(message.parts, self._draft), self._extra(message))

    def _assistant(self, message: Message) -> None:
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        spoken = [part for part in message.parts if not isinstance(part, ToolCall | Image)]
        images = [part for part in message.parts if isinstance(part, Image)]
        said = Said(joined(spoken, self._draft), encode_parts(images, self._draft).images)
        thinking = SEPARATOR.join(part.text for part in message.parts if isinstance(part, Reasoning) and part.text)
        if any(part.states for part in message.parts if isinstance(part, Reasoning | ToolCall)):
            self._draft.losses.drop("reasoning_state")
        extra: Wire = {"thinking": thinking} if thinking else {}
        if calls:
            extra["tool_calls"] = [self._call(call) for call in calls]
        self._put("assistant", said, {**extra, **self._extra(message)})

    def _call(self, call: ToolCall) -> Wire:
        self._names[call.id] = call.name
        arguments = object_of(call)
        return {"id": call.id, "function": {"name": call.name, "arguments": arguments}, **self._extra(call)}

    def _tool(self, message: Message) -> None:
        for result in [part for part in message.parts if isinstance(part, ToolResult)]:
            self._result(result)

    def _result(self, result: ToolResult) -> None:
        said = encode_parts(result.content, self._draft)
        if said.images and not (self._draft.own or self._draft.target.profile.tool_result_media):
            said = self._hoisted(said, result.call_id)
        if result.is_error and not said.text.lower().startswith("error"):
            self._draft.losses.approx("is_error")
            said = Said(f"Error: {said.text}", said.images)
        if result.cache:
            self._draft.losses.drop("cache_control")
        name = self._names.get(result.call_id, result.name)
        named = {"tool_name": name} if name else {}
        self._put("tool", said, {**named, "tool_call_id": result.call_id, **self._extra(result)})

    def _hoisted(self, said: Said, call_id: str) -> Said:
        """Let the pictures of a result wait for the user's next message; the text that is left, and stands for them."""
        self._draft.losses.approx("tool_result_media")
        first = len(self._waiting.images) + 1
        numbers = range(first, first + len(said.images))
        told = [f"[image {number}, of the result of tool call {call_id}]" for number in numbers]
        left = [f"[image {number} of this result follows in the next user message]" for number in numbers]
        waiting = SEPARATOR.join(filter(None, (self._waiting.text, *told)))
        self._waiting = Said(waiting, self._waiting.images + said.images)
        return Said(SEPARATOR.join(filter(None, (said.text, *left))))
