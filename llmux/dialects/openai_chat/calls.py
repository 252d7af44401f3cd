"""Whose piece of a tool call is this? Fragments of calls, as servers really send them, put together.

It routes and keeps; it writes no event. Indices repeat, are missing or start anywhere; ids and names come once, each
time, or never; arguments come whole, in pieces, as an object, or before the name. All of it is linear in the length.
"""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from llmux.ir.content import ReasoningState, ToolCall
from llmux.ir.value import Value

EMPTY = "{}"


class Fragment(Value):
    """A piece of a call: whatever of it the server said."""

    index: int | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""
    custom: bool = False
    states: tuple[ReasoningState, ...] = ()


class Json:
    """Says when a JSON value that arrives in pieces is complete. Looks at each character once."""

    __slots__ = ("_depth", "_escaped", "_quoted", "complete")

    # What matters: an escape with what it escapes, quotes and brackets. The rest is skipped at C speed.
    _MARKS = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = False
        self._escaped = False
        self.complete = False

    def feed(self, text: str) -> None:
        """More of the value. An object or array is complete when its bracket closes; nothing else ever is."""
        start = 1 if self._escaped and text else 0
        self._escaped = self._escaped and not text
        for found in self._MARKS.finditer(text, start):
            mark = found[0]
            if mark[0] == "\\":
                self._escaped = len(mark) == 1
            elif mark == '"':
                self._quoted = not self._quoted
            elif not self._quoted:
                self._depth += 1 if mark in "{[" else -1
                self.complete = self._depth <= 0


class Call:
    """One call while it arrives."""

    __slots__ = ("_json", "_unscanned", "_untold", "custom", "id", "name", "part", "states", "told")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.custom = False
        self.states: tuple[ReasoningState, ...] = ()
        self.part: ToolCall | None = None  # once it is open
        self.told = False  # some of the arguments have been taken
        self._untold: list[str] = []
        self._unscanned: list[str] = []
        self._json = Json()

    def merge(self, fragment: Fragment) -> None:
        """Add what `fragment` says. Ids and names that repeat are repeats; a name may be spelled cumulatively."""
        self.id = self.id or fragment.id
        self.custom = self.custom or fragment.custom
        self.states += fragment.states
        if not self.name or (fragment.name.startswith(self.name) and not self.has_arguments):
            self.name = fragment.name or self.name
        if fragment.arguments:
            self._add(fragment.arguments)

    def heard(self, piece: str) -> None:
        """Arguments that have been told already."""
        self._unscanned.append(piece)

    def _add(self, piece: str) -> None:
        if self._untold == [EMPTY] and not self.told and piece.lstrip().startswith("{"):
            self._untold, self._unscanned, self._json = [], [], Json()  # it was a placeholder
        self._untold.append(piece)
        self._unscanned.append(piece)

    @property
    def has_arguments(self) -> bool:
        return self.told or bool(self._untold)

    @property
    def complete(self) -> bool:
        """Whether the arguments are a whole JSON value. Free text never is: only the end of the answer tells."""
        if self._unscanned and not self.custom:
            self._json.feed("".join(self._unscanned))
            self._unscanned.clear()
        return self._json.complete

    def take(self) -> str:
        """The arguments that have come since the last time; a lone `{}` is held back, for it may be a placeholder."""
        if not self._untold or (self._untold == [EMPTY] and not self.told):
            return ""
        return self.take_all()

    def take_all(self) -> str:
        """The same at the end, when nothing is held back."""
        self.told = True
        text = self._untold[0] if len(self._untold) == 1 else "".join(self._untold)
        self._untold.clear()
        return text


class Calls:
    """The calls of one answer, found again by index, id, or nothing but order."""

    __slots__ = ("_by_id", "_by_index", "_last")

    def __init__(self) -> None:
        self._by_index: dict[int, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._last: Call | None = None

    def route(self, fragment: Fragment) -> tuple[Call, bool]:
        """The call that `fragment` belongs to, with its words merged, and whether it is a new one."""
        known = self._by_number(fragment) if fragment.index is not None else self._by_word(fragment)
        call = known or Call()
        call.merge(fragment)
        self._last = call
        if fragment.index is not None:
            self._by_index[fragment.index] = call
        if fragment.id:
            self._by_id.setdefault(fragment.id, call)
        return call, known is None

    def at(self, index: int) -> Call | None:
        """The call that `index` means now."""
        return self._by_index.get(index)

    def _by_number(self, fragment: Fragment) -> Call | None:
        call = self._by_index.get(fragment.index or 0)
        if call is None or not fragment.name:
            return call
        other_id = fragment.id and call.id and fragment.id != call.id
        whole_again = not fragment.id and fragment.arguments and call.complete
        return None if other_id or whole_again else call  # several calls share one index

    def _by_word(self, fragment: Fragment) -> Call | None:
        if fragment.id in self._by_id:
            return self._by_id[fragment.id]
        if fragment.name and self._last and (fragment.id or self._last.has_arguments):
            return None
        return self._last


# --- fragments -------------------------------------------------------------------------------------------------------


def fragment_of(wire: dict[str, Any], states: Sequence[ReasoningState] = ()) -> Fragment:
    """What one entry of `tool_calls` says, misshapen or not."""
    custom = wire.get("custom")
    inner = custom if isinstance(custom, dict) else wire.get("function")
    inner = inner if isinstance(inner, dict) else {}
    return Fragment(
        index=_index(wire.get("index")),
        id=_text(wire.get("id")),
        name=_text(inner.get("name")),
        arguments=_arguments(inner.get("arguments", inner.get("input"))),
        custom=inner is custom,
        states=tuple(states),
    )


def _index(value: Any) -> int | None:
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    return value if isinstance(value, int) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    """A string as it is; an object is the whole arguments."""
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else _text(value)
