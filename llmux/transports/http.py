"""HTTP to a backend: the only file that holds an aiohttp client. It knows no dialect and retries nothing."""

import asyncio
from collections.abc import Mapping

import aiohttp
from yarl import URL

from llmux.errors import BackendCut, BackendFailed, BackendSlow, BackendUnreachable, GatewayError
from llmux.transports.base import Call, Reply

# Long enough for a pause between two turns of a conversation; most servers close earlier, which aiohttp notices.
KEEPALIVE_S = 60.0
CONNECT_S = 10.0
# One read takes what has come, up to twice this; the default would wake us up four times as often.
READ_BUFFER = 2**18

# What failed while connecting, in words that name no address. The first class that fits counts.
UNREACHABLE: Mapping[type[Exception], str] = {
    aiohttp.ClientConnectorCertificateError: "its certificate is not valid",
    aiohttp.ClientConnectorSSLError: "the TLS handshake failed",
    aiohttp.ClientConnectorDNSError: "its host name cannot be resolved",
    aiohttp.ConnectionTimeoutError: "no connection in time",
    aiohttp.ClientConnectorError: "the connection was refused",
    aiohttp.InvalidURL: "its base_url is not a URL",
}


def open_session() -> aiohttp.ClientSession:
    """The one client session of a house: no cookies, no redirects, no limit of its own. Needs a running loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
        read_bufsize=READ_BUFFER,
        # Identity: decompressing a stream would hold its events back.
        headers={"accept-encoding": "identity"},
        skip_auto_headers=("user-agent",),
    )


class HttpReply:
    """An answer over HTTP while it arrives."""

    __slots__ = ("_content", "_error", "_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._content = response.content
        self._error: GatewayError | None = None
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        try:
            return await self._content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise self._error or BackendCut("The backend's answer broke off.") from error

    def abort(self, error: GatewayError) -> None:
        self._error = error
        self._content.set_exception(error)
        self._response.close()

    def close(self) -> None:
        if self._content.at_eof():
            self._response.release()
        else:
            self._response.close()


class HttpTransport:
    """One provider, reached over HTTP."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self._base = base_url.rstrip("/")
        self._session = session
        self._urls: dict[str, URL] = {}  # parsing a URL costs more than the rest of this file

    async def open(self, call: Call, patience: float) -> Reply:
        try:
            async with asyncio.timeout(patience):
                response = await self._session.request(
                    call.method,
                    self._url(call.path),
                    data=call.body or None,
                    headers=call.headers,
                    allow_redirects=False,  # a redirect would carry the key elsewhere
                )
        except TimeoutError:
            raise BackendSlow(f"The backend did not begin to answer within {patience:.0f} s.") from None
        except tuple(UNREACHABLE) as error:
            reason = next(words for kind, words in UNREACHABLE.items() if isinstance(error, kind))
            raise BackendUnreachable(f"The backend cannot be reached: {reason}.") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise BackendFailed("The backend closed the connection without an answer.") from error
        return HttpReply(response)

    async def close(self) -> None:
        """The session is shared: whoever opened it closes it."""

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            url = URL(self._base + path, encoded=True)
            if "?" not in path:  # a query may be a client's: such a table would have no end
                self._urls[path] = url
        return url
