"""config.toml, the documented default: it is valid, names every key, and shows each at its default."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from llmux.config.schema import (
    Backend,
    Cache,
    Config,
    Conversation,
    Cors,
    Http,
    Media,
    Metrics,
    Otel,
    Price,
    Provider,
    Role,
    Routing,
    Secret,
    Section,
    Store,
    Token,
)
from llmux.config.tables import builtin, template
from tests.config.places import Place

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "config.toml").read_text("utf-8")
KEY = re.compile(r"#(?=[a-z0-9_]+ = |\[)")  # a "#" before a key or a table, and none before a word
EXAMPLE = re.compile(r"#?(?P<key>[a-z0-9_]+) = .*# example")

# Where each section is shown.
SHOWN: dict[type[Section], tuple[str | int, ...]] = {
    Config: (),
    Store: ("store",),
    Provider: ("provider", "openai"),
    Backend: ("backend", 0),
    Price: ("price", 0),
    Role: ("role", "analyzer"),
    Token: ("tokens", "frontend_app"),
    Routing: ("routing",),
    Conversation: ("conversation",),
    Cache: ("cache",),
    Media: ("media",),
    Http: ("http",),
    Cors: ("cors",),
    Metrics: ("metrics",),
    Otel: ("otel",),
}
NESTED = {
    "store", "provider", "backend", "price", "role", "tokens", "routing", "conversation", "cache", "media", "http",
    "cors", "metrics", "otel",
}  # fmt: skip


def shown(kind: type[Section]) -> Any:
    table: Any = tomllib.loads(uncommented())
    for step in SHOWN[kind]:
        table = table[step]
    return table


def uncommented() -> str:
    return "\n".join(KEY.sub("", line, count=1) if KEY.match(line) else line for line in TEXT.splitlines())


def section_lines(kind: type[Section]) -> str:
    """The lines that show one section."""
    header = {Config: "", Backend: "[[backend]]", Price: "[[price]]"}.get(kind, f"[{'.'.join(map(str, SHOWN[kind]))}]")
    _, _, rest = f"\n{TEXT}".partition(f"\n#{header}\n" if header else "\n")
    return rest.split("\n#[")[0]


def test_it_configures_nothing(place: Place) -> None:
    assert tomllib.loads(TEXT) == {}
    assert place.load(TEXT).config == place.load("").config


def test_it_starts_on_the_demo(place: Place) -> None:
    assert place.load(TEXT).config.provider.keys() == {"demo"}


def test_it_is_valid_with_every_line_in_force(place: Place) -> None:
    env = {"OPENAI_API_KEY": "k"}
    config = place.load(uncommented(), env=env).config
    assert config.tokens["frontend_app"].key.reveal() == "a secret"


@pytest.mark.parametrize("kind", SHOWN)
def test_every_key_is_shown(kind: type[Section]) -> None:
    assert shown(kind).keys() == set(kind.__struct_fields__)


@pytest.mark.parametrize("kind", SHOWN)
def test_every_default_is_true_and_every_other_value_is_called_an_example(kind: type[Section]) -> None:
    examples = {match["key"] for match in EXAMPLE.finditer(section_lines(kind))}
    for field in msgspec.structs.fields(kind):
        if kind is Config and field.name in NESTED:
            continue
        default = (
            field.default_factory() if field.default is msgspec.NODEFAULT and not field.required else field.default
        )
        default = default.reveal() if isinstance(default, Secret) else default
        assert (shown(kind)[field.name] != default) == (field.name in examples), field.name


@pytest.mark.parametrize("kind", SHOWN)
def test_every_choice_is_named(kind: type[Section]) -> None:
    for field in msgspec.structs.fields(kind):
        words = [word for word in get_args(field.type) if isinstance(word, str)]
        line = (
            next(line for line in section_lines(kind).splitlines() if line.startswith(f"#{field.name} ="))
            if words
            else ""
        )
        assert all(word in line for word in words), field.name


def test_every_known_provider_is_named() -> None:
    named = re.search(r"# Known by name.*?\n#\n|# Known by name[^.]*\.", TEXT, re.DOTALL)
    assert named
    for name in builtin().providers:
        assert re.search(rf"\b{name}\b", named[0]), name


def test_init_writes_this_file() -> None:
    assert template() == TEXT


def test_no_line_is_too_long() -> None:
    assert max(map(len, TEXT.splitlines())) <= 120


def test_it_ships_in_the_wheel_under_the_name_that_is_looked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"config.toml": "llmux/config/default.toml"}


def test_where_it_has_been_installed_it_is_read_from_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "default.toml").write_text("installed", "utf-8")
    monkeypatch.setattr("llmux.config.tables.resources.files", lambda _: tmp_path)
    assert template() == "installed"
