"""The administrator's door: a gateway that runs, asked over HTTP; or its store, opened here. Blocking.

The store is where keys are, whoever writes them: a gateway that runs beside knows of a change within two seconds.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from llmux.access.access import Access
from llmux.cli.address import Address, address_of, health
from llmux.cli.admin import NO_ANSWER, complaint, send
from llmux.cli.terminal import Failure
from llmux.clock import SystemClock
from llmux.config.schema import Config
from llmux.errors import GatewayError
from llmux.store.archive import Archive
from llmux.store.base import StoreNotOpenedError
from llmux.store.open import open_store
from llmux.telemetry import Administered, Voice

Told = TypeVar("Told")

KEYS, AUDIT = "/admin/api-keys", "/admin/audit"
HERE = "llmux keys"  # where a change came from that no gateway was asked for
REFUSED = 400
NOWHERE = """no gateway answers at {url}, and what this configuration keeps in memory is in its process alone.
Start it with an admin_key, or give it a store: [store] url = "sqlite:\""""
NO_KEY = """the gateway at {url} keeps its keys in memory, where only it can change them, and that needs an admin_key:
set one in the configuration, or as LLMUX_ADMIN_KEY for both"""


class Office(Protocol):
    """What an administrator can have done. Everything raises Failure."""

    def make(self, wish: Mapping[str, Any]) -> Mapping[str, Any]:
        """A new key, with its secret."""

    def every(self) -> Sequence[Mapping[str, Any]]:
        """All keys, the oldest first."""

    def revoke(self, key_id: str) -> Mapping[str, Any]:
        """It opens nothing any more."""

    def changes(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """What was changed last, the newest first."""


def office(config: Config) -> Office:
    """The gateway of `config`, if it runs and we have its admin key; else its store.

    Raises:
        Failure: neither can be reached from here.
    """
    address, key = address_of(config), config.admin_key.reveal()
    runs = health(address) is not None
    if runs and key:
        return _Gateway(address, key)
    if config.store.url.startswith("memory:"):
        raise Failure((NO_KEY if runs else NOWHERE).format(url=address.url))
    return _Store(config.store.url.reveal())


class _Gateway:
    """One that runs."""

    def __init__(self, address: Address, key: str) -> None:
        self._address, self._key = address, key

    def make(self, wish: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._ask("POST", KEYS, wish)

    def every(self) -> Sequence[Mapping[str, Any]]:
        keys: Sequence[Mapping[str, Any]] = self._ask("GET", KEYS)["keys"]
        return keys

    def revoke(self, key_id: str) -> Mapping[str, Any]:
        return self._ask("DELETE", f"{KEYS}/{quote(key_id, safe='')}")

    def changes(self, limit: int) -> Sequence[Mapping[str, Any]]:
        entries: Sequence[Mapping[str, Any]] = self._ask("GET", f"{AUDIT}?limit={limit}")["entries"]
        return entries

    def _ask(self, method: str, path: str, body: object = None) -> Mapping[str, Any]:
        try:
            status, told = send(self._address, self._key, method, path, body)
        except NO_ANSWER as error:
            raise Failure(f"the gateway at {self._address.url} did not answer: {error}") from None
        if status >= REFUSED:
            raise Failure(complaint(told))
        answer: Mapping[str, Any] = told
        return answer


class _Store:
    """A store that others may have open too."""

    def __init__(self, url: str) -> None:
        self._url = url

    def make(self, wish: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._run(lambda access: _noted(access, "API key made", access.register.make(json.dumps(wish).encode())))

    def every(self) -> Sequence[Mapping[str, Any]]:
        return self._run(lambda access: access.register.every())

    def revoke(self, key_id: str) -> Mapping[str, Any]:
        return self._run(lambda access: _noted(access, "API key revoked", access.register.revoke(key_id)))

    def changes(self, limit: int) -> Sequence[Mapping[str, Any]]:
        return self._run(lambda access: access.audit.entries(limit))

    def _run(self, do: Callable[[Access], Awaitable[Told]]) -> Told:
        try:
            return asyncio.run(self._with(do))
        except (GatewayError, StoreNotOpenedError) as error:
            raise Failure(str(error).removeprefix("llmux: ")) from None

    async def _with(self, do: Callable[[Access], Awaitable[Told]]) -> Told:
        clock = SystemClock()
        store = open_store(self._url, clock, os.environ)
        try:
            access = Access(Archive(store, clock, Voice()), clock)
            told = await do(access)
            await access.close()
            return told
        finally:
            await store.close()


async def _noted(access: Access, action: str, change: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """`change`, with a line in the audit log."""
    told = await change
    access.audit(Administered(action, f"{told['name']}-{told['id']}", HERE))
    return told
