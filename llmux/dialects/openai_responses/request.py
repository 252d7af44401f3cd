"""A request body, both ways: bytes of a client -> Request, Request of any dialect -> the body for a backend.

What no field of the IR stands for is kept in `Request.extra`, for a backend of the same dialect. A backend is never
told of an earlier answer, and keeps none unless the client has asked for it: the house has the whole conversation.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from llmux.dialects import efforts
from llmux.dialects.base import NOWHERE, Address, Outbound, untold
from llmux.dialects.document import read
from llmux.dialects.losses import Losses
from llmux.dialects.openai_responses.content import Draft, beyond
from llmux.dialects.openai_responses.controls import (
    decode_limit,
    decode_output,
    decode_reasoning,
    decode_sampling,
    decode_verbosity,
    encode_include,
    encode_limits,
    encode_reasoning,
    encode_sampling,
    encode_text,
)
from llmux.dialects.openai_responses.messages import decode_input, found_tools
from llmux.dialects.openai_responses.repair import is_refused
from llmux.dialects.openai_responses.schema import LOSSES, NAME
from llmux.dialects.openai_responses.thread import encode_messages
from llmux.dialects.openai_responses.tools import (
    PLAIN_CHOICES,
    bridged,
    decode_tool_choice,
    decode_tools,
    encode_tools,
    rename,
)
from llmux.dialects.shape import Fields, refuse
from llmux.errors import BadRequest, Unsupported
from llmux.ir.capability import Target
from llmux.ir.content import Extra, restore
from llmux.ir.request import Original, ReasoningControl, Request, Tool

Wire = dict[str, Any]

# Fields that the IR says whole; they are written anew. All others are kept for the same dialect.
KNOWN = frozenset({
    "model", "input", "instructions", "stream", "tools", "parallel_tool_calls", "temperature", "top_p",
    "max_output_tokens", "store", "previous_response_id", "background",
})  # fmt: skip
# What stands for a conversation whose items are not in the request.
ELSEWHERE = ("previous_response_id", "conversation", "prompt")
# What a `configuration_update` may say anew.
CONFIGURED = ("reasoning", "text")
# A longer name of a session or a user is refused.
LONGEST_KEY = 64


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_request(body: bytes, at: Address = NOWHERE) -> Request:  # noqa: ARG001 - all is in the body
    """The request that a client sent.

    Raises:
        BadRequest: it is not JSON, asks for an answer in the background, or something in it has another shape than
            this API says; `param` tells where.
    """
    document, cleaned = read(body)
    fields = Fields(document)
    if fields.flag("background"):
        raise BadRequest("llmux answers while it is waited for: background is not supported.", param="background")
    model = fields.need_text("model") or refuse("model", "the name of a model")
    messages = decode_input(fields)
    if not messages and not any(document.get(name) for name in ELSEWHERE):
        refuse("input", "a string, or at least one item")
    said = {name: decode(fields) for name, decode in OPTIONS.items()}
    return Request(
        dialect=NAME,
        model=model,
        messages=messages,
        tools=_decode_tools(fields),
        extra=_decode_extra(fields),
        original=Original(body, document, repaired=cleaned or is_refused(document)),
        **said | _decode_configuration(fields),
    )


def _decode_configuration(fields: Fields) -> dict[str, Any]:
    """What the request says of reasoning and of the form of the answer, unless the conversation has said it anew."""
    said = _decode_configured(fields)
    update = _configuration(fields.document.get("input"))
    return _decode_configured(Fields(fields.document | update)) if update else said


def _decode_configured(fields: Fields) -> dict[str, Any]:
    return {
        "reasoning": decode_reasoning(fields),
        "output": decode_output(fields),
        "verbosity": decode_verbosity(fields),
    }


def _decode_tools(body: Fields) -> tuple[Tool, ...]:
    """The tools that are listed, and those that the conversation has brought along since."""
    listed = tuple(decode_tools(body.objects("tools")))
    names = {tool.name for tool in listed}
    found = {tool.name: tool for tool in found_tools(body) if tool.name not in names}
    return (*listed, *found.values())


def _configuration(items: Any) -> Wire:
    """What the last `configuration_update` of the conversation says instead of the request."""
    update: Wire = {}
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("type") == "configuration_update":
            update |= {name: item[name] for name in CONFIGURED if item.get(name) is not None}
    return update


def _decode_metadata(body: Fields) -> dict[str, str] | None:
    metadata = body.object("metadata")
    return {name: metadata.need_text(name) for name in metadata.document} if metadata else None


def _decode_extra(fields: Fields) -> Extra | None:
    """What we have no word for. A choice of tools that says no more than a name is said whole by the IR."""
    choice, known = fields.document.get("tool_choice"), KNOWN
    if not isinstance(choice, dict) or (choice.get("type") in PLAIN_CHOICES and choice.keys() <= {"type", "name"}):
        known |= {"tool_choice"}
    return beyond(fields, known)


# How the other fields are said in a Request.
OPTIONS: Mapping[str, Callable[[Fields], Any]] = {
    "stream": lambda body: body.flag("stream") or False,
    "tool_choice": decode_tool_choice,
    "parallel_tools": lambda body: body.flag("parallel_tool_calls"),
    "sampling": decode_sampling,
    "max_output_tokens": decode_limit,
    "service_tier": lambda body: body.text("service_tier"),
    "user_id": lambda body: body.text("safety_identifier") or body.text("user"),
    "session": lambda body: body.text("prompt_cache_key"),
    "metadata": _decode_metadata,
    "store": lambda body: body.flag("store"),
    "previous": lambda body: body.text("previous_response_id"),
}


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_request(request: Request, target: Target) -> Outbound:
    """`request`, of whatever dialect, for a backend model. Equal requests give equal bodies.

    Raises:
        Unsupported: it cannot be said in this wire without changing what it means.
        BadRequest: something that must be rewritten for it (a text file in base64) is damaged.
    """
    if request.choices > 1:
        raise Unsupported("This backend gives one answer to a request, not several.", param="n")
    losses = Losses(LOSSES)
    names, back = rename(request)
    draft = Draft(target=target, own=request.dialect == NAME, losses=losses, names=names)
    kept = dict(restore(NAME, request.extra))
    instructions, items = encode_messages(request.messages, draft)
    text, items = encode_text(request, items, draft)
    body: Wire = {"model": target.model}
    body |= {"instructions": instructions} if instructions is not None else {}
    body |= {"input": items}
    body |= encode_tools(request, draft)
    body |= encode_sampling(request.sampling, draft)
    body |= encode_limits(request, draft)
    body |= {"stream": True} if request.stream else {}
    body |= {"store": bool(request.store) if draft.own else False}
    body |= _merged(text, encode_reasoning(request.reasoning, draft), kept, request)
    if include := _include(kept, encode_include(request, draft)):
        body["include"] = include
    body |= kept if draft.own else _encode_foreign(request, draft)
    names = bridged(request, draft, back)
    return Outbound(body, names=names, warnings=losses.warnings(), unstopped=untold(request.stop))


def _merged(text: Wire, reasoning: Wire, kept: Wire, request: Request) -> Wire:
    """`text` and `reasoning`: what the client wrote of them, under what the IR says; they are taken out of `kept`."""
    own_text, own_reasoning = kept.pop("text", {}), kept.pop("reasoning", {})
    wire: Wire = {}
    if merged := {**own_text, **text.get("text", {})}:
        wire["text"] = merged
    if own_reasoning.get("effort") in efforts.RANK or request.reasoning == ReasoningControl():
        own_reasoning = {name: value for name, value in own_reasoning.items() if name != "effort"}
    if request.reasoning != ReasoningControl() and (merged := {**reasoning.get("reasoning", {}), **own_reasoning}):
        wire["reasoning"] = merged
    return wire


def _include(kept: Wire, ours: list[str]) -> list[str]:
    asked = kept.pop("include", [])
    asked = [asked] if isinstance(asked, str) else asked
    return [*asked, *(word for word in ours if word not in asked)]


def _encode_foreign(request: Request, draft: Draft) -> Wire:
    """What another dialect says of the client and the session. Only OpenAI itself knows these fields for sure."""
    openai = draft.target.profile.prompt_cache_key
    wire: Wire = {}
    if openai and request.session:
        wire["prompt_cache_key"] = _key(request.session)
    if openai and request.user_id:
        wire["safety_identifier"] = _key(request.user_id)
    lost = {
        "user_id": request.user_id and not openai,
        "service_tier": request.service_tier not in {None, "auto"},
        "fields": request.extra or request.metadata,
        "cache_control": request.cache,
    }
    for row, is_lost in lost.items():
        if is_lost:
            draft.losses.drop(row)
    return wire


def _key(name: str) -> str:
    return name if len(name) <= LONGEST_KEY else hashlib.sha256(name.encode()).hexdigest()


# --- counting --------------------------------------------------------------------------------------------------------

# https://platform.openai.com/docs/api-reference/responses/input-tokens
COUNTED = ("model", "instructions", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text")


def encode_count(request: Request, target: Target) -> Outbound:
    """The request whose tokens are to be counted."""
    outbound = encode_request(request, target)
    body = {name: outbound.body[name] for name in COUNTED if name in outbound.body}
    return Outbound(body, names=outbound.names, warnings=outbound.warnings)
