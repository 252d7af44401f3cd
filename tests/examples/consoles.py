"""Pages of docs/ that are run: what a reader would type, and what they would see.

A page's first block of `toml` is the configuration of a gateway that runs while its blocks of `console` are gone
through in order, in one folder. In these, a line that begins with "$ " is a command for sh, lines below that begin with
"> " go on with it, and what follows is what it prints: "..." stands for anything, and spaces count as one. The
gateway's port is another than the page's 8082, so wherever a command says 8082 it is replaced.
"""

import doctest
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.running import running, surroundings

BLOCK = re.compile(r"^```(?P<kind>toml|console)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = "8082"
SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of a kind, in order."""
    return [found["text"] for found in BLOCK.finditer(page) if found["kind"] == kind]


def steps(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a console, and what it prints."""
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = step.splitlines(keepends=True)
        more = [line[2:] for line in lines[1:] if line.startswith("> ")]
        yield lines[0] + "".join(more), "".join(lines[1 + len(more) :])


class Console:
    """Types what pages say."""

    def __init__(self, folder: Path, port: int, **variables: str) -> None:
        self._folder, self._port = folder, str(port)
        (folder / "bin").mkdir(exist_ok=True)
        command = folder / "bin/llmux"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m llmux "$@"\n')
        command.chmod(0o755)
        self.environment = surroundings(folder, LLMUX_PORT=self._port, **variables)
        self.environment["PATH"] = f"{folder / 'bin'}:{self.environment['PATH']}"

    def type(self, command: str) -> str:
        """Run a command; what it prints, with its errors where they come."""
        done = subprocess.run(
            ["sh", "-c", command.replace(PORT, self._port)],
            cwd=self._folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        return done.stdout.replace(self._port, PORT)

    def follow(self, page: str) -> None:
        """Go through a page. Fails where it says something else than is seen."""
        for block in blocks(page, "console"):
            for command, expected in steps(block):
                seen = self.type(command)
                same = doctest.OutputChecker().check_output(expected, seen, SAME)
                assert same, f"$ {command}\n--- the page says\n{expected}\n--- seen\n{seen}"


@contextmanager
def console(page: str, folder: Path, **variables: str) -> Iterator[Console]:
    """A console beside a gateway with the page's configuration."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config.toml").write_text(blocks(page, "toml")[0])
    typed = Console(folder, port, **variables)
    with running("start", env=typed.environment, cwd=folder, stderr=subprocess.DEVNULL):
        yield typed
