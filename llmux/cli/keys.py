"""llmux keys: API keys, made, listed and revoked. A secret is printed once, when it is made."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from llmux.access.key import camel
from llmux.cli import configured
from llmux.cli.office import office
from llmux.cli.terminal import Failure, heading, table
from llmux.gateway.budget import SPANS
from llmux.routing.assemble import WINDOWS

HELP = """Give out API keys, and take them back.

A key stands beside the [tokens] of the configuration, and is made while the gateway runs: for a person, a program, a
project; with the models it may ask for, what it may spend, and an end. Where no tokens are configured, keys are needed
only with api_key_required = true.

\b
  llmux keys create ci --model "*haiku*" --max-usd-per-day 5 --expires 30d
  llmux keys list
  llmux keys revoke ci

The gateway of the configuration is asked, with its admin_key; without one, or when it does not run, its store is used
directly. Either way a change counts within two seconds, in every worker and instance.
"""
CREATE_HELP = """Make a key for NAME, and print it. It is not shown again.

\b
  llmux keys create ci
  llmux keys create anna --user anna@example.com --project search --max-tokens-per-day 2000000
  llmux keys create demo --model "gpt-4*" --model "*haiku*" --max-usd 10 --expires 2027-01-31
  KEY=$(llmux keys create ci --json | jq -r .key)

Give it to a client as its API key: it is sent as Authorization: Bearer, x-api-key or x-goog-api-key.
"""
LIST_HELP = """Show every key that is not revoked: whose it is, what it has spent of what it may, and its end.

\b
  llmux keys list
  llmux keys list --json | jq -r '.keys[] | select(.expired) | .id'
"""
REVOKE_HELP = """Take a key back, by its id, or by its name where that is one key's alone.

\b
  llmux keys revoke 5ac2f0d1b7e84c93
  llmux keys revoke ci
"""
AUDIT_HELP = """Show what administrators have changed in the last 90 days, the newest first.

\b
  llmux keys audit
  llmux keys audit --limit 1000 --json | jq -r '.entries[] | select(.action == "API key revoked")'
"""

SPAN = re.compile(r"(\d+)([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
UNITS = {
    "requests": "requests {per}",
    "tokens": "tokens {per}, of prompts and answers together",
    "usd": "US dollars {per}, by the models' prices",
}
EXPIRES = "When it ends: a span (12h, 30d, 8w), or a moment (2027-01-31, 2027-01-31T12:00Z).  [never]"

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def per(seconds: int) -> str:
    """The span of a window, in words."""
    return f"per {SPANS[seconds]}" if seconds else "in all"


@click.group(help=HELP)
def keys() -> None:
    """Hold the commands."""


def limits(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with an option for every limit that a client may have."""
    for name, (unit, seconds) in reversed(list(WINDOWS.items())):
        kind = click.FloatRange(0, min_open=True) if unit == "usd" else click.IntRange(1)
        help_text = f"At most so many {UNITS[unit].format(per=per(seconds))}."
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind, metavar="N", help=help_text)(command)
    return command


@keys.command(help=CREATE_HELP, short_help="Make a key, and print it once.")
@configured.option
@click.argument("name")
@click.option("--user", "user_id", metavar="ID", help="Whose it is: a word that stands beside what it spends.")
@click.option("--project", "project_id", metavar="ID", help="What it is for, likewise.")
@click.option("--model", "-m", "models", multiple=True, metavar="GLOB", help="It may ask for these only; repeat it.")
@click.option("--expires", metavar="WHEN", help=EXPIRES)
@limits
@as_json_option
def create(*, config: Path | None, expires: str | None, as_json: bool, **said: object) -> None:
    """Make one."""
    wish = {camel(name): value for name, value in said.items() if value is not None} | _end(expires)
    made = office(configured.load(config).config).make(wish)
    if as_json:
        click.echo(json.dumps(made, indent=2, ensure_ascii=False))
        return
    click.echo(made["key"])
    click.echo(f"\nThis is {made['name']}'s key, {made['id']}. It is not shown again.", err=True)


@keys.command("list", help=LIST_HELP, short_help="Show the keys, and what they have used.")
@configured.option
@as_json_option
def list_(*, config: Path | None, as_json: bool) -> None:
    """Show them."""
    every = office(configured.load(config).config).every()
    if as_json:
        click.echo(json.dumps({"keys": every}, indent=2, ensure_ascii=False))
    elif every:
        table(("id", "name", "key", "for", "models", "used", "ends"), [tuple(_row(key)) for key in every])
    else:
        click.echo("There is no API key. llmux keys create NAME makes one.")


@keys.command(help=REVOKE_HELP, short_help="Take a key back.")
@configured.option
@click.argument("which", metavar="ID|NAME")
def revoke(*, config: Path | None, which: str) -> None:
    """Take one back."""
    at = office(configured.load(config).config)
    revoked = at.revoke(_id_of(which, at.every()))
    click.echo(f"{revoked['name']}'s key {revoked['id']} is revoked.")


@keys.command(help=AUDIT_HELP, short_help="Show what administrators have changed.")
@configured.option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@as_json_option
def audit(*, config: Path | None, limit: int, as_json: bool) -> None:
    """Show changes."""
    entries = office(configured.load(config).config).changes(limit)
    if as_json:
        click.echo(json.dumps({"entries": entries}, indent=2, ensure_ascii=False))
        return
    heading("The last changes")
    rows = [(entry["at"], entry["action"], entry["target"], entry["remote"]) for entry in entries]
    table(("when", "what", "of", "from"), rows)


def _end(expires: str | None) -> dict[str, Any]:
    """A span or a moment, as a key's maker is told it."""
    if expires is None:
        return {}
    span = SPAN.fullmatch(expires)
    return {"expiresIn": int(span[1]) * SECONDS[span[2]]} if span else {"expiresAt": expires}


def _id_of(which: str, every: Sequence[Mapping[str, Any]]) -> str:
    """The id of the one key that `which` names."""
    found = [key["id"] for key in every if which in (key["id"], key["name"], key["client"])]
    if not found:
        raise Failure(f"there is no API key {which!r}. llmux keys list shows all.")
    if len(found) > 1:
        raise Failure(f"{len(found)} keys are called {which!r}: say which, by its id: {', '.join(found)}.")
    return str(found[0])


def _row(key: Mapping[str, Any]) -> Iterator[str]:
    yield from (key["id"], key["name"], key["hint"])
    yield " ".join(filter(None, (key["userId"], key["projectId"]))) or "-"
    yield " ".join(key["models"]) or "every"
    yield "; ".join(_used(key)) or "no limit"
    yield f"{key['expiresAt'] or 'never'}{' (over)' if key['expired'] else ''}"


def _used(key: Mapping[str, Any]) -> Iterator[str]:
    """What of each limit is used: "3 of 500 requests per day"."""
    for name, (unit, seconds) in WINDOWS.items():
        limit, used = key.get(camel(name)), key["used"].get(camel(name))
        if limit is not None:
            yield (
                f"${used:.2f} of ${limit:,.2f} {per(seconds)}"
                if unit == "usd"
                else (f"{used:,.0f} of {limit:,} {unit} {per(seconds)}")
            )
