"""What the commands about accounts share: asked of the running gateway, else of the store that it writes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import click

from llmux.cli.admin import ask
from llmux.cli.terminal import Failure, Misconfigured
from llmux.config.load import Loaded
from llmux.errors import GatewayError
from llmux.server.services import Accounts
from llmux.store.base import StoreNotOpenedError
from llmux.telemetry import Listener, Voice

IN_MEMORY = (
    "the store is in memory, and only the gateway that runs knows what is in it: "
    "none answers with the admin_key of this configuration"
)
Told = Mapping[str, Any]
Here = Callable[[Accounts, Listener], Awaitable[Told]]  # what a house of our own does, and may tell to its audit log


def look(loaded: Loaded, path: str, here: Here, query: dict[str, str] | None = None, body: object = None) -> Told:
    """The answer of the gateway at `path`, or of a house on the same store.

    Raises:
        Misconfigured: something is asked for that cannot be.
        Failure: neither knows.
    """
    told = ask(loaded.config, path, query, body)
    if told is not None:
        found: Told = told
        return found
    if loaded.config.store.url.startswith("memory:"):
        raise Failure(IN_MEMORY)
    try:
        return asyncio.run(_inside(loaded, here))
    except StoreNotOpenedError as error:
        raise Failure(str(error)) from None
    except GatewayError as error:
        raise Misconfigured(error.message.removeprefix("llmux: ")) from None


async def _inside(loaded: Loaded, here: Here) -> Told:
    from llmux.cli.inside import inside

    voice = Voice()
    async with inside(loaded, voice) as house:
        return await here(house.services.accounts, voice)


def show_json(told: Told) -> None:
    """One JSON object."""
    click.echo(json.dumps(told, indent=2, ensure_ascii=False))


def printable(name: str) -> str:
    """A name that a client has chosen, without what would move a terminal's cursor or colour it."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name)
