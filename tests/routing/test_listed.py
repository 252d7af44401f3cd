"""What a provider lists, however a client spells it, and what the provider is then asked for."""

import pytest

from llmux.ir.card import ModelCard
from llmux.routing.listed import listed, sent

NAMES = (
    "models/gemini-2.5-flash",
    "llama3:latest",
    "llama3:70b",
    "qwen3:8b",
    "openai/gpt-4o",
    "claude-opus-4-1-20250805",
    "claude-sonnet-4-20250514",
    "claude-sonnet-4-6",
    "Qwen/Qwen3-32B",
)
LISTED = listed(ModelCard(id=name) for name in NAMES)

# what is asked -> what is listed, and what the provider is asked for
FOUND: dict[str, tuple[str, str]] = {
    "models/gemini-2.5-flash": ("models/gemini-2.5-flash", "models/gemini-2.5-flash"),
    "gemini-2.5-flash": ("models/gemini-2.5-flash", "models/gemini-2.5-flash"),
    "llama3": ("llama3:latest", "llama3:latest"),
    "llama3:latest": ("llama3:latest", "llama3:latest"),
    "llama3:70b": ("llama3:70b", "llama3:70b"),
    "qwen/qwen3-32b": ("Qwen/Qwen3-32B", "Qwen/Qwen3-32B"),
    "openai/gpt-4o:nitro": ("openai/gpt-4o", "openai/gpt-4o:nitro"),
    "claude-opus-4-1": ("claude-opus-4-1-20250805", "claude-opus-4-1"),
    "claude-sonnet-4-0": ("claude-sonnet-4-20250514", "claude-sonnet-4-0"),
    "claude-sonnet-4-latest": ("claude-sonnet-4-20250514", "claude-sonnet-4-latest"),
    "claude-sonnet-4-6-20260101": ("claude-sonnet-4-6", "claude-sonnet-4-6-20260101"),
}


@pytest.mark.parametrize("asked", FOUND)
def test_a_model_in_any_spelling(asked: str) -> None:
    card = LISTED.find(asked)
    assert card
    assert (card.id, sent(card, asked)) == FOUND[asked]


@pytest.mark.parametrize("asked", ["qwen3", "llama3:8b", "gpt-4o", "openai/gpt-4o:8b", "mini", "", ":nitro"])
def test_what_is_not_listed(asked: str) -> None:
    assert LISTED.find(asked) is None


def test_the_first_of_a_name_counts() -> None:
    first, second = ModelCard(id="a", context=1), ModelCard(id="A", context=2)
    assert listed([first, second]).find("a") is first
