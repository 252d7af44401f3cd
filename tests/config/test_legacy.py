"""What the family's other tools wrote means the same here, and what has no place yet is said."""

from typing import Any

import pytest

from llmux.config.legacy import ollama_address, translate
from llmux.config.problem import ConfigError, Path
from tests.config.places import Place

ADDRESS = "http://127.0.0.1:9/v1"


def test_a_server_with_providers_and_their_models(place: Place) -> None:
    config = place.load(
        f"""
        [server]
        host = "127.0.0.1"
        port = 3000
        timeout = 30
        [[providers]]
        name = "fast"
        type = "openai-compatible"
        url = "{ADDRESS}"
        key = "${{FAST}}"
        [[providers.models]]
        name = "big"
        context_window = 1000
        supports_vision = true
        [[providers.models]]
        id = "small"
        [[providers]]
        name = "anthropic"
        provider_type = "anthropic"
        api_key = "k"
        models = ["claude-sonnet-4-5"]
        """,
        env={"FAST": "f"},
    ).config
    assert (config.port, config.request_timeout) == (3000, 30)
    fast, claude = config.provider["fast"], config.provider["anthropic"]
    assert (fast.api, fast.base_url, fast.api_key.reveal()) == ("openai", ADDRESS, "f")
    assert (claude.api, claude.api_key.reveal()) == ("claude", "k")
    assert [(b.model, b.context, b.vision) for b in config.backend] == [
        ("fast:big", 1000, True),
        ("fast:small", None, None),
        ("anthropic:claude-sonnet-4-5", None, None),
    ]


def test_named_backends(place: Place) -> None:
    config = place.load(
        f"""
        [backends.openai]
        model = "gpt-4o"
        api_key = "k"
        [backends.mine]
        api_base = "{ADDRESS}"
        """
    ).config
    assert config.provider["openai"].api_key.reveal() == "k"
    assert [backend.model for backend in config.backend] == ["openai:gpt-4o", "mine:*"]


def test_both_shapes_may_stand_in_one_file(place: Place) -> None:
    config = place.load(
        f"""
        port = 5
        [server]
        port = 6
        workers = 2
        [provider.a]
        base_url = "{ADDRESS}"
        [[backend]]
        model = "a:m"
        [[providers]]
        name = "b"
        base_url = "{ADDRESS}"
        [backends.c]
        base_url = "{ADDRESS}"
        """
    ).config
    assert (config.port, config.workers) == (5, 2), "our own key wins"
    assert [backend.model for backend in config.backend] == ["a:m", "c:*"]
    assert config.provider.keys() == {"a", "b", "c"}


BAD: dict[str, tuple[dict[str, Any], list[tuple[Path, str]]]] = {
    "a server that is no table": ({"server": 1}, [(("server",), "expected a table")]),
    "providers that are no list": ({"providers": {}}, [(("providers",), "expected [[providers]] tables")]),
    "a provider that is no table": ({"providers": [1]}, [(("providers", 0), "expected a table")]),
    "a provider without a name": ({"providers": [{}]}, [(("providers", 0, "name"), "missing")]),
    "backends that are no table": ({"backends": 1}, [(("backends",), "expected [backends.NAME] tables")]),
    "a backend that is no table": ({"backends": {"a": 1}}, [(("backends", "a"), "expected a table")]),
    "a command": (
        {"backends": {"a": {"command": "claude", "args": ["-p"]}}},
        [
            (
                ("backends", "a", "command"),
                "a local command cannot be a backend yet; remove it, or name a provider with a base_url",
            )
        ],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_translated_is_said(name: str) -> None:
    document, expected = BAD[name]
    said: list[tuple[Path, str]] = []
    translate(document, lambda path, message: said.append((path, message)))
    assert said == expected


def test_a_document_of_ours_comes_back_as_it_is() -> None:
    document = {"port": 1, "provider": {}}
    assert translate(document, lambda *_: None) is document


def test_what_is_given_is_not_changed() -> None:
    document: dict[str, Any] = {"provider": {}, "backend": [], "providers": [{"name": "a", "models": ["m"]}]}
    translate(document, lambda *_: None)
    assert document == {"provider": {}, "backend": [], "providers": [{"name": "a", "models": ["m"]}]}


def test_an_unknown_key_in_an_old_shape_is_still_unknown(place: Place) -> None:
    with pytest.raises(ConfigError, match=r'provider\.a\.base_ulr: unknown key; did you mean "base_url"\?'):
        place.load(f'[[providers]]\nname = "a"\nurl = "{ADDRESS}"\nbase_ulr = "x"\n')


# --- variables -----------------------------------------------------------------------------------------------------


def test_a_required_key_is_a_client(place: Place) -> None:
    config = place.load("", env={"API_KEY_REQUIRED": "true", "API_KEY": "k", "ADMIN_KEY": "a"}).config
    assert (config.tokens["api_key"].key.reveal(), config.admin_key.reveal()) == ("k", "a")


def test_a_key_that_is_not_required_lets_nobody_in(place: Place) -> None:
    assert place.load("", env={"API_KEY": "k", "API_KEY_REQUIRED": "false"}).config.tokens == {}


def test_where_a_key_is_required_and_none_is_named_they_are_made_at_run_time(place: Place) -> None:
    config = place.load("", env={"API_KEY_REQUIRED": "1"}).config
    assert (config.api_key_required, config.tokens) == (True, {})
    with pytest.raises(ConfigError, match="environment: api_key_required: nobody could make a key"):
        place.load("", env={"API_KEY_REQUIRED": "1", "LLMUX_STORE_URL": "memory:"})


def test_a_cache_that_is_wanted_is_not_passed_over_in_silence(place: Place) -> None:
    why = "no answers are kept; [cache] enabled = true, or LLMUX_CACHE_ENABLED=true, keeps them"
    assert place.load("", env={"CACHE_TTL": "1000", "CACHE_MAX_SIZE": "5"}).notices == (
        f"CACHE_TTL has no effect: {why}",
        f"CACHE_MAX_SIZE has no effect: {why}",
    )


def test_how_answers_are_kept_can_be_said_in_the_older_variables(place: Place) -> None:
    loaded = place.load("", env={"CACHE_TTL": "1500", "CACHE_MAX_SIZE": "5", "LLMUX_CACHE_ENABLED": "true"})
    assert (loaded.config.cache.ttl, loaded.config.cache.max_entries, loaded.notices) == (1.5, 5, ())


def test_a_cache_for_no_time_is_none(place: Place) -> None:
    cache = place.load("[cache]\nenabled = true", env={"CACHE_TTL": "0"}).config.cache
    assert (cache.enabled, cache.ttl) == (False, 300)


HOSTS = {
    "127.0.0.1": "http://127.0.0.1:11434",
    "0.0.0.0": "http://127.0.0.1:11434",
    "0.0.0.0:8000": "http://127.0.0.1:8000",
    ":8000": "http://127.0.0.1:8000",
    "box:1": "http://box:1",
    "https://box.example": "https://box.example:11434",
    "http://[::]:1": "http://127.0.0.1:1",
    "[::1]": "http://[::1]:11434",
}


@pytest.mark.parametrize("host", HOSTS)
def test_ollama_s_own_variable(host: str) -> None:
    assert ollama_address(host) == HOSTS[host]


def test_ollama_s_own_variable_moves_the_known_provider_only(place: Place) -> None:
    env = {"OLLAMA_HOST": "box:1"}
    backend = '[[backend]]\nmodel = "ollama:qwen3"\n'
    assert place.load(backend, env=env).config.provider["ollama"].base_url == "http://box:1"
    written = f'[provider.ollama]\nbase_url = "{ADDRESS}"\n{backend}'
    assert place.load(written, env=env).config.provider["ollama"].base_url == ADDRESS
