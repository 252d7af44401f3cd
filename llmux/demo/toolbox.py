"""Steps -> calls of the tools on offer, chosen by what their schemas take. Pure.

A tool that takes a path and a content writes files; one that takes a command runs commands, and does the rest too when
nothing better is there; one that takes a path and is named for reading reads. No agent's tools are known by name.
"""

import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from llmux.demo.instructions import Read, Run, Step, Use, Write
from llmux.demo.specimen import Shape, shape, specimen
from llmux.ir.content import ToolCall
from llmux.ir.request import Tool
from llmux.ir.value import Value

# Properties by what they take; compared in lower case, without "_".
PATHS = frozenset({"path", "filepath", "filename", "file", "absolutepath", "targetfile"})
CONTENTS = frozenset({"content", "contents", "filetext", "text", "body", "data"})
COMMANDS = frozenset({"command", "cmd", "commands", "commandline", "shellcommand"})
READING = re.compile(r"read|view|open|show|cat", re.IGNORECASE)

Wanted = Mapping[frozenset[str], str]  # kinds of properties, and what to put there


class Toolbox(Value):
    """The tools on offer. `told` are values for their properties; `folder` is what relative paths stand in."""

    tools: tuple[Tool, ...]
    told: Mapping[str, str] = {}
    folder: str = ""

    def call(self, step: Step) -> ToolCall | None:
        """The call that does `step`, without an id, or None when no tool on offer can."""
        match step:
            case Use(name=name, values=values):
                return self._use(name, values)
            case Run(command=command):
                return self._run(command)
            case Write(path=path, content=content):
                by_shell = f"printf %s {shlex.quote(content)} > {shlex.quote(path)}"
                return self._fill(self.tools, {PATHS: path, CONTENTS: content}) or self._run(by_shell)
            case Read(path=path):
                readers = (tool for tool in self.tools if READING.search(tool.name))
                return self._fill(readers, {PATHS: path}) or self._run(f"cat {shlex.quote(path)}")

    def _use(self, name: str, values: Mapping[str, str]) -> ToolCall | None:
        tool = next((tool for tool in self.tools if tool.name == name), None)
        if tool is None:
            return None
        if tool.kind == "custom":
            return ToolCall(id="", name=name, arguments=values.get("input", name), kind="custom")
        return _call(tool, {**self.told, **values}, {})

    def _run(self, command: str) -> ToolCall | None:
        return self._fill(self.tools, {COMMANDS: command})

    def _fill(self, tools: Iterable[Tool], wanted: Wanted) -> ToolCall | None:
        """A call of the tool that has a property for each of `wanted` and requires the fewest others."""
        able = [(tool, given) for tool in tools if (given := self._given(tool, wanted))]
        if not able:
            return None
        tool, given = min(able, key=lambda each: len(set(shape(each[0].schema).required) - each[1].keys()))
        return _call(tool, self.told, given)

    def _given(self, tool: Tool, wanted: Wanted) -> dict[str, Any]:
        """The arguments of `tool` that say `wanted`; none when it cannot take all of it."""
        properties = shape(tool.schema).properties if tool.kind == "function" else {}
        given: dict[str, Any] = {}
        for names, value in wanted.items():
            name = next((each for each in properties if each.lower().replace("_", "") in names), None)
            if name is None:
                return {}
            given[name] = self._shaped(shape(properties[name]), names, value)
        return given

    def _shaped(self, form: Shape, names: frozenset[str], value: str) -> Any:
        """`value` as its property wants it: an absolute path, a command in words."""
        if names is PATHS and self.folder and "absolute" in (form.description or ""):
            return posixpath.join(self.folder, value)
        if names is COMMANDS and form.kind == "array":
            return ["bash", "-lc", value]
        return value


def _call(tool: Tool, told: Mapping[str, str], given: Mapping[str, Any]) -> ToolCall:
    """A call with what is `given`, what was told, and something that fits for the rest that is required."""
    form = shape(tool.schema)
    names = [name for name in form.properties if name not in given and (name in form.required or name in told)]
    rest = {**(tool.schema or {}), "properties": {name: form.properties[name] for name in names}, "required": names}
    made = specimen({**rest, "type": "object"}, told)
    arguments = {name: {**made, **given}[name] for name in form.properties if name in made or name in given}
    return ToolCall(id="", name=tool.name, arguments=msgspec.json.encode(arguments).decode())
