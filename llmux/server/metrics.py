"""What is counted, for who scrapes it. Whether anything is, and what it says, is decided elsewhere."""

from collections.abc import Awaitable, Callable, Iterator, Mapping

from aiohttp import web

from llmux.errors import NotFound
from llmux.server import office
from llmux.server.auth import credentials
from llmux.server.endpoint import enter
from llmux.server.services import Desk

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
PATH = "/metrics"


class MetricsEndpoint:
    """Answers scrapers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._doors: Mapping[str, Callable[[web.BaseRequest], Awaitable[None]]] = {
            "none": _let_in,
            "token": self._client,
            "admin": self._administrator,
        }

    async def handle(self, inbound: web.BaseRequest) -> web.Response:
        """The counts, in the form that the scraper asks for."""
        services = self._desk.current()
        if services.metrics is None:
            raise NotFound(f"llmux: there is nothing at {inbound.path}: [metrics] enabled is false.")
        await self._doors[services.metrics_auth](inbound)
        content_type, text = await services.metrics(inbound.headers.get("accept", ""))
        return web.Response(body=text, headers={"content-type": content_type})

    async def _client(self, inbound: web.BaseRequest) -> None:
        await enter(inbound, self._desk)

    async def _administrator(self, inbound: web.BaseRequest) -> None:
        """Prometheus sends no header of one's own choice: it may bring the key as a bearer too."""
        office.admit(inbound, self._desk, next(credentials(inbound.headers, {}), ""))


async def _let_in(inbound: web.BaseRequest) -> None:
    del inbound


def routes(desk: Desk) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler."""
    yield "GET", PATH, MetricsEndpoint(desk).handle
