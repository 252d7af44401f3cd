"""Commands called in this process, in a home and a folder of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llmux.cli.main import llmux
from tests.cli.running import FOREIGN

Call = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command stands: an empty folder that is also its home. No key is in its environment."""
    import os

    for name in list(os.environ):
        if any(part in name for part in FOREIGN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(home: Path) -> Call:
    """Runs `llmux ARGS`."""

    def run(*args: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(llmux, args, input=stdin, prog_name="llmux")

    return run
