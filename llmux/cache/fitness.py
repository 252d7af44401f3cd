"""Which requests may be answered from the cache, and what their client says about it. Pure.

Whether a model is asked to be inventive does not matter: an owner who keeps answers wants equal questions answered
alike, at any temperature.
"""

import math
from collections.abc import Mapping
from typing import Any

from llmux.ir.request import Original, Request
from llmux.ir.value import Value

HEADER = "cache-control"

# Fields that bring tools along without naming them as such: servers that are searched, or asked.
BRINGS_TOOLS = frozenset({"web_search_options", "search_parameters", "mcp_servers", "plugins"})
# Fields that stand for something that its maker keeps, and that changes.
ELSEWHERE = ("conversation", "previous_response_id", "container")


class Wish(Value):
    """What a client wants of the cache: an answer that is at most `max_age` seconds old, and its own to be kept."""

    max_age: float = math.inf
    keep: bool = True


ANY = Wish()


def wish(cache_control: str) -> Wish:
    """What a request's Cache-Control says: no-store, no-cache, max-age; the rest means nothing here.

    Reference: RFC 9111, 5.2.1
    """
    if not cache_control:
        return ANY
    said = dict(map(_directive, cache_control.lower().split(",")))
    if "no-store" in said:
        return Wish(0, keep=False)
    if "no-cache" in said:
        return Wish(0)
    age = said.get("max-age", "")
    return Wish(float(age)) if age.isdecimal() else ANY


def _directive(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip(' "')


def replayable(request: Request, *, tools: bool) -> Original | None:
    """What its client sent, if a kept answer may answer it; with `tools`, also where the model may call some."""
    original = request.original
    if original is None or original.restored:  # it goes on from what llmux keeps for this client
        return None
    if _is_elsewhere(original.document):
        return None
    if request.choices > 1 or not request.messages:  # who asks for several wants variety; for none, a model loaded
        return None
    return original if tools or not _may_call(request, original.document) else None


def _may_call(request: Request, document: Mapping[str, Any]) -> bool:
    return bool(request.tools) or not BRINGS_TOOLS.isdisjoint(document)


def _is_elsewhere(document: Mapping[str, Any]) -> bool:
    """Whether it needs what the backend's maker keeps, or is to be kept there itself."""
    kept = document.get("store") is True or isinstance(document.get("prompt"), dict)
    return kept or any(document.get(name) is not None for name in ELSEWHERE)
