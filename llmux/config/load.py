"""Files, the environment and the command line -> one checked configuration. Only this file reads the first two.

Two files may count, the project's and the user's; then the environment, then the command line, each over those before.
What is wrong is told whole, with its place, and never with a secret.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from llmux.config import discover, environment, legacy
from llmux.config.check import check
from llmux.config.expand import expand
from llmux.config.layers import LISTED, Layer, Problems, merge, whose
from llmux.config.schema import Config, Provider, Secret
from llmux.config.strict import read
from llmux.config.tables import Tables, builtin, key_of
from llmux.ir.value import Value

PROJECT = ("config.toml", ".llmux/config.toml")  # below the working directory; the first that is there counts
USER = ".config/llmux/config.toml"  # below the home directory
# What is said of the family's DEFAULT_PROVIDER where it cannot mean anything.
ORDER_DECIDES = "DEFAULT_PROVIDER has no effect: the order of the backends decides"
NO_SUCH_DEFAULT = "DEFAULT_PROVIDER has no effect: there is no provider of this name"


class Loaded(Value):
    """A configuration that holds. `files` are those to watch; `found` and `notices` are lines for a person."""

    config: Config
    tables: Tables
    files: tuple[Path, ...] = ()
    found: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


class _Place(Value):
    """Where a process is started."""

    env: Mapping[str, str]
    cwd: Path
    look: discover.Look


def find(explicit: str | Path | None, env: Mapping[str, str], cwd: Path, home: Path) -> tuple[Path, ...]:
    """The files that count, the least important first. One that is named stands alone, whether it exists or not."""
    if named := explicit or env.get("LLMUX_CONFIG") or env.get("LLM_MUX_CONFIG"):
        return (cwd / Path(named).expanduser(),)
    project = [path for path in (cwd / name for name in PROJECT) if path.is_file()]
    user = [path for path in (home / USER,) if path.is_file()]
    return (*user, *project[:1])


def load(
    path: str | Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    home: Path | None = None,
    look: discover.Look = discover.models_at,
) -> Loaded:
    """The configuration, whole and checked.

    `path` is the file that `--config` names. `overrides` are the command line's: keys of the file, or `table.key`; one
    that is None says nothing. `env`, `cwd` and `home` are this process's own unless given; `look` finds model servers.

    Raises:
        ConfigError: it does not hold; says everything that is wrong.
    """
    place = _Place(os.environ if env is None else env, cwd or Path.cwd(), look)
    files, problems = find(path, place.env, place.cwd, home or Path.home()), Problems()
    layers = [
        *(Layer(str(file), _document(file, place.env, problems), is_file=True) for file in files),
        Layer("environment", environment.document(place.env, problems.report("environment"))),
        Layer("command line", _nested(overrides or {})),
    ]
    for layer in layers:
        read(Config, layer.document, problems.report(layer.source))
    merged = merge(layers)
    config = read(Config, merged, lambda *_: None) or Config()
    tables = builtin()
    config = _with_rows(config, tables, place.env)
    for key, message in check(config, tables.providers, lambda name: (place.cwd / name).is_file()):
        problems.add(*whose(key, layers), message)
    problems.raise_any()
    return _completed(Loaded(config, tables, files), place, LISTED in merged)


def _document(file: Path, env: Mapping[str, str], problems: Problems) -> Mapping[str, Any]:
    """A file's content in our schema, its variables replaced."""
    report = problems.report(str(file))
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        report((), f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        report((), "is not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        report((), f"is not TOML: {error}")
    else:
        return legacy.translate(expand(document, env, report), report)
    return {}


def _nested(overrides: Mapping[str, object]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in overrides.items():
        if value is not None:
            table, _, key = name.rpartition(".")
            (document.setdefault(table, {}) if table else document)[key] = value
    return document


def _with_rows(config: Config, tables: Tables, env: Mapping[str, str]) -> Config:
    """`config` with every provider that a backend names, and with the keys that the environment has for them."""
    named = [backend.model.partition(":")[0] for backend in config.backend]
    implied = {name: Provider() for name in named if name in tables.providers and name not in config.provider}
    providers = {
        name: _with_row(name, provider, tables, env) for name, provider in {**config.provider, **implied}.items()
    }
    return replace(config, provider=providers)


def _with_row(name: str, provider: Provider, tables: Tables, env: Mapping[str, str]) -> Provider:
    """A provider at its row's own address gets the row's key; no other address ever sees that."""
    row = tables.providers.get(name)
    if row is None or provider.base_url:
        return provider
    if name == "ollama" and env.get("OLLAMA_HOST"):
        provider = replace(provider, base_url=legacy.ollama_address(env["OLLAMA_HOST"]))
    return provider if provider.api_key.reveal() else replace(provider, api_key=Secret(key_of(row, env)))


def _completed(loaded: Loaded, place: _Place, has_backends: bool) -> Loaded:
    """With backends for the providers that are there or, without any, for what is found; unless some are written."""
    config, tables, notices = loaded.config, loaded.tables, legacy.notices(place.env, cache=loaded.config.cache.enabled)
    first = place.env.get("DEFAULT_PROVIDER", "")
    if has_backends:
        return replace(loaded, notices=(*notices, *([ORDER_DECIDES] if first else [])))
    models: Mapping[str, Sequence[str]] = {}
    if not config.provider:
        local = {name: _with_row(name, Provider(), tables, place.env) for name in tables.providers}
        there = discover.discover(tables, place.env, place.look, local)
        config, models = replace(config, provider=there.providers), there.models
        loaded = replace(loaded, found=there.lines)
    if first and first not in config.provider:
        notices = (*notices, NO_SUCH_DEFAULT)
    names = sorted(config.provider, key=lambda name: name != first)
    backends = discover.backends(names, tables.providers, models)
    return replace(loaded, config=replace(config, backend=backends), notices=notices)
