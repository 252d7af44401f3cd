"""Custom tools, which take free text, for backends that know only functions: bridged there, and back in the answer.

The text travels as the one string argument `input`. A backend's answer is recognised by the tool's name alone: see
FreeText, which `Outbound.names` carries from the request to the decoder of its answer.

Custom tools: https://platform.openai.com/docs/guides/function-calling#custom-tools
"""

import json
from collections.abc import Mapping
from typing import Any

import orjson
from msgspec.structs import replace

from llmux.ir.request import Tool

FIELD = "input"


class FreeText(str):
    """A client's name of a custom tool that its backend knows as a function."""

    __slots__ = ()


def as_function(tool: Tool) -> Tool:
    """The function that stands for a custom tool: same name, one string argument, its grammar in the description."""
    grammar = _grammar(tool.format or {})
    description = "\n\n".join(text for text in (tool.description, grammar) if text)
    schema = {
        "type": "object",
        "properties": {FIELD: {"type": "string", "description": "The whole input of the tool, as plain text."}},
        "required": [FIELD],
        "additionalProperties": False,
    }
    return replace(tool, kind="function", description=description or None, schema=schema, format=None)


def _grammar(form: Mapping[str, Any]) -> str:
    """The grammar of a custom tool in words: {type: grammar, grammar: {syntax, definition}}, nested or flat."""
    grammar = form.get("grammar", form)
    definition = grammar.get("definition") if isinstance(grammar, Mapping) else None
    return f"The input follows this {grammar.get('syntax', '')} grammar:\n{definition}" if definition else ""


def wrap(text: str) -> str:
    """The arguments, as JSON text, of the function that stands for a custom tool called with `text`."""
    return json.dumps({FIELD: text}, ensure_ascii=False)


def unwrap(arguments: str) -> str:
    """What a custom tool is called with, from the arguments that a model gave to its function.

    Models stray: a bare string, or a single argument of another name, is taken for the text too.
    """
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    if isinstance(value, dict):
        texts = [text for text in (value.get(FIELD), *value.values()) if isinstance(text, str)]
        return texts[0] if texts and (FIELD in value or len(value) == 1) else arguments
    return value if isinstance(value, str) else arguments
