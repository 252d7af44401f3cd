"""A house that serves nobody: for commands that ask it what it would do and what it knows."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from llmux.app import House, furnish
from llmux.config.load import Loaded
from llmux.ground import open_ground
from llmux.telemetry import Voice


@asynccontextmanager
async def inside(loaded: Loaded, tell: Voice | None = None) -> AsyncGenerator[House, None]:
    """The house of a configuration. It knows what a running gateway has written to the store, and listens to `tell`.

    Raises:
        StoreNotOpenedError: the store cannot be used.
    """
    async with open_ground(loaded, tell or Voice()) as ground:
        house = furnish(loaded, ground)
        await ground.ledger.refresh(house.assembled.catalog.backends)
        yield house
