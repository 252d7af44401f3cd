"""JSON Schema of a tool -> the part of it that Ollama keeps. Its server reads a schema into fields of its own: type,
items, description, enum, properties, required, anyOf; whatever else there is vanishes without a word.

So what says the same in those words is said in them, and what cannot be is told in the description, for the model reads
that. Equal schemas give equal results, key by key in the order they came.

Reference: https://github.com/ollama/ollama/blob/main/api/types.go (ToolFunctionParameters, ToolProperty)
"""

from collections.abc import Mapping
from typing import Any

import orjson

from llmux.dialects.ollama.content import Draft
from llmux.ir.content import Json

Wire = dict[str, Any]

KEPT = frozenset({"type", "items", "description", "enum", "properties", "required", "anyOf"})
# Words that say nothing to a model.
SILENT = frozenset({"$schema", "$id", "$comment", "$defs", "definitions", "title", "examples"})
# What a reference names is written out wherever it is named, which may come to any size: beyond these it is "anything".
DEEPEST = 24
MOST = 2000  # schemas within one


def narrowed(schema: Json, draft: Draft) -> Wire:
    """`schema`, an object at its root, in Ollama's words."""
    narrow = _Narrowing(schema)
    written = narrow.whole()
    if narrow.bent:
        draft.losses.approx("schema")
    return written


class _Narrowing:
    """One schema while it is rewritten. `bent` is true once something could not be said exactly."""

    __slots__ = ("_left", "_open", "_root", "bent")

    def __init__(self, root: Json) -> None:
        self._root = root
        self._open: list[str] = []  # the references that are being followed
        self._left = MOST
        self.bent = False

    def whole(self) -> Wire:
        """The root: always an object with properties, whatever it was."""
        written = self._schema(self._root)
        if written.get("type") != "object" or "anyOf" in written:
            self.bent = True
        rest = {name: value for name, value in written.items() if name not in {"anyOf", "type", "properties", "enum"}}
        properties = written.get("properties")
        return {"type": "object", **rest, "properties": properties if isinstance(properties, dict) else {}}

    def _schema(self, schema: Any, depth: int = 0) -> Wire:
        if not isinstance(schema, Mapping):
            return {}  # `true`: anything
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            self.bent = True
            return {}
        reference = schema.get("$ref")
        return self._followed(reference, schema, depth) if isinstance(reference, str) else self._words(schema, depth)

    def _words(self, schema: Mapping[str, Any], depth: int) -> Wire:
        """A schema without a reference, word by word."""
        schema = _merged(schema) if isinstance(schema.get("allOf"), list) else schema
        written: Wire = {}
        told: list[str] = []
        for name, value in map(_reworded, schema.items()):
            if name in KEPT:
                written[name] = self._kept(name, value, depth)
            elif _says(name, value):
                told.append(f"{name}: {orjson.dumps(value).decode()}")
        if told:
            self.bent = True
            texts = (written.get("description"), f"({'; '.join(told)})")
            written["description"] = " ".join(text for text in texts if isinstance(text, str) and text)
        return written

    def _kept(self, name: str, value: Any, depth: int) -> Any:
        if name == "properties" and isinstance(value, Mapping):
            return {key: self._schema(inner, depth + 1) for key, inner in value.items()}
        if name == "anyOf" and isinstance(value, list):
            return [self._schema(inner, depth + 1) for inner in value]
        return self._schema(value, depth + 1) if name == "items" else value

    def _followed(self, reference: str, schema: Mapping[str, Any], depth: int) -> Wire:
        """What a reference within the document points to; one that leads back to itself is some object."""
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        if reference in self._open:
            self.bent = True
            return {"type": "object", **self._schema(beside, depth + 1)}
        self._open.append(reference)
        found = self._schema({**_found(self._root, reference), **beside}, depth + 1)
        self._open.pop()
        return found


def _found(root: Json, reference: str) -> Mapping[str, Any]:
    place: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        place = place.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(place, Mapping) else None
    return place if isinstance(place, Mapping) else {}


def _merged(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with those of its `allOf` within it: properties and required add up, of other words the first counts."""
    whole = {name: value for name, value in schema.items() if name != "allOf"}
    for part in schema["allOf"]:
        if isinstance(part, Mapping):
            for name, value in part.items():
                whole[name] = _sum(whole[name], value) if name in whole else value
    return whole


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {**other, **one}
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *(value for value in other if value not in one)]
    return one


def _reworded(entry: tuple[str, Any]) -> tuple[str, Any]:
    """The same in a word that Ollama knows, where there is one."""
    name, value = entry
    if name == "const":
        return "enum", [value]
    return ("anyOf", value) if name == "oneOf" else entry


def _says(name: str, value: Any) -> bool:
    """Whether a word that Ollama does not know would say something to a model."""
    return name not in SILENT and not (name == "additionalProperties" and isinstance(value, bool))
