"""Which web pages may call llmux from a browser: none, unless the owner names them."""

from aiohttp import web

from llmux.config.schema import Cors

METHODS = "GET, HEAD, POST, DELETE, OPTIONS"


def preflight(request: web.BaseRequest, cors: Cors) -> web.Response:
    """The answer to OPTIONS: what may be done here, and whether the asking page may do it."""
    response = web.Response(status=204, headers={"allow": METHODS})
    if allow_origin(request, response, cors):
        wanted = request.headers.get("access-control-request-headers", "")
        response.headers.update(
            {
                "access-control-allow-methods": METHODS,
                "access-control-allow-headers": wanted or "authorization, content-type, x-api-key",
                "access-control-max-age": str(cors.max_age),
            }
        )
    return response


def allow_origin(request: web.BaseRequest, response: web.StreamResponse, cors: Cors) -> bool:
    """Tell the browser that the page it shows may read `response`, if the owner says so."""
    origin = request.headers.get("origin", "")
    if not origin or not ({"*", origin} & set(cors.origins)):
        return False
    response.headers["access-control-allow-origin"] = origin
    response.headers["access-control-expose-headers"] = "*"
    response.headers["vary"] = "origin"
    return True
