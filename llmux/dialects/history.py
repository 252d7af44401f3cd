"""A conversation in the order that every API accepts: each tool call is answered once, directly behind it.

For requests of every dialect, before they are encoded. It places and completes messages; it rewrites no word of them,
knows no dialect, and merges nothing but results: neighbours of one role are the encoder's business.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from llmux.ir.content import Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from llmux.ir.request import Message, Role

INTERRUPTED = "No result: the tool call was interrupted."


def in_order(messages: Sequence[Message]) -> tuple[Message, ...]:
    """`messages` in canonical form; the same tuple when nothing is wrong with them.

    - A message with tool calls is followed by exactly one TOOL message: one result per call, in the order of the
      calls. Results that come late move up, of two for one call the last counts, and a call without one gets an error
      result, also at the end. Whatever stood between a call and its results follows them.
    - A result without a call before it becomes user text, with its pictures: nothing is lost.
    - Call ids are unique: a repeated one gets a suffix, and results belong to the nearest call before them.
    - Parts that say nothing are left out, and then messages without parts. A blank text goes even if it carries
      citations or extra fields: they speak about words that are not there, and Claude refuses the whole request.

    Calling it again changes nothing more. A message added at the end changes none before it, except that a late
    result takes its place. Linear in the number of parts.
    """
    ordering = _Ordering()
    for message in messages:
        ordering.add(message)
    ordered = ordering.messages()
    if len(ordered) == len(messages) and all(map(operator.is_, ordered, messages)):
        return tuple(messages)
    return ordered or (Message(Role.USER, (Text(text="(empty)"),)),)


def _blank(text: str) -> bool:
    return not text or text.isspace()  # unlike strip(), it copies nothing and stops at the first letter


_SAYS_NOTHING: Mapping[type[Part], Callable[[Any], bool]] = {
    Text: lambda part: _blank(part.text),
    Refusal: lambda part: _blank(part.text),
    Reasoning: lambda part: not part.states and _blank(part.text),
}


def _spoken(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts that say something; the same tuple when all do."""
    silent = [part for part in parts if (test := _SAYS_NOTHING.get(type(part))) is not None and test(part)]
    return tuple([part for part in parts if not any(part is other for other in silent)]) if silent else parts


class _Results:
    """The TOOL message behind one message with calls, while its results are collected."""

    __slots__ = ("_call_ids", "_given", "_source")

    def __init__(self) -> None:
        self._call_ids: list[str] = []
        self._given: dict[str, ToolResult] = {}
        self._source: Message | None = None

    def expect(self, call_id: str) -> None:
        self._call_ids.append(call_id)

    def put(self, call_id: str, result: ToolResult, source: Message) -> None:
        self._given[call_id] = result if result.call_id == call_id else replace(result, call_id=call_id)
        if self._source is None and source.role is Role.TOOL:
            self._source = source

    def message(self) -> Message:
        parts = tuple([self._given.get(call_id) or _interrupted(call_id) for call_id in self._call_ids])
        return _with_parts(self._source or Message(Role.TOOL, ()), parts)


class _Ordering:
    """One walk through a conversation."""

    __slots__ = ("_copies", "_ids", "_ordered", "_waiting")

    def __init__(self) -> None:
        self._ordered: list[Message | _Results] = []
        # The id that a result names -> the calls it can be for: more than one only if one message repeats an id.
        self._waiting: dict[str, list[tuple[_Results, str]]] = {}
        self._ids: set[str] = set()
        self._copies: dict[str, int] = {}

    def add(self, message: Message) -> None:
        parts = _spoken(message.parts)
        kinds = set(map(type, parts))
        if ToolResult in kinds:
            parts = self._without_results(message, parts)
            message = Message(Role.USER, parts) if message.role is Role.TOOL else message
        if ToolCall in kinds:
            self._add_calls(message, parts)
        elif parts:
            self._ordered.append(_with_parts(message, parts))

    def messages(self) -> tuple[Message, ...]:
        """The conversation so far, in order."""
        return tuple([entry if isinstance(entry, Message) else entry.message() for entry in self._ordered])

    def _without_results(self, source: Message, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """Give each result to its call; what is left, with results that have none as text in front."""
        orphans: list[Part] = []
        rest: list[Part] = []
        for part in parts:
            if not isinstance(part, ToolResult):
                rest.append(part)
                continue
            content = _spoken(part.content)
            result = part if content is part.content else replace(part, content=content)
            calls = self._waiting.get(result.call_id)
            if calls is None:
                orphans += _told(result)
            else:
                results, call_id = calls.pop(0) if len(calls) > 1 else calls[0]
                results.put(call_id, result, source)
        return (*orphans, *rest)

    def _add_calls(self, message: Message, parts: tuple[Part, ...]) -> None:
        """Append `message`, its calls with unique ids, and the results that it waits for."""
        results = _Results()
        waiting: dict[str, list[tuple[_Results, str]]] = {}
        named: list[Part] = []
        for part in parts:
            if not isinstance(part, ToolCall):
                named.append(part)
                continue
            call_id = self._unique(part.id)
            results.expect(call_id)
            waiting.setdefault(part.id, []).append((results, call_id))
            named.append(part if part.id == call_id else replace(part, id=call_id))
        self._waiting |= waiting
        self._ordered += _with_parts(message, tuple(named)), results

    def _unique(self, call_id: str) -> str:
        """`call_id`, or its first free variant: `call_id`_2, _3 ...: only what came before decides."""
        unique = base = call_id or "call"
        while unique in self._ids:
            self._copies[base] = copy = self._copies.get(base, 1) + 1
            unique = f"{base}_{copy}"
        self._ids.add(unique)
        return unique


def _with_parts(message: Message, parts: tuple[Part, ...]) -> Message:
    """`message` with `parts`; the same object when they are its own."""
    own = message.parts
    return message if len(own) == len(parts) and all(map(operator.is_, own, parts)) else replace(message, parts=parts)


def _interrupted(call_id: str) -> ToolResult:
    return ToolResult(call_id=call_id, content=(Text(text=INTERRUPTED),), is_error=True)


def _told(result: ToolResult) -> tuple[Part, ...]:
    """A result as it is told outside a tool message: text that names it, then its other parts as they are."""
    heading = f"Tool result ({result.call_id}): {'Error: ' if result.is_error else ''}"
    first, *rest = result.content or (Text(text="(empty)"),)
    parts = (
        (replace(first, text=heading + first.text), *rest)
        if isinstance(first, Text)
        else (Text(text=heading.rstrip()), first, *rest)
    )
    last = parts[-1]
    return parts if result.cache is None or last.cache else (*parts[:-1], replace(last, cache=result.cache))
