"""Tools and the choice among them, both ways.

Reference: https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmux.dialects.claude.blocks import Draft, Wire, encode_mark
from llmux.dialects.claude.content import cache_mark
from llmux.dialects.claude.schema import CLIENT_TOOLS, DIALECT, TOOL_CHOICE_WORDS, TOOL_CHOICES
from llmux.dialects.freetext import FreeText, as_function
from llmux.dialects.shape import Fields, refuse
from llmux.errors import BadRequest
from llmux.ir.content import Extra, Json, ToolCall, keep, restore
from llmux.ir.request import Message, Request, Tool, ToolChoice

FUNCTION = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
ALTERNATIVES = ("anyOf", "oneOf", "allOf")

# --- decode ----------------------------------------------------------------------------------------------------------


def decode_tools(body: Fields) -> tuple[Tool, ...]:
    """The tools of a request. One that Claude knows by its type is carried whole, for Claude."""
    return tuple(_decode_tool(tool) for tool in body.objects("tools"))


def _decode_tool(tool: Fields) -> Tool:
    if (tool.text("type") or "custom") != "custom":
        return _typed(tool)
    schema = tool.object("input_schema")
    return Tool(
        name=tool.need_text("name"),
        description=tool.text("description"),
        schema=schema.document if schema else None,
        strict=tool.flag("strict"),
        cache=cache_mark(tool),
        extra=keep(DIALECT, tool.document, FUNCTION),
    )


def _typed(tool: Fields) -> Tool:
    """A tool that the client runs is a function to others; what the backend runs is for Claude alone."""
    kind = tool.need_text("type")
    whole = Extra(DIALECT, {name: value for name, value in tool.document.items() if name != "cache_control"})
    name = tool.text("name") or tool.text("mcp_server_name") or kind
    cache = cache_mark(tool)
    for prefix, (description, schema) in CLIENT_TOOLS.items():
        if kind.startswith(prefix):
            return Tool(name=name, description=description, schema=schema, cache=cache, extra=whole)
    return Tool(name=name, kind="server", cache=cache, extra=whole)


def decode_choice(body: Fields) -> tuple[ToolChoice | None, bool | None]:
    """What the model must do with the tools, and whether it may call several at once."""
    choice = body.object("tool_choice")
    if choice is None:
        return None, None
    mode: Any = TOOL_CHOICES.get(choice.need_text("type"))
    if mode is None:
        refuse(choice.at("type"), f"one of {', '.join(TOOL_CHOICES)}")
    names = (choice.need_text("name"),) if mode == "named" else ()
    alone = choice.flag("disable_parallel_tool_use")
    return ToolChoice(mode, names), None if alone is None else not alone


# --- encode ----------------------------------------------------------------------------------------------------------


def tool_names(request: Request) -> Iterable[str]:
    """Every name of a tool in a request: of the tools, and of calls to tools that are there no more."""
    yield from (tool.name for tool in request.tools if tool.kind != "server")
    yield from (call.name for call in _calls(request.messages))


def _calls(messages: Sequence[Message]) -> Iterable[ToolCall]:
    return (part for message in messages for part in message.parts if isinstance(part, ToolCall))


def client_names(request: Request, draft: Draft) -> dict[str, str]:
    """The names on the wire -> the names that the client knows, for those that differ or say more."""
    renamed = {legal: name for name, legal in draft.names.items()}
    custom = [tool.name for tool in request.tools if tool.kind == "custom"]
    return renamed | {draft.names.get(name, name): FreeText(name) for name in custom}


def encode_tools(request: Request, draft: Draft) -> list[Wire]:
    """The tools. A history with calls needs tools: those it speaks of stand in when the client sent none."""
    tools: dict[str, Tool] = {}
    for tool in _offered(request, draft):
        if tools.setdefault(tool.name, tool) is not tool:
            draft.losses.drop("tools.duplicate")
    tools = tools or {call.name: Tool(call.name) for call in _calls(request.messages)}
    return [_encode_tool(tool, draft) for tool in tools.values()]


def _offered(request: Request, draft: Draft) -> list[Tool]:
    choice = request.tool_choice
    allowed = choice.names if choice and choice.mode == "allowed" else None
    offered = [tool for tool in request.tools if tool.kind != "server" or restore(DIALECT, tool.extra)]
    if len(offered) < len(request.tools):
        draft.losses.drop("tools.server")
    return [tool for tool in offered if allowed is None or tool.name in allowed]


def _encode_tool(tool: Tool, draft: Draft) -> Wire:
    own = restore(DIALECT, tool.extra)
    if "type" in own:
        return {**own, **encode_mark(tool.cache)}
    if tool.kind == "custom":
        draft.losses.approx("tools.custom")
        tool = as_function(tool)
    wire: Wire = {"name": draft.names.get(tool.name, tool.name)}
    wire |= {"description": tool.description} if tool.description else {}
    wire |= {"input_schema": _rooted(tool.schema, draft)}
    if tool.strict and draft.profile.strict_tools:
        wire["strict"] = True
    elif tool.strict:
        draft.losses.drop("tools.strict")
    return {**wire, **own, **encode_mark(tool.cache)}


def _rooted(schema: Json | None, draft: Draft) -> Json:
    """A schema whose root is an object without alternatives: Claude takes no other."""
    if not schema:
        return NO_ARGUMENTS
    if not any(name in schema for name in ALTERNATIVES):
        return schema if schema.get("type") == "object" else {**schema, "type": "object"}
    draft.losses.approx("tools.schema")
    properties: Wire = {}
    for name in ALTERNATIVES:
        for branch in schema.get(name) or ():
            if isinstance(branch, Mapping):
                properties |= branch.get("properties") or {}
    rest = {name: value for name, value in schema.items() if name not in ALTERNATIVES}
    return {**rest, "type": "object", "properties": properties | (schema.get("properties") or {})}


def encode_choice(request: Request, tools: Sequence[Wire], draft: Draft) -> Wire | None:
    """`tool_choice`, or None when nothing is to be said.

    Raises:
        BadRequest: the tool that must be called is not among the tools.
    """
    choice, alone = request.tool_choice, request.parallel_tools is False
    if not request.tools or not tools:
        if choice and choice.mode not in {"auto", "none"}:
            draft.losses.drop("tool_choice")
        return {"type": "none"} if tools else None  # the stand-ins of a history are not to be called
    wire = _chosen(choice, tools, draft) if choice else {"type": "auto"}
    if alone and wire["type"] != "none":
        if draft.profile.parallel_tools:
            return wire | {"disable_parallel_tool_use": True}
        draft.losses.drop("parallel_tools")
    return wire if choice else None


def _chosen(choice: ToolChoice, tools: Sequence[Wire], draft: Draft) -> Wire:
    if choice.mode == "allowed":
        return {"type": "any" if choice.required else "auto"}
    wire = {"type": TOOL_CHOICE_WORDS[choice.mode]}
    if choice.mode != "named":
        return wire
    name = draft.names.get(choice.names[0], choice.names[0])
    if not any(tool.get("name") == name for tool in tools):
        raise BadRequest(f"There is no tool {choice.names[0]!r} among the tools.", param="tool_choice")
    return wire | {"name": name}
