"""llmux models: what can be asked for, at whom, and what it can do. Providers are asked for lists only."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from llmux.cli import configured
from llmux.cli.terminal import Failure, Misconfigured, heading, table
from llmux.config.load import Loaded
from llmux.store.base import StoreNotOpenedError
from llmux.telemetry import Voice

HELP = """Show every model that a client may ask for, and what it can do.

A provider is asked what it lists when that was last asked more than models_refresh seconds ago, 10 s at most, at no
cost; what it said is kept for the gateway too. Shown are the names to ask for: configured backends, roles, and what
the providers of "provider:*" list.

\b
  llmux models
  llmux models --provider openrouter --refresh
  llmux models --json | jq -r '.models[] | select(.capabilities | index("vision")) | .id'
"""
MINUTE, HOUR = 60.0, 3600.0


@click.command(help=HELP)
@configured.option
@click.option("--provider", "-p", "providers", multiple=True, metavar="NAME", help="Only this one's; may be repeated.")
@click.option("--refresh", is_flag=True, help="Ask anew, whatever is known.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def models(*, config: Path | None, providers: Sequence[str], refresh: bool, as_json: bool) -> None:
    """Look, and show."""
    loaded = configured.load(config)
    try:
        told = asyncio.run(_look(loaded, providers, anew=refresh))
    except StoreNotOpenedError as error:
        raise Failure(str(error)) from None
    unknown = [name for name in providers if name not in told["providers"]]
    if unknown:
        known = ", ".join(told["providers"]) or "none"
        raise Misconfigured(f"no backend is at a provider {unknown[0]!r}; those that are used: {known}")
    if providers:
        told = {
            "providers": {name: told["providers"][name] for name in dict.fromkeys(providers)},
            "models": [model for model in told["models"] if model["provider"] in providers],
        }
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _tell(told)


async def _look(loaded: Loaded, providers: Sequence[str], *, anew: bool) -> dict[str, Any]:
    """What is known of providers and models, as a JSON object."""
    from llmux.app import furnish
    from llmux.ground import open_ground
    from llmux.routing.offers import offers

    async with open_ground(loaded, Voice()) as ground:
        furnish(loaded, ground)
        await ground.registry.refresh(lambda: None, only=providers, anew=anew)
        assembled = furnish(loaded, ground).assembled
        catalog = assembled.catalog
        await ground.ledger.refresh(catalog.backends)
        standings = {standing.backend: standing.state for standing in ground.ledger.snapshot(catalog.backends)}
        return {
            "providers": {
                name: {"models": len(shelf.cards), "heard": shelf.heard, "looked": shelf.looked, "fault": shelf.fault}
                for name, shelf in ground.registry.shelves().items()
            },
            "models": [
                {
                    "id": offer.card.id,
                    "provider": offer.backends[0].provider if offer.card.id not in catalog.roles else "",
                    "backends": [backend.name for backend in offer.backends],
                    "context": offer.card.context,
                    "max_output": offer.card.max_output,
                    "answers": offer.card.answers,
                    "capabilities": offer.card.capabilities,
                    "state": standings[offer.backends[0].name],
                    "details": dict(offer.card.details),
                }
                for offer in offers(catalog, assembled.profile_of, int(ground.started))
            ],
        }


def _tell(told: Mapping[str, Any]) -> None:
    now = time.time()
    heading("Providers")
    table(("provider", "lists", ""), [(name, *_state(look, now)) for name, look in told["providers"].items()])
    heading("\nModels")
    rows = [
        (
            model["id"],
            model["provider"] or "(role)",
            _size(model["context"]),
            _size(model["max_output"]),
            (", ".join(model["capabilities"]) or "-") if model["answers"] else "embeddings",
            model["state"],
        )
        for model in told["models"]
    ]
    table(("model", "provider", "context", "output", "can", "state"), rows)


def _state(look: Mapping[str, Any], now: float) -> tuple[str, str]:
    """How many models a provider lists, and how fresh that is."""
    count = f"{look['models']} models" if look["heard"] else "-"
    if look["fault"]:
        return count, f"asked {_ago(now - look['looked'])}: {look['fault']}"
    return count, f"asked {_ago(now - look['looked'])}" if look["looked"] else "not asked"


def _ago(seconds: float) -> str:
    if seconds < MINUTE:
        return "just now"
    return f"{seconds / MINUTE:.0f} min ago" if seconds < HOUR else f"{seconds / HOUR:.0f} h ago"


def _size(tokens: int | None) -> str:
    return "-" if tokens is None else f"{tokens:,}"
