"""llmux whole: real processes, real sockets, the demo provider behind them over HTTP."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.cli.running import Running, running, surroundings

Start = Callable[..., AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo provider over HTTP: its address."""
    home = tmp_path_factory.mktemp("mock")
    with running("mock", "--port", "0", env=surroundings(home), cwd=home, stderr=subprocess.DEVNULL) as process:
        yield process.url


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a gateway with a configuration, in a home of its own: `start(text, *options)`."""

    def begin(config: str, *options: str) -> AbstractContextManager[Running]:
        (tmp_path / "config.toml").write_text(config)
        arguments = ("start", "--config", str(tmp_path / "config.toml"), *options)
        return running(*arguments, env=surroundings(tmp_path), cwd=tmp_path, stderr=subprocess.DEVNULL)

    return begin
