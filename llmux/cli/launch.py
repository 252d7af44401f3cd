"""llmux launch: runs a client with its environment set for this gateway, and a gateway beside it when none runs."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import click
from msgspec.structs import replace

from llmux.cli import configured
from llmux.cli.address import Address, address_of, health
from llmux.cli.clients import CLIENTS, Program
from llmux.cli.terminal import Failure
from llmux.config.schema import Config
from llmux.store.open import state_file

HELP = """Start a client on this gateway.

Its environment is set, no token is written down. When no gateway runs at the configured address, one is started
for as long as the client runs. What stands after CLIENT is the client's own.

\b
  llmux launch claude
  llmux launch claude -p "What does this project do?"
  llmux launch codex --model claude-sonnet-4-6
  llmux launch --config work.toml claude --model sonnet
  eval "$(llmux launch --print claude)"     in this shell, from now on
  LLMUX_KEY=lmx-... llmux launch claude     with an API key of your own (llmux keys)

CLIENT is one of: CLIENTS.
"""

# Sent where no token is configured: clients insist on having one.
ANY_TOKEN = "llmux"  # noqa: S105 - not a secret
# Where a person has their own API key.
KEY_VARIABLE = "LLMUX_KEY"
NEEDS_KEY = f"this gateway wants an API key: llmux keys create NAME makes one. Set it as {KEY_VARIABLE}."


@click.command(
    help=HELP.replace("CLIENTS", ", ".join(CLIENTS)),
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@configured.option
@click.option("--print", "only_print", is_flag=True, help="Print the environment, and start nothing.")
@click.argument("client", type=click.Choice(list(CLIENTS)))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def launch(ctx: click.Context, *, config: Path | None, only_print: bool, client: str, args: tuple[str, ...]) -> None:
    """Run the client, and be gone with its exit code."""
    program, settings = CLIENTS[client], configured.load(config).config
    address = _for_clients(settings)
    if only_print:
        _print(program, address)
        return
    command = shutil.which(program.command)
    if command is None:
        raise Failure(f"there is no {program.command} on the PATH. Install it: {program.install}")
    if health(address) is not None:
        ctx.exit(_run([command, *arguments(program, address), *args], _environment(program, address)))
    from llmux.cli.beside import gateway

    _when_stopped(_leave)
    with gateway(config) as url:
        there = replace(address, url=url)
        ctx.exit(_run([command, *arguments(program, there), *args], _environment(program, there)))


def _for_clients(config: Config) -> Address:
    """The gateway's address with something as a token, unless the client's own login is passed on to a provider.

    Raises:
        Failure: a key is needed, and there is none.
    """
    address = address_of(config)
    if own := os.environ.get(KEY_VARIABLE):
        return replace(address, token=own)
    if config.api_key_required and not address.token:
        raise Failure(NEEDS_KEY)
    passed_on = any(provider.api_key.reveal() == "client" for provider in config.provider.values())
    return address if address.token or passed_on else replace(address, token=ANY_TOKEN)


def changes(program: Program, address: Address) -> dict[str, str]:
    """The variables that point `program` at the gateway."""
    values = {"url": address.url, "token": address.token, "certificate": address.certificate}
    wanted = {name: value.format_map(values) for name, value in program.environment.items()}
    return {name: value for name, value in wanted.items() if value} | _settings(program)


def _settings(program: Program) -> dict[str, str]:
    """The files that `program` is to read, written beside what llmux keeps: nothing in them is secret."""
    folder = state_file(os.environ).parent
    for name, content in program.settings.values():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / name).write_text(content, "utf-8")
        except OSError as error:
            raise Failure(f"cannot write {folder / name}, which {program.command} needs: {error.strerror}") from None
    return {variable: str(folder / name) for variable, (name, _) in program.settings.items()}


def arguments(program: Program, address: Address) -> list[str]:
    """What points `program` at the gateway on its command line."""
    return [argument.format(url=address.url) for argument in program.arguments]


def _cleared(program: Program, address: Address) -> tuple[str, ...]:
    return program.cleared if address.token else ()


def _environment(program: Program, address: Address) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _cleared(program, address)}
    return {**kept, **_around_proxies(kept), **changes(program, address)}


def _around_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """A proxy that this machine uses for the world must not be asked for a gateway on loopback."""
    if not any(name.lower() in {"http_proxy", "https_proxy", "all_proxy"} for name in environment):
        return {}
    exempt = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    exempt = ",".join(filter(None, [exempt, "127.0.0.1", "localhost"]))
    return {"NO_PROXY": exempt, "no_proxy": exempt}


def _print(program: Program, address: Address) -> None:
    for name in _cleared(program, address):
        click.echo(f"unset {name}")
    for name, value in changes(program, address).items():
        click.echo(f"export {name}={shlex.quote(value)}")
    if wanted := arguments(program, address):
        click.echo(f"alias {program.command}={shlex.quote(shlex.join([program.command, *wanted]))}")


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    """Run to the end. The client alone hears Ctrl-C; a request to stop is handed on to it, also one that came early."""
    early: list[int] = []
    _when_stopped(early.append)
    signal.signal(signal.SIGINT, lambda _number, _frame: None)  # not SIG_IGN, which the client would inherit
    with subprocess.Popen(command, env=environment) as child:  # noqa: S603 - the person asked for this command
        _when_stopped(child.send_signal)
        for number in early:
            child.send_signal(number)
        code = child.wait()
    return 128 - code if code < 0 else code


def _when_stopped(react: Callable[[int], object]) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: react(got))


def _leave(number: int) -> None:
    """End in the ordinary way, so that a gateway of ours is ended too."""
    raise SystemExit(128 + number)
