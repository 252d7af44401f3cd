"""Fetches what a client points at, for backends that do not. Public addresses only, and only so much.

Whoever may ask the gateway could otherwise make it read what only this machine can reach (server-side request forgery):
every address is looked at after its name is resolved and before it is connected to, also behind a redirect.
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import asyncio
import base64
import ipaddress
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

from llmux.errors import MediaNotFetched
from llmux.ir.content import Inline
from llmux.ir.media import media_type

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
REDIRECTS = 3
READ = 64 * 1024  # bytes


def is_public(address: Address) -> bool:
    """Whether everybody's network reaches it: neither private, nor loopback, nor link-local, nor reserved."""
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_global and not address.is_multicast


class _Refused(OSError):
    """The address is not one that clients may point at."""


class GuardedResolver(AbstractResolver):
    """Names -> those of their addresses that clients may point at."""

    def __init__(self, permitted: Callable[[Address], bool]) -> None:
        self._permitted = permitted
        self._inner = DefaultResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        """See aiohttp. Raises OSError when no address is left."""
        found = await self._inner.resolve(host, port, family)
        good = [one for one in found if self._permitted(ipaddress.ip_address(one["host"].partition("%")[0]))]
        if not good:
            raise _Refused(f"{host} is not a public address")
        return good

    async def close(self) -> None:
        """See aiohttp."""
        await self._inner.close()


class Fetcher:
    """Fetches links. Its session has no cookies, no proxy and no key of ours."""

    def __init__(
        self, *, limit: int, patience: float, permitted: Callable[[Address], bool] = is_public, enabled: bool = True
    ) -> None:
        """`limit`: bytes of one link; `patience`: seconds for one link. Not `enabled`: everything is refused."""
        self._limit, self._patience, self._permitted, self._enabled = limit, patience, permitted, enabled

    async def __call__(self, url: str) -> Inline:
        """What is at `url`.

        Raises:
            MediaNotFetched: it is not there, may not be reached, is too large or comes too late.
        """
        if not self._enabled:
            raise MediaNotFetched("llmux: this backend takes no links, and fetching them is switched off ([media]).")
        try:
            async with asyncio.timeout(self._patience), self._session() as session:
                return await self._fetch(session, URL(url))
        except TimeoutError:
            reason = f"it did not come within {self._patience:.0f} s"
        except _Refused as error:
            reason = str(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            refused = error.__cause__ if isinstance(error.__cause__, _Refused) else None
            reason = str(refused) if refused else "it cannot be reached"
        raise MediaNotFetched(f"llmux: this backend takes no links, and {_short(url)} was not fetched: {reason}.")

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(resolver=GuardedResolver(self._permitted), force_close=True)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def _fetch(self, session: aiohttp.ClientSession, url: URL) -> Inline:
        for _ in range(REDIRECTS + 1):
            self._look_at(url)
            async with session.get(url, allow_redirects=False) as answer:
                if "location" in answer.headers and answer.status in range(300, 400):
                    url = url.join(URL(answer.headers["location"]))
                    continue
                if answer.status != 200:  # noqa: PLR2004
                    raise _Refused(f"it answered with status {answer.status}")
                data = base64.b64encode(await self._read(answer)).decode()
                return Inline(media_type(data, answer.content_type.lower()), data)
        raise _Refused("it redirects too often")

    def _look_at(self, url: URL) -> None:
        """An address in the URL itself is asked of no resolver."""
        if url.scheme not in {"http", "https"} or not url.host:
            raise _Refused("only http and https are fetched")
        try:
            address = ipaddress.ip_address(url.host)
        except ValueError:
            return
        if not self._permitted(address):
            raise _Refused(f"{url.host} is not a public address")

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        pieces, size = list[bytes](), 0
        async for piece in answer.content.iter_chunked(READ):
            pieces.append(piece)
            size += len(piece)
            if size > self._limit:
                raise _Refused(f"it is larger than {self._limit / 1024 / 1024:.0f} MB")
        return b"".join(pieces)


def _short(url: str) -> str:
    return url if len(url) <= 100 else url[:100] + "..."  # noqa: PLR2004 - enough to know it again
