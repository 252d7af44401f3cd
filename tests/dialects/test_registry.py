"""The table of dialects: each is found under its own name, and no two want the same path."""

from llmux.dialects.registry import TABLE


def test_each_dialect_has_its_name() -> None:
    assert {name: dialect.name for name, dialect in TABLE.items()} == {
        "claude": "claude",
        "ollama": "ollama",
        "openai_chat": "openai_chat",
        "openai_responses": "openai_responses",
        "gemini": "gemini",
    }


def test_no_path_belongs_to_two() -> None:
    paths = [path for dialect in TABLE.values() for path in dialect.inbound]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith("/") for path in paths)
