"""All that a request says, as a table: what is said -> how. Two requests are compared row by row.

Ids of calls are told by the place of the call: what a wire calls them is its own. Words are compared, not the spaces
between them: each wire joins texts in its own way. Neighbours of one role are one turn: some wires know no others.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from llmux.ir.content import (
    Audio,
    Document,
    Image,
    Inline,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchResult,
    Text,
    ToolCall,
    ToolResult,
    Written,
)
from llmux.ir.request import Message, ReasoningControl, Request, Role, Sampling, Tool, ToolChoice

Account = dict[str, Any]
NEVER = ("none", [], False)  # no tool is to be called: neither one at a time
TOOLS = frozenset({"tools", "schemas", "strict", "choice", "parallel"})
# What models do anyway, so that it need not be said.
USUAL = {"temperature": 1, "top_p": 1, "logprobs": False}
REPAIRED = frozenset({"turns", "results", "failures"})
SYSTEM = frozenset({Role.SYSTEM, Role.DEVELOPER})


def account(request: Request, names: Mapping[str, str] | None = None) -> Account:
    """What `request` says. `names`: tools' names in it -> the names that its client knows."""
    known = names or {}
    parts = [part for message in request.messages for part in message.parts]
    calls = [part for part in parts if isinstance(part, ToolCall)]
    ids = [call.id for call in calls]
    said = {
        "turns": list(turns(request.messages)),
        "media": [source for part in parts for source in media(part)],
        "refusals": [part.text for part in parts if isinstance(part, Refusal)],
        "calls": [(known.get(call.name, call.name), call.kind, plain(call.arguments)) for call in calls],
        "results": sorted(result(part, ids) for part in parts if isinstance(part, ToolResult)),
        "failures": sorted(ids.index(part.call_id) for part in parts if failed(part, ids)),
        "thoughts": [words(part.text) for part in parts if isinstance(part, Reasoning) and part.text],
        "proofs": [state for part in parts if isinstance(part, Reasoning | ToolCall) for state in part.states],
        "citations": sum(len(part.citations) for part in parts if isinstance(part, Text)),
        "names": [message.name for message in request.messages if message.name],
        "opaque": sum(isinstance(part, Opaque) for part in parts),
        "cache": sum(marked(value) for value in (request, *callable_tools(request), *within(parts))),
        **tools(request, known),
        **controls(request),
    }
    return {name: value for name, value in said.items() if name not in REPAIRED} if broken(request.messages) else said


# --- what was said ---------------------------------------------------------------------------------------------------


def turns(messages: Iterable[Message]) -> Iterator[tuple[str, Any]]:
    """Who said what, in order; for tools, how many results."""
    role, said = "", ""
    for message in messages:
        name = "system" if message.role in SYSTEM else message.role.value
        if name != role:
            if said:
                yield role, said
            role, said = name, ""
        for part in message.parts:
            said += "*" if isinstance(part, ToolResult) else words(part.text) if isinstance(part, Text) else ""
    if said:
        yield role, said


def broken(messages: Iterable[Message]) -> bool:
    """Whether a result answers no call before it. No backend takes that: what is left of it is told in other words."""
    asked = set[str]()
    for part in (part for message in messages for part in message.parts):
        if isinstance(part, ToolCall):
            asked.add(part.id)
        elif isinstance(part, ToolResult) and part.call_id not in asked:
            return True
    return False


def words(text: str) -> str:
    """A text without the spaces in it."""
    return "".join(text.split())


def plain(arguments: str) -> Any:
    """Arguments as a value; as their text where they are no JSON."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def result(part: ToolResult, ids: list[str]) -> tuple[int, str]:
    """Which call it answers, and in which words."""
    said = "".join(told(inner) for inner in part.content)
    return (ids.index(part.call_id) if part.call_id in ids else -1), said


def told(part: Part) -> str:
    """The words of a part within a result. What a search found is its title, its source and its text."""
    if isinstance(part, SearchResult):
        return words(part.title) + words(part.source) + "".join(told(inner) for inner in part.content)
    return words(part.text) if isinstance(part, Text) else ""


def failed(part: Part, ids: list[str]) -> bool:
    """Whether it is the result of a call that failed."""
    return isinstance(part, ToolResult) and part.is_error and part.call_id in ids


def within(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts, and those in the results among them."""
    for part in parts:
        yield part
        if isinstance(part, ToolResult):
            yield from part.content


def media(part: Part) -> Iterator[Any]:
    """The sources of all that is no text, wherever it stands."""
    if isinstance(part, ToolResult | SearchResult):
        yield from (source for inner in part.content for source in media(inner))
    elif isinstance(part, Image):
        yield "image", part.source
    elif isinstance(part, Document):
        yield "document", written(part.source)
    elif isinstance(part, Audio):
        yield "audio", part.data


def written(source: Any) -> Any:
    """A document's source; plain text is that, also where it is carried as a file."""
    if isinstance(source, Inline) and source.media_type == "text/plain":
        return Written(base64.b64decode(source.data).decode())
    return source


def marked(value: Request | Tool | Part) -> bool:
    """Whether the prompt may be cached up to here."""
    return value.cache is not None


# --- what was wished -------------------------------------------------------------------------------------------------


def tools(request: Request, known: Mapping[str, str]) -> Account:
    """The tools, and what is to be done with them. Without tools there is nothing to say."""
    own = [tool for tool in request.tools if tool.kind != "server"]
    servers = {"server tools": [tool.name for tool in request.tools if tool.kind == "server"]}
    if not own:
        return servers
    return {
        "tools": [(known.get(tool.name, tool.name), tool.description or "", tool.kind) for tool in own],
        "schemas": [dict(tool.schema or {}) for tool in own if tool.kind == "function"],
        "strict": [bool(tool.strict) for tool in own],
        "choice": choice(request.tool_choice, known, len(own)),
        "parallel": request.parallel_tools is not False or choice(request.tool_choice, known, len(own)) == NEVER,
        **servers,
    }


def choice(chosen: ToolChoice | None, known: Mapping[str, str], count: int) -> Any:
    """What the model must do; nothing said is what it likes."""
    if chosen is None or chosen.mode == "auto":
        return None
    if chosen.mode == "allowed" and len(chosen.names) == count:  # all of them are
        return ("required", [], False) if chosen.required else None
    return chosen.mode, [known.get(name, name) for name in chosen.names], chosen.required


def reasoning(control: ReasoningControl) -> Any:
    """How much is to be reasoned: "off", "on" or "auto", or effort and budget; None when nothing is said."""
    if control.mode == "off" or control.effort == "none":
        return "off"
    wish = (control.effort, control.budget)
    return wish if any(wish) else None if control.mode == "unset" else control.mode


def controls(request: Request) -> Account:
    """How the answer is to be made."""
    sampling = {name: getattr(request.sampling, name) for name in Sampling.__struct_fields__}
    return {
        **{name: None if value == USUAL.get(name) else value for name, value in sampling.items()},
        "limit": request.max_output_tokens,
        "stop": request.stop,
        "answers": request.choices,
        "reasoning": reasoning(request.reasoning),
        "output": (request.output.kind, request.output.schema),
        "verbosity": request.verbosity,
        "tier": request.service_tier if request.service_tier != "auto" else None,
        "user": request.user_id,
        "metadata": dict(request.metadata or {}),
        "stream": request.stream,
    }


def callable_tools(request: Request) -> tuple[Tool, ...]:
    """Tools that must not be called need not be told, and take their marks for the cache along."""
    return () if request.tool_choice is not None and request.tool_choice.mode == "none" else request.tools


# --- how two are compared --------------------------------------------------------------------------------------------


def compared(request: Account, back: Account) -> frozenset[str]:
    """What `request` says, and `back` says otherwise. Tools that must not be called need not be told."""
    untold = TOOLS if request.get("choice") == NEVER and "tools" not in back else ()
    return frozenset(
        name for name in request if name not in untold and not SAME.get(name, same)(request[name], back.get(name))
    )


def same(due: Any, given: Any) -> bool:
    """Two values that are one."""
    return bool(due == given)


def spoken(due: Any, given: Any) -> bool:
    """Turns. Some wires begin with the user's, whatever it says."""
    opened = bool(given) and given[0][0] == "user" and (not due or due[0][0] != "user")
    return same(due, given[1:] if opened else given)


def limited(due: Any, given: Any) -> bool:
    """A limit. Some wires must name one."""
    return due is None or due == given


def reasoned(due: Any, given: Any) -> bool:
    """A wish to reason: without an effort it is met by any, and what is left to the model need not be said."""
    if due == "auto":
        return given != "off"
    return given not in {None, "off"} if due == "on" else bool(due == given)


SAME: Mapping[str, Callable[[Any, Any], bool]] = {"turns": spoken, "limit": limited, "reasoning": reasoned}
