"""What is answered at which path: a table, read from the dialects. It answers nothing itself.

aiohttp's low-level server, not its Application: a table of our own does what its router and its chain of middlewares
would do here, for a tenth of the cost of a small request.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

from aiohttp import web

from llmux.config.schema import Http
from llmux.dialects.base import Dialect
from llmux.dialects.paths import Paths, tidy
from llmux.errors import Crowded, MethodNotAllowed, NotFound
from llmux.server import accounts, caching, kept, keys, metrics
from llmux.server.embedding import EmbeddingEndpoint
from llmux.server.endpoint import Endpoint
from llmux.server.guard import Answers, Guard
from llmux.server.middleware import Middleware
from llmux.server.models import ModelsEndpoint, enquiries
from llmux.server.operations import CountEndpoint, Operations
from llmux.server.peer import Network
from llmux.server.services import Desk

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Row = tuple[str, str, Handler]  # method, path, who answers
LIVE, READY = "/health/live", "/health/ready"
DEFAULTS = Http()
CROWDED_S = 5.0  # until a connection may be free again


class Routes:
    """Path and method -> handler."""

    def __init__(self, desk: Desk, dialects: Mapping[str, Dialect], more: Iterable[Row] = ()) -> None:
        operations = Operations(desk)
        rows: dict[str, list[tuple[str, Handler]]] = {
            "POST": [("/llmux/explain", operations.explain), *_asked(dialects, desk)],
            # Claude Code warms its connection up at /api/hello, and looks at nothing that it hears there.
            "GET": [
                ("/", operations.root),
                ("/api/hello", operations.root),
                ("/health", operations.health),
                (LIVE, operations.live),
                (READY, operations.ready),
            ],
        }
        for (method, path), found in enquiries(dialects).items():
            rows.setdefault(method, []).append((path, ModelsEndpoint(found, desk).handle))
        own = (
            kept.routes(dialects, desk),
            keys.routes(desk),
            accounts.routes(desk),
            metrics.routes(desk),
            caching.routes(desk),
            more,
        )
        for method, path, handler in itertools.chain(*own):
            rows.setdefault(method, []).append((path, handler))
        self._tables = {method: Paths(table) for method, table in rows.items()}
        self._posts = self._tables["POST"]

    def find(self, method: str, path: str) -> Handler:
        """Who answers.

        Raises:
            NotFound: nobody, whatever the method.
            MethodNotAllowed: somebody, but not this method.
        """
        handler = self._posts.find(path) if method == "POST" else None
        if handler is not None:
            return handler
        path = tidy(path)
        by_method = {name: table.find(path) for name, table in self._tables.items()}
        handler = by_method.get("GET" if method == "HEAD" else method)
        if handler is not None:
            return handler
        takes = [name for name, found in by_method.items() if found is not None]
        if takes:
            raise MethodNotAllowed(f"llmux: {path} takes {', '.join(takes)}, not {method}.")
        raise NotFound(f"llmux: there is nothing at {path}.")


def inbound(dialect: Dialect) -> Iterator[str]:
    """Every path at which a client of the dialect knocks."""
    for form in dialect.every_form():
        yield from form.inbound
    if dialect.counting is not None:
        yield from dialect.counting.inbound
    if dialect.embedding is not None:
        yield from dialect.embedding.inbound


def _asked(dialects: Mapping[str, Dialect], desk: Desk) -> Iterator[tuple[str, Handler]]:
    for dialect in dialects.values():
        for form in dialect.every_form():
            handler = Endpoint(dialect, form, desk).handle
            yield from ((path, handler) for path in form.inbound)
        if (counting := dialect.counting) is not None:
            counter = CountEndpoint(dialect, counting, desk).handle
            yield from ((path, counter) for path in counting.inbound)
        if (embedding := dialect.embedding) is not None:
            embedder = EmbeddingEndpoint(dialect, embedding, desk).handle
            yield from ((path, embedder) for path in embedding.inbound)


def build(
    desk: Desk,
    dialects: Mapping[str, Dialect],
    *,
    max_body: int,
    trusted: tuple[Network, ...] = (),
    http: Http = DEFAULTS,
    more: Iterable[Row] = (),
) -> web.Server:
    """The server, for a `web.ServerRunner`. Needs a running loop.

    `max_body`: bytes of a body after decompression. `trusted`: proxies whose X-Forwarded-For counts. `http`: how long
    connections are borne. `more`: what rooms above this one answer.
    """
    routes = Routes(desk, dialects, more)
    spoken = Paths((path, dialect) for dialect in dialects.values() for path in inbound(dialect))
    middleware = Middleware(desk, routes.find, spoken, trusted)
    loop = asyncio.get_running_loop()

    def make_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        if desk.draining():  # the client is told to go elsewhere for its next request
            message = message._replace(should_close=True)
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=max_body)

    async def turn_away(request: web.BaseRequest) -> web.StreamResponse:
        if request.path in {LIVE, READY}:  # who asks must not take "full" for "broken"
            response = await middleware.handle(request)
            response.force_close()
            return response
        return await middleware.refuse(Crowded("llmux: all connections are taken.", retry_after=CROWDED_S), request)

    answers = Answers(middleware.handle, turn_away, middleware.refuse)
    return Guard(answers, http, desk.clock, desk.tell, make_request)
