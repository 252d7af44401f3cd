"""A JSON Schema -> a value that fits it. Pure, and the same schema always gives the same value.

Values that were told win; then const, default, examples and enum of the schema; then a small value of the type. A
`pattern` is not obeyed: what it would take is out of a toy's reach.

Reference: https://json-schema.org/draft/2020-12/json-schema-validation
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from llmux.errors import BadRequest
from llmux.ir.content import Json
from llmux.ir.value import Value

# Deep enough for any schema that ends; one that refers to itself stops here.
MAX_DEPTH = 12
MAX_ITEMS = 64
FORMATS = {
    "date": "2025-01-01",
    "date-time": "2025-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "demo@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}
Number = TypeVar("Number", int, float)


class Shape(Value, kw_only=True, rename="camel"):
    """The words of a schema that are obeyed."""

    ref: str = msgspec.field(default="", name="$ref")
    type: str | list[str] | None = None
    description: str | None = None
    const: Any = UNSET
    default: Any = UNSET
    examples: tuple[Any, ...] = ()
    enum: tuple[Any, ...] = ()
    any_of: tuple[Any, ...] = ()
    one_of: tuple[Any, ...] = ()
    all_of: tuple[Any, ...] = ()
    properties: Mapping[str, Any] = {}
    required: tuple[str, ...] = ()
    items: Any = True
    min_items: int = 1
    max_items: int = MAX_ITEMS
    format: str | None = None
    min_length: int = 0
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    multiple_of: float = 1

    @property
    def kind(self) -> str:
        """The type to make; the first that is not null when there are several."""
        kinds = [self.type] if isinstance(self.type, str) else self.type or []
        guess = "object" if self.properties else "string"
        return next((kind for kind in kinds if kind != "null"), "null" if kinds else guess)


def shape(schema: Any) -> Shape:
    """`schema` typed; what is no object (true, false, nothing) allows anything.

    Raises:
        BadRequest: a word of it has a value that JSON Schema does not know.
    """
    try:
        return msgspec.convert(schema if isinstance(schema, Mapping) else {}, Shape)
    except msgspec.ValidationError as error:
        raise BadRequest(f"This is not a JSON Schema: {error}", param="schema") from None


def specimen(schema: Json, told: Mapping[str, str] | None = None) -> Any:
    """A value for `schema`. `told`: texts for properties by name, at any depth, turned into the type that is due."""
    return _Maker(schema, told or {}).make(schema, "value", 0)


class _Maker:
    """Makes the values of one schema; `root` is where its references point."""

    def __init__(self, root: Json, told: Mapping[str, str]) -> None:
        self._root = root
        self._told = told
        self._kinds: Mapping[str, Callable[[Shape, str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": _string,
            "integer": lambda wanted, *_: int(_number(wanted)),
            "number": lambda wanted, *_: _number(wanted),
            "boolean": lambda *_: True,
            "null": lambda *_: None,
        }

    def make(self, schema: Any, name: str, depth: int) -> Any:
        wanted = self._resolve(shape(schema))
        if name in self._told:
            return typed(self._told[name], wanted.kind)
        for fixed in (wanted.const, wanted.default, *wanted.examples, *wanted.enum):
            if not isinstance(fixed, UnsetType):
                return fixed
        return self._kinds.get(wanted.kind, _string)(wanted, name, depth)

    def _resolve(self, wanted: Shape) -> Shape:
        """`wanted` without references and choices."""
        for _ in range(MAX_DEPTH):
            if wanted.ref:
                wanted = shape(self._at(wanted.ref))
            elif options := wanted.any_of or wanted.one_of:
                wanted = shape(next((option for option in options if option != {"type": "null"}), None))
            elif wanted.all_of:
                wanted = _merged(wanted, [self._resolve(shape(each)) for each in wanted.all_of])
            else:
                return wanted
        return Shape(type="null")

    def _at(self, reference: str) -> Any:
        node: Any = self._root
        for step in filter(None, reference.removeprefix("#").split("/")):
            node = node.get(step) if isinstance(node, Mapping) else None
        return node

    def _object(self, wanted: Shape, _name: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return {}
        due = {*(wanted.required or wanted.properties), *self._told}
        names = [name for name in wanted.properties if name in due]
        return {name: self.make(wanted.properties[name], name, depth + 1) for name in names}

    def _array(self, wanted: Shape, name: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return []
        length = max(0, min(max(1, wanted.min_items), wanted.max_items, MAX_ITEMS))
        return [self.make(wanted.items, name, depth + 1)] * length


def typed(text: str, kind: str) -> Any:
    """`text` as a value of the JSON type `kind`; text again when it is none."""
    if kind == "string":
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return [text] if kind == "array" else text


def _string(wanted: Shape, name: str, _depth: int) -> str:
    text = FORMATS.get(wanted.format or "", name)
    return text.ljust(min(wanted.min_length, 1000), ".")[: wanted.max_length]


def _number(wanted: Shape) -> float:
    """1, or the nearest that the bounds and steps allow."""
    low = wanted.minimum if wanted.exclusive_minimum is None else wanted.exclusive_minimum + 1
    value = 1 if low is None else max(1, low)
    value = value if wanted.maximum is None else min(value, wanted.maximum)
    step = wanted.multiple_of
    return -(-value // step) * step if step > 0 else value  # the next multiple at or above


def _merged(first: Shape, others: list[Shape]) -> Shape:
    """All of them at once: their properties together, and otherwise the first that says something."""
    said = {name: value for each in reversed([first, *others]) for name, value in _said(each).items()}
    said.pop("all_of", None)
    properties = {name: value for each in (first, *others) for name, value in each.properties.items()}
    required = tuple(name for each in (first, *others) for name in each.required)
    return Shape(**{**said, "properties": properties, "required": required})


def _said(wanted: Shape) -> dict[str, Any]:
    plain = Shape()
    return {
        name: value for name in wanted.__struct_fields__ if (value := getattr(wanted, name)) != getattr(plain, name)
    }
