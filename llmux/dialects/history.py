"""A conversation in the order that every API accepts: each tool call is answered once, directly behind it.

For requests of every dialect, before they are encoded. It places and completes messages; it rewrites no word of them,
knows no dialect, and merges nothing but results: neighbours of one role are the encoder's business.
"""

from collections.abc import Iterable, Sequence

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
    if _is_in_order(messages):
        return tuple(messages)
    ordering = _Ordering()
    for message in messages:
        ordering.add(message)
    return ordering.messages() or (Message(Role.USER, (Text(text="(empty)"),)),)


def _is_in_order(messages: Sequence[Message]) -> bool:
    """Whether `_Ordering` would leave them as they are. Nearly every history is so, and this is soon said."""
    awaited: list[str] = []
    ids: list[str] = []
    for message in messages:
        calls: list[str] = []
        results: list[str] = []
        is_tool = message.role is Role.TOOL
        for part in message.parts:
            if type(part) is ToolResult and not any(map(_says_nothing, part.content)):
                results.append(part.call_id)
            elif is_tool or type(part) is ToolResult or _says_nothing(part):
                return False
            elif type(part) is ToolCall:
                calls.append(part.id)
        if results != awaited or is_tool is not bool(results) or not message.parts:
            return False
        awaited = calls
        ids += calls
    return not awaited and len(set(ids)) == len(ids) and "" not in ids


def _says_nothing(part: Part) -> bool:
    if type(part) is Text or type(part) is Refusal or (type(part) is Reasoning and not part.states):
        return not part.text or part.text.isspace()  # which stops at the first letter and, unlike strip, copies nothing
    return False


def _spoken(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(part for part in parts if not _says_nothing(part))


class _Results:
    """The TOOL message behind one message with calls, while its results are collected."""

    __slots__ = ("_given", "_source", "call_ids")

    def __init__(self) -> None:
        self.call_ids: list[str] = []
        self._given: dict[str, ToolResult] = {}
        self._source = Message(Role.TOOL, ())

    def put(self, call_id: str, result: ToolResult, source: Message) -> None:
        """`result` answers the call `call_id`. The first TOOL message with one of them gives its name and extra."""
        if not self._given and source.role is Role.TOOL:
            self._source = source
        self._given[call_id] = replace(result, call_id=call_id, content=_spoken(result.content))

    def message(self) -> Message:
        parts = tuple(self._given.get(call_id) or _interrupted(call_id) for call_id in self.call_ids)
        return replace(self._source, parts=parts)


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
        """The next message, as it came."""
        parts = self._without_results(message)
        if message.role is Role.TOOL:
            message = Message(Role.USER, parts)
        results = _Results()
        parts = self._with_unique_ids(parts, results)
        if parts:
            self._ordered.append(replace(message, parts=parts))
        if results.call_ids:
            self._ordered.append(results)

    def messages(self) -> tuple[Message, ...]:
        """The conversation so far, in order."""
        return tuple(entry if isinstance(entry, Message) else entry.message() for entry in self._ordered)

    def _without_results(self, source: Message) -> tuple[Part, ...]:
        """Give each result to its call; what is left, in front of it the results that have none, as text."""
        orphans: list[Part] = []
        rest: list[Part] = []
        for part in _spoken(source.parts):
            if not isinstance(part, ToolResult):
                rest.append(part)
            elif calls := self._waiting.get(part.call_id):
                results, call_id = calls.pop(0) if len(calls) > 1 else calls[0]
                results.put(call_id, part, source)
            else:
                orphans += _told(part)
        return (*orphans, *rest)

    def _with_unique_ids(self, parts: Iterable[Part], results: _Results) -> tuple[Part, ...]:
        """The parts, each call under an id of its own, for which `results` now waits."""
        waiting: dict[str, list[tuple[_Results, str]]] = {}
        unique: list[Part] = []
        for part in parts:
            if not isinstance(part, ToolCall):
                unique.append(part)
                continue
            call_id = self._unique(part.id)
            results.call_ids.append(call_id)
            waiting.setdefault(part.id, []).append((results, call_id))
            unique.append(replace(part, id=call_id))
        self._waiting |= waiting
        return tuple(unique)

    def _unique(self, call_id: str) -> str:
        """`call_id`, or its first free variant `call_id`_2, _3 ...: only what came before decides."""
        unique = base = call_id or "call"
        while unique in self._ids:
            self._copies[base] = copy = self._copies.get(base, 1) + 1
            unique = f"{base}_{copy}"
        self._ids.add(unique)
        return unique


def _interrupted(call_id: str) -> ToolResult:
    return ToolResult(call_id=call_id, content=(Text(text=INTERRUPTED),), is_error=True)


def _told(result: ToolResult) -> tuple[Part, ...]:
    """A result as it is told outside a tool message: text that names it, then its other parts as they are."""
    heading = f"Tool result ({result.call_id}):{' Error:' if result.is_error else ''}"
    first, *rest = _spoken(result.content) or (Text(text="(empty)"),)
    parts: list[Part] = (
        [replace(first, text=f"{heading} {first.text}"), *rest]
        if isinstance(first, Text)
        else [Text(text=heading), first, *rest]
    )
    if result.cache and not parts[-1].cache:
        parts[-1] = replace(parts[-1], cache=result.cache)
    return tuple(parts)
