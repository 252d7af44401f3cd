"""Tools and the choice among them, both ways.

Reference: https://ai.google.dev/api/caching#Tool
"""

from collections.abc import Mapping, Sequence
from typing import Any

from llmux.dialects.freetext import FreeText, as_function
from llmux.dialects.gemini.blocks import Draft
from llmux.dialects.gemini.schema import MODE_NUMBERS, MODE_WORDS, MODES, NAME, word
from llmux.dialects.gemini.subset import lowered, sanitised
from llmux.dialects.names import GEMINI, legal_names
from llmux.dialects.shape import Fields, refuse
from llmux.errors import BadRequest, Unsupported
from llmux.ir.content import Extra, Json, ToolCall, keep, restore
from llmux.ir.request import Request, Tool, ToolChoice

Wire = dict[str, Any]

DECLARATIONS = "functionDeclarations"
FUNCTION = frozenset({"name", "description", "parameters", "parametersJsonSchema"})
CALLING = "functionCallingConfig"
UNSPECIFIED = frozenset({"", "MODE_UNSPECIFIED"})


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_tools(body: Fields) -> tuple[Tool, ...]:
    """The functions of every group, and the tools that Google runs, each under its own name of the field."""
    tools: list[Tool] = []
    for group in body.objects("tools"):
        tools += (_decode_function(function) for function in group.objects(DECLARATIONS))
        tools += (
            Tool(name=name, kind="server", extra=Extra(NAME, {name: value}))
            for name, value in group.document.items()
            if name != DECLARATIONS and value is not None
        )
    return tuple(tools)


def _decode_function(function: Fields) -> Tool:
    whole, own = function.object("parametersJsonSchema"), function.object("parameters")
    schema = whole.document if whole else lowered(own.document) if own else None
    return Tool(
        name=function.need_text("name") or refuse(function.at("name"), "a name"),
        description=function.text("description"),
        schema=schema,
        extra=keep(NAME, function.document, FUNCTION),
    )


def decode_choice(body: Fields) -> ToolChoice | None:
    """What the model must do with its functions."""
    config = body.object("toolConfig")
    calling = config.object(CALLING) if config else None
    if calling is None:
        return None
    told = word(calling.document.get("mode"), MODE_NUMBERS).upper()
    if told in UNSPECIFIED:
        return None
    mode = MODES.get(told) or refuse(calling.at("mode"), f"one of {', '.join(MODES)}")
    names = calling.texts("allowedFunctionNames")
    if not names or mode == "none":
        return ToolChoice(mode)
    if mode == "required" and len(names) == 1:
        return ToolChoice("named", names)
    return ToolChoice("allowed", names, required=mode == "required")


# --- encode ----------------------------------------------------------------------------------------------------------


def rename(request: Request) -> Mapping[str, str]:
    """The tools that need another name on the wire: theirs -> the wire's."""
    names = [tool.name for tool in request.tools if tool.kind != "server"]
    names += [part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    return legal_names(dict.fromkeys(names), GEMINI)


def client_names(request: Request, names: Mapping[str, str]) -> Mapping[str, str]:
    """The names on the wire -> the names that the client knows, for those that differ or take free text."""
    custom = [tool.name for tool in request.tools if tool.kind == "custom"]
    back = {wire: name for name, wire in names.items()}
    return back | {names.get(name, name): FreeText(name) for name in custom}


def encode_tools(request: Request, draft: Draft) -> Wire:
    """`tools` and `toolConfig`; {} when no tool is left.

    Raises:
        Unsupported: the request insists on a tool that only its client's own provider runs.
        BadRequest: the tool that must be called is not among the tools.
    """
    servers = [restore(NAME, tool.extra) for tool in request.tools if tool.kind == "server"]
    lost = [tool.name for tool in request.tools if tool.kind == "server" and not restore(NAME, tool.extra)]
    functions = _functions(request, draft)
    choice = request.tool_choice
    if lost:
        draft.losses.drop("tools.server")
        insists = choice and (set(lost) & set(choice.names) or (choice.mode == "required" and not functions))
        if insists:
            raise Unsupported(
                f"This backend cannot run the tool {min(lost)!r}, which the request insists on.", param="tools"
            )
    groups: list[Wire] = [{DECLARATIONS: list(functions.values())}] if functions else []
    groups += [dict(server) for server in servers if server]
    if choice and not functions:
        draft.losses.drop("tool_choice")
    if request.parallel_tools is False and functions:
        draft.losses.drop("parallel_tools")
    wire: Wire = {"tools": groups} if groups else {}
    return wire | ({"toolConfig": {CALLING: _encode_choice(choice, functions, draft)}} if choice and functions else {})


def _functions(request: Request, draft: Draft) -> dict[str, Wire]:
    """What can be called, by the client's names."""
    choice = request.tool_choice
    allowed = choice.names if choice and choice.mode == "allowed" and not choice.required else None
    functions: dict[str, Wire] = {}
    for tool in request.tools:
        if tool.kind == "server" or (allowed is not None and tool.name not in allowed):
            continue
        if tool.name in functions:
            draft.losses.drop("tools.duplicate")
            continue
        functions[tool.name] = _encode_function(tool, draft)
    return functions


def _encode_function(tool: Tool, draft: Draft) -> Wire:
    if tool.cache:
        draft.losses.drop("cache_control")
    if tool.strict:
        draft.losses.drop("tools.strict")
    if tool.kind == "custom":
        draft.losses.approx("tools.custom")
        tool = as_function(tool)
    wire: Wire = {"name": draft.names.get(tool.name, tool.name)}
    if tool.description is not None:
        wire["description"] = tool.description
    return wire | _encode_schema(tool.schema, draft) | dict(restore(NAME, tool.extra))


def _encode_schema(schema: Json | None, draft: Draft) -> Wire:
    """The parameters. A function without any has none: older models refuse an object without properties."""
    if not schema or (not draft.profile.full_schemas and not schema.get("properties") and schema.keys() <= PLAIN):
        return {}
    if draft.profile.full_schemas:
        return {"parametersJsonSchema": schema}
    return {"parameters": subset(schema, draft)}


PLAIN = frozenset({"type", "properties", "required", "additionalProperties", "$schema"})


def subset(schema: Json, draft: Draft) -> Wire:
    """`schema` for a model that takes no JSON Schema."""
    wire = sanitised(schema)
    if lowered(wire) != schema:
        draft.losses.approx("schema")
    return wire


def _encode_choice(choice: ToolChoice, functions: Mapping[str, Wire], draft: Draft) -> Wire:
    if choice.mode == "allowed":
        if not choice.required:  # only these are offered
            return {"mode": "AUTO"}
        return {"mode": "ANY", "allowedFunctionNames": _wire_names(choice.names, draft)}
    wire: Wire = {"mode": MODE_WORDS[choice.mode]}
    if choice.mode == "named":
        if choice.names[0] not in functions:
            raise BadRequest(f"There is no tool {choice.names[0]!r} among the tools.", param="tool_choice")
        wire["allowedFunctionNames"] = _wire_names(choice.names, draft)
    return wire


def _wire_names(names: Sequence[str], draft: Draft) -> list[str]:
    return [draft.names.get(name, name) for name in names]
