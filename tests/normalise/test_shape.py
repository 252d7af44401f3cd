"""What schemas say of a place, and where they say too little or too much to put anything right there."""

from typing import Any

import pytest

from llmux.normalise.shape import ANY, EVERY, Shape, Shapes

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
ENTRY = {"type": "object", "properties": {"a": TEXT}}
KEYS = {"a": TEXT}


def of(schema: Any) -> Shape:
    return Shapes(schema).root


KINDS = {
    "a type": ({"type": "string"}, {"string"}),
    "integers are numbers": ({"type": "integer"}, {"number"}),
    "several": ({"type": ["string", "null"]}, {"string", "null"}),
    "nullable, as OpenAPI says it": ({"type": "string", "nullable": True}, {"string", "null"}),
    "no type": ({"description": "x"}, EVERY),
    "a type that JSON has not": ({"type": "date"}, EVERY),
    "types that are no names": ({"type": [1]}, set()),
    "a type of the wrong shape": ({"type": 7}, EVERY),
    "the words tell": ({"enum": ["a", 1, None]}, {"string", "number", "null"}),
    "the word tells": ({"const": True}, {"boolean"}),
    "a choice": ({"anyOf": [TEXT, {"type": "null"}]}, {"string", "null"}),
    "one of": ({"oneOf": [TEXT, NUMBER]}, {"string", "number"}),
    "all of one": ({"allOf": [TEXT], "description": "x"}, {"string"}),
    "all of several": ({"allOf": [TEXT, {"minLength": 1, "type": "string"}]}, EVERY),
    "a choice beside a type": ({"type": "string", "anyOf": [TEXT]}, EVERY),
    "two choices": ({"anyOf": [TEXT], "oneOf": [TEXT]}, EVERY),
    "a choice of the wrong shape": ({"anyOf": 3}, EVERY),
    "a choice of no schemas": ({"anyOf": [True]}, EVERY),
    "a reference": ({"$ref": "#/$defs/t", "$defs": {"t": TEXT}}, {"string"}),
    "a reference with escapes": ({"$ref": "#/$defs/a~1b~0", "$defs": {"a/b~": TEXT}}, {"string"}),
    "a reference to nowhere": ({"$ref": "#/$defs/t/u"}, EVERY),
    "a reference elsewhere": ({"$ref": "https://x.test/schema"}, EVERY),
    "a reference of the wrong shape": ({"$ref": 1}, EVERY),
    "a reference to itself": ({"$ref": "#"}, EVERY),
    "a reference beside a type": ({"$ref": "#/$defs/t", "type": "string", "$defs": {"t": TEXT}}, EVERY),
    "no schema": (None, EVERY),
}


@pytest.mark.parametrize("case", KINDS.values(), ids=KINDS)
def test_the_types_that_fit(case: tuple[Any, Any]) -> None:
    schema, kinds = case
    assert of(schema).kinds == kinds


OPEN = {
    "described": (ENTRY, False),
    "closed": ({**ENTRY, "additionalProperties": False}, False),
    "others may be there": ({**ENTRY, "additionalProperties": True}, True),
    "others of a schema may be there": ({**ENTRY, "additionalProperties": TEXT}, True),
    "by pattern": ({**ENTRY, "patternProperties": {"^x": TEXT}}, True),
    "by condition": ({**ENTRY, "if": {}, "then": {"properties": {"b": TEXT}}}, True),
    "not described": ({"type": "object"}, True),
    "described wrongly": ({"type": "object", "properties": [1]}, True),
    "one of several must be there": ({**ENTRY, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, False),
    "one object among the choices": ({"anyOf": [ENTRY, {"type": "null"}]}, False),
    "two objects among the choices": ({"anyOf": [ENTRY, {"type": "object", "properties": {}}]}, True),
}


@pytest.mark.parametrize("case", OPEN.values(), ids=OPEN)
def test_whether_other_keys_may_be_there(case: tuple[Any, bool]) -> None:
    schema, is_open = case
    assert of(schema).open is is_open


def test_what_must_be_there() -> None:
    assert of({**ENTRY, "required": ["a", 1]}).required == {"a"}
    assert of({**ENTRY, "required": "a"}).required == frozenset()


def test_integers_are_told_from_numbers() -> None:
    assert of({"type": "integer"}).integer
    assert not of({"type": ["integer", "number"]}).integer
    assert of({"anyOf": [{"type": "integer"}, {"type": "null"}]}).integer
    assert not of({"anyOf": [{"type": "integer"}, NUMBER]}).integer


def test_words_of_a_choice_are_known_where_every_branch_names_some() -> None:
    assert of({"anyOf": [{"enum": ["a"]}, {"const": 1}]}).words == ("a", 1)
    assert of({"anyOf": [{"enum": ["a"]}, NUMBER]}).words is None
    assert of({"enum": "a"}).words is None


def test_elements_are_known_where_one_branch_has_some() -> None:
    assert of({"anyOf": [{"type": "array", "items": ENTRY}, {"type": "null"}]}).items == ENTRY
    assert of({"anyOf": [{"type": "array", "items": ENTRY}, {"type": "array"}]}).items is None


def test_shapes_are_remembered() -> None:
    shapes = Shapes({"type": "object", "properties": {"list": {"type": "array", "items": ENTRY}}})
    assert shapes.of(ENTRY) is shapes.of(ENTRY)
    assert shapes.names(KEYS) is shapes.names(KEYS)
    assert shapes.of(True) is ANY


def test_a_choice_that_leads_back_to_itself_is_not_understood_and_ends() -> None:
    loop: dict[str, Any] = {"anyOf": [{"type": "null"}]}
    loop["anyOf"].append(loop)
    assert of(loop).kinds == EVERY


def test_choices_too_deep_are_not_understood() -> None:
    deep: dict[str, Any] = TEXT
    for _ in range(2_000):
        deep = {"anyOf": [deep]}
    assert of(deep).kinds == EVERY
