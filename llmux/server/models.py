"""The list of models. One object for both shapes: each SDK reads its own fields and ignores the other's."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from llmux.errors import BadRequest, ModelNotFound
from llmux.ir.capability import Capability
from llmux.ir.value import Value

MAX_PAGE = 1000


class Card(Value):
    """A model that a client may ask for. `created` is in Unix seconds."""

    id: str
    owner: str
    created: int
    context: int | None = None  # tokens
    max_output: int | None = None  # tokens
    capabilities: frozenset[Capability] = frozenset()


def encode_card(card: Card) -> dict[str, Any]:
    """A card in OpenAI's words and Anthropic's."""
    told: dict[str, Any] = {
        "id": card.id,
        "object": "model",
        "type": "model",
        "created": card.created,
        "created_at": datetime.fromtimestamp(card.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "display_name": card.id,
        "owned_by": card.owner,
        "llmux": {"capabilities": sorted(capability.value for capability in card.capabilities)},
    }
    if card.context is not None:
        told["max_input_tokens"] = card.context
    if card.max_output is not None:
        told["max_tokens"] = card.max_output
    return told


def find_card(cards: Sequence[Card], name: str) -> dict[str, Any]:
    """One model.

    Raises:
        ModelNotFound: nobody serves it under that name.
    """
    for card in cards:
        if card.id == name:
            return encode_card(card)
    raise ModelNotFound(f"llmux: no such model: {name}")


def encode_cards(cards: Sequence[Card], query: Mapping[str, str]) -> dict[str, Any]:
    """A page of the list, by Anthropic's `limit`, `after_id`, `before_id`.

    Raises:
        BadRequest: `limit` is not a number from 1 to 1000.
    """
    page, more = _page(cards, query)
    return {
        "object": "list",
        "data": [encode_card(card) for card in page],
        "has_more": more,
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }


def _page(cards: Sequence[Card], query: Mapping[str, str]) -> tuple[Sequence[Card], bool]:
    limit = _limit(query.get("limit", str(MAX_PAGE)))
    ids = [card.id for card in cards]
    if query.get("before_id") in ids:
        end = ids.index(query["before_id"])
        start = max(0, end - limit)
        return cards[start:end], start > 0
    start = ids.index(query["after_id"]) + 1 if query.get("after_id") in ids else 0
    return cards[start : start + limit], len(cards) > start + limit


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PAGE:
        return int(text)
    raise BadRequest(f"limit: a number from 1 to {MAX_PAGE} is expected.", param="limit")
