import subprocess
import sys

import click
import pytest

from llmux import __version__
from llmux.cli.main import COMMANDS, llmux
from tests.cli.running import COMMAND, ROOT


def test_help_lists_every_command_in_the_tables_order(call) -> None:
    told = call("--help")
    assert told.exit_code == 0
    places = [told.output.index(f"  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert all(sentence in told.output for _, sentence in COMMANDS.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(call, name: str) -> None:
    told = call(name, "--help")
    assert told.exit_code == 0
    assert told.output.startswith(f"Usage: llmux {name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_row_names_a_command(name: str) -> None:
    command = llmux.get_command(click.Context(llmux), name)
    assert command is not None
    assert command.name == name


def test_version(call) -> None:
    assert call("--version").output == f"llmux {__version__}\n"


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("strat", "Did you mean start?"), ("docter", "Did you mean doctor?"), ("zzz", "command: zzz.\n")],
)
def test_a_mistyped_command(call, typed: str, hint: str) -> None:
    told = call(typed)
    assert told.exit_code == 2
    assert hint in told.stderr


def test_an_unknown_option(call) -> None:
    assert call("--frobnicate").exit_code == 2


def test_help_loads_no_command() -> None:
    heavy = ["aiohttp", "rich", "orjson", "msgspec", "uvloop", "llmux.config", "llmux.serve"]
    code = f"""
import sys
from llmux.cli.main import llmux
llmux(["--help"], standalone_mode=False)
print([name for name in {heavy} if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"


def test_it_is_a_module_too() -> None:
    told = subprocess.run([*COMMAND, "--version"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == f"llmux {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(call, shell: str) -> None:
    told = call("completion", shell)
    assert told.exit_code == 0
    assert f"_LLMUX_COMPLETE={shell}_complete" in told.output


def test_completion_of_another_shell(call) -> None:
    assert call("completion", "tcsh").exit_code == 2


def test_commands_are_completed() -> None:
    words = {"COMP_WORDS": "llmux st", "COMP_CWORD": "1", "_LLMUX_COMPLETE": "bash_complete"}
    import os

    told = subprocess.run(
        [sys.executable, "-c", "from llmux.cli.main import main; main()"],
        cwd=ROOT,
        env={**os.environ, **words},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "plain,start\n"
