"""The faults that other gateways were seen with, H.1 to H.100: each has a test in this folder that protects from it.

A test says which in its docstring, or a table in the name of a row: "H.22 an answer that failed is no end of a turn".
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROWS = range(1, 101)
MARK = re.compile(r"\bH\.(\d+)\b")
FOLDER = Path(__file__).parent
# Beside them stand the cases of another list, with an index of their own.
FILES = sorted({*FOLDER.glob("test_*.py")} - {*FOLDER.glob("test_case_*.py")} - {Path(__file__)})


def marks(source: str) -> Iterator[int]:
    """The numbers that tests and the names of rows carry. Comments, and what a file says of itself, do not count."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield from _numbers(ast.get_docstring(node) or "")
        elif isinstance(node, ast.Dict | ast.List):
            names = node.keys if isinstance(node, ast.Dict) else node.elts
            yield from (number for name in names if isinstance(name, ast.Constant) for number in _numbers(name.value))


def _numbers(text: object) -> Iterator[int]:
    return (int(number) for number in MARK.findall(text)) if isinstance(text, str) else iter(())


def test_every_fault_has_a_test() -> None:
    found = {number for file in FILES for number in marks(file.read_text("utf-8"))}
    assert sorted(set(ROWS) - found) == []
    assert sorted(found - set(ROWS)) == []


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_test_says_what_it_protects_from(file: Path) -> None:
    """In its docstring, or in the names of the rows of a table that it is run with."""
    module = ast.parse(file.read_text("utf-8"))
    tables = {
        target.id
        for node in module.body
        for target in _targets(node)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and list(marks(ast.unparse(node.value)))
    }
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            said = list(_numbers(ast.get_docstring(node) or ""))
            run_with = [name for mark in node.decorator_list for name in ast.walk(mark) if isinstance(name, ast.Name)]
            listed = [number for mark in node.decorator_list for number in marks(ast.unparse(mark))]
            assert said or listed or {name.id for name in run_with} & tables, node.name


def _targets(node: ast.stmt) -> list[ast.Name]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target for target in targets if isinstance(target, ast.Name)]


EMPTY = {
    "a comment": "# H.1\nx = 1",
    "what a file says of itself": '"""H.1 to H.3"""',
    "a helper": 'def helper():\n    """H.1"""',
    "a text in a test": 'def test_x():\n    assert "H.1"',
}


@pytest.mark.parametrize("case", EMPTY)
def test_only_tests_and_names_of_rows_count(case: str) -> None:
    assert list(marks(EMPTY[case])) == []
