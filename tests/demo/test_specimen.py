"""JSON Schema -> a value that fits."""

from typing import Any

import pytest

from llmux.demo.specimen import specimen
from llmux.errors import BadRequest

TREE = {
    "$defs": {"node": {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}},
    "$ref": "#/$defs/node",
}
CASES: dict[str, tuple[Any, Any]] = {
    "a string is its own name": ({"type": "object", "properties": {"city": {"type": "string"}}}, {"city": "city"}),
    "only what is required": (
        {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "boolean"}}, "required": ["b"]},
        {"b": True},
    ),
    "const": ({"const": 0}, 0),
    "default": ({"type": "integer", "default": 9}, 9),
    "the first example": ({"type": "string", "examples": ["x", "y"]}, "x"),
    "the first of an enum": ({"enum": ["red", "green"]}, "red"),
    "the first that is not null": ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
    "only null": ({"oneOf": [{"type": "null"}]}, "value"),
    "a list of types": ({"type": ["null", "number"]}, 1),
    "no type but null": ({"type": ["null"]}, None),
    "an object without a type": ({"properties": {"n": {"type": "integer", "minimum": 5}}}, {"n": 5}),
    "an integer within bounds": ({"type": "integer", "minimum": -5, "maximum": -2}, -2),
    "above a bound": ({"type": "integer", "exclusiveMinimum": 9, "multipleOf": 4}, 12),
    "a list as short as may be": ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["value", "value"]),
    "an empty list": ({"type": "array", "maxItems": 0}, []),
    "a format": ({"type": "string", "format": "date"}, "2025-01-01"),
    "a length": ({"type": "string", "minLength": 7}, "value.."),
    "a short one": ({"type": "string", "maxLength": 3}, "val"),
    "a reference": ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, 1),
    "a reference to nowhere": ({"$ref": "#/$defs/x"}, "value"),
    "a reference to itself": ({"$ref": "#"}, None),
    "all of them": (
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
            ]
        },
        {"a": 1, "b": True},
    ),
    "anything": ({"type": "object", "properties": {"x": True}}, {"x": "x"}),
    "a type that nobody knows": ({"type": "colour"}, "value"),
}
TOLD: dict[str, tuple[Any, Any]] = {
    "a number": ({"type": "integer"}, 3),
    "a text": ({"type": "string"}, "3"),
    "a list": ({"type": "array"}, 3),
}


@pytest.mark.parametrize(("schema", "value"), CASES.values(), ids=CASES)
def test_the_value_fits(schema: Any, value: Any) -> None:
    assert specimen(schema) == value


@pytest.mark.parametrize(("schema", "value"), TOLD.values(), ids=TOLD)
def test_what_was_told_wins(schema: Any, value: Any) -> None:
    form = {"type": "object", "properties": {"n": schema, "m": {"type": "null"}}, "required": ["m"]}
    assert specimen(form, {"n": "3"}) == {"n": value, "m": None}


def test_words_become_a_list_of_one() -> None:
    assert specimen({"type": "object", "properties": {"tags": {"type": "array"}}}, {"tags": "a b"}) == {"tags": ["a b"]}
    assert specimen({"type": "object", "properties": {"n": {"type": "integer"}}}, {"n": "many"}) == {"n": "many"}


def test_a_schema_without_an_end_is_ended() -> None:
    value, depth = specimen(TREE), 0
    while value.get("kids"):
        value, depth = value["kids"][0], depth + 1
    assert 3 < depth < 20


def test_an_object_that_needs_itself_is_ended() -> None:
    value, depth = specimen({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}), 0
    while value:
        value, depth = value["a"], depth + 1
    assert 3 < depth < 20


@pytest.mark.parametrize("schema", [{"type": 5}, {"properties": []}, {"required": "x"}, {"minimum": "low"}])
def test_what_is_no_schema_is_the_clients_error(schema: Any) -> None:
    with pytest.raises(BadRequest):
        specimen(schema)
