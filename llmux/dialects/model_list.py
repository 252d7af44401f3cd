"""The list of models at /v1/models, as our clients hear it: one object in OpenAI's words and in Anthropic's. Pure.

Each SDK reads its own fields and ignores the other's, so who is taken for the other's client is answered as well.

References: https://platform.openai.com/docs/api-reference/models, https://docs.claude.com/en/api/models-list
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from llmux.dialects.listing import Asked, Enquiry, find
from llmux.errors import BadRequest
from llmux.ir.card import ModelCard

MAX_PAGE = 1000
PATHS = ("/v1/models", "/models")
# Anthropic's clients may look into any of these, so all of them are there. We vouch for none that no card tells of.
UNTOLD = ("batch", "citations", "code_execution", "structured_outputs")
EFFORTS = ("low", "medium", "high", "xhigh", "max")
THINKING = ("adaptive", "between_tools", "disabled", "enabled")
NO: Mapping[str, bool] = {"supported": False}


def answer_list(asked: Asked, cards: Sequence[ModelCard]) -> bytes:
    """A page of the list, by Anthropic's `limit`, `after_id` and `before_id`; OpenAI's clients take it whole.

    Raises:
        BadRequest: `limit` is not a number from 1 to 1000.
    """
    page, more = _page(cards, asked.query)
    told = {
        "object": "list",
        "data": [encode_card(card) for card in page],
        "has_more": more,
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }
    return orjson.dumps(told)


def answer_one(asked: Asked, cards: Sequence[ModelCard]) -> bytes:
    """One model. Raises ModelNotFound."""
    return orjson.dumps(encode_card(find(cards, asked.name)))


def enquiries() -> tuple[Enquiry, ...]:
    """The places where the dialects that share this list are asked for it."""
    lists = tuple(Enquiry("GET", path, answer_list) for path in PATHS)
    return (*lists, *(Enquiry("GET", f"{path}/*", answer_one) for path in PATHS))


def encode_card(card: ModelCard) -> dict[str, Any]:
    """A card in both words."""
    return {
        "id": card.id,
        "object": "model",
        "type": "model",
        "created": card.created,
        "created_at": datetime.fromtimestamp(card.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "display_name": card.name or card.id,
        "owned_by": card.owner,
        "max_input_tokens": card.context,
        "max_tokens": card.max_output,
        "capabilities": _capabilities(card),
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
        "llmux": {"capabilities": card.capabilities, **card.notes},
    }


def _capabilities(card: ModelCard) -> dict[str, Any]:
    """In Anthropic's words. llmux takes every way of asking for reasoning where the model reasons."""
    thinks = {"supported": bool(card.thinking)}
    return {
        **dict.fromkeys(UNTOLD, NO),
        "context_management": NO,
        "effort": {**thinks, **dict.fromkeys(EFFORTS, thinks)},
        "image_input": {"supported": bool(card.vision)},
        "pdf_input": {"supported": bool(card.pdf)},
        "server_tools": {**NO, "code_execution": NO, "web_search": NO},
        "thinking": {**thinks, "types": {**dict.fromkeys(THINKING, thinks), "disabled": {"supported": True}}},
    }


def _page(cards: Sequence[ModelCard], query: Mapping[str, str]) -> tuple[Sequence[ModelCard], bool]:
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
