"""The composition root: a loaded configuration -> a house. The only file that knows every class.

What must outlive a reload (limits, cooldowns, the client session) is `Ground`; what a reload builds anew is `House`.
"""

import itertools
import os
import random
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from llmux import __version__
from llmux.clock import Clock, SystemClock
from llmux.config.endpoint import CLIENTS_KEY, Endpoint
from llmux.config.load import Loaded
from llmux.config.schema import Config
from llmux.credentials.keys import sign
from llmux.demo.provider import HEADER
from llmux.demo.transport import DemoTransport
from llmux.dialects.registry import TABLE
from llmux.gateway.attempt import Route
from llmux.gateway.counting import Counter
from llmux.gateway.embedding import Embedder
from llmux.gateway.explain import Explainer
from llmux.gateway.gateway import Gateway
from llmux.gateway.health import Health
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.gateway.parts import Parts, Settings
from llmux.gateway.planner import Planner
from llmux.gateway.tokenizer import Tokenizer
from llmux.ir.value import Value
from llmux.responder import Client, Context
from llmux.routing.assemble import Assembled, assemble
from llmux.routing.catalog import Backend, matches
from llmux.server.auth import Door, digest
from llmux.server.models import Card
from llmux.server.services import Services
from llmux.store.open import open_store
from llmux.telemetry import Listener
from llmux.transports.fetch import Fetcher
from llmux.transports.http import HttpTransport, open_session

MEGABYTE = 1024 * 1024


class Ground(Value):
    """What outlives a reload."""

    clock: Clock
    tell: Listener
    session: aiohttp.ClientSession
    ledger: Ledger
    limits: Keeper
    tokenizer: Tokenizer
    next_id: Callable[[], str]
    started: float  # Unix seconds


@asynccontextmanager
async def open_ground(loaded: Loaded, tell: Listener, clock: Clock | None = None) -> AsyncGenerator[Ground, None]:
    """Opens in order, closes in reverse, also when the third of four fails to open.

    Raises:
        StoreNotOpenedError: the store cannot be used.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        store = open_store(loaded.config.store.url, clock, os.environ)
        stack.push_async_callback(store.close)
        session = await stack.enter_async_context(open_session())
        limits = Keeper()
        ledger = Ledger(store, clock, tell, limits)
        stack.push_async_callback(ledger.close)
        yield Ground(clock, tell, session, ledger, limits, Tokenizer(), ids(), clock.now())


def ids() -> Callable[[], str]:
    """Names for requests: a random prefix and a counter, which costs a twentieth of a UUID."""
    prefix, counter = secrets.token_hex(6), itertools.count(1)
    return lambda: f"req_{prefix}{next(counter):08x}"


class House(Value):
    """One generation: what the server is handed, and what it was made from."""

    services: Services
    assembled: Assembled


def furnish(loaded: Loaded, ground: Ground) -> House:
    """A house for one configuration."""
    config = loaded.config
    assembled = assemble(config, loaded.tables)
    ground.limits.configure(assembled.limits)
    ground.ledger.affinity.configure(config.routing.affinity_ttl if config.routing.affinity else 0.0)
    routes = {name: _route(endpoint, ground) for name, endpoint in assembled.endpoints.items()}
    planner = Planner(assembled.catalog, ground.ledger, ground.clock, config.routing.thinking, ground.tokenizer)
    profiles = assembled.profile_of
    parts = Parts(
        planner, routes, profiles, ground.ledger, ground.limits, ground.clock, ground.tell, random.random,
        Fetcher(limit=int(config.media.max_mb * MEGABYTE), patience=config.media.timeout, enabled=config.media.fetch),
    )  # fmt: skip
    settings = Settings(config.max_retries, config.deadline)
    services = Services(
        dialects=TABLE,
        respond=Gateway(parts, settings).respond,
        embed=Embedder(parts, settings),
        count=Counter(planner, routes, profiles, ground.clock),
        explain=Explainer(planner, routes, profiles, ground.ledger, ground.clock),
        health=Health(assembled.catalog, routes, ground.ledger, ground.clock, __version__, ground.started),
        cards=cards(assembled, int(ground.started)),
        allowed=lambda client, model: not client.models or matches(client.models, model),
        door=door(config, passes_keys_on=any(at.auth == CLIENTS_KEY for at in assembled.endpoints.values())),
        cors=config.cors,
        keepalive=config.keepalive,
        log_bodies=config.log_bodies,
        noticed=(HEADER,) if any(at.kind == "demo" for at in assembled.endpoints.values()) else (),
    )
    return House(services, assembled)


def _route(endpoint: Endpoint, ground: Ground) -> Route:
    dialect, maker = TABLE[endpoint.dialect], endpoint.maker
    if endpoint.kind == "demo":
        return Route(dialect, DemoTransport(ground.clock), _ask_for_fault, maker)
    transport = HttpTransport(endpoint.base_url, ground.session)
    return Route(dialect, transport, lambda context: sign(endpoint, context.credential), maker)


def _ask_for_fault(context: Context) -> Mapping[str, str]:
    """The demo lets everybody in, and fails as the client wishes."""
    return {HEADER: context.headers[HEADER]} if HEADER in context.headers else {}


def door(config: Config, *, passes_keys_on: bool) -> Door:
    """Who may come in."""
    clients = {
        digest(token.key.reveal()): Client(
            name, tuple(token.models), token.max_per_hour, token.max_per_5hours, token.max_per_day
        )
        for name, token in config.tokens.items()
    }
    return Door(clients, allow_anonymous=config.allow_anonymous, passes_keys_on=passes_keys_on)


def cards(assembled: Assembled, created: int) -> tuple[Card, ...]:
    """The models that a client may ask for by name: every backend with a model of its own, and every role."""
    backends = [backend for backend in assembled.catalog.backends if backend.enabled and backend.model != "*"]
    return (
        *(_card(backend, created) for backend in backends),
        *(Card(role, "llmux", created) for role in assembled.catalog.roles),
    )


def _card(backend: Backend, created: int) -> Card:
    profile = backend.profile
    return Card(backend.name, backend.provider, created, profile.context, profile.max_output, profile.capabilities)
