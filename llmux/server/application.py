"""What is answered at which path: a table, read from the dialects. It answers nothing itself.

aiohttp's low-level server, not its Application: a table of our own does what its router and its chain of middlewares
would do here, for a tenth of the cost of a small request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from llmux.dialects.base import Dialect
from llmux.errors import MethodNotAllowed, NotFound
from llmux.server.endpoint import Endpoint
from llmux.server.middleware import Middleware
from llmux.server.operations import CountEndpoint, Operations
from llmux.server.peer import Network
from llmux.server.services import Desk

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
MODELS = ("/v1/models", "/models")


class Routes:
    """Path and method -> handler."""

    def __init__(self, desk: Desk, dialects: Mapping[str, Dialect]) -> None:
        operations = Operations(desk)
        self._posts: dict[str, Handler] = {"/llmux/explain": operations.explain}
        for dialect in dialects.values():
            for path in dialect.inbound:
                self._posts[path] = Endpoint(dialect, desk).handle
                if dialect.counting is not None:
                    self._posts[f"{path}/count_tokens"] = CountEndpoint(dialect, dialect.counting, desk).handle
        self._gets: dict[str, Handler] = {"/": operations.root, "/health": operations.health}
        self._gets |= dict.fromkeys(MODELS, operations.models)
        self._model = operations.model

    def find(self, method: str, path: str) -> Handler:
        """Who answers.

        Raises:
            NotFound: nobody, whatever the method.
            MethodNotAllowed: somebody, but not this method.
        """
        handler = self._posts.get(path) if method == "POST" else None
        if handler is not None:
            return handler
        path = path.replace("/v1/v1/", "/v1/").rstrip("/") or "/"  # base URLs are written in every way
        by_method = {"POST": self._posts.get(path), "GET": self._get(path)}
        handler = by_method["GET" if method == "HEAD" else method] if method in {"POST", "GET", "HEAD"} else None
        if handler is not None:
            return handler
        takes = [name for name, found in by_method.items() if found is not None]
        if takes:
            raise MethodNotAllowed(f"llmux: {path} takes {', '.join(takes)}, not {method}.")
        raise NotFound(f"llmux: there is nothing at {path}.")

    def _get(self, path: str) -> Handler | None:
        exact = self._gets.get(path)
        if exact is None and path.startswith(tuple(f"{models}/" for models in MODELS)):
            return self._model
        return exact


def build(
    desk: Desk, dialects: Mapping[str, Dialect], *, max_body: int, trusted: tuple[Network, ...] = ()
) -> web.Server:
    """The server, for a `web.ServerRunner`. Needs a running loop.

    `max_body`: bytes of a body after decompression. `trusted`: proxies whose X-Forwarded-For counts.
    """
    routes = Routes(desk, dialects)
    by_path = {path: dialect for dialect in dialects.values() for path in dialect.inbound}
    middleware = Middleware(desk, routes.find, by_path, trusted)

    loop = asyncio.get_running_loop()

    def make_request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=max_body)

    return web.Server(
        middleware.handle,
        request_factory=make_request,
        handler_cancellation=True,  # else a backend runs on for a client that has left
        access_log=None,
    )
