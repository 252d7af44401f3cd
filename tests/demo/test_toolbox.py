"""Steps -> calls of the tools on offer."""

import json

import pytest

from llmux.demo.instructions import Read, Run, Step, Use, Write
from llmux.demo.toolbox import Toolbox
from llmux.ir.request import Tool

TEXT = {"type": "string"}
SHELL = Tool("sh", schema={"type": "object", "properties": {"cmd": TEXT}, "required": ["cmd"]})
VIEW = Tool("view_file", schema={"type": "object", "properties": {"filePath": TEXT, "lines": {"type": "integer"}}})
SAVE = Tool("save", schema={"type": "object", "properties": {"path": TEXT, "body": TEXT, "mode": {"enum": ["w", "a"]}}})
CUSTOM = Tool("sh", kind="custom")
BARE = Tool("sh")

CASES: dict[str, tuple[tuple[Tool, ...], Step, str | None]] = {
    "nobody of that name": ((SHELL,), Use("bash", {}), None),
    "no tool at all": ((), Run("ls"), None),
    "a tool of free text takes no command": ((CUSTOM,), Run("ls"), None),
    "a tool without a schema takes nothing": ((BARE,), Write("a.txt", "x"), None),
    "but can be called": ((BARE,), Use("sh", {"a": "1"}), "{}"),
    "a property by its kind, not its spelling": ((SHELL, VIEW), Read("a.txt"), '{"filePath":"a.txt"}'),
    "what writes does not read": ((SAVE, SHELL), Read("a b"), '{"cmd":"cat \'a b\'"}'),
    "only what is required": ((SHELL, SAVE), Write("a", "x"), '{"path":"a","body":"x"}'),
}


@pytest.mark.parametrize(("tools", "step", "arguments"), CASES.values(), ids=CASES)
def test_a_step_finds_its_tool(tools: tuple[Tool, ...], step: Step, arguments: str | None) -> None:
    call = Toolbox(tools).call(step)
    assert (call and call.arguments) == arguments


def test_what_was_told_is_said_to_any_tool() -> None:
    call = Toolbox((SAVE,), told={"mode": "a"}).call(Write("a", "x"))
    assert call is not None
    assert json.loads(call.arguments) == {"path": "a", "body": "x", "mode": "a"}
