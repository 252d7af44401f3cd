"""What the owner wrote and what is known of providers and models -> the catalog, and where its providers are. Pure."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec.structs import replace

from llmux.config.endpoint import Endpoint, endpoint
from llmux.config.schema import Backend as Written
from llmux.config.schema import Config, Provider, Role
from llmux.config.tables import Tables
from llmux.ir.capability import Profile
from llmux.ir.card import ModelCard
from llmux.ir.price import Price
from llmux.ir.value import Value
from llmux.responder import FOREVER, Unit, Window
from llmux.routing.catalog import AS_CONFIGURED, Backend, Catalog, Limits, Transforms, Way, find
from llmux.routing.listed import NOTHING, Listed, Lists, listed
from llmux.routing.prices import Prices
from llmux.routing.windows import FROM_FIRST_REQUEST

HOUR, DAY = 3_600, 86_400  # s
# A key that sets a limit -> what it counts, in which span.
WINDOWS: Mapping[str, tuple[Unit, int]] = {
    "max_per_hour": ("requests", HOUR),
    "max_per_5hours": ("requests", FROM_FIRST_REQUEST),
    "max_per_day": ("requests", DAY),
    "max_tokens_per_hour": ("tokens", HOUR),
    "max_tokens_per_day": ("tokens", DAY),
    "max_tokens_per_month": ("tokens", 30 * DAY),
    "max_usd_per_day": ("usd", DAY),
    "max_usd_per_month": ("usd", 30 * DAY),
    "max_usd": ("usd", FOREVER),
}
EVERY = "*"  # the backend model that stands for whatever the client asks for
STATED = ("context", "max_output", "vision", "thinking", "tools")  # keys of a backend that are fields of its profile
HOPED = ("vision", "thinking")
KEPT_PROFILES = 1_024  # clients may ask for any name: only so many are remembered


class Assembled(Value):
    """A configuration, ready to be asked.

    By the name of a model at a backend `profile_of` knows what it accepts, and `price_of` what it costs.
    """

    catalog: Catalog
    endpoints: Mapping[str, Endpoint]  # by provider; those that have a backend
    limits: Mapping[str, Limits]  # of a provider as a whole, by provider
    profile_of: Callable[[Backend, str], Profile]
    price_of: Callable[[Backend, str], Price | None]


class Known(Value):
    """All that is known of models: what the tables say, the owner, and the providers themselves."""

    tables: Tables
    endpoints: Mapping[str, Endpoint]
    written: Mapping[str, Written]  # by the name of the backend
    lists: Mapping[str, Listed]  # by provider

    def card(self, provider: str, model: str) -> ModelCard | None:
        """What the provider tells of it."""
        return self.lists[provider].find(model) if provider in self.lists else None


class Profiles:
    """What models accept, remembered by name. The owner's word counts most, then the tables', then the provider's."""

    def __init__(self, known: Known) -> None:
        self._of = known
        self._known = lru_cache(KEPT_PROFILES)(self._find)
        self._hoped = lru_cache(KEPT_PROFILES)(self._hope)

    def of(self, backend: Backend, model: str) -> Profile:
        """What `model`, a name as the backend's provider knows it, accepts at `backend`."""
        return self._known(backend.name, backend.provider, model)

    def hopeful(self, backend: Backend, model: str) -> Profile:
        """The same for choosing: who passes any name on may see and reason, unless somebody says that it cannot."""
        return self._hoped(backend.name, backend.provider, model)

    def _find(self, backend: str, provider: str, model: str) -> Profile:
        where, card = self._of.endpoints[provider], self._of.card(provider, model)
        told = card.facts if card else {}
        return _stated(self._of.tables.profile(where.dialect, where.row, model, told), self._of.written[backend])

    def _hope(self, backend: str, provider: str, model: str) -> Profile:
        profile, written = self._known(backend, provider, model), self._of.written[backend]
        card = self._of.card(provider, model)
        said = (written.profile.keys() | card.facts.keys()) if card else written.profile.keys()
        nobody_says = {name for name in HOPED if getattr(written, name) is None and name not in said}
        return replace(profile, **{name: name in nobody_says or getattr(profile, name) for name in HOPED})


def assemble(config: Config, tables: Tables, lists: Lists = NOTHING) -> Assembled:
    """The catalog of `config`, a configuration that holds (see `config/check.py`), where providers list `lists`."""
    at = endpoints(config, tables)
    shelves = {name: listed(lists[name], whole=not at[name].any_model) for name in at if lists.get(name)}
    profiles = Profiles(Known(tables, at, {name_of(written): written for written in config.backend}, shelves))
    backends = tuple(_backend(written, config, at[provider_of(written)], profiles) for written in config.backend)
    backends = tuple(_listing(backend, shelves) for backend in backends)
    roles = {name: tuple(role.backends) for name, role in config.role.items()}
    limits = {name: Limits(found.rps, found.rpm, found.concurrent) for name, found in at.items()}
    usual = Way(policy=config.routing.policy)
    bare = Catalog(backends, roles)
    ways = {name: _way(name, role, config, bare) for name, role in config.role.items()}
    way = AS_CONFIGURED if usual == AS_CONFIGURED else usual
    catalog = Catalog(backends, roles, ways, way, config.routing.spend, profiles.hopeful)
    return Assembled(catalog, at, limits, profiles.of, _prices(config, tables, at).of)


def _prices(config: Config, tables: Tables, at: Mapping[str, Endpoint]) -> Prices:
    stated = {name_of(written): written.price for written in config.backend if written.price is not None}
    return Prices(stated, config.price, lambda provider, model: tables.price(at[provider].row, model))


def _way(name: str, role: Role, config: Config, catalog: Catalog) -> Way:
    """How a role's backends answer. Weighted ones are asked in their turn, and fail over as others do."""
    weighted = role.execution == "weighted"
    members = {member: find(catalog, member) for member in role.weights}
    way = Way(
        name=name,
        execution="fallback" if role.execution == "weighted" else role.execution,
        policy="weighted" if weighted else role.policy or config.routing.policy,
        weights={member.name: role.weights[key] for key, member in members.items() if member},
        hedge_after=role.hedge_after,
        hedge_share=role.hedge_share,
        join=role.join,
    )
    return AS_CONFIGURED if way == replace(AS_CONFIGURED, name=name) else way


def endpoints(config: Config, tables: Tables) -> Mapping[str, Endpoint]:
    """Where the providers are that have a backend, in the order of the backends."""
    providers = dict.fromkeys(provider_of(written) for written in config.backend)
    return {name: endpoint(name, config.provider.get(name, Provider()), tables) for name in providers}


def _listing(backend: Backend, shelves: Mapping[str, Listed]) -> Backend:
    return replace(backend, listed=shelves.get(backend.provider)) if backend.model == EVERY else backend


def name_of(written: Written) -> str:
    """What a backend is called."""
    return written.name or written.model


def provider_of(written: Written) -> str:
    """The provider's name, which stands before the first colon."""
    return written.model.partition(":")[0]


def windows(written: object, kind: Literal["sliding", "calendar"] = "sliding") -> tuple[Window, ...]:
    """The limits that `written` sets: whatever has fields that are keys of WINDOWS."""
    limits = ((getattr(written, key, None), *row) for key, row in WINDOWS.items())
    return tuple(Window(limit, seconds, kind, unit) for limit, unit, seconds in limits if limit is not None)


def _backend(written: Written, config: Config, at: Endpoint, profiles: Profiles) -> Backend:
    bare = Backend(
        name=name_of(written),
        provider=at.name,
        model=written.model.partition(":")[2],
        dialect=at.dialect,
        match=tuple(written.model_match),
        windows=windows(written, written.window),
        limits=Limits(written.rps, written.rpm, written.concurrent),
        transforms=Transforms(tuple(written.key_delete), written.key_rename, written.key_add),
        weight=written.weight,
        cost=written.cost or at.cost,
        verbatim=at.verbatim,
        auto_cache=config.auto_cache,
        embeddings=written.embeddings,
        tool_repair=_repair(config.tool_repair, written.tool_repair),
        tool_text=written.tool_text,
        enabled=written.enabled and at.enabled,
        request_timeout=at.timeout or config.request_timeout,
        idle_timeout=config.idle_timeout,
    )
    profile_of = profiles.hopeful if bare.model == EVERY else profiles.of
    return replace(bare, profile=profile_of(bare, bare.model))


def _repair(usual: bool, stated: bool | None) -> Literal["never", "translated", "always"]:
    """Answers that pass as they came are read for the sake of their calls only where the owner says so of a backend."""
    if stated is None:
        return "translated" if usual else "never"
    return "always" if stated else "never"


def _stated(profile: Profile, written: Written) -> Profile:
    """`profile` with what the owner says of it. A model never gives more than it can, so the default is cut too."""
    stated = {name: value for name in STATED if (value := getattr(written, name)) is not None}
    if written.profile or stated:
        profile = msgspec.convert({**msgspec.structs.asdict(profile), **written.profile, **stated}, Profile)
    if profile.max_output is not None and profile.default_output > profile.max_output:
        return replace(profile, default_output=profile.max_output)
    return profile
