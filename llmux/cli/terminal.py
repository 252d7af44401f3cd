"""How commands speak: plain text when piped, colour and boxes on a terminal only. It decides nothing."""

import os
import sys
from collections.abc import Sequence
from typing import ClassVar

import click


class Failure(click.ClickException):
    """A command could not do what it was asked; the message is a sentence that says what to do. Exit code 1."""

    def show(self, file: object = None) -> None:  # noqa: ARG002 - click's signature
        """One plain sentence on stderr, with no trace."""
        click.echo(f"llmux: {self.message}", err=True)


class Misconfigured(Failure):
    """The configuration, or the use of a command, is wrong. Exit code 2."""

    exit_code: ClassVar[int] = 2


def on_terminal() -> bool:
    """Whether a person reads stdout as it comes, and wants colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, **style: str | bool) -> str:
    """`text` in click's styles (`bold=True`, `fg="green"`) on a terminal, as it is elsewhere."""
    return click.style(text, **style) if on_terminal() else text  # type: ignore[arg-type]  # checked by click


def heading(text: str) -> None:
    """A line above others."""
    click.echo(paint(text, bold=True))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int | None = None) -> None:
    """Rows under their columns. Cells are single lines; those behind the first `words` are numbers, if any are."""
    numbers = range(len(columns) if words is None else words, len(columns))
    if on_terminal():
        _boxed(columns, rows, numbers)
        return
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = zip(row, widths, strict=True)
        aligned = (cell.rjust(width) if at in numbers else cell.ljust(width) for at, (cell, width) in enumerate(cells))
        click.echo("  ".join(aligned).rstrip())


def _boxed(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: range) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    boxed = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for at, column in enumerate(columns):
        boxed.add_column(column, justify="right" if at in numbers else "left", no_wrap=at in numbers)
    for row in rows:
        boxed.add_row(*map(Text, row))
    Console().print(boxed)
