"""Who is calling: a token -> a Client; and, where nobody needs a token, that the caller is on this machine.

Tokens are held and looked up as SHA-256 hashes, so that nothing here compares a secret byte by byte.
"""

import functools
import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping

from llmux.errors import Forbidden, Unauthenticated
from llmux.responder import ANYONE, Client

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
    return hashlib.sha256(token.encode()).digest()


def credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> Iterator[str]:
    """Every credential that a request brings. `headers` are looked up without regard to case."""
    for name, prefix in CREDENTIALS:
        value = headers.get(name, "")
        if value and value[: len(prefix)].lower() == prefix:
            yield value[len(prefix) :].strip()
    if query.get(QUERY_KEY):
        yield query[QUERY_KEY]


class Door:
    """Lets in who may come in."""

    def __init__(self, clients: Mapping[bytes, Client], *, allow_anonymous: bool, passes_keys_on: bool = False) -> None:
        """`clients` by the digest of their token. Without any, everybody on this machine may come in.

        `passes_keys_on`: a provider is asked with the caller's own key.
        """
        self._clients = clients
        self._passes_keys_on = passes_keys_on and not clients
        self._allow_anonymous = allow_anonymous

    async def admit(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Client:
        """Who calls.

        Raises:
            Unauthenticated: no token, or none that is known.
            Forbidden: a web page, or a host name that is not this machine's, where no token is configured.
        """
        if self._clients:
            return self._known(headers, query)
        if not self._allow_anonymous:
            self._must_be_local(headers)
        return ANYONE

    def passes_on(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        """The caller's own key for a backend. A token of ours is never one."""
        return next(credentials(headers, query), "") if self._passes_keys_on else ""

    def _known(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Client:
        brought = False
        for credential in credentials(headers, query):
            brought = True
            client = self._clients.get(digest(credential))
            if client is not None:
                return client
        if brought:
            raise Unauthenticated("llmux: this token is not known here.")
        raise Unauthenticated("llmux: a token is needed: send it as x-api-key or as Authorization: Bearer.")

    @staticmethod
    def _must_be_local(headers: Mapping[str, str]) -> None:
        """A page that a browser has loaded must not reach a gateway that asks for no token (DNS rebinding)."""
        for name in ("host", "origin"):
            value = headers.get(name, "")
            if value and not is_loopback(value.rpartition("//")[2]):
                raise Forbidden(
                    f"llmux: {name} {value!r} is not this machine, and no token is configured. "
                    "Add [tokens] to the configuration, or allow_anonymous = true."
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
