"""Lists of models around the Gemini API: what Google lists, and what our clients hear.

Reference: https://ai.google.dev/api/models
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from llmux.dialects import document
from llmux.dialects.listing import Asked, Enquiry, Listing, Page, find
from llmux.dialects.shape import Fields
from llmux.errors import BackendGarbled, BadRequest
from llmux.ir.card import ModelCard
from llmux.ir.naming import plain

VERSIONS = ("/v1beta", "/v1", "/v1alpha")  # Google's SDKs have each as the default of some year
PREFIX = "models/"
METHODS = ("generateContent", "streamGenerateContent", "countTokens")
MAX_PAGE = 1000  # more are asked for in vain, and without an error
USER_AGENTS = ("google-genai-sdk", "geminicli", "google-api")


def spoken(headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
    """Whether the client is one of Google's API."""
    return (
        "x-goog-api-key" in headers
        or "x-goog-api-client" in headers
        or "key" in query
        or headers.get("user-agent", "").lower().startswith(USER_AGENTS)
    )


# --- a backend's list ------------------------------------------------------------------------------------------------


def decode(data: bytes) -> Page:
    """A page of Google's list.

    Raises:
        BackendGarbled: it is none.
    """
    try:
        told = Fields(document.decode(data))
        token = told.text("nextPageToken") or ""
        return Page(tuple(card for entry in told.list("models") or () for card in _card(entry)), token)
    except (ValueError, BadRequest) as error:
        raise BackendGarbled(f"The backend's answer is no list of models: {error}") from None


def _card(entry: Any) -> Iterator[ModelCard]:
    told = Fields(entry)
    name, methods = plain(told.text("name") or ""), told.texts("supportedGenerationMethods")
    if not name:
        return
    sent, made = told.integer("inputTokenLimit"), told.integer("outputTokenLimit")
    yield ModelCard(
        id=name,
        name=told.text("displayName") or "",
        owner="google",
        context=sent + (made or 0) if sent else None,
        max_output=made or None,
        thinking=told.flag("thinking"),
        answers=not methods or METHODS[0] in methods,
    )


# --- our clients -----------------------------------------------------------------------------------------------------


def answer_list(asked: Asked, cards: Sequence[ModelCard]) -> bytes:
    """A page of the list, by `pageSize` and `pageToken`, which is the name that the page before ended with.

    Raises:
        BadRequest: the size is no number, or nothing is listed under the token.
    """
    size, token = _size(asked.query.get("pageSize", "")), asked.query.get("pageToken", "")
    ids = [card.id for card in cards]
    if token and token not in ids:
        raise BadRequest("pageToken: there is no such page.", param="pageToken")
    start = ids.index(token) + 1 if token else 0
    page = cards[start : start + size]
    told: dict[str, Any] = {"models": [encode_card(card) for card in page]}
    if len(cards) > start + size:
        told["nextPageToken"] = page[-1].id
    return orjson.dumps(told)


def answer_one(asked: Asked, cards: Sequence[ModelCard]) -> bytes:
    """One model. Raises ModelNotFound."""
    return orjson.dumps(encode_card(find(cards, asked.name)))


def encode_card(card: ModelCard) -> dict[str, Any]:
    """A card in Google's words. The context is that of prompt and answer, theirs is the prompt's."""
    told: dict[str, Any] = {
        "name": PREFIX + card.id,
        "baseModelId": card.id,
        "version": "001",
        "displayName": card.name or card.id,
        "description": f"{card.name or card.id}, served by {card.owner or 'llmux'}",
        "supportedGenerationMethods": METHODS if card.answers else (),
        "thinking": bool(card.thinking),
        "llmux": {"capabilities": card.capabilities, **card.notes},
    }
    if card.context is not None:
        told["inputTokenLimit"] = max(card.context - (card.max_output or 0), 1)
    if card.max_output is not None:
        told["outputTokenLimit"] = card.max_output
    return told


def _size(text: str) -> int:
    if not text or text == "0":
        return MAX_PAGE
    if text.isascii() and text.isdigit() and len(text) < len(str(2**31)) + 1:
        return min(int(text), MAX_PAGE)
    raise BadRequest("pageSize: a number of models is expected.", param="pageSize")


LISTING = Listing(
    decode=decode,
    query="pageSize=1000",
    cursor="pageToken",
    enquiries=(
        *(Enquiry("GET", f"{version}/models", answer_list) for version in VERSIONS),
        *(Enquiry("GET", f"{version}/models/*", answer_one) for version in VERSIONS),
    ),
    spoken=spoken,
)
