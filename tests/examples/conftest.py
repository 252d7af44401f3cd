"""A real gateway on the demo, for what is in examples/."""

from collections.abc import Iterator

import pytest

from tests.cli.running import Running, running, surroundings

# What the examples' configurations read from the environment.
KEYS = {
    "ANTHROPIC_API_KEY": "made-up",
    "GEMINI_API_KEY": "made-up",
    "GROQ_API_KEY": "made-up",
    "OPENAI_API_KEY": "made-up",
    "OPENROUTER_API_KEY": "made-up",
    "VERTEX_TOKEN": "made-up",
    "LLMUX_TOKEN_CI": "token-of-ci",
    "LLMUX_TOKEN_LAPTOP": "token-of-laptop",
}


@pytest.fixture(autouse=True, scope="module")
def uncounted() -> Iterator[None]:
    """Coverage does not follow into these processes: other tests count the same lines, and most here is an SDK."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("home")
    with running("start", "--port", "0", env=surroundings(home), cwd=home) as started:
        yield started
