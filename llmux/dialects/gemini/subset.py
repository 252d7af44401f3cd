"""JSON Schema <-> the schemas that Google's older models take: OpenAPI's words for a type, and few others.

What those cannot say is told in the description. A schema is never changed: each is written anew, in its own order,
and equal ones are written equally.

Reference: https://ai.google.dev/api/caching#Schema
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from llmux.dialects.gemini.schema import camel_key
from llmux.ir.content import Json

Wire = dict[str, Any]

TYPE_NUMBERS = ("", "string", "number", "integer", "boolean", "array", "object", "null")
TYPES = frozenset(TYPE_NUMBERS[1:])
FORMATS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"enum", "date-time"}),
    "integer": frozenset({"int32", "int64"}),
    "number": frozenset({"float", "double"}),
}
# Words that both have, and whose values are no schemas.
SAME = (
    "title", "description", "default", "minItems", "maxItems", "minProperties", "maxProperties", "minimum", "maximum",
    "minLength", "maxLength", "pattern",
)  # fmt: skip
# Words that say something to who fills in a value, and are told in its description.
TOLD = (
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems", "patternProperties", "propertyNames", "not",
    "if", "then", "else", "contains", "minContains", "maxContains", "dependentRequired", "dependentSchemas",
)  # fmt: skip
ALTERNATIVES = ("anyOf", "oneOf")
NULL: Json = {"type": "null"}
ANYTHING = "any JSON value"
# More than this is not written: a few definitions that use each other twice would grow without end.
MOST_NODES = 5000
DEEPEST = 60


# --- Google's own -> JSON Schema -------------------------------------------------------------------------------------


def lowered(schema: Any) -> Any:
    """A schema in Google's words (`STRING`, `nullable`, in either spelling) as JSON Schema."""
    if isinstance(schema, list):
        return [lowered(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    said = {camel_key(name): value for name, value in schema.items()}
    wire: Wire = {}
    for name, value in said.items():
        if (lower := LOWER.get(name)) is not None:
            wire |= lower(value, said)
        else:
            wire[name] = value
    return wire


def _type(value: Any, said: Wire) -> Wire:
    word = value
    if isinstance(value, int) and 0 <= value < len(TYPE_NUMBERS):
        word = TYPE_NUMBERS[value]
    if not isinstance(word, str):
        return {"type": value}
    kind = word.lower()
    if kind in {"", "type_unspecified"}:
        return {}
    return {"type": [kind, "null"]} if said.get("nullable") is True and kind != "null" else {"type": kind}


def _enum(value: Any, said: Wire) -> Wire:
    return {"enum": [*value, None] if said.get("nullable") is True and isinstance(value, list) else value}


def _properties(value: Any, said: Wire) -> Wire:
    """Every property's schema, in the order that `propertyOrdering` names."""
    if not isinstance(value, dict):
        return {"properties": value}
    order = said.get("propertyOrdering")
    first = [name for name in order if isinstance(name, str) and name in value] if isinstance(order, list) else []
    return {"properties": {name: lowered(value[name]) for name in dict.fromkeys((*first, *value))}}


def _count(name: str) -> Callable[[Any, Wire], Wire]:
    """Google's JSON spells large integers as texts."""
    return lambda value, _: {name: int(value) if isinstance(value, str) and value.isdecimal() else value}


LOWER: Mapping[str, Callable[[Any, Wire], Wire]] = {
    "type": _type,
    "enum": _enum,
    "properties": _properties,
    "nullable": lambda _, __: {},
    "propertyOrdering": lambda _, __: {},
    "anyOf": lambda value, _: {"anyOf": lowered(value)},
    "items": lambda value, _: {"items": lowered(value)},
    "additionalProperties": lambda value, _: {"additionalProperties": lowered(value)},
    "example": lambda value, _: {"examples": [value]},
    "ref": lambda value, _: {"$ref": value},
    "defs": lambda value, said: {"$defs": _properties(value, said)["properties"]},
    **{
        name: _count(name)
        for name in ("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength")
    },
}


# --- JSON Schema -> Google's own -------------------------------------------------------------------------------------


def sanitised(schema: Json) -> Wire:
    """`schema` in Google's words alone."""
    return _Writer(schema).write(schema, (), 0)


class _Writer:
    """One schema while it is written: where its references lead, and how much of it there is already."""

    __slots__ = ("_nodes", "_root")

    def __init__(self, root: Json) -> None:
        self._root = root
        self._nodes = 0

    def write(self, schema: Any, seen: tuple[str, ...], depth: int) -> Wire:
        """`schema`, met on the way through the references `seen`."""
        self._nodes += 1
        if not isinstance(schema, Mapping) or self._nodes > MOST_NODES or depth > DEEPEST:
            return {"type": "STRING", "description": ANYTHING}
        if isinstance(ref := schema.get("$ref"), str):
            return self._referred(ref, schema, seen, depth)
        schema = _merged(schema)
        kinds, nullable = _kinds(schema)
        notes = [f"{name}: {orjson.dumps(schema[name]).decode()}" for name in TOLD if name in schema]
        branches = [] if "properties" in schema else self._branches(kinds, schema, seen, depth)
        if branches:
            wire = {name: schema[name] for name in ("title", "description") if name in schema} | {"anyOf": branches}
            return _finished(wire, notes, nullable=nullable)
        notes += [f"{name}: {orjson.dumps(schema[name]).decode()}" for name in ALTERNATIVES if name in schema]
        wire = {name: schema[name] for name in SAME if name in schema}
        if kinds:
            wire |= self._typed(kinds[0], schema, notes, seen, depth)
        else:
            wire["type"] = "STRING"
            notes.append(ANYTHING)
        return _finished(wire, notes, nullable=nullable)

    def _referred(self, ref: str, schema: Json, seen: tuple[str, ...], depth: int) -> Wire:
        """What a reference leads to; what leads back to itself, or elsewhere, is told by its name."""
        target = None if ref in seen else self._resolve(ref)
        name = ref.rpartition("/")[2]
        if target is None:
            return {"type": "OBJECT", "description": f"{schema.get('description', '')} ({name})".strip()}
        beside = {word: value for word, value in schema.items() if word != "$ref"}
        return self.write({**target, **beside}, (*seen, ref), depth + 1)

    def _resolve(self, ref: str) -> Json | None:
        found: Any = self._root
        if not ref.startswith("#"):
            return None
        for step in ref[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else None

    def _branches(self, kinds: list[str], schema: Json, seen: tuple[str, ...], depth: int) -> list[Wire]:
        """What a value may be instead: one of the branches, or of several types."""
        told = [branch for word in ALTERNATIVES for branch in _list(schema.get(word))]
        branches: list[Any] = [
            {"type": kinds[0], **branch} if kinds and isinstance(branch, Mapping) and "$ref" not in branch else branch
            for branch in told
            if branch != NULL
        ]
        if not branches and len(kinds) > 1:
            rest = {name: value for name, value in schema.items() if name not in {"title", "description"}}
            branches = [{**rest, "type": kind} for kind in kinds]
        return [self.write(branch, seen, depth + 1) for branch in branches]

    def _typed(self, kind: str, schema: Json, notes: list[str], seen: tuple[str, ...], depth: int) -> Wire:
        """What is said of one type."""
        wire: Wire = {"type": kind.upper()}
        if isinstance(form := schema.get("format"), str):
            if form in FORMATS.get(kind, ()):
                wire["format"] = form
            else:
                notes.append(f"format: {form}")
        wire |= _bounds(kind, schema)
        wire |= _choices(schema, notes)
        if "enum" in wire:
            wire["type"] = "STRING"
        if kind == "array":
            wire["items"] = self._items(schema, seen, depth)
        if kind == "object":
            wire |= self._fields(schema, seen, depth)
        return wire

    def _items(self, schema: Json, seen: tuple[str, ...], depth: int) -> Wire:
        items = schema.get("items")
        each = [*_list(schema.get("prefixItems")), *(items if isinstance(items, list) else [items] if items else [])]
        written = [self.write(item, seen, depth + 1) for item in each if isinstance(item, Mapping)]
        different = list({orjson.dumps(item): item for item in written}.values())
        if not different:
            return {"type": "STRING"}
        return different[0] if len(different) == 1 else {"anyOf": different}

    def _fields(self, schema: Json, seen: tuple[str, ...], depth: int) -> Wire:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            return {}
        wire: Wire = {"properties": {name: self.write(inner, seen, depth + 1) for name, inner in properties.items()}}
        required = [name for name in _list(schema.get("required")) if name in properties]
        return wire | ({"required": list(dict.fromkeys(required))} if required else {})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _merged(schema: Json) -> Json:
    """`schema` with what its allOf says: properties and requirements of all, of any other word the first one's."""
    merged: Wire = {name: value for name, value in schema.items() if name != "allOf"}
    for branch in _list(schema.get("allOf")):
        for name, value in branch.items() if isinstance(branch, Mapping) else ():
            mine = merged.get(name)
            if isinstance(mine, Mapping) and isinstance(value, Mapping):
                merged[name] = {**value, **mine}
            elif name == "required" and isinstance(mine, list):
                merged[name] = [*mine, *_list(value)]
            else:
                merged.setdefault(name, value)
    return merged


def _kinds(schema: Json) -> tuple[list[str], bool]:
    """The types that a value may have, but for null; and whether it may be null."""
    told = schema.get("type")
    words = [word for word in (told if isinstance(told, list) else [told]) if isinstance(word, str)]
    known = [word.lower() for word in words if word.lower() in TYPES]
    choices = _list(schema.get("enum"))
    nulls = any(branch == NULL for word in ALTERNATIVES for branch in _list(schema.get(word)))
    nullable = "null" in known or schema.get("nullable") is True or nulls or None in choices
    kinds = [word for word in dict.fromkeys(known) if word != "null"]
    return kinds or _guessed(schema), nullable


def _guessed(schema: Json) -> list[str]:
    """The type that a schema has without saying so."""
    for word, kind in (("properties", "object"), ("items", "array"), ("prefixItems", "array"), ("enum", "string")):
        if word in schema:
            return [kind]
    return ["string"] if "const" in schema else []


def _bounds(kind: str, schema: Json) -> Wire:
    """The least and the most, where the schema says only what is too little and too much."""
    step = 1 if kind == "integer" else 0
    wire: Wire = {}
    for word, bound, one in (("exclusiveMinimum", "minimum", step), ("exclusiveMaximum", "maximum", -step)):
        value = schema.get(word)
        if isinstance(value, int | float) and not isinstance(value, bool) and bound not in schema:
            wire[bound] = value + one
    return wire


def _choices(schema: Json, notes: list[str]) -> Wire:
    """The values to choose from, which must be texts that are not empty."""
    choices = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
    values = [choice for choice in choices if choice not in ("", None)]
    texts = [choice if isinstance(choice, str) else orjson.dumps(choice).decode() for choice in values]
    if texts != values:
        notes.append("one of the values listed, as JSON")
    return {"enum": list(dict.fromkeys(texts))} if texts else {}


def _finished(wire: Wire, notes: Iterable[str], *, nullable: bool) -> Wire:
    """`wire` with what is told in words."""
    said = [str(wire["description"])] if wire.get("description") else []
    told = "; ".join(notes)
    description = " ".join([*said, f"({told})"] if told else said)
    return (
        {name: value for name, value in wire.items() if name != "description" and value is not None}
        | ({"description": description} if description else {})
        | ({"nullable": True} if nullable else {})
    )
