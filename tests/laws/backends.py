"""A backend of each dialect that can do everything, and what it is sent and makes of it."""

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec.structs import replace

from llmux.dialects.base import Address, Outbound, backend_path
from llmux.dialects.registry import TABLE
from llmux.ir.capability import Profile, Target
from llmux.ir.request import Request

# A model that can do everything, so that nothing is left out for its sake.
ABLE = Target(
    "m",
    Profile(vision=True, thinking=True, pdf=True, custom_tools=True, reasoning="either", reasoning_replay="always"),
    maker="anthropic",
)
# How it is asked to reason, where that is not by an effort.
REASONING: Mapping[str, Any] = {"claude": "either", "gemini": "budget"}
# Whose it is, where that is not Anthropic's: whose proofs of reasoning it takes back.
MAKERS: Mapping[str, str] = {"openai_chat": "openai", "openai_responses": "openai", "gemini": "google", "ollama": ""}
# Where the conversation stands in a body.
CONVERSATION: Mapping[str, str] = {"openai_responses": "input", "gemini": "contents"}


def able(name: str) -> Target:
    """The model that can do everything, at a backend of the dialect `name`."""
    maker = MAKERS.get(name, ABLE.maker)
    return replace(ABLE, maker=maker, profile=replace(ABLE.profile, reasoning=REASONING.get(name, "effort")))


def outbound(request: Request, name: str) -> Outbound:
    """What a backend of the dialect `name` is sent. Raises BadRequest when it cannot be said there."""
    return TABLE[name].encode_request(request, able(name))


def sent(request: Request, name: str) -> bytes:
    """The body of it."""
    return orjson.dumps(outbound(request, name).body)


def heard(request: Request, name: str) -> Request:
    """What a backend of the dialect `name` makes of it, without the document that it came as."""
    return reheard(sent(request, name), request, name)


def reheard(body: bytes, request: Request, name: str) -> Request:
    """The `body` that `request` became, as a backend reads it: some wires say in the path alone that they stream."""
    dialect = TABLE[name]
    path, _, query = backend_path(dialect, "m", stream=request.stream).partition("?")
    at = Address(path, dict(entry.split("=") for entry in query.split("&") if entry))
    return replace(dialect.decode_request(body, at), original=None)


def conversation(request: Request, name: str) -> bytes:
    """The messages in the body, without the bracket that closes them: the last of them may be marked for the cache."""
    return orjson.dumps(outbound(request, name).body[CONVERSATION.get(name, "messages")])[:-1]
