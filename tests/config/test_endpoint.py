"""A provider, resolved: what is written over what is known."""

from typing import Any

import pytest

from llmux.config.endpoint import Endpoint, endpoint
from llmux.config.schema import Provider, Secret
from llmux.config.tables import builtin

TABLES = builtin()
KEY = Secret("k")
GEMINI = "https://generativelanguage.googleapis.com/v1beta"


def fields(of: Endpoint, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(of, name) for name in names)


NAMES = ("dialect", "base_url", "auth", "maker", "kind", "row")
RESOLVED: dict[str, tuple[str, Provider, tuple[str, ...]]] = {
    "known by name": (
        "openai",
        Provider(api_key=KEY),
        ("openai_chat", "https://api.openai.com/v1", "bearer", "openai", "http", "openai"),
    ),
    "known, in the other dialect": (
        "anthropic",
        Provider(api_key=KEY),
        ("claude", "https://api.anthropic.com", "x-api-key", "anthropic", "http", "anthropic"),
    ),
    "known, of another maker": (
        "gemini",
        Provider(api_key=KEY),
        ("gemini", GEMINI, "x-goog-api-key", "google", "http", "gemini"),
    ),
    "known, in its other form": (
        "gemini",
        Provider(api="openai", base_url=f"{GEMINI}/openai", api_key=KEY),
        ("openai_chat", f"{GEMINI}/openai", "bearer", "google", "http", "gemini"),
    ),
    "Google's API elsewhere": (
        "mine",
        Provider(api="gemini", base_url="http://h/v1beta", api_key=KEY),
        ("gemini", "http://h/v1beta", "x-goog-api-key", "google", "http", ""),
    ),
    "known by its address": (
        "gig",
        Provider(base_url="https://api.cerebras.ai/v1/", api_key=KEY),
        ("openai_chat", "https://api.cerebras.ai/v1", "bearer", "cerebras", "http", "cerebras"),
    ),
    "a name with another address": (
        "openai",
        Provider(base_url="http://127.0.0.1:9/v1"),
        ("openai_chat", "http://127.0.0.1:9/v1", "none", "openai", "http", "openai"),
    ),
    "unknown": (
        "mine",
        Provider(base_url="http://127.0.0.1:9/v1", api_key=KEY),
        ("openai_chat", "http://127.0.0.1:9/v1", "bearer", "mine", "http", ""),
    ),
    "unknown, in the other dialect": (
        "mine",
        Provider(api="claude", base_url="http://127.0.0.1:9", api_key=KEY),
        ("claude", "http://127.0.0.1:9", "x-api-key", "anthropic", "http", ""),
    ),
    "an Ollama": ("ollama", Provider(), ("ollama", "http://127.0.0.1:11434", "none", "ollama", "http", "ollama")),
    "an Ollama where it speaks OpenAI's API": (
        "mine",
        Provider(api="ollama", base_url="http://box:11434/v1/", api_key=KEY),
        ("ollama", "http://box:11434", "bearer", "mine", "http", ""),
    ),
    "a key sent otherwise": (
        "mine",
        Provider(api="claude", base_url="http://h", api_key=KEY, auth="bearer"),
        ("claude", "http://h", "bearer", "anthropic", "http", ""),
    ),
    "the caller's key": (
        "anthropic",
        Provider(api_key=Secret("client")),
        ("claude", "https://api.anthropic.com", "client", "anthropic", "http", "anthropic"),
    ),
    "the demo": ("demo", Provider(), ("openai_chat", "", "none", "demo", "demo", "demo")),
    "the other demo": ("demo_claude", Provider(), ("claude", "", "none", "anthropic", "demo", "demo_claude")),
    "the demo of Responses": (
        "demo_responses",
        Provider(),
        ("openai_responses", "", "none", "openai", "demo", "demo_responses"),
    ),
    "a Responses server of one's own": (
        "mine",
        Provider(api="responses", base_url="http://h/v1", api_key=KEY),
        ("openai_responses", "http://h/v1", "bearer", "openai", "http", ""),
    ),
    "Google's demo": ("demo_gemini", Provider(), ("gemini", "", "none", "google", "demo", "demo_gemini")),
    "a demo of one's own": ("mine", Provider(api="demo"), ("openai_chat", "", "none", "mine", "demo", "")),
    "the demo, served elsewhere": (
        "demo",
        Provider(base_url="http://127.0.0.1:9/v1"),
        ("openai_chat", "http://127.0.0.1:9/v1", "none", "demo", "http", "demo"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RESOLVED)
def test_resolved(case: str) -> None:
    name, written, expected = RESOLVED[case]
    assert fields(endpoint(name, written, TABLES), NAMES) == expected


def test_what_is_written_is_carried() -> None:
    written = Provider(
        base_url="http://h", headers={"x": "y"}, rps=1, rpm=2, concurrent=3, timeout=4, verbatim=False, enabled=False
    )
    carried = ("name", "headers", "rps", "rpm", "concurrent", "timeout", "verbatim", "enabled")
    assert fields(endpoint("a", written, TABLES), carried) == ("a", {"x": "y"}, 1, 2, 3, 4, False, False)
