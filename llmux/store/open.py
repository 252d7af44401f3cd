"""A store's URL -> the store: a table of schemes. Nothing is opened before it is asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path

from llmux.clock import Clock
from llmux.store.base import Store, StoreNotOpenedError
from llmux.store.memory import MemoryStore
from llmux.store.sqlite import SqliteStore


def open_store(url: str, clock: Clock, environ: Mapping[str, str]) -> Store:
    """Open the place that `url` names: "memory:", "sqlite:" (the user's state directory) or "sqlite:path".

    `environ` is where $XDG_STATE_HOME is looked up.

    Raises:
        StoreNotOpenedError: there is no such scheme, or the place cannot be used; the message says what to do.
    """
    scheme, _, place = url.partition(":")
    opener = OPENERS.get(scheme)
    if opener is None:
        known = ", ".join(f'"{name}:"' for name in OPENERS)
        later = " (redis is not supported yet)" if scheme in {"redis", "rediss"} else ""
        raise StoreNotOpenedError(f'[store] url = "{scheme}:..." is not a store{later}: use one of {known}')
    return opener(place, clock, environ)


def state_file(environ: Mapping[str, str]) -> Path:
    """Where "sqlite:" keeps its file, after the XDG Base Directory Specification."""
    home = Path(environ.get("XDG_STATE_HOME", ""))
    # It wants a relative path to be ignored, like an absent one.
    base = home if home.is_absolute() else Path.home() / ".local" / "state"
    return base / "llmux" / "llmux.db"


def _file(place: str, environ: Mapping[str, str]) -> Path:
    return Path(place).expanduser() if place else state_file(environ)


OPENERS: Mapping[str, Callable[[str, Clock, Mapping[str, str]], Store]] = {
    "memory": lambda _place, clock, _environ: MemoryStore(clock),
    "sqlite": lambda place, clock, environ: SqliteStore(_file(place, environ), clock),
}
