"""What is served when nobody says what."""

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from llmux.config.discover import LISTINGS, models_at
from llmux.config.schema import Backend
from llmux.config.tables import DIALECTS
from llmux.dialects.registry import TABLE
from llmux.routing.catalog import matches
from tests.config.places import Place

# Where each lists its models.
OLLAMA, LM_STUDIO = "http://127.0.0.1:11434/api/tags", "http://127.0.0.1:1234/v1/models"


def served(backends: list[Backend], model: str) -> str:
    """The first backend that takes this model's name."""
    return next(b.model for b in backends if not b.model_match or matches(b.model_match, model))


def test_with_nothing_there_the_demo_answers(place: Place) -> None:
    loaded = place.load()
    assert loaded.found == ("demo: no key and no model server was found; the built-in demo models answer",)
    assert served(loaded.config.backend, "claude-sonnet-4-5") == "demo:*"


def test_each_key_is_a_provider_and_no_key_is_told(place: Place) -> None:
    loaded = place.load(env={"OPENAI_API_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-a", "XAI_API_KEY": ""})
    assert loaded.found == ("anthropic: ANTHROPIC_API_KEY is set", "openai: OPENAI_API_KEY is set")
    assert {name: p.api_key.reveal() for name, p in loaded.config.provider.items()} == {
        "anthropic": "sk-a",
        "openai": "sk-o",
    }
    assert "demo" not in loaded.config.provider


WHO = {
    "claude-opus-4-6": "anthropic:*",
    "gpt-5-mini": "openai:*",
    "o4-mini": "openai:*",
    "deepseek-ai/DeepSeek-R1": "openrouter:*",
    "anything": "anthropic:claude-sonnet-4-6",
}


@pytest.mark.parametrize("model", WHO)
def test_each_model_goes_to_whom_it_belongs(place: Place, model: str) -> None:
    env = {"OPENROUTER_API_KEY": "r", "OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "a"}
    assert served(place.load(env=env).config.backend, model) == WHO[model]


def test_a_client_of_one_maker_is_answered_by_another(place: Place) -> None:
    backends = place.load(env={"OPENAI_API_KEY": "o"}).config.backend
    assert served(backends, "claude-sonnet-4-5") == "openai:gpt-5"


def test_a_server_on_this_machine_is_found_with_its_models(place: Place) -> None:
    place.servers = {OLLAMA: ["qwen3:8b", "llama3"], LM_STUDIO: []}
    loaded = place.load()
    assert loaded.found == (
        "ollama: answers at 127.0.0.1:11434, 2 models",
        "lmstudio: answers at 127.0.0.1:1234, 0 models",
    )
    assert served(loaded.config.backend, "llama3") == "ollama:*"
    assert served(loaded.config.backend, "claude-sonnet-4-5") == "ollama:qwen3:8b"
    assert [backend.model for backend in loaded.config.backend] == ["ollama:*", "ollama:qwen3:8b", "lmstudio:*"]


def test_ollama_is_looked_for_where_its_variable_says(place: Place) -> None:
    place.servers = {"http://box:1/api/tags": ["m"]}
    loaded = place.load(env={"OLLAMA_HOST": "box:1"})
    assert loaded.config.provider["ollama"].base_url == "http://box:1"


def test_the_default_provider_answers_first(place: Place) -> None:
    env = {"OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "a", "DEFAULT_PROVIDER": "openai"}
    assert served(place.load(env=env).config.backend, "anything") == "openai:gpt-5"


def test_nobody_is_looked_for_where_a_provider_is_written(place: Place) -> None:
    place.servers = {OLLAMA: ["m"]}
    loaded = place.load("[provider.demo]", env={"OPENAI_API_KEY": "o"})
    assert list(loaded.config.provider) == ["demo"]
    assert loaded.found == ()


def test_models_are_looked_for_where_the_dialect_lists_them() -> None:
    assert {api: TABLE[DIALECTS[api]].models_path for api in DIALECTS} == LISTINGS


# --- the look itself -------------------------------------------------------------------------------------------------

ANSWERS = {
    "two models": (b'{"object":"list","data":[{"id":"a","object":"model"},{"id":"b"}]}', ["a", "b"]),
    "one to chat with": (b'{"data":[{"id":"nomic-embed-text"},{"id":"a"}]}', ["a"]),
    "none": (b'{"data":[]}', []),
    "Ollama's": (b'{"models":[{"name":"qwen3:8b","model":"qwen3:8b"},{"name":"nomic-embed-text"}]}', ["qwen3:8b"]),
    "no list at all": (b'{"detail":"not here"}', None),
    "another server": (b"<html>", None),
    "another shape": (b'{"data":{}}', None),
}


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.body if self.path == "/v1/models" else b"?")  # type: ignore[attr-defined]  # set by the test

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ANSWERS)
def test_a_look_at_a_server(server: http.server.HTTPServer, name: str) -> None:
    server.body, expected = ANSWERS[name]  # type: ignore[attr-defined]  # for the handler
    assert models_at(f"http://127.0.0.1:{server.server_port}/v1/models") == expected


def test_a_look_where_nobody_is() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # taken, and not listening
        assert models_at(f"http://127.0.0.1:{bound.getsockname()[1]}/v1/models") is None
