"""What the owner wrote and what is known of providers and models -> the catalog, and where its providers are. Pure."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from msgspec.structs import replace

from llmux.config.endpoint import Endpoint, endpoint
from llmux.config.schema import Backend as Written
from llmux.config.schema import Config, Provider
from llmux.config.tables import Tables
from llmux.ir.capability import Profile
from llmux.ir.value import Value
from llmux.routing.catalog import Backend, Catalog, Limits, Transforms, Window

WINDOWS = {"max_per_hour": 3_600, "max_per_5hours": 18_000, "max_per_day": 86_400}  # key -> seconds
EVERY = "*"  # the backend model that stands for whatever the client asks for
KEPT_PROFILES = 1_024  # clients may ask for any name: only so many are remembered


class Assembled(Value):
    """A configuration, ready to be asked. `profile_of` knows what a model accepts at a backend, by the model's name."""

    catalog: Catalog
    endpoints: Mapping[str, Endpoint]  # by provider; those that have a backend
    limits: Mapping[str, Limits]  # of a provider as a whole, by provider
    profile_of: Callable[[Backend, str], Profile]


class Profiles:
    """What models accept, as the tables and the owner say, remembered by name."""

    def __init__(self, tables: Tables, endpoints: Mapping[str, Endpoint], written: Mapping[str, Written]) -> None:
        self._tables, self._endpoints, self._written = tables, endpoints, written
        self._known = lru_cache(KEPT_PROFILES)(self._find)

    def of(self, backend: Backend, model: str) -> Profile:
        """What `model`, a name as the backend's provider knows it, accepts at `backend`."""
        return self._known(backend.name, backend.provider, model)

    def _find(self, backend: str, provider: str, model: str) -> Profile:
        where = self._endpoints[provider]
        return _stated(self._tables.profile(where.dialect, where.row, model), self._written[backend])


def assemble(config: Config, tables: Tables) -> Assembled:
    """The catalog of `config`, a configuration that holds (see `config/check.py`)."""
    providers = dict.fromkeys(provider_of(written) for written in config.backend)
    endpoints = {name: endpoint(name, config.provider.get(name, Provider()), tables) for name in providers}
    profiles = Profiles(tables, endpoints, {name_of(written): written for written in config.backend})
    backends = tuple(_backend(written, config, endpoints[provider_of(written)], profiles) for written in config.backend)
    roles = {name: tuple(role.backends) for name, role in config.role.items()}
    limits = {name: Limits(at.rps, at.rpm, at.concurrent) for name, at in endpoints.items()}
    single = frozenset(name for name, role in config.role.items() if role.execution == "first")
    return Assembled(Catalog(backends, roles, single), endpoints, limits, profiles.of)


def name_of(written: Written) -> str:
    """What a backend is called."""
    return written.name or written.model


def provider_of(written: Written) -> str:
    """The provider's name, which stands before the first colon."""
    return written.model.partition(":")[0]


def _backend(written: Written, config: Config, at: Endpoint, profiles: Profiles) -> Backend:
    windows = {seconds: getattr(written, key) for key, seconds in WINDOWS.items()}
    bare = Backend(
        name=name_of(written),
        provider=at.name,
        model=written.model.partition(":")[2],
        dialect=at.dialect,
        match=tuple(written.model_match),
        windows=tuple(Window(limit, seconds, written.window) for seconds, limit in windows.items() if limit),
        limits=Limits(written.rps, written.rpm, written.concurrent),
        transforms=Transforms(tuple(written.key_delete), written.key_rename, written.key_add),
        weight=written.weight,
        verbatim=at.verbatim,
        auto_cache=config.auto_cache,
        embeddings=written.embeddings,
        enabled=written.enabled and at.enabled,
        request_timeout=at.timeout or config.request_timeout,
        idle_timeout=config.idle_timeout,
    )
    profile = profiles.of(bare, bare.model)
    return replace(bare, profile=_hopeful(profile, written) if bare.model == EVERY else profile)


def _stated(profile: Profile, written: Written) -> Profile:
    """`profile` with what the owner says of it. A model never gives more than it can, so the default is cut too."""
    names = ("context", "max_output", "vision", "thinking", "tools")
    stated = {name: value for name in names if (value := getattr(written, name)) is not None}
    profile = replace(profile, **stated)
    if profile.max_output is not None and profile.default_output > profile.max_output:
        return replace(profile, default_output=profile.max_output)
    return profile


def _hopeful(profile: Profile, written: Written) -> Profile:
    """Of a backend that passes any name on: its models may see and reason, unless the owner says that none can."""
    return replace(profile, vision=written.vision is not False, thinking=written.thinking is not False)
