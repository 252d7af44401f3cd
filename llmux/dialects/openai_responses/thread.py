"""The items of a backend's request: a conversation of any dialect, in the order and with the words of this one.

Order and completeness of tool results are `dialects/history.py`'s business. What came in this dialect goes out as it
came; items that are made here have no id, for no server knows them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from llmux.dialects.freetext import wrap
from llmux.dialects.history import in_order
from llmux.dialects.names import legal_id, original_id
from llmux.dialects.openai_responses.content import Draft, content_of, encode_parts, encode_spoken, text_part
from llmux.dialects.openai_responses.schema import NAME, SEPARATOR, STATE
from llmux.dialects.openai_responses.tools import takes_custom
from llmux.ir.content import Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, restore
from llmux.ir.request import Message, Role

Wire = dict[str, Any]

LONGEST_ID = 64
CONTINUE = "Continue your last message from exactly where it ends. Do not repeat any of it."
REMINDER = "<system-reminder>\n{}\n</system-reminder>"
SYSTEM_WORDS = frozenset({"system", "developer"})


def encode_messages(messages: tuple[Message, ...], draft: Draft) -> tuple[str | None, list[Wire]]:
    """`instructions`, where the client gave them apart, and the items of the conversation: in order, and complete.

    Raises:
        Unsupported: something in it cannot be said here.
    """
    ordered = in_order(messages)
    instructions = None
    if draft.own and ordered and restore(NAME, ordered[0].extra).get("instructions"):
        instructions = SEPARATOR.join(part.text for part in ordered[0].parts if isinstance(part, Text))
        ordered = ordered[1:]
    thread = _Thread(draft)
    for message in ordered:
        thread.add(message)
    return instructions, thread.close(alone=instructions is None)


class _Thread:
    """The items written so far, and of which kind each call was: its result is of the same."""

    __slots__ = ("_custom", "_draft", "_items", "_writers")

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._items: list[Wire] = []
        self._custom: set[str] = set()
        self._writers: Mapping[Role, Callable[[Message], None]] = {
            Role.SYSTEM: self._system,
            Role.DEVELOPER: self._system,
            Role.USER: self._user,
            Role.ASSISTANT: self._assistant,
            Role.TOOL: self._tool,
        }

    def add(self, message: Message) -> None:
        if message.name:
            self._draft.losses.drop("names")
        self._writers[message.role](message)

    def close(self, *, alone: bool) -> list[Wire]:
        """The items. `alone`: nothing is said beside them, so that there must be one."""
        last = self._items[-1] if self._items else {}
        if last.get("role") == "assistant" and not self._draft.target.profile.prefill:
            self._draft.losses.approx("prefill")
            self._items.append(_message("user", CONTINUE))
        return self._items or ([_message("user", "(empty)")] if alone else [])

    # --- what is said to the model -----------------------------------------------------------------------------------

    def _put(self, role: str, message: Message, parts: list[Part]) -> None:
        if encoded := encode_parts(parts, self._draft):
            self._items.append({**_message(role, content_of(encoded)), **restore(NAME, message.extra)})

    def _system(self, message: Message) -> None:
        parts = self._without_opaque(message)
        profile = self._draft.target.profile
        developer = message.role is Role.DEVELOPER and (self._draft.own or profile.developer_role)
        if self._draft.own or profile.mid_system or all(item.get("role") in SYSTEM_WORDS for item in self._items):
            self._put("developer" if developer else "system", message, parts)
        elif text := SEPARATOR.join(part.text for part in parts if isinstance(part, Text)):
            self._draft.losses.approx("system_position")
            self._items.append(_message("user", REMINDER.format(text)))

    def _user(self, message: Message) -> None:
        self._put("user", message, self._without_opaque(message))

    def _without_opaque(self, message: Message) -> list[Part]:
        """The parts that belong in a message: whole items of this dialect are written beside it."""
        parts: list[Part] = []
        for part in message.parts:
            if isinstance(part, Opaque) and restore(NAME, part.extra).get("item"):
                self._items.append(dict(part.raw))
            else:
                parts.append(part)
        return parts

    # --- what the model says -----------------------------------------------------------------------------------------

    def _assistant(self, message: Message) -> None:
        words: list[Text | Refusal] = []
        for part in message.parts:
            if part.cache and not self._draft.own:
                self._draft.losses.drop("cache_control")
            told = self._as_text(part) if isinstance(part, Opaque) and part.dialect != NAME else part
            if isinstance(told, Text | Refusal):
                if words and _home(told) != _home(words[0]):
                    self._say(words)
                words += [told] if told.text else []
            else:
                self._say(words)
                self._items += self._done(told)
        self._say(words)
        self._drop_trailing_reasoning()

    def _as_text(self, part: Opaque) -> Text:
        self._draft.losses.drop("parts")
        return Text(text=part.text)

    def _say(self, words: list[Text | Refusal]) -> None:
        """Write a message of `words`, which are then said."""
        if not words:
            return
        if any(isinstance(part, Text) and part.citations for part in words) and not self._draft.own:
            self._draft.losses.drop("citations")
        home = _home(words[0])
        content: Any = [{**encode_spoken(part), **_beyond_home(part)} for part in words]
        if len(words) == 1 and not home and isinstance(words[0], Text) and not content[0]["annotations"]:
            content = words[0].text
        self._items.append({**_message("assistant", content), **home})
        words.clear()

    def _done(self, part: Part) -> list[Wire]:
        """The items of a part that is no words."""
        if isinstance(part, Reasoning):
            return self._reasoning(part)
        if isinstance(part, ToolCall):
            return [self._call(part)]
        if isinstance(part, Opaque):
            is_item = restore(NAME, part.extra).get("item")
            return [dict(part.raw) if is_item else _message("assistant", [dict(part.raw)])]
        self._draft.losses.drop("parts")  # the assistant's pictures and the like
        return []

    def _call(self, call: ToolCall) -> Wire:
        if call.states:
            self._draft.losses.drop("reasoning_state")
        kept = restore(NAME, call.extra)
        if "type" in kept:  # of a form of its own
            return dict(kept)
        call_id, name = self._id(call.id), self._draft.names.get(call.name, call.name)
        if call.kind == "custom" and takes_custom(self._draft):
            self._custom.add(call.id)
            return {"type": "custom_tool_call", "call_id": call_id, "name": name, "input": call.arguments, **kept}
        arguments = call.arguments if call.arguments.strip() else "{}"
        arguments = wrap(call.arguments) if call.kind == "custom" else arguments
        return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, **kept}

    def _id(self, call_id: str) -> str:
        """A call's id as its backend once gave it, or a short form of a long one."""
        if self._draft.own:
            return call_id
        call_id = original_id(call_id)
        return call_id if len(call_id) <= LONGEST_ID else legal_id(call_id, LONGEST_ID)

    def _reasoning(self, part: Reasoning) -> list[Wire]:
        """Reasoning with its maker's proof goes back to its maker; without one, where the model wants it back.

        An item that only its id stands for is unknown to a server that stores nothing: it would refuse all.
        """
        own = restore(NAME, part.extra)
        proofs = [state for state in part.states if self._is_takers(state.maker, state.kind)]
        if len(proofs) < len(part.states):
            self._draft.losses.drop("reasoning_state")
        if proofs and "type" in own:
            return [dict(own)]
        if proofs:
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            return [
                {"type": "reasoning", "summary": summary if not at else [], "encrypted_content": state.data}
                for at, state in enumerate(proofs)
            ]
        if part.text and self._draft.target.profile.reasoning_replay != "never":
            content = [{"type": "reasoning_text", "text": part.text}]
            return [{"type": "reasoning", "summary": [], "content": content}]
        if part.text:
            self._draft.losses.drop("reasoning_history")
        return []

    def _is_takers(self, maker: str, kind: str) -> bool:
        return kind == STATE and maker == self._draft.target.maker

    def _drop_trailing_reasoning(self) -> None:
        """Reasoning that led to nothing is refused by its own maker."""
        while self._items and self._items[-1].get("type") == "reasoning":
            self._draft.losses.drop("reasoning_state")
            self._items.pop()

    # --- results -----------------------------------------------------------------------------------------------------

    def _tool(self, message: Message) -> None:
        apart: list[Wire] = []
        self._items += [self._result(part, apart) for part in message.parts if isinstance(part, ToolResult)]
        self._items += [_message("user", apart)] if apart else []

    def _result(self, result: ToolResult, apart: list[Wire]) -> Wire:
        """What a call gave. Pictures and files that the model takes only outside of it go to `apart`."""
        if result.cache:
            self._draft.losses.drop("cache_control")
        kept = restore(NAME, result.extra)
        if "type" in kept:
            return dict(kept)
        encoded = encode_parts(result.content, self._draft)
        if not (self._draft.own or self._draft.target.profile.tool_result_media):
            encoded = [part if "text" in part else self._set_apart(part, result.call_id, apart) for part in encoded]
        if result.is_error:
            encoded = self._as_error(encoded)
        kind = "custom_tool_call_output" if result.call_id in self._custom else "function_call_output"
        return {"type": kind, "call_id": self._id(result.call_id), "output": content_of(encoded) or "", **kept}

    def _set_apart(self, media: Wire, call_id: str, apart: list[Wire]) -> Wire:
        """The text that stands for `media` in its result."""
        self._draft.losses.approx("tool_result_media")
        number = len(apart) // 2 + 1
        apart += [text_part(f"[file {number}, of the result of tool call {self._id(call_id)}]"), media]
        return text_part(f"[file {number} of this result follows in the next user message]")

    def _as_error(self, encoded: list[Wire]) -> list[Wire]:
        first = str(encoded[0].get("text", "")) if encoded else ""
        if first.lower().startswith("error"):
            return encoded
        self._draft.losses.approx("is_error")
        rest = encoded[1:] if first else encoded
        return [text_part(f"Error: {first}"), *rest]


def _message(role: str, content: Any) -> Wire:
    return {"type": "message", "role": role, "content": content}


def _home(part: Part) -> Wire:
    """What a client said of the message that a text is part of: its id, its phase."""
    home: Wire = restore(NAME, part.extra).get("message", {})
    return home


def _beyond_home(part: Part) -> Wire:
    return {name: value for name, value in restore(NAME, part.extra).items() if name != "message"}
