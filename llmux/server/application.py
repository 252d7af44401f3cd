"""Builds the aiohttp application: its routes are read from the dialect table. It answers nothing itself."""

from collections.abc import Mapping

from aiohttp import web

from llmux.dialects.base import Dialect
from llmux.server.endpoint import Endpoint
from llmux.server.middleware import Middleware
from llmux.server.operations import CountEndpoint, Operations
from llmux.server.peer import Network
from llmux.server.services import Desk


def build(
    desk: Desk, dialects: Mapping[str, Dialect], *, max_body: int, trusted: tuple[Network, ...] = ()
) -> web.Application:
    """The application.

    `max_body`: bytes of a body after decompression. `trusted`: proxies whose X-Forwarded-For counts.
    """
    by_path = {path: dialect for dialect in dialects.values() for path in dialect.inbound}
    middleware = Middleware(desk, by_path, trusted)

    # aiohttp knows its middlewares by this mark on a function.
    @web.middleware
    async def around(request: web.Request, handler: object) -> web.StreamResponse:
        return await middleware(request, handler)  # type: ignore[arg-type]  # aiohttp's own type is wider

    application = web.Application(middlewares=[around], client_max_size=max_body)
    router, operations = application.router, Operations(desk)
    for path, dialect in by_path.items():
        router.add_post(path, Endpoint(dialect, desk).handle)
        if dialect.counting is not None:
            router.add_post(f"{path}/count_tokens", CountEndpoint(dialect, dialect.counting, desk).handle)
    router.add_get("/", operations.root)
    router.add_get("/health", operations.health)
    for prefix in ("/v1", ""):
        router.add_get(f"{prefix}/models", operations.models)
        router.add_get(f"{prefix}/models/{{id:.+}}", operations.model)
    router.add_post("/llmux/explain", operations.explain)
    return application
