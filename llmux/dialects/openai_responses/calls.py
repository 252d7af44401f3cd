"""Calls that stand otherwise here than elsewhere: in a namespace, or in an item of their own form.

OpenAI has given four tools such a form: local_shell, shell, apply_patch, tool_search. To others they are functions. The
client runs each of them, so any model can call it, if it is told how: as a function of the same name. The call
comes back in the item that the client expects.

Reference: https://platform.openai.com/docs/guides/tools-apply-patch, tools-shell, tools-tool-search
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson

from llmux.dialects.document import decode
from llmux.ir.content import Json
from llmux.ir.value import Value

Wire = dict[str, Any]

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
LIST = {"type": "array", "items": TEXT}


def _object(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


class Typed(Value):
    """One such tool. `body` is the field of the call's item that holds what the model says."""

    call: str  # the type of the item
    prefix: str  # of its id
    body: str
    description: str
    schema: Json
    encode: Callable[[Wire], Wire | None]  # arguments -> what `body` holds; None when they have another shape
    rest: Mapping[str, Any] = msgspec.field(default_factory=dict)  # what else the item says


def _local_shell(arguments: Wire) -> Wire | None:
    if not isinstance(arguments.get("command"), list):
        return None
    return {"type": "exec", "env": {}, **arguments}


def _shell(arguments: Wire) -> Wire | None:
    if not isinstance(arguments.get("commands"), list):
        return None
    return {"timeout_ms": None, "max_output_length": None, **arguments}


def _apply_patch(arguments: Wire) -> Wire | None:
    operation = arguments.get("operation", arguments)  # models leave the one field out around which all is built
    fits = isinstance(operation, dict) and {"type", "path"} <= operation.keys()
    return operation if fits else None


TYPED: Mapping[str, Typed] = {
    "local_shell": Typed(
        "local_shell_call",
        "lsh",
        "action",
        "Runs a command on the user's machine and gives what it prints.",
        _object(
            ["command"],
            command={**LIST, "description": "The program and its arguments."},
            timeout_ms=NUMBER,
            working_directory=TEXT,
            env={"type": "object", "additionalProperties": TEXT},
        ),
        _local_shell,
    ),
    "shell": Typed(
        "shell_call",
        "sh",
        "action",
        "Runs commands in the user's shell, side by side, and gives what each prints.",
        _object(
            ["commands"],
            commands={**LIST, "description": "The commands."},
            timeout_ms=NUMBER,
            max_output_length={**NUMBER, "description": "The most characters that are given back."},
        ),
        _shell,
        {"environment": {"type": "local"}},
    ),
    "apply_patch": Typed(
        "apply_patch_call",
        "apc",
        "operation",
        "Creates, changes or deletes a file of the user's.",
        _object(
            ["operation"],
            operation=_object(
                ["type", "path"],
                type={"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                path={**TEXT, "description": "The file, from the workspace's root."},
                diff={**TEXT, "description": "What changes, in the V4A diff format; not for delete_file."},
            ),
        ),
        _apply_patch,
    ),
    "tool_search": Typed(
        "tool_search_call",
        "tsc",
        "arguments",
        "Finds more tools by what they do. Those that are found can be called afterwards.",
        _object(["query"], query={**TEXT, "description": "What the tool is to do."}),
        lambda arguments: arguments,
        {"execution": "client"},
    ),
}
# The namespace in which OpenAI's models see tools that have none: Codex writes it out.
# https://github.com/openai/harmony/blob/main/docs/format.md#function-calling
PLAIN = "functions"
CALLS = frozenset({"function_call", "custom_tool_call"})
BY_CALL: Mapping[str, str] = {typed.call: name for name, typed in TYPED.items()}


def qualified(namespace: Any, name: str) -> str:
    """The name of a tool outside its namespace. OpenAI gives a tool that it has found one of the tool's own name."""
    plain = not isinstance(namespace, str) or namespace in {"", name, PLAIN}
    return name if plain else f"{namespace}__{name}"


def is_hosted(item: Wire) -> bool:
    """Whether the provider runs such a call itself: nobody awaits a result of the client's."""
    if item.get("type") == "tool_search_call":
        return item.get("execution") != "client"
    environment = item.get("environment")
    return isinstance(environment, dict) and environment.get("type") not in ("local", None)


def is_call(item: Wire) -> bool:
    """Whether the client is to run a tool, and to tell what it gave."""
    kind = item.get("type")
    return isinstance(kind, str) and (kind in CALLS or (kind in BY_CALL and not is_hosted(item)))


def arguments_of(item: Wire) -> str:
    """The JSON text that a function of the same name would be called with."""
    typed = TYPED[BY_CALL[item["type"]]]
    said = item.get(typed.body)
    if typed.body == "operation":
        said = {"operation": said}
    elif typed.body == "action" and isinstance(said, dict):
        said = {name: value for name, value in said.items() if name != "type" and value is not None}
    return orjson.dumps(said if isinstance(said, dict) else {}).decode()


def typed_item(name: str, item_id: str, call_id: str, arguments: str) -> Wire | None:
    """The item of a call of the typed tool `name`; None when the arguments do not have its shape."""
    typed = TYPED[name]
    try:
        said = decode(arguments.encode() or b"{}")
    except ValueError:
        return None
    body = typed.encode(said) if isinstance(said, dict) else None
    if body is None:
        return None
    item: Wire = {"id": item_id, "type": typed.call, "call_id": call_id}
    return {**item, typed.body: body, **typed.rest, "status": "completed"}


def written(value: Any) -> str:
    """Arguments as JSON text; some send an object."""
    return value if isinstance(value, str) else orjson.dumps(value).decode() if value is not None else ""
