"""A request body, both ways: bytes of a client -> Request, Request of any dialect -> the body for a backend.

What no field of the IR stands for is kept in `Request.extra`, and so are fields that mean something only to the same
dialect's backend (`user`, `metadata`, `enable_thinking`): a request that goes out as it came in loses nothing.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from llmux.dialects import efforts
from llmux.dialects.base import NOWHERE, Address, Outbound, untold
from llmux.dialects.document import read
from llmux.dialects.losses import Losses
from llmux.dialects.openai_chat.cache import limit_breakpoints
from llmux.dialects.openai_chat.content import Draft, beyond
from llmux.dialects.openai_chat.controls import (
    SAMPLING,
    decode_max_tokens,
    decode_output,
    decode_reasoning_control,
    decode_sampling,
    encode_limits,
    encode_output,
    encode_reasoning_control,
    encode_sampling,
)
from llmux.dialects.openai_chat.messages import decode_messages
from llmux.dialects.openai_chat.repair import is_held
from llmux.dialects.openai_chat.schema import LOSSES, NAME, SAMPLERS
from llmux.dialects.openai_chat.thread import encode_messages
from llmux.dialects.openai_chat.tools import bridged, decode_tool_choice, decode_tools, encode_tools, rename
from llmux.dialects.shape import Fields, refuse
from llmux.ir.capability import Target
from llmux.ir.content import Extra, restore
from llmux.ir.request import Original, OutputFormat, Request

Wire = dict[str, Any]

# Fields that the IR says whole; they are written anew. All others are kept for the same dialect.
KNOWN = frozenset({
    *SAMPLERS, "model", "messages", "stream", "stream_options", "tools", "tool_choice", "functions", "function_call",
    "parallel_tool_calls", "seed", "max_tokens", "max_completion_tokens", "stop", "n", "reasoning_effort",
    "response_format",
})  # fmt: skip
# How servers other than OpenAI are asked to reason. Their own clients' spelling is kept, and nothing added to it.
KNOBS = frozenset({"reasoning", "thinking", "enable_thinking", "thinking_budget", "chat_template_kwargs", "extra_body"})
# A longer name of a session or a user is refused.
LONGEST_KEY = 64


def decode_request(body: bytes, at: Address = NOWHERE) -> Request:  # noqa: ARG001 - all is in the body
    """The request that a client sent.

    Raises:
        BadRequest: it is not JSON, or something in it has another shape than this API says; `param` tells where.
    """
    document, cleaned = read(body)
    fields, held = Fields(document), is_held(body)
    said = {"include_usage": False} | _decode_options(fields)
    return Request(
        dialect=NAME,
        model=fields.need_text("model") or refuse("model", "the name of a model"),
        messages=decode_messages(fields),
        extra=_decode_extra(document),
        original=Original(body, document, repaired=cleaned or held, restored=held),
        **said,
    )


def _decode_options(fields: Fields) -> dict[str, Any]:
    """What OPTIONS reads of the fields that the body has: few of some forty, so that none is asked for in vain."""
    said: dict[str, Any] = {}
    for name in fields.document:
        if (option := OPTIONS.get(name)) and option[0] not in said:
            said[option[0]] = option[1](fields)
    if "functions" in fields.document:
        said["legacy_functions"] = fields.list("functions") is not None and fields.list("tools") is None
    return said


def _decode_include_usage(fields: Fields) -> bool:
    options = fields.object("stream_options")
    return bool(options and options.flag("include_usage"))


def _decode_user(fields: Fields) -> str | None:
    return fields.text("safety_identifier") or fields.text("user")


def _decode_choices(fields: Fields) -> int:
    choices = fields.integer("n")
    return 1 if choices is None else choices if choices > 0 else refuse("n", "at least 1")


def _decode_metadata(fields: Fields) -> dict[str, str] | None:
    metadata = fields.object("metadata")
    return {name: metadata.need_text(name) for name in metadata.document} if metadata else None


def _decode_extra(document: Wire) -> Extra | None:
    """What we have no word for."""
    known = KNOWN
    if "response_format" in document and decode_output(Fields(document)) is None:
        known -= {"response_format"}
    if "reasoning_effort" in document and not (
        document["reasoning_effort"] in efforts.RANK and KNOBS.isdisjoint(document)
    ):
        known -= {"reasoning_effort"}
    return beyond(Fields(document), known)


# How each field of a body is said in a Request: what it is called there, and what reads it. A reader may take several
# fields into account, and is asked once.
OPTIONS: Mapping[str, tuple[str, Callable[[Fields], Any]]] = {
    "stream": ("stream", lambda body: body.flag("stream") or False),
    "stream_options": ("include_usage", _decode_include_usage),
    "tools": ("tools", decode_tools),
    "functions": ("tools", decode_tools),
    "tool_choice": ("tool_choice", decode_tool_choice),
    "function_call": ("tool_choice", decode_tool_choice),
    "parallel_tool_calls": ("parallel_tools", lambda body: body.flag("parallel_tool_calls")),
    **dict.fromkeys(SAMPLING, ("sampling", decode_sampling)),
    "max_completion_tokens": ("max_output_tokens", decode_max_tokens),
    "max_tokens": ("max_output_tokens", decode_max_tokens),
    "stop": ("stop", lambda body: body.texts("stop")),
    "n": ("choices", _decode_choices),
    **dict.fromkeys({"reasoning_effort", *KNOBS}, ("reasoning", decode_reasoning_control)),
    "response_format": ("output", lambda body: decode_output(body) or OutputFormat()),
    "verbosity": ("verbosity", lambda body: body.text("verbosity")),
    "service_tier": ("service_tier", lambda body: body.text("service_tier")),
    "safety_identifier": ("user_id", _decode_user),
    "user": ("user_id", _decode_user),
    "prompt_cache_key": ("session", lambda body: body.text("prompt_cache_key")),
    "metadata": ("metadata", _decode_metadata),
}


def encode_request(request: Request, target: Target) -> Outbound:
    """`request`, of whatever dialect, for a backend model. Equal requests give equal bodies.

    Raises:
        Unsupported: it cannot be said in this wire without changing what it means.
        BadRequest: something that must be rewritten for it (a text file in base64) is damaged.
    """
    losses = Losses(LOSSES)
    names, back = rename(request)
    draft = Draft(target=target, own=request.dialect == NAME, losses=losses, names=names)
    form, messages = encode_output(request.output, encode_messages(request.messages, draft), draft)
    if target.profile.cache_breakpoints and not draft.own:
        limit_breakpoints(messages)
    body: Wire = {"model": target.model, "messages": messages}
    body |= encode_tools(request, draft)
    body |= form
    body |= encode_sampling(request.sampling, draft)
    body |= encode_limits(request, draft)
    body |= _encode_stream(request, draft)
    kept = restore(NAME, request.extra)
    if KNOBS.isdisjoint(kept):
        body |= encode_reasoning_control(request.reasoning, draft)
    body |= kept if draft.own else _encode_foreign(request, draft)
    unstopped = untold(request.stop, body.get("stop", ()))
    return Outbound(body, names=bridged(request, draft, back), warnings=losses.warnings(), unstopped=unstopped)


def _encode_stream(request: Request, draft: Draft) -> Wire:
    """A stream always ends in usage, which the house counts; the encoder hides it from a client that did not ask."""
    wire: Wire = {"stream": True} if request.stream else {}
    if request.stream and draft.target.profile.stream_usage:
        wire["stream_options"] = {"include_usage": True}
    return wire | ({"n": request.choices} if request.choices > 1 else {})


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
        "verbosity": request.verbosity,
        "fields": request.extra or request.metadata,
        "cache_control": request.cache,
    }
    for row, is_lost in lost.items():
        if is_lost:
            draft.losses.drop(row)
    return wire


def _key(name: str) -> str:
    return name if len(name) <= LONGEST_KEY else hashlib.sha256(name.encode()).hexdigest()
