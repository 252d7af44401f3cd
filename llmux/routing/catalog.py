"""Configuration -> the backends that can be asked, checked once, then frozen. Pure: values and their builder.

A model's name leads to backends here and nowhere else: `provider:model`, a role, or any name that a backend takes.
"""

from collections.abc import Mapping
from typing import Any, Literal

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
    enabled: bool = True
    request_timeout: float = 90.0  # s
    idle_timeout: float = 120.0  # s


class Catalog(Value):
    """Every backend in configuration order, and the roles that name sets of them."""

    backends: tuple[Backend, ...]
    roles: Mapping[str, tuple[str, ...]] = {}
