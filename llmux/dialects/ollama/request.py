"""A request body, both ways: bytes of a client -> Request, Request of any dialect -> the body for a backend.

What no field of the IR stands for (`keep_alive`, `num_ctx`, `mirostat`) is kept in `Request.extra`: a request that goes
to a backend of the same dialect loses nothing. Backends are asked at /api/chat, also for a client of /api/generate.
"""

from collections.abc import Mapping
from typing import Any

from llmux.dialects.base import NOWHERE, Address, Outbound
from llmux.dialects.document import read
from llmux.dialects.losses import Losses
from llmux.dialects.ollama.content import Draft, beyond
from llmux.dialects.ollama.controls import (
    decode_format,
    decode_options,
    decode_think,
    encode_format,
    encode_options,
    encode_think,
    kept_options,
)
from llmux.dialects.ollama.messages import decode_content, decode_messages
from llmux.dialects.ollama.schema import GENERATE, LOSSES, NAME
from llmux.dialects.ollama.thread import encode_messages
from llmux.dialects.ollama.tools import decode_tools, encode_tools
from llmux.dialects.shape import Fields, refuse
from llmux.errors import BadRequest, Unsupported
from llmux.ir.capability import Target
from llmux.ir.content import Extra, Text, restore
from llmux.ir.request import Message, Original, Request, Role

Wire = dict[str, Any]

# Fields that the IR says whole; they are written anew. All others are kept for the same dialect.
KNOWN = frozenset({"model", "messages", "stream", "tools", "format", "think", "options", "logprobs", "top_logprobs"})
# Fields of /api/generate that only an Ollama understands, asked there and nowhere else.
ONLY_GENERATE = ("raw", "template", "context", "suffix")
KNOWN_OF_GENERATE = KNOWN | {"prompt", "system", "images", *ONLY_GENERATE}
NO_MODEL = (
    "llmux answers Ollama's own form of this request: 'model' is needed, and 'provider' is not known here; "
    "write the model as provider:model."
)


def decode_request(body: bytes, at: Address = NOWHERE) -> Request:  # noqa: ARG001 - all is in the body
    """A request of /api/chat. One without messages only loads the model, or unloads it.

    Raises:
        BadRequest: it is not JSON, or something in it has another shape than this API says; `param` tells where.
    """
    document, cleaned = read(body)
    fields = Fields(document)
    said = {"messages": decode_messages(fields), "tools": decode_tools(fields), **_decode_options(fields, KNOWN)}
    return Request(dialect=NAME, original=Original(body, document, repaired=cleaned), **said)


def decode_generate(body: bytes, at: Address = NOWHERE) -> Request:  # noqa: ARG001 - all is in the body
    """A request of /api/generate: a prompt, with a system text and pictures. Without a prompt it only loads the model.

    Raises:
        BadRequest: as for `decode_request`, or it is llmux's own form, which names a provider and no model.
    """
    document, cleaned = read(body)
    if "provider" in document or document.get("model") is None:
        raise BadRequest(NO_MODEL, param="provider" if "provider" in document else "model")
    fields = Fields(document)
    said = {"messages": _decode_prompt(fields), **_decode_options(fields, KNOWN_OF_GENERATE)}
    bound = next((name for name in ONLY_GENERATE if document.get(name)), "")
    original = Original(body, document, repaired=cleaned)
    return Request(dialect=NAME, form=GENERATE, original=original, bound=bound, **said)


def _decode_prompt(fields: Fields) -> tuple[Message, ...]:
    system, asked = fields.text("system"), decode_content(fields, "prompt")
    if not fields.text("prompt"):
        return ()
    return (*((Message(Role.SYSTEM, (Text(text=system),)),) if system else ()), Message(Role.USER, asked))


def _decode_options(fields: Fields, known: frozenset[str]) -> dict[str, Any]:
    """What both forms say alike. An answer is streamed unless it is not wanted so."""
    options, extra = kept_options(fields), beyond(fields, known)
    kept = {**(extra.fields if extra else {}), **({"options": options} if options else {})}
    return {
        "model": fields.need_text("model") or refuse("model", "the name of a model"),
        "stream": fields.flag("stream") is not False,
        "reasoning": decode_think(fields),
        "output": decode_format(fields),
        "extra": Extra(NAME, kept) if kept else None,
        **decode_options(fields),
    }


def encode_request(request: Request, target: Target) -> Outbound:
    """`request`, of whatever dialect, for a backend model. Equal requests give equal bodies.

    Raises:
        Unsupported: it cannot be said in this wire without changing what it means.
        BadRequest: something that must be rewritten for it (a text file in base64) is damaged.
    """
    if request.choices > 1:
        raise Unsupported("This backend gives one answer to a request, not several.", param="n")
    losses = Losses(LOSSES)
    draft = Draft(target=target, own=request.dialect == NAME, losses=losses)
    tools, names = encode_tools(request, draft)
    body: Wire = {"model": target.model, "messages": encode_messages(request.messages, draft), "stream": request.stream}
    body |= tools
    body |= encode_format(request.output)
    body |= encode_think(request.reasoning, draft)
    body |= {name: value for name, value in restore(NAME, request.extra).items() if name != "options"}
    body |= encode_options(request, draft)
    _lose(request, draft)
    return Outbound(body, names=names, warnings=losses.warnings())


def _lose(request: Request, draft: Draft) -> None:
    """What a request says that this wire has no place for."""
    lost: Mapping[str, Any] = {
        "user_id": request.user_id,
        "service_tier": request.service_tier not in {None, "auto"},
        "verbosity": request.verbosity,
        "fields": request.metadata or (request.extra and request.extra.dialect != NAME),
        "cache_control": request.cache,
    }
    for row, is_lost in lost.items():
        if is_lost:
            draft.losses.drop(row)
