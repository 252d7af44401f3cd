"""The backends that can be asked, and what a model's name means. Pure values and lookups; `config` builds them.

A model's name leads to backends here and nowhere else: `provider:model`, a role, or any name that a backend takes.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from llmux.ir.capability import Profile
from llmux.ir.value import Value


class Window(Value):
    """A limit on requests per span. `seconds` is 3600, 18000 or 86400."""

    limit: int
    seconds: int
    kind: Literal["sliding", "calendar"] = "sliding"


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
    """One model at one provider, everything resolved. `model` "*" stands for whatever the client asks for."""

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
    verbatim: bool = True
    auto_cache: bool = True  # prompts of clients that know no cache marks are marked
    embeddings: bool = False  # it embeds and does nothing else; no other backend embeds
    enabled: bool = True
    request_timeout: float = 90.0  # s
    idle_timeout: float = 120.0  # s


class Catalog(Value):
    """Every backend in configuration order, and the roles that name sets of them.

    `single` are the roles with execution = "first": the first that fits answers, or nobody.
    """

    backends: tuple[Backend, ...]
    roles: Mapping[str, tuple[str, ...]] = {}
    single: frozenset[str] = frozenset()


def find(catalog: Catalog, name: str) -> Backend | None:
    """The backend of this name, or else the first that is this `provider:model`."""
    by_name = (backend for backend in catalog.backends if backend.name == name)
    by_model = (backend for backend in catalog.backends if f"{backend.provider}:{backend.model}" == name)
    return next(by_name, None) or next(by_model, None)


def candidates(catalog: Catalog, model: str) -> tuple[Backend, ...]:
    """The backends that a client may mean by `model`, in order.

    The name of a backend means that one and no other, `provider:anything` the provider's "*" backend, the name of a
    role its set. Backends that are meant by name come without their `match`: it has nothing left to decide. Any other
    name may mean every backend, and `match` decides.
    """
    if named := find(catalog, model):
        return (_meant(named),)
    if model in catalog.roles:
        members = (find(catalog, name) for name in catalog.roles[model])
        return tuple(_meant(backend) for backend in members if backend)
    if passing_on := next((backend for backend in catalog.backends if _passes_on(backend, model)), None):
        return (_meant(passing_on),)
    return catalog.backends


def _meant(backend: Backend) -> Backend:
    return replace(backend, match=()) if backend.match else backend


def _passes_on(backend: Backend, model: str) -> bool:
    provider, _, rest = model.partition(":")
    return backend.model == "*" and backend.provider == provider and rest != ""


def backend_model(backend: Backend, asked: str) -> str:
    """The model's name as the backend knows it. A "*" backend gets the client's own, less a leading `provider:`."""
    return asked.removeprefix(f"{backend.provider}:") if backend.model == "*" else backend.model


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
