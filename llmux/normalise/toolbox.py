"""The tools of one request, to be found by the names that models call them by; and the list of what was put right."""

import re
from collections.abc import Sequence

from llmux.ir.request import Tool
from llmux.normalise.naming import Names
from llmux.normalise.shape import Shapes

# What is told of one answer: a header has to hold it, and some of the names are a model's own.
MOST_TOLD = 16
LONGEST_WORD = 40  # characters


class Toolbox:
    """The tools of one request."""

    __slots__ = ("_names", "_shapes", "_tools")

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._names = Names(self._tools)
        self._shapes: dict[str, Shapes] = {}

    def name(self, called: str) -> str | None:
        """The name of the tool that a model calls `called`: exactly so, or in another style, if that is only one."""
        if called in self._tools:
            return called
        alike = self._names.alike(called)
        return alike[0] if len(alike) == 1 else None

    def shapes(self, name: str) -> Shapes | None:
        """What the arguments of a tool should be like; None where it takes free text, or is run by the backend."""
        tool = self._tools.get(name)
        if tool is None or tool.kind != "function":
            return None
        if name not in self._shapes:
            self._shapes[name] = Shapes(tool.schema)
        return self._shapes[name]


class Repairs:
    """What was put right in one answer, in the form of warnings: safe in a header, each once, and not too many.

    `repaired=Write.filePath>file_path` a key, `repaired=Read.limit` a value, `repaired=Read` all arguments of a call,
    `repaired=read>Read` a tool's name, `repaired=text>Read` a call that was printed as text.
    """

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[str, None] = {}

    def add(self, tool: str, note: str = "") -> None:
        """`note`: what of the tool's call; "" : all of it."""
        if len(self._told) < MOST_TOLD:
            self._told[f"repaired={_safe(tool)}{'.' * bool(note)}{_safe(note)}"] = None

    def rename(self, name: str, to: str) -> None:
        """A call of `name` became one of `to`."""
        self.add(f"{_word(name)}>{_word(to)}")

    @property
    def told(self) -> tuple[str, ...]:
        """The warnings, in order."""
        return tuple(self._told)


def _safe(note: str) -> str:
    return ">".join(".".join(map(_word, name.split("."))) for name in note.split(">"))


def _word(name: str) -> str:
    return re.sub(r"[^\w-]", "_", name[:LONGEST_WORD], flags=re.ASCII)
