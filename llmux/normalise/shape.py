"""What a JSON Schema says of one place: which types fit there, which keys, what the elements are. Pure.

It validates nothing. Where a schema leaves more than one reading, or uses words that are not known here, the place
takes anything, and nothing is put right in it.

Reference: https://json-schema.org/draft/2020-12
"""

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

from llmux.ir.value import Value
from llmux.normalise.naming import Names

Schema = Mapping[str, Any]

# The first character of a JSON value -> its type. An integer is a number here.
KINDS: Mapping[str, str] = {
    "{": "object",
    "[": "array",
    '"': "string",
    "t": "boolean",
    "f": "boolean",
    "n": "null",
    **dict.fromkeys("-0123456789", "number"),
}
KIND_OF_TYPE: Mapping[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    NoneType: "null",
    int: "number",
    float: "number",
}
EVERY = frozenset(KINDS.values())
CHOICES = ("anyOf", "oneOf", "allOf")
# Words that say something of the value; a schema that has others beside a choice or a reference is not understood.
TELLING = frozenset({"type", "enum", "const", "properties", "items", "additionalProperties", "$ref", *CHOICES})
# Words that may allow keys which `properties` does not name.
OPENING = ("patternProperties", "if", "dependentSchemas", "unevaluatedProperties")
DEEPEST_CHOICE = 8  # choices and references that lead to one another


class Shape(Value):
    """A place. `properties` None: any object; `open`: other keys than these may be there too."""

    kinds: frozenset[str] = EVERY
    properties: Schema | None = None
    required: frozenset[str] = frozenset()
    open: bool = True
    items: Any = None  # the schema of an array's elements; None: anything
    integer: bool = False  # of numbers only integers fit
    words: tuple[Any, ...] | None = None  # the only values that fit

    def stray(self, kind: str) -> bool:
        """Whether a value of `kind` does not fit, but may be another one that does, spelled wrongly."""
        if kind == "string":
            return "string" not in self.kinds
        return kind == "number" and "number" not in self.kinds and "string" in self.kinds


ANY = Shape()


class Shapes:
    """The shapes of one schema, found when they are needed and remembered."""

    __slots__ = ("_names", "_root", "_shapes", "root")

    def __init__(self, schema: Schema | None) -> None:
        self._root: Schema = schema or {}
        # By the identity of the schema's parts, which live as long as its root.
        self._shapes: dict[int, Shape] = {}
        self._names: dict[int, Names] = {}
        self.root = self.of(self._root)

    def of(self, schema: Any, depth: int = 0) -> Shape:
        """The shape of a part of the schema. `depth`: how many choices lead here."""
        if not isinstance(schema, Mapping) or depth > DEEPEST_CHOICE:
            return ANY
        shape = self._shapes.get(id(schema))
        if shape is None:
            self._shapes[id(schema)] = ANY  # for a choice that leads back to itself
            shape = self._shapes[id(schema)] = self._read(schema, depth)
        return shape

    def names(self, properties: Schema) -> Names:
        """The keys of a shape's `properties`."""
        names = self._names.get(id(properties))
        if names is None:
            names = self._names[id(properties)] = Names(properties)
        return names

    def _read(self, schema: Schema, depth: int) -> Shape:
        telling = TELLING.intersection(schema)
        if "$ref" in telling:
            return self.of(self._resolve(schema), depth + 1) if len(telling) == 1 else ANY
        words = telling.intersection(CHOICES)
        if not words:
            return _plainly(schema)
        branches = schema[next(iter(words))]
        if len(words) > 1 or not isinstance(branches, Sequence) or not all(isinstance(b, Mapping) for b in branches):
            return ANY
        if not any(TELLING.intersection(branch) for branch in branches):  # they say only which keys must be there
            return _plainly(schema)
        if len(telling) > 1 or ("allOf" in words and len(branches) > 1):
            return ANY
        return _any_of([self.of(branch, depth + 1) for branch in branches])

    def _resolve(self, schema: Schema) -> Any:
        """What `schema`, a reference, leads to within this document; None when that is nowhere."""
        pointer = schema["$ref"]
        if not isinstance(pointer, str) or not pointer.startswith("#"):
            return None
        found: Any = self._root
        for step in filter(None, pointer[1:].split("/")):
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return found


def _plainly(schema: Schema) -> Shape:
    """The shape of a schema that neither refers nor chooses."""
    kinds, integer = _kinds(schema)
    properties, required = schema.get("properties"), schema.get("required")
    described = isinstance(properties, Mapping)
    return Shape(
        kinds,
        properties if described else None,
        frozenset(name for name in required if isinstance(name, str)) if isinstance(required, list) else frozenset(),
        open=not described or bool(schema.get("additionalProperties")) or any(word in schema for word in OPENING),
        items=schema.get("items"),
        integer=integer,
        words=_words(schema),
    )


def _kinds(schema: Schema) -> tuple[frozenset[str], bool]:
    """The types that fit, and whether integers are the only numbers among them."""
    types = schema.get("type")
    types = [types] if isinstance(types, str) else types
    if not isinstance(types, list):
        words = _words(schema)
        return (EVERY if words is None else frozenset(map(kind_of, words))), False
    named = {"number" if name == "integer" else name for name in types if isinstance(name, str)}
    if not named <= EVERY:  # a type that is not JSON's
        return EVERY, False
    return frozenset(named | ({"null"} if schema.get("nullable") else set())), "number" not in types


def _words(schema: Schema) -> tuple[Any, ...] | None:
    if "const" in schema:
        return (schema["const"],)
    words = schema.get("enum")
    return tuple(words) if isinstance(words, list) else None


def _any_of(shapes: Sequence[Shape]) -> Shape:
    """Any of `shapes`. What objects and arrays hold is known where only one of them takes any."""
    only, elements = _alone(shapes, "object"), _alone(shapes, "array")
    worded = [shape.words for shape in shapes if shape.words is not None]
    return Shape(
        frozenset[str]().union(*(shape.kinds for shape in shapes)),
        only.properties,
        only.required,
        only.open,
        elements.items,
        all(shape.integer for shape in shapes if "number" in shape.kinds),
        tuple(word for words in worded for word in words) if len(worded) == len(shapes) else None,
    )


def _alone(shapes: Sequence[Shape], kind: str) -> Shape:
    taking = [shape for shape in shapes if kind in shape.kinds]
    return taking[0] if len(taking) == 1 else ANY


def kind_of(value: Any) -> str:
    """The type of a JSON value."""
    return KIND_OF_TYPE[type(value)]
