"""What outlives a reload: the store, the accounts, the cache, the keys, the client session. Opened once, closed once.

What a reload builds anew on it is `app.House`.
"""

import itertools
import os
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from llmux.access.access import Access
from llmux.admin.board import Board
from llmux.admin.feed import Feed
from llmux.cache.cache import Cache
from llmux.cache.tasks import Tasks
from llmux.clock import Clock, SystemClock
from llmux.config.load import Loaded
from llmux.conversation.memory import IN_MEMORY
from llmux.conversation.shelf import Shelf
from llmux.gateway.bulletin import Bulletin
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.gateway.proofs import RefusedProofs
from llmux.gateway.registry import Registry
from llmux.gateway.tokenizer import Tokenizer
from llmux.ir.value import Value
from llmux.metrics.base import Metrics
from llmux.store.archive import Archive
from llmux.store.open import is_shared, open_store
from llmux.telemetry import Voice
from llmux.transports.http import open_session


class Ground(Value):
    """What outlives a reload."""

    clock: Clock
    tell: Voice
    session: aiohttp.ClientSession
    ledger: Ledger
    limits: Keeper
    archive: Archive
    access: Access
    shelf: Shelf
    cache: Cache
    registry: Registry
    tokenizer: Tokenizer
    refused: RefusedProofs
    feed: Feed
    board: Board
    next_id: Callable[[], str]
    started: float  # Unix seconds
    metrics: Metrics | None


@asynccontextmanager
async def open_ground(
    loaded: Loaded, tell: Voice, clock: Clock | None = None, metrics: Metrics | None = None
) -> AsyncGenerator[Ground, None]:
    """Opens in order, closes in reverse, also when the third of four fails to open. `metrics`: one of those who hear.

    Raises:
        StoreNotOpenedError: the store cannot be used.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        store = open_store(loaded.config.store.url.reveal(), clock, os.environ)
        stack.push_async_callback(store.close)
        session = await stack.enter_async_context(open_session())
        limits = Keeper()
        ledger = Ledger(store, clock, tell, limits, shares_store=is_shared(loaded.config.store.url.reveal()))
        tell.join(ledger.usage.hear)
        stack.push_async_callback(ledger.close)
        archive, shelf = Archive(store, clock, tell), Shelf(IN_MEMORY.client, IN_MEMORY.total)
        access = Access(archive, clock)
        tell.join(access.audit)
        stack.push_async_callback(access.close)
        tasks = Tasks()
        stack.push_async_callback(tasks.close)
        registry = Registry(store, clock)
        await registry.load()
        feed = Feed(clock)
        tell.join(feed)
        yield Ground(
            clock=clock,
            tell=tell,
            session=session,
            ledger=ledger,
            limits=limits,
            registry=registry,
            archive=archive,
            access=access,
            shelf=shelf,
            cache=Cache(clock, tell, archive.ask, tasks),
            tokenizer=Tokenizer(),
            refused=RefusedProofs(),
            feed=feed,
            board=Board(feed, Bulletin(store, clock), clock, secrets.token_hex(4)),
            next_id=ids(),
            started=clock.now(),
            metrics=metrics,
        )


def ids() -> Callable[[], str]:
    """Names for requests: a random prefix and a counter, which costs a twentieth of a UUID."""
    prefix, counter = secrets.token_hex(6), itertools.count(1)
    return lambda: f"req_{prefix}{next(counter):08x}"
