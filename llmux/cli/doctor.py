"""llmux doctor: what is configured, what answers, what rests, what is broken, and the remedy. It mends nothing."""

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from llmux import __version__
from llmux.cli import configured
from llmux.cli.address import Address, address_of, health
from llmux.cli.summary import show_origin
from llmux.cli.terminal import Failure, heading, paint, table
from llmux.clock import SystemClock
from llmux.config.load import Loaded
from llmux.config.schema import Config, Secret, Store
from llmux.gateway.budget import WindowUse, said

HELP = """Find what is broken, and say how to mend it.

Every provider is asked for its models (3 s each at most, no tokens spent), and so is the gateway, if it runs. What
rests after failures, and until when, is read from the store that the gateway writes, which must answer. The exit code
is 1 when something is broken, 2 when the configuration does not hold.
"""

# A provider's state -> what to do about it.
REMEDIES: Mapping[str, str] = {
    "key refused": "look at its api_key: it is wrong, has run out, or is another provider's",
    "unreachable": "does it run, is its base_url right, is this machine online?",
    "failing": "wait: its own servers fail; other backends stand in meanwhile",
}
# A gateway asks its providers before it answers, 3 s at most.
GATEWAY_PATIENCE_S = 5.0


@click.command(help=HELP)
@configured.option
def doctor(*, config: Path | None) -> None:
    """Look at everything, and say what is broken."""
    loaded = configured.load(config)
    show_origin(loaded)
    faults = [*_certificate(loaded.config)]
    _gateway(address_of(loaded.config))
    store_faults = asyncio.run(_store(loaded.config.store.url.reveal()))
    told = asyncio.run(_examine(loaded))
    faults += [*store_faults, *_providers(told["providers"])]
    _backends(told["backends"])
    if faults:
        raise Failure("\n  ".join(["this is broken:", *faults]))
    click.echo(paint("\nAll is well.", fg="green"))


def _certificate(config: Config) -> Iterable[str]:
    if config.https_enabled:
        from llmux.serve import tls_context

        try:
            tls_context(config)
        except OSError as error:
            yield f"certificate: {error.strerror or error}: bin/cert makes a pair that holds"


def _gateway(address: Address) -> None:
    # Without a token of the configuration's it may not be asked more than whether it lives.
    told = health(address, deep=True, patience=GATEWAY_PATIENCE_S) or health(address)
    if told is None:
        click.echo(f"Gateway: none answers at {address.url} (llmux start)")
        return
    version = told.get("version", __version__)
    older = "" if version == __version__ else f"; this is {__version__}, a restart takes it over"
    click.echo(f"Gateway: {version} answers at {address.url}: {told['status']}{older}")


async def _store(url: str) -> list[str]:
    """Shows where the store is and whether it answers; what is broken."""
    from llmux.store.base import StoreError, StoreNotOpenedError
    from llmux.store.open import open_store, shown

    clock, place = SystemClock(), shown(url, os.environ)
    try:
        store = open_store(url, clock, os.environ)
        began = clock.monotonic()
        try:
            await store.add({}, {})
        finally:
            await store.close()
    except StoreNotOpenedError as error:
        return [f"store: {error}"]
    except StoreError as error:
        click.echo(f"Store: {place}: away")
        return [f"store: {error}. Does {place} run? Until it answers, each process keeps limits by what it knows"]
    click.echo(f"Store: {place} answers in {(clock.monotonic() - began) * 1000:.1f} ms")
    return []


async def _examine(loaded: Loaded) -> dict[str, Any]:
    """What the house itself knows and sees, as its health page tells it: without its store, where that is broken."""
    from llmux.cli.inside import inside
    from llmux.store.base import StoreNotOpenedError

    try:
        async with inside(loaded) as house:
            told: dict[str, Any] = msgspec.to_builtins(await house.services.health(True))
            return told
    except StoreNotOpenedError:
        return await _examine(replace(loaded, config=replace(loaded.config, store=Store(url=Secret("memory:")))))


def _providers(told: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    """Shows how the providers are; yields what is broken."""
    heading("\nProviders")
    table(("provider", "state", ""), [(name, look["state"], look["detail"]) for name, look in told.items()])
    for name, look in told.items():
        if look["state"] != "up":
            yield f"provider {name}: {look['state']}: {REMEDIES.get(look['state'], look['detail'])}"


def _backends(standings: Iterable[Mapping[str, Any]]) -> None:
    heading("\nBackends")
    rows = [(told["backend"], _state(told), _windows(told), ", ".join(told["left_out"]) or "-") for told in standings]
    table(("backend", "state", "windows", "fields it refuses"), rows)


def _state(told: Mapping[str, Any]) -> str:
    models = "".join(f"; does not know {model}" for model in told["models"])
    if told["state"] == "up":
        return "ready" + models
    return f"{told['state']} for {told['rests_for']:.0f} s after {told['cause']} ({told['failures']} in a row){models}"


def _windows(told: Mapping[str, Any]) -> str:
    uses = [
        f"{use['used']:{'.4f' if use['unit'] == 'usd' else '.0f'}} of {said(msgspec.convert(use, WindowUse))}"
        + (f", opens in {use['opens_in']:.0f} s" if use["opens_in"] else "")
        for use in told["windows"]
    ]
    return "; ".join(uses) or "-"
