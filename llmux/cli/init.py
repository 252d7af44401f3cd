"""llmux init: writes the documented configuration. It asks nothing, and overwrites nothing unasked."""

from pathlib import Path

import click

from llmux.cli.terminal import Failure, heading

HELP = """Write a configuration to begin with: every key, its unit and its default.

PATH is config.toml unless it is given. A file that is there is left alone, unless --force is.

\b
  llmux init
  llmux init ~/.config/llmux/config.toml
"""


@click.command(help=HELP)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default="config.toml")
@click.option("--force", is_flag=True, help="Replace the file that is there.")
def init(*, path: Path, force: bool) -> None:
    """Write the file and say what comes next."""
    from llmux.config.tables import template

    if path.exists() and not force:
        raise Failure(f"{path} is there already. --force replaces it; llmux init PATH writes elsewhere.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template(), "utf-8")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {(error.strerror or str(error)).lower()}.") from None
    click.echo(f"Wrote {path}.")
    heading("Next")
    option = "" if path == Path("config.toml") else f" --config {path}"
    click.echo(f"  edit {path}: a provider's key, and the backends in the order you like")
    click.echo(f"  llmux check{option}")
    click.echo(f"  llmux start{option}")
