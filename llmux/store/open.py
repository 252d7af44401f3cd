"""A store's URL -> the store: a table of schemes. Nothing is opened before it is asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path

from llmux.clock import Clock
from llmux.store.base import Store, StoreNotOpenedError
from llmux.store.memory import MemoryStore
from llmux.store.sqlite import SqliteStore


def open_store(url: str, clock: Clock, environ: Mapping[str, str]) -> Store:
    """Open the place that `url` names.

    It is "memory:", "sqlite:" (the user's state directory), "sqlite:path", or a Redis: "redis://user:password@host:port/db",
    "rediss://..." with TLS, "unix://user:password@/path?db=0". `environ` is where $XDG_STATE_HOME is looked up.

    Raises:
        StoreNotOpenedError: there is no such scheme, or the place cannot be used; the message says what to do.
    """
    scheme, _, place = url.partition(":")
    opener = OPENERS.get(scheme)
    if opener is None:
        known = ", ".join(f'"{name}:"' for name in OPENERS)
        raise StoreNotOpenedError(f'[store] url = "{scheme}:..." is not a store: use one of {known}')
    return opener(place, clock, environ)


def shown(url: str, environ: Mapping[str, str]) -> str:
    """The place that `url` names, for people: without user, password and options."""
    scheme, _, place = url.partition(":")
    if scheme == "sqlite":
        return f"sqlite:{_file(place, environ)}"
    return f"{scheme}://{place.removeprefix('//').rpartition('@')[2].partition('?')[0]}" if scheme in REDIS else url


def is_shared(url: str) -> bool:
    """Whether other processes may have opened the same place."""
    return url.partition(":")[0] != "memory"


def state_file(environ: Mapping[str, str]) -> Path:
    """Where "sqlite:" keeps its file, after the XDG Base Directory Specification."""
    home = Path(environ.get("XDG_STATE_HOME", ""))
    # It wants a relative path to be ignored, like an absent one.
    base = home if home.is_absolute() else Path.home() / ".local" / "state"
    return base / "llmux" / "llmux.db"


def _file(place: str, environ: Mapping[str, str]) -> Path:
    return Path(place).expanduser() if place else state_file(environ)


def _redis(url: str, clock: Clock) -> Store:
    try:
        from llmux.store.redis import RedisStore
    except ImportError:
        raise StoreNotOpenedError("a store in Redis needs its extra: pip install 'llmux[redis]'") from None
    return RedisStore(url, clock)


# The schemes of a Redis: plain, with TLS, on this machine.
REDIS = ("redis", "rediss", "unix")

OPENERS: Mapping[str, Callable[[str, Clock, Mapping[str, str]], Store]] = {
    "memory": lambda _place, clock, _environ: MemoryStore(clock),
    "sqlite": lambda place, clock, environ: SqliteStore(_file(place, environ), clock),
    "redis": lambda place, clock, _environ: _redis(f"redis:{place}", clock),
    "rediss": lambda place, clock, _environ: _redis(f"rediss:{place}", clock),
    "unix": lambda place, clock, _environ: _redis(f"unix:{place}", clock),
}
