"""The messages of a backend's request: a conversation of any dialect, in the order and with the words of this one.

Order and completeness of tool results are `dialects/history.py`'s business.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from llmux.dialects.freetext import wrap
from llmux.dialects.history import in_order
from llmux.dialects.marks import BREAKPOINT
from llmux.dialects.names import exact_id, legal_id, original_id
from llmux.dialects.openai_chat.cache import break_after
from llmux.dialects.openai_chat.content import SEPARATOR, Draft, content_of, encode_parts, joined, text_part
from llmux.dialects.openai_chat.reasoning import encode_details, encode_thought, on_their_calls
from llmux.dialects.openai_chat.schema import DETAILS_MAKER, NAME, THOUGHT_MAKER
from llmux.dialects.openai_chat.turns import in_turns
from llmux.ir.content import Opaque, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall, ToolResult, restore
from llmux.ir.request import Message, Role

Wire = dict[str, Any]

# Older deployments take no longer id of a call; any characters will do.
LONGEST_ID = 40
CONTINUE = "Continue your last message from exactly where it ends. Do not repeat any of it."
REMINDER = "<system-reminder>\n{}\n</system-reminder>"


def encode_messages(messages: tuple[Message, ...], draft: Draft) -> list[Wire]:
    """The conversation in this wire: in order, and complete.

    Raises:
        Unsupported: something in it cannot be said here.
    """
    thread = _Thread(draft)
    for message in in_order(messages):
        thread.add(message)
    return thread.close()


class _Thread:
    """The messages written so far, and the media of tool results that wait for a place in a user's message."""

    __slots__ = ("_draft", "_messages", "_waiting", "_writers")

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._messages: list[Wire] = []
        self._waiting: list[Wire] = []
        self._writers: Mapping[Role, Callable[[Message], None]] = {
            Role.SYSTEM: self._system,
            Role.DEVELOPER: self._system,
            Role.USER: self._user,
            Role.ASSISTANT: self._assistant,
            Role.TOOL: self._tool,
        }

    def add(self, message: Message) -> None:
        if self._waiting and message.role is not Role.USER:
            self._put("user", None, message=None)
        self._writers[message.role](message)

    def close(self) -> list[Wire]:
        if self._waiting:
            self._put("user", None, message=None)
        if self._messages and self._messages[-1]["role"] == "assistant" and not self._draft.target.profile.prefill:
            self._draft.losses.approx("prefill")
            self._messages.append({"role": "user", "content": CONTINUE})
        messages = (
            in_turns(self._messages, self._draft) if self._draft.target.profile.alternate_roles else self._messages
        )
        return messages or [{"role": "user", "content": "(empty)"}]

    def _put(self, role: str, content: Any, message: Message | None) -> None:
        """Write one message; a user's takes what waits in front of its own content."""
        if role == "user" and self._waiting:
            own = [text_part(content)] if isinstance(content, str) else content or []
            content, self._waiting = [*self._waiting, *own], []
        wire: Wire = {"role": role, "content": content}
        if message and self._draft.own:
            wire |= {"name": message.name} if message.name else {}
            wire |= restore(NAME, message.extra)
        self._messages.append(wire)

    def _system(self, message: Message) -> None:
        profile = self._draft.target.profile
        encoded = encode_parts(message.parts, self._draft)
        text = SEPARATOR.join(part["text"] for part in encoded if "text" in part)
        if not text:
            return
        role = "developer" if message.role is Role.DEVELOPER and profile.developer_role else "system"
        leading = all(wire["role"] in {"system", "developer"} for wire in self._messages)
        if profile.mid_system or not self._messages:
            marked = any(BREAKPOINT in part for part in encoded)
            self._put(role, encoded if marked and profile.mid_system else text, message)
        elif leading:  # these backends take one, at the very beginning
            self._messages[-1] = {**self._messages[-1], "content": f"{self._messages[-1]['content']}{SEPARATOR}{text}"}
        else:
            self._draft.losses.approx("system_position")
            self._put("user", REMINDER.format(text), None)

    def _user(self, message: Message) -> None:
        encoded = encode_parts(message.parts, self._draft)
        if encoded or self._waiting:
            self._put("user", content_of(encoded), message)

    def _assistant(self, message: Message) -> None:
        if self._draft.target.maker == THOUGHT_MAKER:
            message = replace(message, parts=on_their_calls(message.parts))
        if wire := encode_assistant(message, self._draft):
            self._messages.append(wire)

    def _tool(self, message: Message) -> None:
        for result in [part for part in message.parts if isinstance(part, ToolResult)]:
            self._result(result)

    def _result(self, result: ToolResult) -> None:
        call_id = encode_id(result.call_id, self._draft)
        encoded = encode_parts(result.content, self._draft)
        texts = [part["text"] if "text" in part else self._hoist(part, call_id) for part in encoded]
        text = SEPARATOR.join(texts)
        if result.is_error and not text.lower().startswith("error"):
            self._draft.losses.approx("is_error")
            text = f"Error: {text}"
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": self._marked(text, result)})

    def _marked(self, text: str, result: ToolResult) -> Any:
        """The content of a result, with the mark that it bears."""
        if not result.cache or self._draft.own:
            return text
        if text and self._draft.target.profile.cache_breakpoints:
            return break_after([text_part(text)], result.cache)
        self._draft.losses.drop("cache_control")
        return text

    def _hoist(self, media: Wire, call_id: str) -> str:
        """Let `media` wait for the user's next message; the text that stands for it in the result."""
        self._draft.losses.approx("tool_result_media")
        number = sum("text" not in part for part in self._waiting) + 1
        what = "image" if media.get("type") == "image_url" else "file"
        self._waiting += [text_part(f"[{what} {number}, of the result of tool call {call_id}]"), media]
        return f"[{what} {number} of this result follows in the next user message]"


def encode_id(call_id: str, draft: Draft) -> str:
    """A call's id as its backend once gave it, or a form of it that the backend takes."""
    call_id, length = original_id(call_id), draft.target.profile.call_id_length
    if length is not None:
        return exact_id(call_id, length)
    return call_id if len(call_id) <= LONGEST_ID else legal_id(call_id, LONGEST_ID)


def encode_assistant(message: Message, draft: Draft) -> Wire:
    """An assistant's message; {} when nothing of it can be said here."""
    calls = [_encode_call(part, draft) for part in message.parts if isinstance(part, ToolCall)]
    refusal = "".join(part.text for part in message.parts if isinstance(part, Refusal))
    text = joined(_speakable(message.parts, draft))
    if refusal and not (draft.target.profile.null_content and not text):
        draft.losses.approx("refusal")
        text, refusal = SEPARATOR.join(filter(None, (text, refusal))), ""
    extra = {**restore(NAME, message.extra), **_own_fields(message.parts)} if draft.own else {}
    reasoning = _encode_reasoning(message.parts, draft, required=bool(calls))
    if not (text or calls or refusal or extra or reasoning):
        return {}
    empty = None if (calls or refusal or extra) and draft.target.profile.null_content else ""
    wire: Wire = {"role": "assistant", "content": text or empty, **reasoning, **extra}
    wire |= {"name": message.name} if message.name and draft.own else {}
    wire |= {"refusal": refusal} if refusal else {}
    wire |= {"tool_calls": calls} if calls else {}
    return wire


def _speakable(parts: Iterable[Part], draft: Draft) -> Iterable[Part]:
    """The parts, with the text that stands for what only another dialect understands."""
    for part in parts:
        if part.cache and not draft.own:
            draft.losses.drop("cache_control")
        if isinstance(part, Text) and part.citations:
            draft.losses.drop("citations")
        if isinstance(part, Opaque) and not (part.dialect == NAME and draft.own):
            draft.losses.drop("parts")
            yield Text(text=part.text)
        else:
            yield part


def _own_fields(parts: Iterable[Part]) -> Wire:
    """Fields of a message that only this dialect understands: `audio`."""
    return {
        name: value
        for part in parts
        if isinstance(part, Opaque) and part.dialect == NAME and "type" not in part.raw
        for name, value in part.raw.items()
    }


def _encode_call(call: ToolCall, draft: Draft) -> Wire:
    wire: Wire = {"id": encode_id(call.id, draft)}
    name = draft.names.get(call.name, call.name)
    if call.kind == "custom" and draft.target.profile.custom_tools:
        return wire | {"type": "custom", "custom": {"name": name, "input": call.arguments}}
    arguments = call.arguments if call.arguments.strip() else "{}"
    arguments = wrap(call.arguments) if call.kind == "custom" else arguments
    wire |= {"type": "function", "function": {"name": name, "arguments": arguments}}
    for state in call.states:
        if state.maker == draft.target.maker == THOUGHT_MAKER:
            wire["extra_content"] = encode_thought(state, sealed=False)
        else:
            draft.losses.drop("reasoning_state")
    return wire


def _encode_reasoning(parts: Iterable[Part], draft: Draft, *, required: bool) -> Wire:
    """The reasoning of a turn, if the model wants it back. `required`: the turn calls tools.

    Backends that want it refuse a turn with calls that has none, also one that another model has taken: they get an
    empty one. See https://api-docs.deepseek.com/guides/thinking_mode.
    """
    profile = draft.target.profile
    reasoning = [part for part in parts if isinstance(part, Reasoning)]
    text = SEPARATOR.join(part.text for part in reasoning if part.text)
    wire = _encode_states([state for part in reasoning for state in part.states], draft)
    if profile.reasoning_replay == "always" or (profile.reasoning_replay == "tool_turns" and required):
        return wire | ({profile.reasoning_field: text} if text or required else {})
    if text:
        draft.losses.drop("reasoning_history")
    return wire


def _encode_states(states: list[ReasoningState], draft: Draft) -> Wire:
    maker = draft.target.maker
    own = [state for state in states if maker and state.maker == maker]
    if len(own) < len(states):
        draft.losses.drop("reasoning_state")
    if maker == DETAILS_MAKER and own:
        return {"reasoning_details": encode_details(own)}
    if maker == THOUGHT_MAKER and own:
        return {"extra_content": encode_thought(own[-1], sealed=False)}
    if own:  # their maker, reached through this wire, has no place in it for them
        draft.losses.drop("reasoning_state")
    return {}
