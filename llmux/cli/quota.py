"""llmux quota: what is left of every limit, what rests and why, what providers say themselves; and a fresh start."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from llmux.cli import configured
from llmux.cli.accounts import look, printable, show_json
from llmux.cli.terminal import heading, table
from llmux.config.load import Loaded
from llmux.server.accounts import reset_of
from llmux.server.services import Accounts
from llmux.telemetry import Listener

HELP = """Show each backend's windows, its rest after failures, and what its provider says of its own limits.

The running gateway is asked, with the admin_key of the configuration; without it, the store that it writes, which
knows neither what is in flight nor what providers say.

\b
  llmux quota
  llmux quota --reset                      every backend: windows empty, rests over
  llmux quota --reset openai:gpt-4o        this one only
  llmux quota --reset-client ann           a client's windows, budgets of money among them
"""
ALL = "*all*"  # no backend's name: it has no provider

Told = Mapping[str, Any]


@click.command(help=HELP)
@configured.option
@click.option("--reset", is_flag=False, flag_value=ALL, metavar="[BACKEND]", help="Empty windows, end rests.")
@click.option("--reset-client", metavar="NAME", help="Empty a client's windows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def quota(*, config: Path | None, reset: str | None, reset_client: str | None, as_json: bool) -> None:
    """Ask, reset if that is wished, and show."""
    loaded = configured.load(config)
    for body in _bodies(reset, reset_client):
        _reset(loaded, body)
    told = look(loaded, "/api/quota", lambda accounts, _: accounts.quota())
    if as_json:
        show_json(told)
    else:
        _tell(told)


def _bodies(backend: str | None, client: str | None) -> Iterator[dict[str, str]]:
    if backend is not None:
        yield {} if backend == ALL else {"backend": backend}
    if client is not None:
        yield {"client": client}


def _reset(loaded: Loaded, body: Mapping[str, str]) -> None:
    async def here(accounts: Accounts, tell: Listener) -> Told:
        done = await accounts.reset(json.dumps(body).encode())
        tell(reset_of(done, "llmux quota"))
        return {"reset": done}

    for kind, names in look(loaded, "/api/quota/reset", here, body=body)["reset"].items():
        click.echo(f"Reset {kind}: {', '.join(map(printable, names))}", err=True)


def _tell(told: Told) -> None:
    heading("Backends")
    rows = [(each["backend"], _state(each), _windows(each), _said(each["provider_says"])) for each in told["backends"]]
    table(("backend", "state", "used", "its provider says"), rows)
    if told["clients"]:
        heading("\nClients")
        table(("client", "used"), [(printable(each["client"]), _windows(each)) for each in told["clients"]])


def _state(told: Told) -> str:
    rest = told["cooldown"]
    models = "".join(f"; does not know {printable(model)}" for model in told["models_resting"])
    if not told["enabled"]:
        return "disabled"
    if rest is None:
        return ("ready" if not told["in_flight"] else f"ready, {told['in_flight']} in flight") + models
    return f"{told['state']} until {rest['ends_at']} ({rest['ends_in']:.0f} s) after {rest['cause']}{models}"


def _windows(told: Told) -> str:
    return "; ".join(map(_window, told["windows"])) or "-"


def _window(use: Told) -> str:
    used = f"${use['used']:.6g}" if use["unit"] == "usd" else f"{use['used']:,.0f}"
    if use["opens_in"] is None:
        return f"{used} of {use['window']}: none is left"
    return f"{used} of {use['window']}" + (f", opens in {use['opens_in']:.0f} s" if use["opens_in"] else "")


def _said(heard: Told | None) -> str:
    if heard is None:
        return "-"
    said = [each for limit in heard["limits"] for each in _limit(limit)]
    if heard["retry_in"] is not None:
        said.append(f"come back in {heard['retry_in']:.0f} s")
    return "; ".join(said) or "-"


def _limit(limit: Told) -> Iterator[str]:
    """One of the provider's, as far as it tells."""
    what, resets = limit["what"].replace("_", " "), limit["resets_in"]
    again = f", anew in {resets:.0f} s" if resets else ""
    if limit["remaining"] is not None:
        most = "" if limit["limit"] is None else f" of {limit['limit']:,.0f}"
        yield f"{limit['remaining']:,.0f}{most} {what} left{again}"
    elif limit["used"] is not None:
        yield f"{limit['used']:.0%} of {what} used{again}"
    elif limit["limit"] is not None:
        yield f"{limit['limit']:,.0f} {what}{again}"
