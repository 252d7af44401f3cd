"""llmux check: whether the configuration holds, and what it means. It opens nothing and asks nobody."""

from pathlib import Path

import click

from llmux.cli import configured
from llmux.cli.address import address_of
from llmux.cli.summary import show_backends, show_clients, show_origin
from llmux.routing.assemble import assemble

HELP = """Say whether the configuration holds, and what it means.

Nothing is started and nobody is asked. Everything that is wrong is listed, not only the first of it; the exit code is
then 2.

\b
  llmux check
  llmux check --config work.toml && systemctl reload llmux
"""


@click.command(help=HELP)
@configured.option
def check(*, config: Path | None) -> None:
    """Read the configuration and say what it means."""
    loaded = configured.load(config)
    url = address_of(loaded.config).url
    show_origin(loaded)
    click.echo(f"It would listen on {url}\n")
    show_backends(assemble(loaded.config, loaded.tables))
    click.echo()
    show_clients(loaded.config, url)
    click.echo("\nThe configuration holds.")
