"""The output items of an answer, as its client expects them. A stream and a whole answer are made of the same.

Calls go back in the form that the client gave its tools: in their namespace, as free text, in an item of their own.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from llmux.dialects.base import AnswerForm
from llmux.dialects.document import decode
from llmux.dialects.envelope import seal
from llmux.dialects.openai_responses.answer import encode_finish, encode_tier, encode_usage
from llmux.dialects.openai_responses.calls import TYPED, qualified, typed_item
from llmux.dialects.openai_responses.content import encode_spoken
from llmux.dialects.openai_responses.messages import found_tools
from llmux.dialects.openai_responses.schema import ECHOES, MAKER, NAME, REFUSED, STATE
from llmux.dialects.openai_responses.tools import decode_tools
from llmux.dialects.shape import Fields
from llmux.ir.content import Opaque, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall, restore
from llmux.ir.request import Tool
from llmux.ir.response import FinishReason, Response
from llmux.wire.sse import SseFramer

Wire = dict[str, Any]

NANOSECONDS = 1_000_000_000  # in a second
RESPONSE = b'"response"'  # stands in the first event, and in the last
NUMBER = re.compile(rb'"sequence_number":\s?(\d+)')


def response_id(form: AnswerForm) -> str:
    """The id under which a client knows an answer."""
    return f"resp_{form.id}"


def opening(form: AnswerForm) -> Wire:
    """A response as it begins: everything that does not change, and what its request asked for."""
    asked = {name: value if (value := form.asked.get(name)) is not None else none for name, none in ECHOES.items()}
    return {
        "id": response_id(form),
        "object": "response",
        "created_at": form.created,
        "completed_at": None,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": form.model,
        "output": [],
        "usage": None,
        **asked,
    }


def closing(response: Response, output: list[Wire], form: AnswerForm) -> Wire:
    """A response as it ends, with its whole output. Of `response`, only what is said beside its parts is read."""
    finish = encode_finish(response.finish_reason)
    done = form.created + form.elapsed() // NANOSECONDS if finish["status"] == "completed" else None
    usage = {"usage": encode_usage(response.usage), **encode_tier(response.usage)}
    return {
        **opening(form),
        **finish,
        "completed_at": done,
        "output": output,
        **usage,
        **restore(NAME, response.details),
    }


class Passed:
    """What a failure must know of a stream that has passed unread: whose it is, and how far it has come."""

    __slots__ = ("_first", "_last")

    def __init__(self) -> None:
        self._first = self._last = b""

    def note(self, data: bytes) -> None:
        """Whole frames have passed."""
        if not self._first and RESPONSE in data:
            self._first = data
        self._last = data or self._last

    @property
    def response_id(self) -> str:
        """The answer's id, "" when it has not been told."""
        for _, data in SseFramer().feed(self._first):
            with suppress(ValueError):
                document = decode(data)
                response = document.get("response") if isinstance(document, dict) else None
                if isinstance(response, dict) and isinstance(response.get("id"), str):
                    return str(response["id"])
        return ""

    @property
    def next_number(self) -> int:
        """The number of the next event."""
        numbers = NUMBER.findall(self._last)
        return int(numbers[-1]) + 1 if numbers else 0


class Kit:
    """The client's own tools, by the name that the house knows them by; and ids for the items of one answer."""

    __slots__ = ("_form", "_made", "_tools")

    def __init__(self, form: AnswerForm) -> None:
        self._form = form
        self._made = 0
        self._tools: Mapping[str, Tool] | None = None

    def new_id(self, prefix: str) -> str:
        """An id for the next item. Nothing here is random: it follows from the answer and the place."""
        self._made += 1
        return f"{prefix}_{hashlib.sha256(f'{self._form.id}:{self._made}'.encode()).hexdigest()[:40]}"

    def tool(self, name: str) -> Mapping[str, Any]:
        """What the client wrote of the tool `name`: {tool, namespace?}; {} when it is none of its own."""
        if self._tools is None:
            asked = Fields(dict(self._form.asked))
            known = (*decode_tools(asked.objects("tools")), *found_tools(asked))
            self._tools = {tool.name: tool for tool in reversed(known)}
        found = self._tools.get(name)
        return restore(NAME, found.extra) if found else {}

    def typed(self, name: str) -> bool:
        """Whether calls of the tool `name` go in an item of their own."""
        return name in TYPED and self.tool(name).get("tool", {}).get("type") == name


def call_item(call: ToolCall, item_id: str, kit: Kit) -> Wire:
    """The item of a call of a function or of a custom tool."""
    kept = kit.tool(call.name)
    name, namespace = call.name, restore(NAME, call.extra)
    if home := kept.get("namespace"):
        namespace = {"namespace": home["name"]}
        name = call.name.removeprefix(qualified(home["name"], ""))
    if call.kind == "custom":
        about: Wire = {"id": item_id, "type": "custom_tool_call", "status": "completed", "call_id": call.id}
        return {**about, "name": name, **namespace, "input": call.arguments}
    about = {"id": item_id, "type": "function_call", "status": "completed", "call_id": call.id}
    return {**about, "name": name, **namespace, "arguments": call.arguments}


def finished_call(call: ToolCall, kit: Kit) -> Wire:
    """The item of a whole call, in whatever form the client gave its tool."""
    if kit.typed(call.name):
        item = typed_item(call.name, kit.new_id(TYPED[call.name].prefix), call.id, call.arguments)
        if item:
            return item
    item = call_item(call, kit.new_id("ctc" if call.kind == "custom" else "fc"), kit)
    if item["type"] == "function_call" and not item["arguments"]:
        item["arguments"] = "{}"
    return item


def reasoning_item(item_id: str, text: str, state: ReasoningState | None) -> Wire:
    """An item of reasoning. A foreign proof travels sealed: the client sends it back unread."""
    item: Wire = {"id": item_id, "type": "reasoning", "summary": [summary(text)] if text else []}
    return item | ({"encrypted_content": encrypted(state)} if state else {})


def summary(text: str) -> Wire:
    return {"type": "summary_text", "text": text}


def encrypted(state: ReasoningState) -> str:
    own = (state.maker, state.kind) == (MAKER, STATE)
    return state.data if own and isinstance(state.data, str) else seal(state)


def proofs(states: Iterable[ReasoningState], kit: Kit) -> list[Wire]:
    """An item without words for each of `states`: one item carries one proof."""
    return [reasoning_item(kit.new_id("rs"), "", state) for state in states]


def message_item(item_id: str, content: list[Wire], phase: Any, status: str = "completed") -> Wire:
    item: Wire = {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}
    return item | ({"phase": phase} if phase else {})


def phase_of(part: Part) -> Any:
    """What a backend of this dialect said of the message that a text is part of."""
    return restore(NAME, part.extra).get("message", {}).get("phase")


def as_words(part: Part) -> Text | Refusal | None:
    """`part` as words of a message, if it is any; what only another dialect understands has at most a text."""
    if isinstance(part, Text | Refusal):
        return part
    if isinstance(part, Opaque) and part.dialect != NAME and part.text:
        return Text(text=part.text)
    return None


# --- a whole answer --------------------------------------------------------------------------------------------------


def encode_output_items(response: Response, form: AnswerForm) -> list[Wire]:
    """The output of an answer: what its stream tells in its last event."""
    kit, items, words = Kit(form), list[Wire](), list[Text | Refusal]()
    for part in response.parts:
        if said := as_words(part):
            if words and phase_of(said) != phase_of(words[0]):
                items += _message(words, kit)
            words.append(said)
        elif told := _items(part, kit) if not words else _items_behind(words, items, part, kit):
            items += told
    if response.finish_reason is FinishReason.REFUSAL and not _refused(response.parts):
        words.append(Refusal(text=REFUSED))
    status = "incomplete" if response.finish_reason in CUT else "completed"
    return items + _message(words, kit, status)


CUT = (FinishReason.MAX_TOKENS, FinishReason.CONTEXT_FULL, FinishReason.FILTERED)


def _refused(parts: Iterable[Part]) -> bool:
    return any(isinstance(part, Refusal) for part in parts)


def _message(words: list[Text | Refusal], kit: Kit, status: str = "completed") -> list[Wire]:
    """The item of `words`, which are then said."""
    if not words:
        return []
    phase, content = phase_of(words[0]), [encode_spoken(part) for part in words]
    words.clear()
    return [message_item(kit.new_id("msg"), content, phase, status)]


def _items_behind(words: list[Text | Refusal], items: list[Wire], part: Part, kit: Kit) -> list[Wire]:
    """The items of a part that ends the message before it, unless it has nothing to say here."""
    if isinstance(part, Opaque) and part.dialect != NAME:
        return []
    items += _message(words, kit)
    return _items(part, kit)


def _items(part: Part, kit: Kit) -> list[Wire]:
    if isinstance(part, Reasoning):
        first = part.states[0] if part.states else None
        return [reasoning_item(kit.new_id("rs"), part.text, first), *proofs(part.states[1:], kit)]
    if isinstance(part, ToolCall):
        return [*proofs(part.states, kit), finished_call(part, kit)]
    return [dict(part.raw)] if isinstance(part, Opaque) and part.dialect == NAME else []
