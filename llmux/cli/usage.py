"""llmux usage: what each client has used, by model, backend and day, and what it cost. It counts nothing."""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from llmux.cli import configured
from llmux.cli.accounts import look, printable, show_json
from llmux.cli.terminal import on_terminal, table
from llmux.gateway.report import FIGURES

HELP = """Show what was used: requests, tokens and money, by client, model, backend or day.

The running gateway is asked, with the admin_key of the configuration; without it, the store that it writes (a second
old at most). Days are those of UTC. Money is what the prices of models make of the tokens: an estimate of the bill.

\b
  llmux usage                                  the last 7 days, by model
  llmux usage --by client,model --since 30d
  llmux usage --by day --since 2026-11-01 --until 2026-11-30 --format chart
  llmux usage --client ann --format csv > ann.csv

In CSV a name that a spreadsheet would take for a formula has a ' before it.
"""
# Figures of the table -> their heads; reasoning is part of the output. Answers without a price are told below it.
COLUMNS = {
    "requests": "requests",
    "errors": "errors",
    "input_tokens": "input",
    "cache_read_tokens": "cache read",
    "cache_write_tokens": "cache write",
    "output_tokens": "output",
    "usd": "USD",
}
ALWAYS = ("requests", "input_tokens", "output_tokens", "usd")  # the others where there is something to tell
FORMS = ("table", "chart", "csv", "json")
# What a chart may show -> the figures that it adds up.
MEASURES: Mapping[str, Sequence[str]] = {
    "usd": ("usd",),
    "requests": ("requests",),
    "tokens": ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
}
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # https://owasp.org/www-community/attacks/CSV_Injection
BAR = 40  # characters of the longest bar
CENT = 0.01

Told = Mapping[str, Any]


@click.command(help=HELP)
@configured.option
@click.option(
    "--by", default="model", show_default=True, metavar="WORDS", help="client, model, backend, day; or several."
)
@click.option("--since", default="7d", show_default=True, help="So many days, today among them, or a first day.")
@click.option("--until", default="", help="The last day; today without it.")
@click.option("--client", default="", metavar="GLOB", help="Only these clients.")
@click.option("--model", default="", metavar="GLOB", help="Only these models.")
@click.option("--format", "form", type=click.Choice(FORMS), default="table", show_default=True)
@click.option(
    "--of", "measure", type=click.Choice(list(MEASURES)), default="usd", show_default=True, help="In a chart."
)
def usage(*, config: Path | None, form: str, measure: str, **words: str) -> None:
    """Ask, and show."""
    loaded, query = configured.load(config), {word: value for word, value in words.items() if value}
    told = look(loaded, "/api/usage", lambda accounts, _: accounts.usage(query, None), query)
    if form == "json":
        show_json(told)
    elif form == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows(_for_programs(told))
    elif not told["rows"]:
        click.echo(f"Nothing was used {_span(told)}.")
    elif form == "chart":
        _chart(told, measure)
    else:
        _table(told)


def _table(told: Told) -> None:
    shown = [name for name in COLUMNS if name in ALWAYS or told["total"][name]]
    below = {**told["total"], **dict.fromkeys(told["by"], ""), told["by"][0]: "total"}
    rows = [[*_names(row, told["by"]), *(_figure(name, row[name]) for name in shown)] for row in (*told["rows"], below)]
    click.echo(f"Used {_span(told)}\n")
    table([*told["by"], *(COLUMNS[name] for name in shown)], rows, words=len(told["by"]))
    if told["total"]["unpriced"]:
        click.echo(f"\n{told['total']['unpriced']} answers are of models whose price nobody knows; see [[price]].")


def _chart(told: Told, measure: str) -> None:
    from rich.console import Console
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    rows = [(row, float(sum(row[name] for name in MEASURES[measure]))) for row in told["rows"]]
    if "day" not in told["by"]:  # days stay in their order
        rows.sort(key=lambda found: -found[1])
    longest = max(value for _, value in rows) or 1.0
    grid = Table.grid(padding=(0, 1))
    for row, value in rows:
        bar = ProgressBar(longest, value, width=BAR, finished_style="bar.complete")
        grid.add_row(Text(" ".join(_names(row, told["by"]))), bar, Text(_figure(measure, value), justify="right"))
    click.echo(f"{'US dollars' if measure == 'usd' else measure.capitalize()} {_span(told)}\n")
    Console(no_color=not on_terminal(), highlight=False).print(grid)


def _for_programs(told: Told) -> Sequence[Sequence[str]]:
    head = [*told["by"], *FIGURES]
    rows = [
        [*_names(row, told["by"]), *(f"{row[name]:.9f}".rstrip("0").rstrip(".") for name in FIGURES)]
        for row in told["rows"]
    ]
    return [head, *([f"'{cell}" if cell.startswith(FORMULAS) else cell for cell in row] for row in rows)]


def _span(told: Told) -> str:
    return f"from {told['since']} to {told['until']} (UTC)"


def _names(row: Told, by: Sequence[str]) -> list[str]:
    return [printable(row[group]) for group in by]


def _figure(name: str, value: float) -> str:
    if name == "usd":
        return f"{value:.4f}" if value >= CENT or not value else f"{value:.6f}"
    return f"{value:,.0f}"
