"""Where a configuration comes from, and who wins."""

import os
from pathlib import Path

import pytest

from llmux.config.load import find, load
from llmux.config.problem import ConfigError
from llmux.config.schema import Config
from tests.config.places import Place

LOCAL = '[provider.a]\nbase_url = "http://127.0.0.1:9/v1"\n'


# --- which files ---------------------------------------------------------------------------------------------------

FILES = {
    "nothing": ([], None, {}, []),
    "the user's": (["home/.config/llmux/config.toml"], None, {}, ["home/.config/llmux/config.toml"]),
    "the hidden project file": (["project/.llmux/config.toml"], None, {}, ["project/.llmux/config.toml"]),
    "the open one hides the hidden one": (
        ["project/config.toml", "project/.llmux/config.toml"],
        None,
        {},
        ["project/config.toml"],
    ),
    "the user's lies below the project's": (
        ["project/config.toml", "home/.config/llmux/config.toml"],
        None,
        {},
        ["home/.config/llmux/config.toml", "project/config.toml"],
    ),
    "the variable's stands alone": (["project/config.toml"], None, {"LLMUX_CONFIG": "x.toml"}, ["project/x.toml"]),
    "the family's variable too": (["project/config.toml"], None, {"LLM_MUX_CONFIG": "x.toml"}, ["project/x.toml"]),
    "the option's stands alone, above the variable": (
        ["home/.config/llmux/config.toml"],
        "y.toml",
        {"LLMUX_CONFIG": "x.toml"},
        ["project/y.toml"],
    ),
}


@pytest.mark.parametrize(("there", "explicit", "env", "expected"), FILES.values(), ids=FILES)
def test_which_files_count(
    tmp_path: Path, there: list[str], explicit: str | None, env: dict[str, str], expected: list[str]
) -> None:
    for name in there:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find(explicit, env, tmp_path / "project", tmp_path / "home")
    assert found == tuple(tmp_path / name for name in expected)


def test_what_is_watched_is_what_was_read(place: Place) -> None:
    user, project = place.write_user(""), place.write("")
    assert place.load().files == (user, project)


def test_without_a_place_of_its_own_it_reads_this_process_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text('port = 1\n[[backend]]\nmodel = "demo:*"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in [name for name in os.environ if name.startswith("LLMUX_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LLMUX_WORKERS", "3")
    config = load().config
    assert (config.port, config.workers) == (1, 3)


# --- who wins ------------------------------------------------------------------------------------------------------


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(place: Place) -> None:
    text = 'port = 1\nworkers = 2\nmax_retries = 3\n[store]\nurl = "memory:"\n'
    env = {"LLMUX_PORT": "10", "LLMUX_WORKERS": "20"}
    config = place.load(text, env=env, overrides={"port": 100, "host": None, "store.url": "sqlite:x"}).config
    assert (config.port, config.workers, config.max_retries) == (100, 20, 3)
    assert config.host == "127.0.0.1", "an option that was not given says nothing"
    assert config.store.url == "sqlite:x"


@pytest.mark.parametrize(
    "url",
    [
        "redis://h", "redis://h/", "redis://h:6380/1", "redis://:pw%40@[::1]:1/0", "redis://me:pw@h", "unix:///r?db=2",
        "unix://me:pw@/run/r", "rediss://:pw@h/0?ssl_ca_certs=/ca.pem", "sqlite:", "sqlite:/a@b", "memory:",
    ],
)  # fmt: skip
def test_a_store_has_a_url_and_does_not_print_it(place: Place, url: str) -> None:
    config = place.load(f'[store]\nurl = "{url}"').config
    assert config.store.url.reveal() == url
    assert "Store(url=Secret(***))" in repr(config)


def test_project_entries_replace_user_entries_of_the_same_name(place: Place) -> None:
    place.write_user(
        """
        port = 1
        workers = 7
        [provider.a]
        base_url = "http://127.0.0.1:1/v1"
        rps = 1
        [provider.b]
        base_url = "http://127.0.0.1:2/v1"
        [[backend]]
        model = "b:old"
        [[backend]]
        model = "a:m"
        context = 5
        [store]
        url = "memory:"
        [cors]
        max_age = 5
        """
    )
    config = place.load(
        """
        port = 2
        [provider.a]
        base_url = "http://127.0.0.1:3/v1"
        [[backend]]
        model = "a:m"
        [[backend]]
        model = "a:n"
        [cors]
        origins = "*"
        """
    ).config
    assert (config.port, config.workers) == (2, 7)
    assert config.provider["a"].base_url == "http://127.0.0.1:3/v1"
    assert config.provider["a"].rps is None, "an entry is replaced whole"
    assert config.provider["b"].base_url == "http://127.0.0.1:2/v1"
    assert [(backend.model, backend.context) for backend in config.backend] == [
        ("a:m", None),
        ("a:n", None),
        ("b:old", None),
    ]
    assert (config.store.url, config.cors.max_age, config.cors.origins) == ("memory:", 5, ["*"])


def test_a_problem_is_told_at_its_place_in_its_own_file(place: Place) -> None:
    user = place.write_user('[[backend]]\nmodel = "demo:x"\n[[backend]]\nmodel = "nobody:y"\n')
    place.write('[[backend]]\nmodel = "demo:*"\n')
    with pytest.raises(ConfigError) as caught:
        place.load()
    [problem] = caught.value.problems
    assert (problem.source, problem.key) == (str(user), "backend[1].model")


# --- variables -----------------------------------------------------------------------------------------------------


def test_variables_are_replaced_in_every_string_also_deep_inside(place: Place) -> None:
    text = """
        [provider.a]
        base_url = "http://${HOST_A}/v1"
        api_key = "${KEY_A}"
        headers = { x-team = "${TEAM:-blue}-${EMPTY:-x}" }
        [[backend]]
        model = "a:${MODEL}"
        model_match = ["${MODEL}*"]
        key_add = { deep = [{ tier = "${MODEL}" }], rest = "$HOME ${} ${1X}" }
        """
    env = {"HOST_A": "127.0.0.1:9", "KEY_A": "sk", "MODEL": "m", "EMPTY": ""}
    config = place.load(text, env=env).config
    provider, [backend] = config.provider["a"], config.backend
    assert (provider.base_url, provider.api_key.reveal()) == ("http://127.0.0.1:9/v1", "sk")
    assert provider.headers == {"x-team": "blue-x"}
    assert (backend.model, backend.model_match) == ("a:m", ["m*"])
    assert backend.key_add == {"deep": [{"tier": "m"}], "rest": "$HOME ${} ${1X}"}


SINGLE = {
    "LLMUX_HOST": ("localhost", "host", "localhost"),
    "LLMUX_PORT": ("9000", "port", 9000),
    "LLMUX_KEEPALIVE": ("2.5", "keepalive", 2.5),
    "LLMUX_LOG_LEVEL": ("DEBUG", "log_level", "DEBUG"),
    "LLMUX_LOG_BODIES": ("true", "log_bodies", True),
    "LLMUX_ALLOW_ANONYMOUS": ("0", "allow_anonymous", False),
    "LLMUX_TRUSTED_PROXIES": ("10.0.0.0/8, ::1", "trusted_proxies", ["10.0.0.0/8", "::1"]),
    "LLMUX_STORE_URL": ("memory:", "store.url", "memory:"),
    "LLMUX_ROUTING_THINKING": ("require", "routing.thinking", "require"),
    "PORT": ("9001", "port", 9001),
    "REQUEST_TIMEOUT": ("1500", "request_timeout", 1.5),
}


@pytest.mark.parametrize("name", SINGLE)
def test_every_single_value_has_a_variable(place: Place, name: str) -> None:
    text, key, expected = SINGLE[name]
    value: object = place.load("", env={name: text}).config
    for step in key.split("."):
        value = getattr(value, step)
    assert value == expected


def test_our_variable_wins_over_the_family_s(place: Place) -> None:
    assert place.load("", env={"PORT": "1", "LLMUX_PORT": "2"}).config.port == 2


def test_a_variable_of_another_name_says_nothing(place: Place) -> None:
    assert place.load("", env={"LLMUX_CORPUS": "x", "LLMUX_PROVIDER": "y"}).config == place.load("").config


# --- keys ----------------------------------------------------------------------------------------------------------


def test_a_known_provider_finds_its_key_in_the_environment(place: Place) -> None:
    text = '[[backend]]\nmodel = "gemini:gemini-2.5-pro"\n'
    assert place.load(text, env={"GOOGLE_API_KEY": "g"}).config.provider["gemini"].api_key.reveal() == "g"
    both = {"GOOGLE_API_KEY": "g", "GEMINI_API_KEY": "first"}
    assert place.load(text, env=both).config.provider["gemini"].api_key.reveal() == "first"


def test_a_written_key_wins_over_the_environment(place: Place) -> None:
    text = '[provider.openai]\napi_key = "mine"\n'
    assert place.load(text, env={"OPENAI_API_KEY": "other"}).config.provider["openai"].api_key.reveal() == "mine"


def test_the_environment_s_key_goes_to_no_other_address(place: Place) -> None:
    text = '[provider.openai]\nbase_url = "http://127.0.0.1:9/v1"\n'
    assert place.load(text, env={"OPENAI_API_KEY": "sk"}).config.provider["openai"].api_key.reveal() == ""


def test_no_secret_is_ever_printed(place: Place) -> None:
    text = 'admin_key = "sk-1"\n[provider.openai]\napi_key = "sk-2"\n[tokens]\na = "sk-3"\nb = { key = "sk-4" }\n'
    loaded = place.load(text)
    for shown in (repr(loaded), str(loaded), f"{loaded.config.admin_key} {loaded.config.tokens['a'].key!r}"):
        assert "sk-" not in shown
    assert loaded.config.tokens["a"].key.reveal() == "sk-3"


# --- without backends ----------------------------------------------------------------------------------------------


def test_a_file_that_says_nothing_configures_nothing(place: Place) -> None:
    nothing, empty = place.load(), place.load("")
    assert nothing.config == empty.config
    assert nothing.files == ()
    assert nothing.config.provider.keys() == {"demo"}
    assert [backend.model for backend in nothing.config.backend] == ["demo:*"]
    defaults = Config()
    for name in Config.__struct_fields__:
        if name not in ("provider", "backend"):
            assert getattr(nothing.config, name) == getattr(defaults, name)


def test_providers_without_backends_take_their_own_models_and_then_any_other(place: Place) -> None:
    loaded = place.load(LOCAL + '[provider.openai]\napi_key = "k"\n')
    assert [(backend.model, backend.model_match != []) for backend in loaded.config.backend] == [
        ("openai:*", True),
        ("a:*", False),
        ("openai:gpt-5", False),
    ]
    assert loaded.found == (), "what is written is not found"


def test_the_default_provider_comes_first(place: Place) -> None:
    text = LOCAL + '[provider.b]\nbase_url = "http://127.0.0.1:8/v1"\n'
    loaded = place.load(text, env={"DEFAULT_PROVIDER": "b"})
    assert [backend.model for backend in loaded.config.backend] == ["b:*", "a:*"]
    assert loaded.notices == ()


def test_where_backends_are_written_their_order_decides(place: Place) -> None:
    loaded = place.load('[[backend]]\nmodel = "demo:*"\n', env={"DEFAULT_PROVIDER": "b"})
    assert loaded.notices == ("DEFAULT_PROVIDER has no effect: the order of the backends decides",)


def test_an_error_has_every_problem_and_the_first_at_hand() -> None:
    with pytest.raises(ConfigError) as caught:
        load("nowhere.toml", env={}, cwd=Path("/"), home=Path("/"), overrides={"port": -1})
    error = caught.value
    assert (error.file, error.key, error.message) == ("/nowhere.toml", "", "cannot be read: No such file or directory")
    assert str(error).splitlines() == [
        "/nowhere.toml: cannot be read: No such file or directory",
        "command line: port: expected int >= 0",
    ]
    assert isinstance(error, ValueError)


def test_a_default_provider_that_is_not_there_is_told(place: Place) -> None:
    assert place.load(LOCAL, env={"DEFAULT_PROVIDER": "b"}).notices == (
        "DEFAULT_PROVIDER has no effect: there is no provider of this name",
    )
