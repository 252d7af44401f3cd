"""Arguments as objects: whatever a model once wrote, the wires that want an object get one, and nothing is lost."""

import pytest

from llmux.dialects.arguments import as_object, object_of
from llmux.ir.content import ToolCall

OBJECTS: dict[str, dict[str, object]] = {
    "": {},
    "  ": {},
    "null": {},
    '{"a": 1}': {"a": 1},
    '"{\\"a\\": 1}"': {"a": 1},
    '" {broken"': {"value": " {broken"},
    '"text"': {"value": "text"},
    "[1]": {"value": [1]},
    "7": {"value": 7},
    '{"a": ': {"_invalid_json": '{"a": '},
    "[" * 400 + "]" * 400: {"_invalid_json": "[" * 400 + "]" * 400},
}


@pytest.mark.parametrize("arguments", OBJECTS)
def test_an_object_is_made_of(arguments: str) -> None:
    assert as_object(arguments) == OBJECTS[arguments]


def test_free_text_is_one_argument() -> None:
    assert object_of(ToolCall(id="1", name="patch", arguments="*** {", kind="custom")) == {"input": "*** {"}
    assert object_of(ToolCall(id="1", name="f", arguments='{"a":1}')) == {"a": 1}
