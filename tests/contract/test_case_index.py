"""Every case of the contract has a test that names it: in its docstring, or in the key of its table."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
MARK = re.compile(r"\b(I\.(?:P?\d+)|D\.14\.\d)\b")
CASES = {
    *(f"I.{number}" for number in range(1, 61)),  # the sixty cases
    *(f"I.P{number}" for number in range(1, 7)),  # the standing properties
    *(f"D.14.{number}" for number in range(1, 6)),  # the worked traces
}


def named(tree: ast.Module) -> Iterator[str]:
    """The marks of a module: in docstrings of its tests, and in the keys of its tables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield from MARK.findall(ast.get_docstring(node) or "")
        elif isinstance(node, ast.Dict):
            for key in node.keys:
                parts = key.values if isinstance(key, ast.JoinedStr) else [key]
                for part in parts:
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield from MARK.findall(part.value)


def test_every_case_is_held_by_a_test() -> None:
    found = {mark for file in HERE.glob("*.py") for mark in named(ast.parse(file.read_text()))}
    assert sorted(CASES - found) == []
    assert sorted(found - CASES) == []
