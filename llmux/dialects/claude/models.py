"""Lists of models around Claude Messages: what Anthropic and servers like it list, and what our clients hear.

Reference: https://docs.claude.com/en/api/models-list
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from llmux.dialects import model_list
from llmux.dialects.listing import Asked, Enquiry, Listing
from llmux.dialects.model_cards import read_page
from llmux.dialects.model_list import PATHS, answer_one
from llmux.ir.card import ModelCard
from llmux.ir.naming import ALIAS

USER_AGENTS = ("claude-cli", "claude-code", "anthropic")
CLAUDE_CODE = ("claude-cli", "claude-code")
SHOWN = ("claude", "anthropic")  # how the names begin that Claude Code shows
PAGING = ("after_id", "before_id")


def spoken(headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
    """Whether the client is one of Anthropic's API. Others send x-api-key too, but beside an Authorization."""
    return (
        "anthropic-version" in headers
        or ("x-api-key" in headers and "authorization" not in headers)
        or any(name in query for name in PAGING)
        or headers.get("user-agent", "").lower().startswith(USER_AGENTS)
    )


def answer_list(asked: Asked, cards: Sequence[ModelCard]) -> bytes:
    """The list; for Claude Code, which hides every other maker's model, under names that it shows."""
    if asked.headers.get("user-agent", "").lower().startswith(CLAUDE_CODE):
        cards = [_shown(card) for card in cards]
    return model_list.answer_list(asked, cards)


def _shown(card: ModelCard) -> ModelCard:
    if card.id.lower().startswith(SHOWN):
        return card
    return replace(card, id=ALIAS + card.id, name=card.name or card.id)


LISTING = Listing(
    decode=read_page,
    query="limit=1000",
    cursor="after_id",
    enquiries=(
        *(Enquiry("GET", path, answer_list) for path in PATHS),
        *(Enquiry("GET", f"{path}/*", answer_one) for path in PATHS),
    ),
    spoken=spoken,
)
