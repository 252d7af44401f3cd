"""GET /ui: the files of the page, as they are. They hold nothing secret; what they show is asked for with a key.

The page may load and call what is served here, and nothing else: no inline script, no other host, no frame around it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from importlib.resources import files

from aiohttp import web

from llmux.errors import NotFound
from llmux.server.application import Handler
from llmux.server.services import Desk

PLACE = "/ui"
START = "index.html"
TYPES: Mapping[str, str] = {
    "html": "text/html",
    "js": "text/javascript",
    "css": "text/css",
    "svg": "image/svg+xml",
}
HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"  # no text becomes markup, whatever a model is called
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # asked for anew each time, and answered with 304 while it is the same
}
NOT_CONFIGURED = (
    "llmux: the admin page needs an admin key. Set admin_key in the configuration, then sign in here with that key."
)


class Page:
    """One file."""

    def __init__(self, name: str, body: bytes, desk: Desk) -> None:
        self._body, self._desk = body, desk
        self._type = TYPES[name.rpartition(".")[2]]
        self._tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'

    async def handle(self, inbound: web.BaseRequest) -> web.Response:
        """The file, while there is somebody who administers the gateway."""
        if not self._desk.current().admin_key:
            raise NotFound(NOT_CONFIGURED)
        headers = {**HEADERS, "etag": self._tag}
        if inbound.headers.get("if-none-match") == self._tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=self._body, headers=headers, content_type=self._type, charset="utf-8")


def routes(desk: Desk) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler."""
    for file in files("llmux.admin").joinpath("static").iterdir():
        if file.name.rpartition(".")[2] in TYPES:
            path = PLACE if file.name == START else f"{PLACE}/{file.name}"
            yield "GET", path, Page(file.name, file.read_bytes(), desk).handle
