"""How clients spell names."""

import pytest

from llmux.ir.naming import key, plain, unaliased, undated

PLAIN = {
    "gpt-4o": "gpt-4o",
    "models/gemini-2.5-flash": "gemini-2.5-flash",
    "publishers/google/models/gemini-3": "gemini-3",
    "projects/p/locations/l/publishers/google/models/gemini-3": "gemini-3",
    "llama3:latest": "llama3",
    "llama3:8b": "llama3:8b",
    "accounts/fireworks/models/gpt-oss-120b": "accounts/fireworks/models/gpt-oss-120b",
    "vendor/name": "vendor/name",
    "": "",
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain(name: str) -> None:
    assert plain(name) == PLAIN[name]
    assert plain(plain(name)) == PLAIN[name]


def test_case_does_not_tell_two_models_apart() -> None:
    assert key("models/Gemini-3") == key("gemini-3:latest") == "gemini-3"


UNDATED = {
    "claude-opus-4-1-20250805": "claude-opus-4-1",
    "gpt-4o-2024-08-06": "gpt-4o",
    "mistral-small-2506": "mistral-small",
    "claude-3-5-haiku-latest": "claude-3-5-haiku",
    "claude-sonnet-4-0": "claude-sonnet-4",
    "claude-sonnet-4-6": "claude-sonnet-4-6",
    "gpt-4": "gpt-4",
}


@pytest.mark.parametrize("name", UNDATED)
def test_undated(name: str) -> None:
    assert undated(name) == UNDATED[name]


def test_an_alias_is_what_stands_behind_it() -> None:
    assert unaliased("claude/gpt-4o") == "gpt-4o"
    assert unaliased("claude-opus-5") == "claude-opus-5"
