"""Schemas for Gemini's older models: whatever is given, what is written is in their subset; and the way back."""

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.dialects.gemini.subset import lowered, sanitised
from tests.strategies import JSON, NAMES

Schema = dict[str, Any]

# --- a validator of the subset, by Google's documentation and none of our code: https://ai.google.dev/api/caching#Schema

WORDS = {
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
    "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering",
    "default", "items", "minimum", "maximum",
}  # fmt: skip
TYPES = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"}
FORMATS = {None, "enum", "date-time", "int32", "int64", "float", "double"}


def refuse(schema: Any, at: str = "$") -> str | None:
    """Why Google would refuse `schema`; None when it would take it."""
    if not isinstance(schema, dict):
        return f"{at}: no object"
    kind, enum = schema.get("type"), schema.get("enum")
    rules = {
        "unknown words": not schema.keys() <= WORDS,
        "no type": "anyOf" not in schema and kind not in TYPES,
        "an unknown type": kind is not None and kind not in TYPES,
        "an enum of others than texts": enum is not None and (kind != "STRING" or not enum or not all(
            isinstance(choice, str) and choice for choice in enum)),
        "an array of nothing": kind == "ARRAY" and "items" not in schema,
        "no properties": schema.get("properties") == {},
        "a requirement of what is not there": not set(schema.get("required", [])) <= set(schema.get("properties", {})),
        "an unknown format": schema.get("format") not in FORMATS,
        "an empty choice": schema.get("anyOf") == [],
        "a description that is no text": not isinstance(schema.get("description", ""), str),
        "nullable that is none": schema.get("nullable", True) is not True,
    }  # fmt: skip
    inner = {f"{at}.{name}": value for name, value in schema.get("properties", {}).items()}
    inner |= {f"{at}.anyOf.{index}": value for index, value in enumerate(schema.get("anyOf", []))}
    inner |= {f"{at}.items": schema["items"]} if "items" in schema else {}
    found = [f"{at}: {rule}" for rule, is_broken in rules.items() if is_broken]
    return next(iter([*found, *(why for name, value in inner.items() if (why := refuse(value, name)))]), None)


# --- what becomes of each word ---------------------------------------------------------------------------------------

STRING = {"type": "STRING"}
CASES: dict[str, tuple[Schema, Schema]] = {
    "a type": ({"type": "string"}, STRING),
    "what both have": (
        {"type": "string", "title": "t", "minLength": 1, "maxLength": 2, "pattern": "p", "default": "d"},
        {"title": "t", "default": "d", "minLength": 1, "maxLength": 2, "pattern": "p", "type": "STRING"},
    ),
    "a type or null": ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
    "several types": (
        {"type": ["string", "integer"], "description": "d"},
        {"anyOf": [STRING, {"type": "INTEGER"}], "description": "d"},
    ),
    "only null": ({"type": "null"}, {"type": "STRING", "description": "(any JSON value)", "nullable": True}),
    "a choice or null": (
        {"anyOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [STRING], "nullable": True},
    ),
    "one of": ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"anyOf": [STRING, {"type": "INTEGER"}]}),
    "a choice of one type": (
        {"type": "string", "anyOf": [{"enum": ["a"]}, {"pattern": "b"}]},
        {"anyOf": [{"type": "STRING", "enum": ["a"]}, {"pattern": "b", "type": "STRING"}]},
    ),
    "a choice of requirements": (
        {"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]},
        {"type": "OBJECT", "properties": {"a": STRING}, "description": '(anyOf: [{"required":["a"]}])'},
    ),
    "words for a parser": ({"$schema": "x", "$id": "y", "$comment": "z", "type": "string"}, STRING),
    "words for a person": ({"type": "string", "examples": ["a"], "deprecated": True}, STRING),
    "a constant": ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
    "a constant that is no text": (
        {"const": 5, "type": "integer"},
        {"type": "STRING", "enum": ["5"], "description": "(one of the values listed, as JSON)"},
    ),
    "numbers to choose from": (
        {"type": "integer", "enum": [1, 2, 2]},
        {"type": "STRING", "enum": ["1", "2"], "description": "(one of the values listed, as JSON)"},
    ),
    "texts to choose from": ({"enum": ["a", "", None]}, {"type": "STRING", "enum": ["a"], "nullable": True}),
    "more than": ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 9}, {
        "type": "INTEGER", "minimum": 4, "maximum": 8, "description": "(exclusiveMinimum: 3; exclusiveMaximum: 9)"}),
    "more than, of any number": ({"type": "number", "exclusiveMinimum": 0},
                                 {"type": "NUMBER", "minimum": 0, "description": "(exclusiveMinimum: 0)"}),
    "more than, as it was said before": (
        {"type": "number", "minimum": 1, "exclusiveMinimum": True},
        {"minimum": 1, "type": "NUMBER", "description": "(exclusiveMinimum: true)"},
    ),
    "what cannot be said": ({"type": "number", "multipleOf": 5, "description": "d"},
                            {"type": "NUMBER", "description": "d (multipleOf: 5)"}),
    "a format that is known": ({"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}),
    "a format that is not": ({"type": "string", "format": "uri"}, {"type": "STRING", "description": "(format: uri)"}),
    "an array of nothing": ({"type": "array"}, {"type": "ARRAY", "items": STRING}),
    "an array of nonsense": ({"type": "array", "items": 5}, {"type": "ARRAY", "items": STRING}),
    "a tuple": (
        {"prefixItems": [{"type": "string"}, {"type": "integer"}, {"type": "string"}]},
        {"type": "ARRAY", "items": {"anyOf": [STRING, {"type": "INTEGER"}]}},
    ),
    "a tuple, as it was said before": ({"items": [{"type": "string"}]}, {"type": "ARRAY", "items": STRING}),
    "an array that is unique": ({"type": "array", "items": {"type": "string"}, "uniqueItems": True},
                                {"type": "ARRAY", "items": STRING, "description": "(uniqueItems: true)"}),
    "an object of anything": ({"type": "object", "additionalProperties": True}, {"type": "OBJECT"}),
    "an object without saying so": (
        {"properties": {"b": {"type": "string"}, "a": True}, "required": ["a", "c", "a"]},
        {
            "type": "OBJECT",
            "properties": {"b": STRING, "a": {"type": "STRING", "description": "any JSON value"}},
            "required": ["a"],
        },
    ),
    "anything": ({}, {"type": "STRING", "description": "(any JSON value)"}),
    "all of": (
        {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                   {"type": "string", "properties": {"b": {"type": "string"}}, "required": ["b"]}, True],
         "required": []},
        {"type": "OBJECT", "properties": {"b": STRING, "a": STRING}, "required": ["a", "b"]},
    ),
    "a reference": (
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/x~1y", "description": "d"}},
         "$defs": {"x/y": {"type": "string", "description": "x"}}},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING", "description": "d"}}},
    ),
    "a reference to itself": (
        {"$ref": "#/definitions/N",
         "definitions": {"N": {"type": "object", "properties": {"next": {"$ref": "#/definitions/N"}}}}},
        {"type": "OBJECT", "properties": {"next": {"type": "OBJECT", "description": "(N)"}}},
    ),
    "a reference to nothing": ({"$ref": "#/$defs/N"}, {"type": "OBJECT", "description": "(N)"}),
    "a reference elsewhere": ({"$ref": "https://x.test/N"}, {"type": "OBJECT", "description": "(N)"}),
    "Google's own": ({"type": "STRING", "nullable": True}, {"type": "STRING", "nullable": True}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_word_has_its_place(case: str) -> None:
    schema, expected = CASES[case]
    before = copy.deepcopy(schema)
    written = sanitised(schema)
    assert written == expected
    assert schema == before, "a schema is never changed"
    assert refuse(written) is None


def test_the_order_of_properties_is_kept() -> None:
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in "zaybx"}}
    assert list(sanitised(schema)["properties"]) == list("zaybx")


def test_definitions_that_use_each_other_twice_do_not_grow_without_end() -> None:
    defs = {
        f"d{n}": {"type": "object", "properties": {x: {"$ref": f"#/$defs/d{n + 1}"} for x in "ab"}} for n in range(40)
    }
    written = sanitised({"$ref": "#/$defs/d0", "$defs": defs})
    assert len(orjson.dumps(written)) < 2_000_000
    assert refuse(written) is None


SCHEMAS = st.recursive(
    st.sampled_from([{}, True, {"type": "string"}, {"type": ["integer", "null"]}, {"const": 1}, {"$ref": "#"},
                     {"$ref": "#/properties/a"}, {"enum": [1, "", None]}, {"type": "array"}]),
    lambda inner: st.fixed_dictionaries({}, optional={
        "type": st.sampled_from(["object", "array", "string", "integer", ["object", "string"], "novel", 5]),
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "required": st.lists(NAMES, max_size=2),
        "items": inner,
        "prefixItems": st.lists(inner, max_size=2),
        "anyOf": st.lists(inner, max_size=2),
        "oneOf": st.lists(inner, max_size=2),
        "allOf": st.lists(inner, max_size=2),
        "enum": st.lists(JSON, max_size=3),
        "not": inner,
        "exclusiveMinimum": st.integers(-(2**63), 2**64 - 1) | st.booleans(),
        "format": st.sampled_from(["uri", "int32", "date-time"]),
        "description": st.text(max_size=5),
        "nullable": st.booleans(),
    }),
    max_leaves=12,
)  # fmt: skip


@given(SCHEMAS.filter(lambda schema: isinstance(schema, dict)))
def test_whatever_is_written_is_taken_and_written_equally_again(schema: Schema) -> None:
    """I.31 of the contract."""
    before = orjson.dumps(schema)
    written = sanitised(schema)
    assert refuse(written) is None
    assert orjson.dumps(sanitised(orjson.loads(before))) == orjson.dumps(written)
    assert orjson.dumps(schema) == before


@given(SCHEMAS.filter(lambda schema: isinstance(schema, dict)))
def test_what_is_read_back_is_json_schema(schema: Schema) -> None:
    back = json.dumps(lowered(sanitised(schema)))
    assert '"nullable"' not in back
    assert '"STRING"' not in back


# --- back ------------------------------------------------------------------------------------------------------------

BACK: dict[str, tuple[Any, Any]] = {
    "types in capitals": ({"type": "OBJECT", "properties": {"a": {"type": "NUMBER"}}},
                          {"type": "object", "properties": {"a": {"type": "number"}}}),
    "types as numbers": ({"type": 5, "items": {"type": 3}}, {"type": "array", "items": {"type": "integer"}}),
    "no type": ({"type": "TYPE_UNSPECIFIED"}, {}),
    "a type of another kind": ({"type": ["string"]}, {"type": ["string"]}),
    "nullable": ({"type": "STRING", "nullable": True, "enum": ["a"]},
                 {"type": ["string", "null"], "enum": ["a", None]}),
    "not nullable": ({"type": "STRING", "nullable": False, "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
    "nothing but null": ({"type": "NULL", "nullable": True}, {"type": "null"}),
    "an order": (
        {"properties": {"a": {}, "b": {}, "c": {}}, "propertyOrdering": ["c", "x", 5, "a"]},
        {"properties": {"c": {}, "a": {}, "b": {}}},
    ),
    "counts as texts": ({"minItems": "1", "maxLength": 2, "maxItems": "x"},
                        {"minItems": 1, "maxLength": 2, "maxItems": "x"}),
    "an example": ({"example": "a"}, {"examples": ["a"]}),
    "references": ({"ref": "#/$defs/a", "defs": {"a": {"type": "STRING"}}},
                   {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}),
    "choices": ({"any_of": [{"type": "STRING"}], "additional_properties": {"type": "STRING"}},
                {"anyOf": [{"type": "string"}], "additionalProperties": {"type": "string"}}),
    "nonsense": ({"properties": 5, "anyOf": 5}, {"properties": 5, "anyOf": 5}),
    "no schema": (True, True),
}  # fmt: skip


@pytest.mark.parametrize("case", BACK)
def test_google_s_own_words_are_json_schema(case: str) -> None:
    schema, expected = BACK[case]
    assert lowered(schema) == expected
