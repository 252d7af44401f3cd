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
KINDS = tuple(UNREACHABLE)


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


class _Deadline:
    """What `asyncio.timeout` does, for the one place that every request passes, at a third of its cost."""

    __slots__ = ("_expired", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._expired = False
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def ours(self) -> bool:
        """Was the task cancelled by this deadline, and by nobody else?"""
        return self._expired and self._task is not None and self._task.uncancel() == 0

    def stop(self) -> None:
        self._timer.cancel()

    def _expire(self) -> None:
        self._expired = True
        if self._task is not None:
            self._task.cancel()


class HttpTransport:
    """One provider, reached over HTTP."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self._base = base_url.rstrip("/")
        self._session = session
        self._urls: dict[str, URL] = {}  # parsing a URL costs more than the rest of this file

    async def open(self, call: Call, patience: float) -> Reply:
        watch = _Deadline(patience)
        try:
            response = await self._session.request(
                call.method,
                self._url(call.path),
                data=call.body or None,
                headers=call.headers,
                allow_redirects=False,  # a redirect would carry the key elsewhere
            )
        except asyncio.CancelledError:
            if watch.ours():
                raise BackendSlow(f"The backend did not begin to answer within {patience:.0f} s.") from None
            raise
        except KINDS as error:
            reason = next(words for kind, words in UNREACHABLE.items() if isinstance(error, kind))
            raise BackendUnreachable(f"The backend cannot be reached: {reason}.") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise BackendFailed("The backend closed the connection without an answer.") from error
        finally:
            watch.stop()
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
