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

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise Failure(f"{path} is there already. --force replaces it; llmux init PATH writes elsewhere.") from None
    except OSError as error:
        raise Failure(f"{path} cannot be written: {(error.strerror or str(error)).lower()}.") from None
    click.echo(f"Wrote {path}.")
    heading("Next")
    option = "" if path == Path("config.toml") else f" --config {path}"
    click.echo(f"  edit {path}: a provider's key, and the backends in the order you like")
    click.echo(f"  llmux check{option}")
    click.echo(f"  llmux start{option}")
