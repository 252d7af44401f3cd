"""The --config option, and how commands read the configuration: what is wrong with it becomes one clear complaint."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from llmux.cli.terminal import Misconfigured
from llmux.config.load import Loaded
from llmux.config.load import load as load_config
from llmux.config.problem import ConfigError

option = click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The configuration to use. Without it: $LLMUX_CONFIG, ./config.toml, .llmux/config.toml, "
    "~/.config/llmux/config.toml; and with none of these, what is found on this machine.",
)


def reader(path: Path | None, overrides: Mapping[str, Any]) -> Callable[[], Loaded]:
    """A function that reads the configuration, anew at each call. It raises ConfigError."""
    return lambda: load_config(path, overrides=overrides)


def load(path: Path | None, overrides: Mapping[str, Any] | None = None) -> Loaded:
    """The configuration.

    Raises:
        Misconfigured: it does not hold; the message has every problem.
    """
    with complaints():
        return reader(path, overrides or {})()


@contextmanager
def complaints() -> Iterator[None]:
    """Turns a ConfigError of what runs inside into a Misconfigured with a line a problem."""
    try:
        yield
    except ConfigError as error:
        problems = [str(problem) for problem in error.problems]
        first = problems if len(problems) == 1 else [f"the configuration has {len(problems)} problems:", *problems]
        raise Misconfigured("\n  ".join(first)) from None
