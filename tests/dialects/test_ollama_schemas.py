"""JSON Schema -> what Ollama keeps of it: the same in its words, the rest by description."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.dialects.losses import Losses
from llmux.dialects.ollama.content import Draft
from llmux.dialects.ollama.schema import LOSSES
from llmux.dialects.ollama.schemas import KEPT, MOST, narrowed
from llmux.ir.capability import Target
from tests.strategies import JSON

Schema = dict[str, Any]


def narrow(schema: Schema) -> tuple[Schema, bool]:
    """The schema as it is written, and whether something of it is bent."""
    draft = Draft(target=Target("m"), own=False, losses=Losses(LOSSES))
    return narrowed(schema, draft), draft.losses.warnings() == ("approx=schema",)


def of(schema: Any, **beside: Any) -> Schema:
    return {"type": "object", "properties": {"a": schema}, **beside}


TREE = {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}

# a property's schema, what stands beside it at the root, what becomes of the property, and whether it is bent
PROPERTIES: dict[str, tuple[Any, Schema, Any, bool]] = {
    "what Ollama knows": (
        {"type": ["string", "null"], "description": "d", "enum": ["x"]},
        {},
        {"type": ["string", "null"], "description": "d", "enum": ["x"]},
        False,
    ),
    "an array": (
        {"type": "array", "items": {"type": "string"}},
        {},
        {"type": "array", "items": {"type": "string"}},
        False,
    ),
    "an object": (of({"type": "null"}), {}, of({"type": "null"}), False),
    "a constant": ({"const": 1}, {}, {"enum": [1]}, False),
    "alternatives": (
        {"oneOf": [{"type": "string"}, {"const": 1}]},
        {},
        {"anyOf": [{"type": "string"}, {"enum": [1]}]},
        False,
    ),
    "bounds are told": (
        {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many."},
        {},
        {"type": "integer", "description": "How many. (minimum: 1; maximum: 9)"},
        True,
    ),
    "a format is told": (
        {"type": "string", "format": "date"},
        {},
        {"type": "string", "description": '(format: "date")'},
        True,
    ),
    "what says nothing to a model": (
        {"type": "string", "title": "A", "examples": ["x"], "$comment": "c"},
        {},
        {"type": "string"},
        False,
    ),
    "a closed object": ({**of(True), "additionalProperties": False}, {}, of({}), False),
    "a map": (
        {"type": "object", "additionalProperties": {"type": "string"}},
        {},
        {"type": "object", "description": '(additionalProperties: {"type":"string"})'},
        True,
    ),
    "a reference": (
        {"$ref": "#/$defs/d", "description": "here"},
        {"$defs": {"d": {"type": "string"}}},
        {"type": "string", "description": "here"},
        False,
    ),
    "an old reference": (
        {"$ref": "#/definitions/a~1b"},
        {"definitions": {"a/b": {"type": "string"}}},
        {"type": "string"},
        False,
    ),
    "a reference to nothing": ({"$ref": "#/$defs/x/y"}, {"$defs": {"x": 1}}, {}, False),
    "a reference to itself": (
        {"$ref": "#/$defs/tree"},
        {"$defs": {"tree": TREE}},
        {"type": "object", "properties": {"left": {"type": "object"}}},
        True,
    ),
    "all of several": (
        {
            "allOf": [
                {"type": "object", "properties": {"x": {}}, "required": ["x"]},
                {"properties": {"y": {}}, "required": ["y", "x"], "type": "array"},
                3,
            ]
        },
        {},
        {"type": "object", "properties": {"x": {}, "y": {}}, "required": ["x", "y"]},
        False,
    ),
    "anything": (True, {}, {}, False),
    "words that are no words": (
        {"properties": 3, "anyOf": 4, "items": 5},
        {},
        {"properties": 3, "anyOf": 4, "items": {}},
        False,
    ),
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property(name: str) -> None:
    schema, beside, expected, bent = PROPERTIES[name]
    assert narrow(of(schema, **beside)) == (of(expected), bent)


ROOTS: dict[str, tuple[Schema, Schema, bool]] = {
    "its own words": (of({}, required=["a"], **{"$schema": "x"}), {**of({}), "required": ["a"]}, False),
    "no type": ({"properties": {"a": {}}}, of({}), True),
    "no properties": ({"type": "object"}, {"type": "object", "properties": {}}, False),
    "alternatives": ({"anyOf": [of({}), {}]}, {"type": "object", "properties": {}}, True),
    "another type": ({"type": "string", "enum": ["a"], "description": "d"},
                     {"type": "object", "description": "d", "properties": {}}, True),
    "a reference": ({"$ref": "#/$defs/r", "$defs": {"r": of({"type": "string"})}}, of({"type": "string"}), False),
}  # fmt: skip


@pytest.mark.parametrize("name", ROOTS)
def test_the_root_is_an_object_with_properties(name: str) -> None:
    schema, expected, bent = ROOTS[name]
    written, is_bent = narrow(schema)
    assert (written, is_bent) == (expected, bent)


def test_a_schema_does_not_grow_without_end() -> None:
    twice = {
        f"d{n}": {"properties": {"x": {"$ref": f"#/$defs/d{n + 1}"}, "y": {"$ref": f"#/$defs/d{n + 1}"}}}
        for n in range(30)
    }
    written, bent = narrow({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": twice})
    assert bent
    assert orjson.dumps(written).count(b"properties") <= MOST


def words(schema: Any) -> set[str]:
    """The words of a schema and of those within it."""
    if not isinstance(schema, dict):
        return set()
    inner = [schema.get("items"), *(schema["anyOf"] if isinstance(schema.get("anyOf"), list) else ())]
    inner += schema["properties"].values() if isinstance(schema.get("properties"), dict) else ()
    return set(schema).union(*map(words, inner))


WORDS = st.sampled_from([*sorted(KEPT), "$ref", "const", "oneOf", "allOf", "minimum", "$defs", "title"])


@given(st.dictionaries(WORDS, JSON | st.dictionaries(WORDS, JSON, max_size=3), max_size=4))
def test_nothing_is_left_that_vanishes(schema: Schema) -> None:
    written, _ = narrow(schema)
    assert words(written) <= KEPT
    assert (written["type"], type(written["properties"])) == ("object", dict)
    assert narrow(schema)[0] == written
