"""The composition root: a configuration -> a house, on the ground that outlives it. It wires, and steps aside."""

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Literal, TypeVar

import msgspec

from llmux import __version__
from llmux.access.access import Access
from llmux.cache.cache import Bounds as CacheBounds
from llmux.cache.cached import Cached, Rules
from llmux.cache.cached import Settings as CacheSettings
from llmux.cache.fitness import HEADER as CACHE_CONTROL
from llmux.config.endpoint import CLIENTS_KEY, Endpoint
from llmux.config.load import Loaded
from llmux.config.schema import Config
from llmux.conversation.answers import Conversations, KeptAnswers
from llmux.conversation.library import Answers
from llmux.conversation.memory import IN_STORE, MEBIBYTE, Memory
from llmux.conversation.notes import Bounds, Notes
from llmux.conversation.reasoning import KeptReasoning
from llmux.credentials.keys import sign
from llmux.demo.provider import HEADER
from llmux.demo.provider import Provider as Demo
from llmux.demo.transport import DemoTransport
from llmux.dialects.registry import TABLE
from llmux.gateway.attempt import Route
from llmux.gateway.counting import Counter
from llmux.gateway.embedding import Embedder
from llmux.gateway.explain import Explainer
from llmux.gateway.gateway import Gateway
from llmux.gateway.health import Health
from llmux.gateway.ledger import Standing
from llmux.gateway.parts import Parts, Settings
from llmux.gateway.planner import Planner
from llmux.gateway.quota import Quota
from llmux.gateway.registry import Source
from llmux.gateway.shop import Shop
from llmux.ground import Ground
from llmux.ir.request import Request
from llmux.ir.value import Value
from llmux.metrics.base import Page
from llmux.responder import Client, Context, Responder
from llmux.routing.assemble import Assembled, assemble, endpoints, windows
from llmux.routing.catalog import Catalog, backend_model
from llmux.routing.offers import names, offers
from llmux.routing.permits import Permits
from llmux.routing.selector import SPEND_HEADER
from llmux.server.auth import Door, digest
from llmux.server.echoes import Echoes
from llmux.server.services import Accounts, CacheDesk, Library, Services
from llmux.store.open import REDIS
from llmux.transports.fetch import Fetcher
from llmux.transports.http import HttpTransport

Told = TypeVar("Told")

# The share of the cache's memory that is for answers as they left.
ECHOED = 1 / 4


class House(Value):
    """One generation: what the server is handed, and what it was made from."""

    services: Services
    assembled: Assembled


def furnish(loaded: Loaded, ground: Ground) -> House:
    """A house for one configuration."""
    config = loaded.config
    places = endpoints(config, loaded.tables)
    routes = {name: _route(endpoint, ground) for name, endpoint in places.items()}
    ground.registry.configure(_sources(places, routes), config.routing.models_refresh)
    assembled = assemble(config, loaded.tables, ground.registry.lists)
    ground.limits.configure(assembled.limits)
    ground.ledger.affinity.configure(config.routing.affinity_ttl if config.routing.affinity else 0.0)
    ground.feed.listen(bool(config.admin_key.reveal()))
    ground.ledger.track.configure(timed=assembled.catalog.is_timed)
    planner = Planner(
        assembled.catalog, ground.ledger, ground.clock, config.routing.thinking, ground.tokenizer, random.random
    )
    profiles = assembled.profile_of
    parts = Parts(
        planner, routes, profiles, ground.ledger, ground.limits, ground.clock, ground.tell, random.random,
        Fetcher(limit=_bytes(config.media.max_mb), patience=config.media.timeout, enabled=config.media.fetch),
        ground.refused, assembled.price_of,
    )  # fmt: skip
    settings, answers = Settings(config.max_retries, config.deadline), _answers(config, ground)
    conversations = Conversations(TABLE, answers)
    count = Counter(planner, routes, profiles, ground.clock)
    explain = Explainer(planner, routes, profiles, ground.ledger, ground.clock)
    services = Services(
        dialects=TABLE,
        respond=KeptAnswers(
            _remembering(
                _caching(Gateway(parts, settings).respond, config, ground, planner, assembled), config, ground
            ),
            conversations,
            answers,
            _bytes(config.conversation.keep_mb),
        ).respond,
        embed=Embedder(parts, settings),
        library=_library(answers, ground),
        count=_whole(conversations, count),
        explain=_whole(conversations, explain),
        health=Health(assembled.catalog, routes, ground.ledger, ground.clock, __version__, ground.started),
        cards=Shop(lambda: offers(assembled.catalog, profiles, int(ground.started)), ground.ledger).cards,
        standings=lambda: [msgspec.to_builtins(one) for one in ground.ledger.snapshot(assembled.catalog.backends)],
        door=door(config, ground.access, passes_keys_on=any(at.auth == CLIENTS_KEY for at in places.values())),
        keys=ground.access.register,
        audit=ground.access.audit.entries,
        cache=CacheDesk(ground.cache.stats, ground.cache.clear),
        echoes=_echoes(config, ground),
        cors=config.cors,
        keepalive=config.keepalive,
        log_bodies=config.log_bodies,
        accounts=_accounts(config, ground, assembled.catalog),
        metrics=_scraped(config, assembled.catalog, ground),
        metrics_auth=_scrapers(config),
        admin_key=digest(config.admin_key.reveal()) if config.admin_key.reveal() else b"",
        login_attempts=config.login_attempts,
        noticed=_noticed(config, places, assembled.catalog),
    )
    return House(services, assembled)


def _scraped(config: Config, catalog: Catalog, ground: Ground) -> Page | None:
    """What has been counted, if anything is; with the names of this configuration counted by themselves."""
    if ground.metrics is None:
        return None
    backends = [backend for backend in catalog.backends if backend.enabled]

    async def look() -> Iterable[Standing]:
        if any(backend.windows for backend in backends):
            await ground.ledger.refresh(backends)
        return ground.ledger.snapshot(backends)

    ground.metrics.know(names(catalog), config.tokens)
    return ground.metrics.page(look)


def _scrapers(config: Config) -> Literal["none", "token", "admin"]:
    """Who may scrape. Counts say what each client uses, which is no other client's business."""
    if config.metrics.auth == "auto":
        return "admin" if config.admin_key.reveal() else "token"
    return config.metrics.auth


def _answers(config: Config, ground: Ground) -> Answers:
    """Where answers are kept, and looked for."""
    kept = config.conversation
    bounds = Bounds(_bytes(kept.keep_mb), _bytes(kept.keep_total_mb))
    return Answers(Notes(ground.archive, "answer", bounds), ground.clock, kept.keep)


def _library(answers: Answers, ground: Ground) -> Library:
    """Answers that were kept. One that is gone is told nobody again under its id."""

    async def forget(client: Client, dialect: str, answer_id: str) -> None:
        await answers.forget(client, dialect, answer_id)
        ground.cache.outdate()

    return Library(answers.find, answers.earlier, forget)


def _accounts(config: Config, ground: Ground, catalog: Catalog) -> Accounts:
    """What was used and what is left, for whoever may ask."""
    clients = tuple(Client(name, windows=windows(token)) for name, token in config.tokens.items())
    quota, usage = Quota(catalog, ground.ledger, ground.clock, clients), ground.ledger.usage
    return Accounts(usage.tell, quota.tell, quota.of, quota.reset)


def _bytes(mebibytes: float) -> int:
    return int(mebibytes * MEBIBYTE)


def _remembering(respond: Responder, config: Config, ground: Ground) -> Responder:
    """`respond`, with the reasoning of earlier turns kept around it, if the owner wants it."""
    life = config.conversation.reasoning
    if not life:
        return respond
    memory = Memory(ground.shelf, Notes(ground.archive, "reasoning", IN_STORE), ground.clock, life)
    return KeptReasoning(respond, TABLE, memory).respond


def _caching(respond: Responder, config: Config, ground: Ground, planner: Planner, assembled: Assembled) -> Responder:
    """`respond`, with the cache around it, if the owner wants one."""
    wanted = config.cache
    bounds = CacheBounds(
        wanted.ttl, int(_bytes(wanted.max_mb) * (1 - ECHOED)), _bytes(wanted.max_entry_mb), wanted.max_entries
    )
    # A file is no place to share answers: it would cost a write each, and its workers keep what they tell in memory.
    is_shared = wanted.store and config.store.url.reveal().partition(":")[0] in REDIS
    shared = Notes(ground.archive, "cached", Bounds(bounds.total, bounds.total)) if is_shared else None
    ground.cache.configure(bounds if wanted.enabled else None, shared)
    if not wanted.enabled:
        return respond

    async def first(request: Request, client: Client) -> tuple[str, str] | None:
        plan = await planner.plan(request, client, asks=False)
        names = plan.choice.plan
        return (names[0], backend_model(plan.pool[names[0]], request.model)) if names else None

    settings = CacheSettings(bounds, wanted.shared, wanted.by_backend, wanted.tools)
    return Cached(respond, ground.cache, settings, Rules(Permits(assembled.catalog), first)).respond


def _echoes(config: Config, ground: Ground) -> Echoes | None:
    """What may be told again before it is even read; not where the plan decides, or bodies are to be seen."""
    cache = ground.cache
    if not config.cache.enabled or config.cache.by_backend or config.log_bodies:
        return None
    most = int(_bytes(config.cache.max_mb) * ECHOED)
    return Echoes(most, lambda: cache.epoch, lambda request_id: cache.count("hit", request_id), ground.clock)


def _noticed(config: Config, places: Mapping[str, Endpoint], catalog: Catalog) -> tuple[str, ...]:
    """The client's headers that somebody reads beside its dialect."""
    read = {
        HEADER: any(at.kind == "demo" for at in places.values()),
        CACHE_CONTROL: config.cache.enabled,
        SPEND_HEADER: catalog.asks_before_it_costs,
    }
    return tuple(name for name, is_read in read.items() if is_read)


def _whole(
    conversations: Conversations, ask: Callable[[Request, Context], Awaitable[Told]]
) -> Callable[[Request, Context], Awaitable[Told]]:
    """`ask`, about requests with the conversation that they go on from."""

    async def asked(request: Request, context: Context) -> Told:
        return await ask(await conversations.whole(request, context.client), context)

    return asked


def _route(endpoint: Endpoint, ground: Ground) -> Route:
    dialect, maker, hear = TABLE[endpoint.dialect], endpoint.maker, ground.ledger.hearsay.hear
    if endpoint.kind == "demo":
        return Route(dialect, DemoTransport(ground.clock, Demo((dialect,))), _ask_for_fault, maker, hear)
    transport = HttpTransport(endpoint.base_url, ground.session)
    return Route(dialect, transport, lambda context: sign(endpoint, context.credential), maker, hear)


def _sources(places: Mapping[str, Endpoint], routes: Mapping[str, Route]) -> dict[str, Source]:
    """The providers that may be asked what they list."""
    return {
        name: Source(routes[name], f"{at.dialect} {at.base_url}", asked=at.auth != CLIENTS_KEY)
        for name, at in places.items()
        if at.enabled
    }


def _ask_for_fault(context: Context) -> Mapping[str, str]:
    """The demo lets everybody in, and fails as the client wishes."""
    return {HEADER: context.headers[HEADER]} if HEADER in context.headers else {}


def door(config: Config, access: Access, *, passes_keys_on: bool) -> Door:
    """Who may come in."""
    clients = {
        digest(token.key.reveal()): Client(name, tuple(token.models), windows(token))
        for name, token in config.tokens.items()
    }
    return Door(
        clients,
        allow_anonymous=config.allow_anonymous,
        passes_keys_on=passes_keys_on,
        keys=access.ring,
        keys_required=config.api_key_required,
    )
