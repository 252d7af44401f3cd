"""Tools and the choice among them, both ways. What Ollama takes of a schema is `schemas.py`'s business.

This wire has no word for a choice: a tool that must not be called is not offered, and that is all that can be done.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md#chat-request-with-tools
"""

from collections.abc import Iterable, Mapping
from typing import Any

from llmux.dialects.freetext import FreeText, as_function
from llmux.dialects.ollama.content import Draft, beyond
from llmux.dialects.ollama.schema import NAME
from llmux.dialects.ollama.schemas import narrowed
from llmux.dialects.shape import Fields, refuse
from llmux.errors import Unsupported
from llmux.ir.content import restore
from llmux.ir.request import Request, Tool, ToolChoice

Wire = dict[str, Any]

KNOWN_OF_TOOL = frozenset({"type", "function"})
ANY = ToolChoice("auto")


def decode_tools(body: Fields) -> tuple[Tool, ...]:
    """The tools: functions, all of them.

    Raises:
        BadRequest: a tool is no function, or has no name.
    """
    return tuple(_decode_tool(tool) for tool in body.objects("tools"))


def _decode_tool(tool: Fields) -> Tool:
    if tool.text("type") not in {None, "", "function"}:
        refuse(tool.at("type"), '"function"')
    function = tool.object("function") or Fields(None, tool.at("function"))
    schema = function.object("parameters")
    return Tool(
        name=function.need_text("name") or refuse(function.at("name"), "a name"),
        description=function.text("description"),
        schema=schema.document if schema else None,
        extra=beyond(tool, KNOWN_OF_TOOL),
    )


def encode_tools(request: Request, draft: Draft) -> tuple[Wire, Mapping[str, str]]:
    """`tools`, and what turns the calls of bridged ones back; {} when no tool is offered.

    Raises:
        Unsupported: the request insists on a tool that only its client's own provider runs.
    """
    choice = request.tool_choice or ANY
    lost = {tool.name for tool in request.tools if tool.kind == "server"}
    if lost:
        draft.losses.drop("server_tools")
    if lost.intersection(choice.names) or (choice.mode == "required" and len(lost) == len(request.tools) > 0):
        raise Unsupported(
            f"This backend cannot run the tool {min(lost)!r}, which the request insists on.", param="tools"
        )
    offered = [tool for tool in _chosen(request.tools, choice, draft) if tool.kind != "server"]
    if not offered:
        return {}, {}
    if request.parallel_tools is not None:
        draft.losses.drop("parallel_tool_calls")
    custom = {tool.name: FreeText(tool.name) for tool in offered if tool.kind == "custom"}
    return {"tools": [_encode_tool(tool, draft) for tool in offered]}, custom


def _chosen(tools: Iterable[Tool], choice: ToolChoice, draft: Draft) -> Iterable[Tool]:
    """The tools that may be called."""
    if choice.mode == "none":
        return ()
    if choice.mode in {"required", "named"} or choice.required:
        draft.losses.approx("tool_choice")
    return tuple(tool for tool in tools if tool.name in choice.names) if choice.names else tools


def _encode_tool(tool: Tool, draft: Draft) -> Wire:
    if tool.kind == "custom":
        draft.losses.approx("custom_tools")
        tool = as_function(tool)
    if tool.strict:
        draft.losses.drop("strict")
    if tool.cache:
        draft.losses.drop("cache_control")
    function: Wire = {"name": tool.name}
    function |= {"description": tool.description} if tool.description is not None else {}
    schema = tool.schema or {"type": "object", "properties": {}}
    function["parameters"] = schema if draft.own or draft.target.profile.full_schemas else narrowed(schema, draft)
    return {"type": "function", "function": function, **(restore(NAME, tool.extra) if draft.own else {})}
