"""Whether OpenAI can hold a model to a schema strictly: in each of its APIs, and in those that took its rules over.

Reference: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from collections.abc import Iterable
from typing import Any

# What a strict schema may not say.
NOT_STRICT = frozenset(
    {"default", "allOf", "oneOf", "not", "if", "patternProperties", "dependentRequired", "dependentSchemas"}
)

# OpenAI takes ten levels of objects; each is a few of JSON.
DEEPEST = 50


def is_strict(schema: Any, depth: int = 0) -> bool:
    """Whether OpenAI takes `schema` as strict: closed objects, every property required, no word it does not know."""
    if isinstance(schema, list):
        return all(is_strict(inner, depth + 1) for inner in schema)
    if not isinstance(schema, dict):
        return True
    if not NOT_STRICT.isdisjoint(schema) or depth > DEEPEST:
        return False
    if (schema.get("type") == "object" or "properties" in schema) and not _is_closed(schema):
        return False
    return all(is_strict(inner, depth + 1) for inner in _subschemas(schema))


def _is_closed(schema: dict[str, Any]) -> bool:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if schema.get("additionalProperties") is not False or not isinstance(properties, dict):
        return False
    return isinstance(required, list) and sorted(map(str, required)) == sorted(properties)


def _subschemas(schema: dict[str, Any]) -> Iterable[Any]:
    yield from (schema[word] for word in ("items", "anyOf", "prefixItems") if word in schema)
    for word in ("properties", "$defs", "definitions"):
        if isinstance(named := schema.get(word), dict):
            yield from named.values()
