"""The demo's models and faults as a list, for every dialect and for people. Pure."""

from collections.abc import Iterator

from llmux.demo.faults import FAULTS
from llmux.demo.model import MODELS
from llmux.ir.card import ModelCard

CREATED = 1_735_689_600  # 2025-01-01 in Unix seconds; an answer of the demo has no other date


def told() -> Iterator[tuple[str, str]]:
    """Every word that a demo model's name may be, and what it does."""
    yield from MODELS.items()
    yield from ((word, fault.help) for word, fault in FAULTS.items())


def cards() -> tuple[ModelCard, ...]:
    """A card for each of them. All can do everything."""
    return tuple(
        ModelCard(id=word, owner="llmux-demo", created=CREATED, vision=True, thinking=True, tools=True, pdf=True)
        for word, _ in told()
    )
