"""The demo's models and faults as a list: for `GET /v1/models` in both shapes, and for people. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from llmux.demo.faults import FAULTS
from llmux.demo.model import MODELS
from llmux.errors import ModelNotFound

CREATED = 1_735_689_600  # 2025-01-01 in Unix seconds; an answer of the demo has no other date
CREATED_AT = "2025-01-01T00:00:00Z"


def told() -> Iterator[tuple[str, str]]:
    """Every word that a demo model's name may be, and what it does."""
    yield from MODELS.items()
    yield from ((word, fault.help) for word, fault in FAULTS.items())


def card(word: str) -> dict[str, Any]:
    """A model in OpenAI's words and Anthropic's: each SDK reads its own."""
    return {
        "id": word,
        "object": "model",
        "type": "model",
        "created": CREATED,
        "created_at": CREATED_AT,
        "display_name": word,
        "owned_by": "llmux-demo",
    }


def listed(path: str) -> Mapping[str, Any]:
    """What a GET of `path`, which ends in `/models` or `/models/ID`, is answered.

    Raises:
        ModelNotFound: there is no such model.
    """
    words = [word for word, _ in told()]
    word = path.rpartition("/models")[2].strip("/")
    if not word:
        cards = [card(each) for each in words]
        return {"object": "list", "data": cards, "has_more": False, "first_id": words[0], "last_id": words[-1]}
    if word not in words:
        raise ModelNotFound(f"The demo has no model {word!r}.")
    return card(word)
