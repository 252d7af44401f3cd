"""Tools and the choice among them, both ways; and schemas as OpenAI takes them."""

from collections.abc import Callable, Mapping
from typing import Any

from llmux.dialects.freetext import FreeText, as_function
from llmux.dialects.marks import cache_mark
from llmux.dialects.names import OPENAI_CHAT, legal_names
from llmux.dialects.openai_chat.content import Draft, beyond
from llmux.dialects.openai_chat.schema import NAME
from llmux.dialects.shape import Fields, refuse
from llmux.dialects.strict import is_strict
from llmux.errors import Unsupported
from llmux.ir.content import Json, ToolCall, restore
from llmux.ir.request import Request, Tool, ToolChoice

Wire = dict[str, Any]

# At the root of a function's parameters OpenAI takes an object, and none of these.
NOT_AT_ROOT = frozenset({"oneOf", "anyOf", "allOf", "enum", "not"})
KNOWN_OF_TOOL = frozenset({"type", "function", "custom"})
KNOWN_OF_FUNCTION = frozenset({"name", "description", "parameters", "strict"})

MODES: Mapping[str, ToolChoice] = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("required"),
    "any": ToolChoice("required"),  # Mistral
}


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_tools(body: Fields) -> tuple[Tool, ...]:
    """The tools, also those of the old `functions` field."""
    tools = tuple(_decode_tool(tool) for tool in body.objects("tools"))
    return tools + tuple(_decode_function(function, function, "") for function in body.objects("functions"))


def _decode_tool(tool: Fields) -> Tool:
    kind = tool.text("type") or ("custom" if "custom" in tool.document else "function")
    if custom := tool.object("custom") if kind == "custom" else None:
        return Tool(
            name=_name(custom),
            description=custom.text("description"),
            kind="custom",
            format=_document(custom.object("format")),
            cache=cache_mark(tool),
            extra=beyond(tool, KNOWN_OF_TOOL),
        )
    if kind != "function":  # OpenRouter's and Mistral's own tools, which the backend runs
        return Tool(name=kind, kind="server", extra=beyond(tool, frozenset()))
    if function := tool.object("function"):
        return _decode_function(function, tool, "function")
    return _decode_function(tool, tool, "")  # flat, as Responses has them


def _decode_function(function: Fields, tool: Fields, inner: str) -> Tool:
    """`function` says what the tool is; `tool` is the object around it, the same when flat (`inner` is then "")."""
    extra = beyond(tool, KNOWN_OF_TOOL if inner else KNOWN_OF_TOOL | KNOWN_OF_FUNCTION)
    return Tool(
        name=_name(function),
        description=function.text("description"),
        schema=_document(function.object("parameters")),
        strict=function.flag("strict"),
        cache=cache_mark(tool),
        extra=extra,
    )


def _name(fields: Fields) -> str:
    return fields.need_text("name") or refuse(fields.at("name"), "a name")


def _document(fields: Fields | None) -> Json | None:
    return fields.document if fields else None


def decode_tool_choice(body: Fields) -> ToolChoice | None:
    """`tool_choice`, or the old `function_call`."""
    for field in ("tool_choice", "function_call"):
        value = body.document.get(field)
        if isinstance(value, str):
            return MODES.get(value) or refuse(body.at(field), f"one of {', '.join(MODES)}, or an object")
        if value is not None:
            return _decode_choice(Fields(value, body.at(field)))
    return None


def _decode_choice(choice: Fields) -> ToolChoice:
    kind = choice.text("type") or "function"
    if kind in MODES:
        return MODES[kind]
    if kind == "allowed_tools":
        return _decode_allowed(choice.object(kind) or choice)
    return ToolChoice("named", (_chosen(choice),))


def _decode_allowed(allowed: Fields) -> ToolChoice:
    names = tuple(_chosen(tool) for tool in allowed.objects("tools"))
    return ToolChoice("allowed", names, required=allowed.text("mode") == "required")


def _chosen(choice: Fields) -> str:
    """The name in {type, function: {name}}, {type, custom: {name}}, {name} or, for a server's tool, {type}."""
    inner = choice.object("function") or choice.object("custom") or choice
    return inner.text("name") or choice.text("type") or refuse(choice.at("name"), "a name")


# --- encode ----------------------------------------------------------------------------------------------------------


def rename(request: Request) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The tools that need another name on the wire: theirs -> the wire's, and back."""
    names = [tool.name for tool in request.tools if tool.kind != "server"]
    names += [part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    there = legal_names(dict.fromkeys(names), OPENAI_CHAT)
    return there, {wire: name for name, wire in there.items()}


def bridged(request: Request, draft: Draft, back: Mapping[str, str]) -> Mapping[str, str]:
    """`back`, and the custom tools that go as functions: their calls are turned back by their names."""
    if draft.target.profile.custom_tools:
        return back
    custom = [tool.name for tool in request.tools if tool.kind == "custom"]
    return {**back, **{draft.names.get(name, name): FreeText(name) for name in custom}}


def encode_tools(request: Request, draft: Draft) -> Wire:
    """`tools`, `tool_choice` and `parallel_tool_calls`; {} when no tool is left.

    Raises:
        Unsupported: the request insists on a tool that only its client's own provider runs.
    """
    tools = [encoded for tool in request.tools if (encoded := _encode_tool(tool, draft))]
    lost = {tool.name for tool in request.tools if tool.kind == "server" and not restore(NAME, tool.extra)}
    choice = request.tool_choice
    if choice and lost and (lost.intersection(choice.names) or (not tools and choice.mode == "required")):
        raise Unsupported(
            f"This backend cannot run the tool {min(lost)!r}, which the request insists on.", param="tools"
        )
    if not tools:
        return {}
    wire: Wire = {"tools": tools}
    if choice:
        wire["tool_choice"] = _encode_choice(choice, request, draft)
    if request.parallel_tools is not None:
        if draft.target.profile.parallel_tools:
            wire["parallel_tool_calls"] = request.parallel_tools
        else:
            draft.losses.drop("parallel_tool_calls")
    return wire


def _encode_tool(tool: Tool, draft: Draft) -> Wire | None:
    if tool.cache and not draft.own:
        draft.losses.drop("cache_control")
    return TOOLS[tool.kind](tool, draft)


def _encode_function(tool: Tool, draft: Draft) -> Wire:
    function: Wire = {"name": draft.names.get(tool.name, tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = dict(tool.schema or {}) if draft.own and tool.schema else object_schema(tool.schema, draft)
    if (strict := strictness(tool.strict, tool.schema, draft)) is not None:
        function["strict"] = strict
    return {"type": "function", "function": function, **restore(NAME, tool.extra)}


def _encode_custom(tool: Tool, draft: Draft) -> Wire:
    if not draft.target.profile.custom_tools:
        draft.losses.approx("custom_tools")
        return _encode_function(as_function(tool), draft)
    custom: Wire = {"name": draft.names.get(tool.name, tool.name)}
    custom |= {"description": tool.description} if tool.description is not None else {}
    custom |= {"format": tool.format} if tool.format is not None else {}
    return {"type": "custom", "custom": custom, **restore(NAME, tool.extra)}


def _encode_server(tool: Tool, draft: Draft) -> Wire | None:
    if own := restore(NAME, tool.extra):
        return dict(own)
    draft.losses.drop("server_tools")
    return None


TOOLS: Mapping[str, Callable[[Tool, Draft], Wire | None]] = {
    "function": _encode_function,
    "custom": _encode_custom,
    "server": _encode_server,
}


def _encode_choice(choice: ToolChoice, request: Request, draft: Draft) -> str | Wire:
    if choice.mode == "named":
        return _reference(choice.names[0], request, draft)
    if choice.mode != "allowed":
        return choice.mode
    tools = [_reference(name, request, draft) for name in choice.names]
    mode = "required" if choice.required else "auto"
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def _reference(name: str, request: Request, draft: Draft) -> Wire:
    kind = next((tool.kind for tool in request.tools if tool.name == name), "function")
    if kind == "server":
        return {"type": name}
    word = "custom" if kind == "custom" and draft.target.profile.custom_tools else "function"
    return {"type": word, word: {"name": draft.names.get(name, name)}}


# --- schemas ---------------------------------------------------------------------------------------------------------


def object_schema(schema: Json | None, draft: Draft) -> Json:
    """`schema` with an object at its root, as every backend wants a function's parameters."""
    if not schema:
        return {"type": "object", "properties": {}}
    if schema.get("type") == "object" and NOT_AT_ROOT.isdisjoint(schema):
        return schema if "properties" in schema else {**schema, "properties": {}}
    draft.losses.approx("schema")
    rest = {word: value for word, value in schema.items() if word not in NOT_AT_ROOT}
    return {**rest, "type": "object", "properties": schema.get("properties") or {}}


def strictness(strict: bool | None, schema: Json | None, draft: Draft) -> bool | None:
    """The `strict` to send, None for none: what was asked for, as far as model and schema allow it."""
    if strict is None or draft.own:
        return strict
    if draft.target.profile.strict_tools and (not strict or is_strict(schema or {})):
        return strict
    if strict:
        draft.losses.drop("strict")
    return None
