"""The table of commands. It imports none of them: each is loaded when it is called, so `llmux --help` is quick."""

import difflib
import importlib

import click
from click.shell_completion import CompletionItem

from llmux import __version__

# What a person types -> the module that holds the command of the same name, and what the list of commands says of it.
COMMANDS = {
    "start": ("llmux.cli.start", "Run the gateway until told to stop."),
    "check": ("llmux.cli.check", "Say whether the configuration holds, and what it means."),
    "explain": ("llmux.cli.explain", "Show where a request would go, and why, without sending it."),
    "init": ("llmux.cli.init", "Write a configuration to begin with."),
    "models": ("llmux.cli.models", "Show what can be asked for, at whom, and what it can do."),
    "usage": ("llmux.cli.usage", "Show what each client has used, and what it cost."),
    "quota": ("llmux.cli.quota", "Show what is left of limits, what rests, and end both."),
    "doctor": ("llmux.cli.doctor", "Find what is broken, and say how to mend it."),
    "keys": ("llmux.cli.keys", "Make, list and revoke API keys."),
    "launch": ("llmux.cli.launch", "Start a client, such as Claude Code, on this gateway."),
    "mock": ("llmux.cli.mock", "Serve the demo provider over HTTP, to try things on."),
    "completion": ("llmux.cli.completion", "Print the script that completes llmux in a shell."),
}

HELP = """One address for every model: any LLM client, any backend.

\b
  llmux start                    serve on what is found: keys, Ollama, or a demo
  llmux launch claude            Claude Code, on this gateway
  llmux explain request.json     where would this go, and why?

`llmux COMMAND --help` teaches one command.
"""


class Table(click.Group):
    """A group whose commands are rows of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the table's order, not the alphabet's."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """Import the command that was asked for, and no other."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A mistyped name is answered with the nearest one."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"No such command: {name}." + (f" Did you mean {near[0]}?" if near else ""))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The table's names, and the options; a shell that completes loads no command either."""
        rows = [(name, sentence) for name, (_, sentence) in COMMANDS.items() if name.startswith(incomplete)]
        names = [CompletionItem(name, help=sentence) for name, sentence in rows]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        """The list of commands, read from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(cls=Table, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="llmux %(version)s")
def llmux() -> None:
    """Hold the commands."""


def main() -> None:
    """Run a command. Exits with 0 when all is well, 1 when it failed, 2 for a wrong use or a wrong configuration."""
    llmux(prog_name="llmux")
