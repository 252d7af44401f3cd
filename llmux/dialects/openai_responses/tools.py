"""Tools and the choice among them, both ways; and schemas as OpenAI takes them.

A tool in a namespace is known to the house, and to other backends, as `namespace__name`. What its client wrote stays in
its `extra`: {tool, namespace?, found?}, where `found` marks the tools that an item of the conversation brings along.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from llmux.dialects.freetext import FreeText, as_function
from llmux.dialects.marks import cache_mark
from llmux.dialects.names import OPENAI_RESPONSES, legal_names
from llmux.dialects.openai_responses.calls import TYPED, is_hosted, qualified
from llmux.dialects.openai_responses.content import Draft
from llmux.dialects.openai_responses.schema import NAME
from llmux.dialects.shape import Fields, refuse
from llmux.dialects.strict import is_strict
from llmux.errors import Unsupported
from llmux.ir.content import Extra, Json, ToolCall, restore
from llmux.ir.request import Request, Tool, ToolChoice

Wire = dict[str, Any]

# At the root of a function's parameters OpenAI takes an object, and none of these.
NOT_AT_ROOT = frozenset({"oneOf", "anyOf", "allOf", "enum", "not"})

MODES: Mapping[str, ToolChoice] = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("required"),
}
# Kinds of a choice that say all there is to say of it.
PLAIN_CHOICES = frozenset({"function", "custom", *MODES})


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_tools(tools: Iterable[Fields], *, found: bool = False) -> Iterator[Tool]:
    """The tools of a list, those in namespaces one by one. `found`: an item of the conversation brings them along."""
    for tool in tools:
        kind = tool.text("type") or ("custom" if "custom" in tool.document else "function")
        if kind != "namespace":
            yield _decode_tool(tool, kind, None, found=found)
            continue
        name = _name(tool)
        for inner in tool.objects("tools"):
            yield _decode_tool(inner, inner.text("type") or "function", (name, tool.document), found=found)


def _decode_tool(tool: Fields, kind: str, home: tuple[str, Wire] | None, *, found: bool) -> Tool:
    kept: Wire = {"tool": tool.document}
    kept |= {"namespace": home[1]} if home else {}
    kept |= {"found": True} if found else {}
    extra = Extra(NAME, kept)
    if kind in TYPED and not is_hosted({**tool.document, "type": TYPED[kind].call}):
        typed, schema = TYPED[kind], tool.object("parameters")
        description = tool.text("description") or typed.description
        return Tool(kind, description, schema.document if schema else typed.schema, extra=extra)
    if kind not in {"function", "custom"}:
        return Tool(kind, kind="server", extra=extra)
    spec, mark = tool.object(kind) or tool, cache_mark(tool)  # nested, as Chat has them
    name, about = qualified(home[0] if home else None, _name(spec)), spec.text("description")
    if kind == "custom":
        return Tool(name, about, kind="custom", format=_format(spec.object("format")), cache=mark, extra=extra)
    schema = spec.object("parameters")
    known = schema.document if schema else None
    return Tool(name, about, known, strict=spec.flag("strict"), cache=mark, extra=extra)


def _name(fields: Fields) -> str:
    return fields.need_text("name") or refuse(fields.at("name"), "a name")


def _format(form: Fields | None) -> Json | None:
    """What a custom tool takes. The IR spells a grammar as Chat does: in an object of its own."""
    if form is None or form.text("type") != "grammar" or "grammar" in form.document:
        return form.document if form else None
    return {"type": "grammar", "grammar": {word: value for word, value in form.document.items() if word != "type"}}


def decode_tool_choice(body: Fields) -> ToolChoice | None:
    value = body.document.get("tool_choice")
    if isinstance(value, str):
        return MODES.get(value) or refuse(body.at("tool_choice"), f"one of {', '.join(MODES)}, or an object")
    if value is None:
        return None
    choice = Fields(value, body.at("tool_choice"))
    kind = choice.text("type") or "function"
    if kind in MODES:
        return MODES[kind]
    if kind != "allowed_tools":
        return ToolChoice("named", (_chosen(choice),))
    allowed = choice.object(kind) or choice
    names = tuple(_chosen(tool) for tool in allowed.objects("tools"))
    return ToolChoice("allowed", names, required=allowed.text("mode") == "required")


def _chosen(choice: Fields) -> str:
    """The name in {type, name}, in Chat's {type, function: {name}}, or, for a tool of OpenAI's own, {type}."""
    kind = choice.text("type") or "function"
    if kind not in {"function", "custom"}:
        return kind
    inner = choice.object(kind) or choice
    return qualified(choice.document.get("namespace"), _name(inner))


# --- encode ----------------------------------------------------------------------------------------------------------


def rename(request: Request) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The tools that need another name on the wire: theirs -> the wire's, and back. A client's own names stay."""
    if request.dialect == NAME:
        return {}, {}
    names = [tool.name for tool in request.tools if tool.kind != "server"]
    names += [part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    there = legal_names(dict.fromkeys(names), OPENAI_RESPONSES)
    return there, {wire: name for name, wire in there.items()}


def takes_custom(draft: Draft) -> bool:
    """Whether tools that take free text can be said: by a client of this dialect they have been."""
    return draft.own or draft.target.profile.custom_tools


def bridged(request: Request, draft: Draft, back: Mapping[str, str]) -> Mapping[str, str]:
    """`back`, and the custom tools that go as functions: their calls are turned back by their names."""
    if takes_custom(draft):
        return back
    custom = [tool.name for tool in request.tools if tool.kind == "custom"]
    return {**back, **{draft.names.get(name, name): FreeText(name) for name in custom}}


def encode_tools(request: Request, draft: Draft) -> Wire:
    """`tools`, `tool_choice` and `parallel_tool_calls`; {} when no tool is left.

    Raises:
        Unsupported: the request insists on a tool that only its client's own provider runs.
    """
    tools = list(_listed(request.tools, draft))
    lost = {tool.name for tool in request.tools if tool.kind == "server" and not restore(NAME, tool.extra)}
    choice = request.tool_choice
    if choice and lost and (lost.intersection(choice.names) or (not tools and choice.mode == "required")):
        raise Unsupported(
            f"This backend cannot run the tool {min(lost)!r}, which the request insists on.", param="tools"
        )
    wire: Wire = {"tools": tools} if tools else {}
    if not request.tools or (lost and not tools):
        return wire
    if choice:
        wire["tool_choice"] = _encode_choice(choice, request, draft)
    if request.parallel_tools is not None:
        if draft.target.profile.parallel_tools:
            wire["parallel_tool_calls"] = request.parallel_tools
        else:
            draft.losses.drop("parallel_tool_calls")
    return wire


def _listed(tools: Iterable[Tool], draft: Draft) -> Iterator[Wire]:
    """The tools as they are listed: a client's own as it wrote them, each of its namespaces once, and whole."""
    last: Any = None
    for tool in tools:
        if tool.cache and not draft.own:
            draft.losses.drop("cache_control")
        kept = restore(NAME, tool.extra)
        if not kept:
            if encoded := TOOLS[tool.kind](tool, draft):
                yield encoded
        elif not kept.get("found"):
            namespace = kept.get("namespace")
            if namespace is None or namespace is not last:
                yield dict(namespace or kept["tool"])
            last = namespace


def _encode_function(tool: Tool, draft: Draft) -> Wire:
    wire: Wire = {"type": "function", "name": draft.names.get(tool.name, tool.name)}
    wire |= {"description": tool.description} if tool.description is not None else {}
    # Where nothing is said, this API is strict: other APIs are not.
    return wire | {"parameters": object_schema(tool.schema, draft), "strict": _strictness(tool, draft)}


def _encode_custom(tool: Tool, draft: Draft) -> Wire:
    if not takes_custom(draft):
        draft.losses.approx("custom_tools")
        return _encode_function(as_function(tool), draft)
    wire: Wire = {"type": "custom", "name": draft.names.get(tool.name, tool.name)}
    wire |= {"description": tool.description} if tool.description is not None else {}
    if tool.format is not None:
        grammar = tool.format.get("grammar")
        wire["format"] = {"type": "grammar", **grammar} if isinstance(grammar, dict) else dict(tool.format)
    return wire


def _drop(_tool: Tool, draft: Draft) -> None:
    draft.losses.drop("server_tools")


TOOLS: Mapping[str, Callable[[Tool, Draft], Wire | None]] = {
    "function": _encode_function,
    "custom": _encode_custom,
    "server": _drop,
}


def _encode_choice(choice: ToolChoice, request: Request, draft: Draft) -> str | Wire:
    if choice.mode == "named":
        return _reference(choice.names[0], request, draft)
    if choice.mode != "allowed":
        return choice.mode
    tools = [_reference(name, request, draft) for name in choice.names]
    return {"type": "allowed_tools", "mode": "required" if choice.required else "auto", "tools": tools}


def _reference(name: str, request: Request, draft: Draft) -> Wire:
    tool = next((tool for tool in request.tools if tool.name == name), None)
    if tool and tool.kind == "server":
        return {"type": name}
    kind = "custom" if tool and tool.kind == "custom" and takes_custom(draft) else "function"
    return {"type": kind, "name": draft.names.get(name, name)}


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


def _strictness(tool: Tool, draft: Draft) -> bool:
    """What was asked for, as far as model and schema allow it."""
    if tool.strict and not (draft.target.profile.strict_tools and is_strict(tool.schema or {})):
        draft.losses.drop("strict")
        return False
    return bool(tool.strict)
