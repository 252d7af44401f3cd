"""The backends that can be asked, and what a model's name means. Pure values and lookups; `config` builds them.

A model's name leads to backends here and nowhere else: `provider:model`, a role, or any name that a backend takes.
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from llmux.config.schema import Cost, Policy, Spend
from llmux.ir.capability import Profile
from llmux.ir.naming import plain, unaliased
from llmux.ir.value import Value
from llmux.responder import Window
from llmux.routing.listed import Listed, sent

# Costs that are paid already, or never: from a backend of one of these nobody is led to another one unasked.
UNPAID: frozenset[Cost] = frozenset({"free", "subscription"})


class Limits(Value):
    """How fast and how much at once. None: no limit."""

    rps: float | None = None
    rpm: float | None = None
    concurrent: int | None = None


class Transforms(Value):
    """Changes to the keys of a request's body, top level: first delete, then rename, then add."""

    delete: tuple[str, ...] = ()
    rename: Mapping[str, str] = {}
    add: Mapping[str, Any] = {}


class Backend(Value, kw_only=True):
    """One model at one provider, everything resolved. `model` "*" stands for whatever the client asks for.

    `listed` is what the provider of a "*" backend lists, None where that is not known or does not matter. `found` is
    the name there of the model that is asked for, "" where there is none.
    """

    name: str
    provider: str
    model: str
    dialect: str
    profile: Profile = Profile()
    match: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    limits: Limits = Limits()
    transforms: Transforms = Transforms()
    weight: int = 1
    cost: Cost = ""  # what its owner says a request costs: "" is nothing said, and not nothing
    verbatim: bool = True
    auto_cache: bool = True  # prompts of clients that know no cache marks are marked
    embeddings: bool = False  # it embeds and does nothing else; no other backend embeds
    tool_repair: Literal["never", "translated", "always"] = "translated"  # in which lane calls are put right
    tool_text: bool = False  # the model prints calls as text
    enabled: bool = True
    request_timeout: float = 90.0  # s
    idle_timeout: float = 120.0  # s
    listed: Listed | None = None
    found: str = ""


class Way(Value, kw_only=True):
    """How the backends that a model's name means answer together.

    `execution`: "fallback" (one after the other, until one answers), "first" (the first that fits, or nobody), "hedge"
    (the next one too where the first keeps silent) or "parallel" (all at once). `policy` orders them; `weights` are
    shares, by the backend's name, that count instead of its own.

    `hedge_after` is seconds of silence where nobody knows how long a backend usually takes, `hedge_share` how many of
    the requests may be asked twice. `join`: "first", "all" or the model that makes one answer of all. `name` is the
    role's, "" where the name is no role's.
    """

    name: str = ""
    execution: Literal["first", "fallback", "parallel", "hedge"] = "fallback"
    policy: Policy = "first"
    weights: Mapping[str, int] = {}
    hedge_after: float = 2.0  # s
    hedge_share: float = 0.1
    join: str = "first"

    @property
    def is_timed(self) -> bool:
        """Whether it matters how long backends take to begin."""
        return self.policy == "latency" or self.execution == "hedge"


AS_CONFIGURED = Way()


class Catalog(Value):
    """Every backend in configuration order, and the roles that name sets of them.

    `ways` say how each role's backends answer, `way` how all others do; `spend` whether a request may go on from one
    that costs nothing to others. `profile_of` says what a "*" backend takes when it is asked for a certain model.
    """

    backends: tuple[Backend, ...]
    roles: Mapping[str, tuple[str, ...]] = {}
    ways: Mapping[str, Way] = {}
    way: Way = AS_CONFIGURED
    spend: Spend = "ask"
    profile_of: Callable[[Backend, str], Profile] = lambda backend, _model: backend.profile

    @property
    def is_timed(self) -> bool:
        """Whether it matters anywhere how long backends take to begin."""
        return any(way.is_timed for way in (self.way, *self.ways.values()))

    @property
    def asks_before_it_costs(self) -> bool:
        """Whether it is for clients to say that a request may cost money where it could be had for none."""
        return self.spend == "ask" and any(backend.cost in UNPAID for backend in self.backends)


def find(catalog: Catalog, name: str) -> Backend | None:
    """The backend of this name, or else the first that is this `provider:model`."""
    by_name = (backend for backend in catalog.backends if backend.name == name)
    by_model = (backend for backend in catalog.backends if f"{backend.provider}:{backend.model}" == name)
    return next(by_name, None) or next(by_model, None)


def candidates(catalog: Catalog, model: str) -> tuple[Backend, ...]:
    """The backends that a client may mean by `model`, in order.

    The name of a backend means that one and no other, `provider:anything` the provider's "*" backend, the name of a
    role its set. Backends that are meant by name come without their `match` and without what their provider lists: it
    has nothing left to decide. Any other name may mean every backend, and `match` and the lists decide.
    """
    return named(catalog, model) or tuple(_at(catalog, backend, model) for backend in catalog.backends)


def named(catalog: Catalog, model: str) -> tuple[Backend, ...]:
    """The backends that `model` is the name of; none when it may mean every one."""
    for name in dict.fromkeys((model, plain(model))):
        if meant := find(catalog, name):
            return (_meant(_at(catalog, meant, name)),)
        if name in catalog.roles:
            members = (find(catalog, member) for member in catalog.roles[name])
            return tuple(_meant(backend) for backend in members if backend)
        if passing_on := next((backend for backend in catalog.backends if _passes_on(backend, name)), None):
            return (_meant(_at(catalog, passing_on, name)),)
    return ()


def way_of(catalog: Catalog, model: str) -> Way:
    """How the backends that `model` means answer together: AS_CONFIGURED itself where that is all there is to it."""
    for name in dict.fromkeys((model, plain(model))):
        if name in catalog.roles and not find(catalog, name):
            return catalog.ways.get(name, catalog.way)
    return catalog.way


def takes(backend: Backend, model: str) -> bool:
    """Whether a backend that is not meant by name takes a model of this one."""
    if backend.match and not (matches(backend.match, model) or matches(backend.match, plain(model))):
        return False
    return backend.listed is None or not backend.listed.whole or backend.listed.find(model) is not None


def _at(catalog: Catalog, backend: Backend, model: str) -> Backend:
    """The backend when it is asked for `model`: with the name and the profile of what its provider lists."""
    if backend.listed is None:
        return backend
    name = model.removeprefix(f"{backend.provider}:")
    card = backend.listed.find(name)
    if card is None:
        return backend
    found = sent(card, name)
    return replace(backend, found=found, profile=catalog.profile_of(backend, found))


def _meant(backend: Backend) -> Backend:
    return replace(backend, match=(), listed=None) if backend.match or backend.listed else backend


def _passes_on(backend: Backend, model: str) -> bool:
    provider, _, rest = model.partition(":")
    return backend.model == "*" and backend.provider == provider and rest != ""


def backend_model(backend: Backend, asked: str) -> str:
    """The model's name as the backend knows it. A "*" backend gets the client's own, less a leading `provider:`."""
    if backend.model != "*":
        return backend.model
    return backend.found or unaliased(asked).removeprefix(f"{backend.provider}:")


def matches(globs: Sequence[str], name: str) -> bool:
    """Whether the whole of `name` is like one of `globs`, in any case: `*` is any run, `?` any one character."""
    return _compiled(tuple(globs)).fullmatch(name) is not None


# Globs come from the configuration only, so this holds as many as the owner wrote.
@functools.cache
def _compiled(globs: tuple[str, ...]) -> re.Pattern[str]:
    nothing = r"(?!)"
    return re.compile("|".join(map(_regex, globs)) if globs else nothing, re.IGNORECASE | re.DOTALL)


def _regex(glob: str) -> str:
    """A glob as a regular expression.

    What stands between two stars is as well found at its first place as at any later one. The atomic group says so,
    and a client's long name costs time in proportion to its length, not to a power of it.
    """
    head, *rest = (".".join(map(re.escape, piece.split("?"))) for piece in glob.split("*"))
    if not rest:
        return head
    *middle, tail = rest
    return head + "".join(f"(?>.*?{piece})" for piece in middle) + ".*" + tail
