"""A request, both ways: what a client sent and where it knocked -> Request, any Request -> the body for a backend.

The model's name and whether the answer is streamed stand in the path, not in the body.

Reference: https://ai.google.dev/api/generate-content
"""

from collections.abc import Mapping
from typing import Any

from llmux.dialects.base import COLLECTIONS, NOWHERE, Address, Outbound, untold
from llmux.dialects.document import read
from llmux.dialects.gemini.blocks import Draft
from llmux.dialects.gemini.controls import decode_config, decode_rest, encode_config
from llmux.dialects.gemini.repair import is_refused
from llmux.dialects.gemini.schema import LOSSES, NAME, TIER_WORDS, TIERS, camel
from llmux.dialects.gemini.tools import CALLING, client_names, decode_choice, decode_tools, encode_tools, rename
from llmux.dialects.gemini.turns import decode_messages, encode_messages
from llmux.dialects.losses import Losses
from llmux.dialects.shape import Fields
from llmux.errors import BadRequest
from llmux.ir.capability import Target
from llmux.ir.content import Extra, restore
from llmux.ir.request import Original, Request

Wire = dict[str, Any]

STREAM = "streamGenerateContent"
ARRAY = "array"  # the form of a stream that is one JSON array
MODELS = "/models/"
# What the IR has words for. All else is kept for the same dialect.
KNOWN = frozenset({"model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier"})
CHOICE = frozenset({"mode", "allowedFunctionNames"})
COUNTED = "generateContentRequest"


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_request(body: bytes, at: Address = NOWHERE) -> Request:
    """The request that a client sent.

    Raises:
        BadRequest: it is not JSON, or something in it has another shape than this API says; `param` tells where.
    """
    document, cleaned = read(body)
    return _decode(Fields(camel(document)), Original(body, document, cleaned or is_refused(body)), at)


def decode_count(body: bytes, at: Address = NOWHERE) -> Request:
    """The request whose tokens a client wants counted: contents alone, or a whole request within."""
    document, cleaned = read(body)
    fields = Fields(camel(document))
    return _decode(fields.object(COUNTED) or fields, Original(body, document, cleaned), at)


def _decode(fields: Fields, original: Original, at: Address) -> Request:
    model, verb = _place(fields, at)
    stream = verb == STREAM
    config = fields.object("generationConfig") or Fields({}, "generationConfig")
    tier = fields.text("serviceTier") or ""
    return Request(
        dialect=NAME,
        form=ARRAY if stream and at.query.get("alt", "").lower() != "sse" else "",
        model=model,
        messages=decode_messages(fields),
        stream=stream,
        tools=decode_tools(fields),
        tool_choice=decode_choice(fields),
        service_tier=TIERS.get(tier.lower()),
        extra=_decode_extra(fields, config),
        original=original,
        **decode_config(config),
    )


def _place(fields: Fields, at: Address) -> tuple[str, str]:
    """The model and the verb in a path such as `/v1beta/models/M:verb`. Both may hold what they like but a last colon.

    A request that comes without its path names its model itself, as some clients do anyway.
    """
    path, _, verb = at.path.rpartition(":")
    _, found, model = path.partition(MODELS)
    if not found:
        model = path.strip("/").partition("/")[2] or (fields.text("model") or "").removeprefix("models/")
    if not model:
        raise BadRequest("The name of a model is missing.", param="model")
    return model, verb


def _decode_extra(fields: Fields, config: Fields) -> Extra | None:
    """What we have no word for."""
    rest = {name: value for name, value in fields.document.items() if name not in KNOWN and value is not None}
    if generation := decode_rest(config):
        rest["generationConfig"] = generation
    if choosing := _decode_choosing(fields.object("toolConfig")):
        rest["toolConfig"] = choosing
    return Extra(NAME, rest) if rest else None


def _decode_choosing(config: Fields | None) -> Wire:
    """What else is said of how tools are chosen: also that calls are held to their schemas."""
    if config is None:
        return {}
    rest = {name: value for name, value in config.document.items() if name != CALLING and value is not None}
    calling = config.object(CALLING)
    told = calling.document if calling else {}
    more = {name: value for name, value in told.items() if name not in CHOICE or told.get("mode") == "VALIDATED"}
    return rest | ({CALLING: more} if more else {})


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_request(request: Request, target: Target) -> Outbound:
    """`request`, of whatever dialect, for a backend model. Equal requests give equal bodies.

    Raises:
        GatewayError: it cannot be said in this wire without changing what it means.
    """
    names = rename(request)
    draft = Draft(target, Losses(LOSSES), own=request.dialect == NAME, names=names)
    system, contents = encode_messages(request.messages, draft)
    tools = encode_tools(request, draft)
    config, words = encode_config(request, draft, tools="tools" in tools)
    system += [{"text": words}] if words else []
    body: Wire = {"systemInstruction": {"parts": system}} if system else {}
    body |= {"contents": contents, **tools}
    body |= {"generationConfig": config} if config else {}
    body |= _around(request, draft)
    for name, value in restore(NAME, request.extra).items():
        body[name] = _merged(body[name], value) if name in body else value
    unstopped = untold(request.stop, config.get("stopSequences", ()))
    back = client_names(request, names)
    return Outbound(body, names=back, warnings=draft.losses.warnings(), unstopped=unstopped)


def _around(request: Request, draft: Draft) -> Wire:
    """What a request says beside the prompt and the answer."""
    tier = TIER_WORDS.get(request.service_tier or "")
    lost = {
        "user_id": request.user_id,
        "metadata": request.metadata,
        "verbosity": request.verbosity,
        "service_tier": request.service_tier not in {None, "auto"} and not tier,
        "cache_control": request.cache,
        "foreign": request.extra and request.extra.dialect != NAME,
    }
    for row, is_lost in lost.items():
        if is_lost:
            draft.losses.drop(row)
    return {"serviceTier": tier} if tier else {}


def _merged(ours: Any, theirs: Any) -> Any:
    """Two objects in one, the client's own words over ours."""
    if not (isinstance(ours, dict) and isinstance(theirs, Mapping)):
        return theirs
    return {**ours, **{name: _merged(ours[name], value) if name in ours else value for name, value in theirs.items()}}


# --- counting --------------------------------------------------------------------------------------------------------


def encode_count(request: Request, target: Target) -> Outbound:
    """The request whose tokens are to be counted: see https://ai.google.dev/api/tokens."""
    outbound = encode_request(request, target)
    body = outbound.body
    if body.keys() - {"contents", "generationConfig"}:
        name = target.model if target.model.startswith(("models/", *COLLECTIONS)) else f"models/{target.model}"
        body = {COUNTED: {"model": name, **body}}
    else:
        body = {"contents": body["contents"]}
    return Outbound(body, names=outbound.names, warnings=outbound.warnings)
