"""Who is calling: a token -> a Client; and, where nobody needs a token, that the caller is on this machine.

Tokens are held and looked up as SHA-256 hashes, so that nothing here compares a secret byte by byte.
"""

import functools
import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from llmux.errors import Forbidden, GatewayError, Unauthenticated, WrongKey
from llmux.responder import ANYONE, Client
from llmux.server.attempts import too_many

# Every spelling is taken on every path. The value's prefix, if any, is cut off.
CREDENTIALS: tuple[tuple[str, str], ...] = (
    ("x-api-key", ""),
    ("authorization", "bearer "),
    ("x-goog-api-key", ""),
    ("api-key", ""),
)
QUERY_KEY = "key"


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()  # a header may hold any byte


def credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> Iterator[str]:
    """Every credential that a request brings. `headers` are looked up without regard to case."""
    for name, prefix in CREDENTIALS:
        value = headers.get(name, "")
        if value and value[: len(prefix)].lower() == prefix:
            yield value[len(prefix) :].strip()
    if query.get(QUERY_KEY):
        yield query[QUERY_KEY]


class Keys(Protocol):
    """API keys, which are made while the gateway runs."""

    def ours(self, token: str) -> bool:
        """Whether it is written as API keys are."""
        ...

    def seen(self, token: str) -> bool:
        """Whether it has been right before, in this process."""
        ...

    async def find(self, token: str) -> Client | None:
        """Whose it is. Raises Unauthenticated (its time is over), StoreAway (nobody can say now)."""
        ...


class NoKeys:
    """Where there are none."""

    def ours(self, token: str) -> bool:
        del token
        return False

    seen = ours

    async def find(self, token: str) -> None:
        del token


class Door:
    """Lets in who may come in."""

    def __init__(
        self,
        clients: Mapping[bytes, Client],
        *,
        allow_anonymous: bool,
        passes_keys_on: bool = False,
        keys: Keys | None = None,
        keys_required: bool = False,
    ) -> None:
        """`clients` by the digest of their token. Without any, everybody on this machine may come in.

        `passes_keys_on`: a provider is asked with the caller's own key. `keys`: API keys, which open the door beside
        the tokens; `keys_required`: without tokens too, nobody comes in without one.
        """
        self._clients = clients
        self._keys = keys or NoKeys()
        self._needed = bool(clients) or keys_required
        self._passes_keys_on = passes_keys_on and not self._needed
        self._allow_anonymous = allow_anonymous

    async def admit(self, headers: Mapping[str, str], query: Mapping[str, str], wait: float = 0.0) -> Client:
        """Who calls. Where nobody needs a key, it is still known by an API key that it brings.

        `wait`: seconds for which the caller's address waits, after too many wrong keys. The store is not asked then.

        Raises:
            Unauthenticated: no key; WrongKey: none that is known.
            TooManyAttempts: see `wait`.
            StoreAway: an API key, of which nobody can say just now whose it is.
            Forbidden: a web page, or a host name that is not this machine's, where no token is configured.
        """
        refusals = list[GatewayError]()
        for credential in credentials(headers, query):
            if self._needed or self._keys.ours(credential):  # else it means nothing: many clients insist on having one
                try:
                    return await self._whose(credential, wait)
                except GatewayError as error:
                    refusals.append(error)
        if refusals:  # who cannot say now goes before who does not wait, and that before what is wrong
            raise max(refusals, key=lambda error: error.status)
        if self._needed:
            raise Unauthenticated("llmux: a token is needed: send it as x-api-key or as Authorization: Bearer.")
        if not self._allow_anonymous:
            self._must_be_local(headers)
        return ANYONE

    def passes_on(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        """The caller's own key for a backend. A token or a key of ours is never one."""
        if not self._passes_keys_on:
            return ""
        return next((own for own in credentials(headers, query) if not self._keys.ours(own)), "")

    async def _whose(self, credential: str, wait: float) -> Client:
        if wait and self._keys.ours(credential) and not self._keys.seen(credential):
            raise too_many(wait)
        client = self._clients.get(digest(credential)) if self._clients else None
        if client is None and self._keys.ours(credential):
            client = await self._keys.find(credential)
        if client is None:
            raise WrongKey("llmux: this token is not known here.")
        return client

    @staticmethod
    def _must_be_local(headers: Mapping[str, str]) -> None:
        """A page that a browser has loaded must not reach a gateway that asks for no token (DNS rebinding)."""
        for name in ("host", "origin"):
            value = headers.get(name, "")
            if value and not is_loopback(value.rpartition("//")[2]):
                raise Forbidden(
                    f"llmux: {name} {value!r} is not this machine, and no token is configured. "
                    "Bring an API key, add [tokens] to the configuration, or say allow_anonymous = true."
                )


PLACE = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:]*))(?::\d*)?")  # of a Host header; what is more is no name


@functools.lru_cache(256)  # a handful of names, and an address takes 10 us to parse
def is_loopback(host: str) -> bool:
    """Does `host`, with or without a port, name this machine?"""
    found = PLACE.fullmatch(host)
    name = (found["v6"] or found["name"] or "") if found else host  # else an IPv6 address without its brackets
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
