"""llmux completion: prints the script with which a shell completes llmux. It changes no file of the shell's."""

import click
from click.shell_completion import get_completion_class

from llmux.cli.main import llmux

HELP = """Print the script that completes llmux in a shell.

\b
  bash   llmux completion bash >> ~/.bashrc
  zsh    llmux completion zsh >> ~/.zshrc
  fish   llmux completion fish > ~/.config/fish/completions/llmux.fish
"""


@click.command(help=HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script."""
    script = get_completion_class(shell)
    if script is None:  # pragma: no cover - the three above are click's own
        raise click.UsageError(f"click knows no shell {shell}")
    click.echo(script(llmux, {}, "llmux", "_LLMUX_COMPLETE").source())
