"""A request body, both ways.

Reference: https://docs.claude.com/en/api/messages
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llmux.dialects.base import NOWHERE, Address, Outbound, untold
from llmux.dialects.claude import controls, tools
from llmux.dialects.claude.blocks import Draft, Wire, encode_mark
from llmux.dialects.claude.content import cache_mark
from llmux.dialects.claude.repair import is_refused, without_thinking_edits
from llmux.dialects.claude.schema import DIALECT, LOSSES, MAX_CACHE_MARKS, NO_THREADS, REQUEST_TIER_WORDS, REQUEST_TIERS
from llmux.dialects.claude.turns import begins_with_thinking, decode_messages, encode_messages, end_with_user
from llmux.dialects.document import read
from llmux.dialects.losses import Losses
from llmux.dialects.names import CLAUDE, legal_names
from llmux.dialects.shape import Fields, refuse
from llmux.errors import Unsupported
from llmux.ir.capability import Target
from llmux.ir.content import Extra, restore
from llmux.ir.request import Original, Request

# What the IR has words for. All else is kept in `extra`.
KNOWN = frozenset({
    "model", "messages", "system", "max_tokens", "stream", "stop_sequences", "temperature", "top_p", "top_k", "tools",
    "tool_choice", "thinking", "output_config", "output_format", "metadata", "service_tier", "cache_control",
})  # fmt: skip
SAID_OF_OUTPUT = frozenset({"effort", "format"})

# How Claude Code has named a conversation in metadata.user_id: as JSON, and before that in plain text.
SESSION = re.compile(r"_session_([0-9a-f-]+)$")


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_request(body: bytes, at: Address = NOWHERE) -> Request:  # noqa: ARG001 - all is in the body
    """A request, and what its client sent exactly.

    `max_tokens` may be absent: requests to count tokens have none.

    Raises:
        BadRequest: it is not a request; `param` names the place.
    """
    document, cleaned = read(body)
    fields = Fields(document)
    _refuse_thread(document)
    user_id = _user_id(fields)
    choice, parallel = tools.decode_choice(fields)
    return Request(
        dialect=DIALECT,
        model=_model(fields),
        messages=decode_messages(fields),
        stream=fields.flag("stream") or False,
        tools=tools.decode_tools(fields),
        tool_choice=choice,
        parallel_tools=parallel,
        sampling=controls.decode_sampling(fields),
        max_output_tokens=_limit(fields),
        stop=fields.texts("stop_sequences"),
        reasoning=controls.decode_reasoning(fields),
        output=controls.decode_output(fields),
        service_tier=REQUEST_TIERS.get(fields.text("service_tier") or ""),
        user_id=user_id,
        session=_session(user_id),
        cache=cache_mark(fields),
        extra=_extra(document),
        original=Original(body, document, cleaned or is_refused(document)),
    )


def _refuse_thread(document: Mapping[str, Any]) -> None:
    """A conversation that the server keeps (beta): the next request, which is only its end, may go anywhere."""
    if document.get("thread") is not None:
        raise Unsupported("llmux keeps no conversations; send it whole.", param="thread", code=NO_THREADS)


def _model(fields: Fields) -> str:
    return fields.need_text("model") or refuse("model", "the name of a model")


def _limit(fields: Fields) -> int | None:
    limit = fields.integer("max_tokens")
    if limit is not None and limit < 0:
        refuse("max_tokens", "at least 1")
    return limit


def _user_id(fields: Fields) -> str | None:
    metadata = fields.object("metadata")
    return metadata.text("user_id") if metadata else None


def _session(user_id: str | None) -> str | None:
    """The conversation that `user_id` names; else the id itself, the nearest to one that there is."""
    if user_id is None:
        return None
    if user_id.startswith("{"):
        try:
            named = orjson.loads(user_id).get("session_id")
        except orjson.JSONDecodeError:
            named = None
        return named if isinstance(named, str) and named else user_id
    found = SESSION.search(user_id)
    return found[1] if found else user_id


def _extra(document: Mapping[str, Any]) -> Extra | None:
    rest = {name: value for name, value in document.items() if name not in KNOWN and value is not None}
    config = document.get("output_config") or {}
    if more := {name: value for name, value in config.items() if name not in SAID_OF_OUTPUT}:
        rest["output_config"] = more
    return Extra(DIALECT, rest) if rest else None


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_request(request: Request, target: Target) -> Outbound:
    """A request of any client, in what `target` accepts.

    Raises:
        GatewayError: it cannot be said to Claude, or not to this model.
    """
    if request.choices > 1:
        raise Unsupported("The backend gives one answer to a request.", param="n")
    names = legal_names(tools.tool_names(request), CLAUDE)
    draft = Draft(target, Losses(LOSSES), names)
    body = _body(request, draft)
    _limit_marks(body, draft)
    unstopped = untold(request.stop, body.get("stop_sequences", ()))
    names = tools.client_names(request, draft)
    return Outbound(body, names=names, warnings=draft.losses.warnings(), unstopped=unstopped)


def _body(request: Request, draft: Draft) -> Wire:
    system, messages = encode_messages(request.messages, draft)
    offered = tools.encode_tools(request, draft)
    choice = tools.encode_choice(request, offered, draft)
    limit = controls.encode_limit(request, draft)
    reasoning = controls.encode_reasoning(
        request,
        draft,
        limit,
        manual=begins_with_thinking(messages),
        forced=choice is not None and choice["type"] in {"any", "tool"},
    )
    reasons = reasoning.get("thinking", {}).get("type") in {"enabled", "adaptive"}
    form, asked_for = controls.encode_output(request.output, draft)
    own = restore(DIALECT, request.extra)
    config = {**own.get("output_config", {}), **reasoning.pop("output_config", {}), **form}
    body: Wire = {"model": draft.target.model, "max_tokens": limit}
    body |= _given(system=system + asked_for, tools=offered, tool_choice=choice)
    body["messages"] = end_with_user(messages, draft, reasons=reasons)
    body |= controls.encode_sampling(request.sampling, draft, reasons=reasons)
    body |= controls.encode_stop(request.stop, draft)
    body |= _around(request, draft)
    body |= {name: value for name, value in own.items() if name not in NOT_SENT}
    body |= reasoning | _given(output_config=config, stream=request.stream)
    return body if reasons else without_thinking_edits(body)


# Unknown fields that are not sent on as they are: made anew, or the SDK's own.
NOT_SENT = frozenset({"output_config", "betas"})


def _given(**fields: Any) -> Wire:
    return {name: value for name, value in fields.items() if value}


def _around(request: Request, draft: Draft) -> Wire:
    """What a request says beside the prompt and the answer."""
    tier = REQUEST_TIER_WORDS.get(request.service_tier or "")
    lost = {
        "service_tier": request.service_tier and not tier,
        "verbosity": request.verbosity,
        "metadata": request.metadata,
        "foreign": request.extra and request.extra.dialect != DIALECT,
    }
    for name, is_lost in lost.items():
        if is_lost:
            draft.losses.drop(name)
    user = {"user_id": request.user_id} if request.user_id else None
    return _given(metadata=user, service_tier=tier) | encode_mark(request.cache)


def _limit_marks(body: Wire, draft: Draft) -> None:
    """Take away cache marks beyond the four that Claude allows, from a body that nobody else has yet.

    The last of the tools and system stays, then the last of the messages: what is said later holds more of the prompt.
    """
    leading = _marked([*body.get("tools", ()), *body.get("system", ())])
    later = _marked([block for message in body["messages"] for block in message["content"]])
    room = MAX_CACHE_MARKS - ("cache_control" in body)
    if len(leading) + len(later) <= room:
        return
    draft.losses.approx("cache")
    kept_leading = min(len(leading), max(1, room - len(later)))
    kept_later = room - kept_leading
    for block in leading[: len(leading) - kept_leading] + later[: max(0, len(later) - kept_later)]:
        del block["cache_control"]


def _marked(blocks: Sequence[Wire]) -> list[Wire]:
    return [block for block in blocks if block.get("cache_control")]


# --- counting --------------------------------------------------------------------------------------------------------

# https://docs.claude.com/en/api/messages-count-tokens
COUNTED = ("model", "system", "tools", "tool_choice", "messages", "thinking", "output_config")


def encode_count(request: Request, target: Target) -> Outbound:
    """The request whose tokens are to be counted."""
    outbound = encode_request(request, target)
    body = {name: outbound.body[name] for name in COUNTED if name in outbound.body}
    return Outbound(body, names=outbound.names, warnings=outbound.warnings)
