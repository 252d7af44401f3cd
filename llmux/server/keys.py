"""API keys over HTTP, for the administrator: made, listed, changed, revoked; and the log of what was changed.

What a key is and what may be said of it is decided elsewhere.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import orjson
from aiohttp import web

from llmux.errors import BadRequest
from llmux.server.endpoint import RECORD, read_body
from llmux.server.office import admit
from llmux.server.services import Desk, KeyOffice
from llmux.telemetry import Administered

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

KEYS, AUDIT = "/admin/api-keys", "/admin/audit"
USUAL_LIMIT, LARGEST_LIMIT = 100, 1000  # entries of the audit log at once


class KeysEndpoint:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def make(self, inbound: web.BaseRequest) -> web.Response:
        """A new key; its secret is told this once."""
        made = await self._office(inbound).make(await read_body(inbound))
        self._tell(inbound, "API key made", made)
        return _json(made, 201)

    async def every(self, inbound: web.BaseRequest) -> web.Response:
        """All keys, without their secrets."""
        return _json({"keys": await self._office(inbound).every()})

    async def get(self, inbound: web.BaseRequest) -> web.Response:
        """One key."""
        return _json(await self._office(inbound).find(_id(inbound)))

    async def change(self, inbound: web.BaseRequest) -> web.Response:
        """What the body names is changed, and nothing else."""
        changed = await self._office(inbound).change(_id(inbound), await read_body(inbound))
        self._tell(inbound, "API key changed", changed)
        return _json(changed)

    async def revoke(self, inbound: web.BaseRequest) -> web.Response:
        """It opens nothing any more."""
        revoked = await self._office(inbound).revoke(_id(inbound))
        self._tell(inbound, "API key revoked", revoked)
        return _json(revoked)

    async def audit(self, inbound: web.BaseRequest) -> web.Response:
        """The last changes, whoever made them."""
        admit(inbound, self._desk)
        limit = inbound.query.get("limit", str(USUAL_LIMIT))
        if not (limit.isascii() and limit.isdigit() and 0 < int(limit) <= LARGEST_LIMIT):
            raise BadRequest(f"limit: a number from 1 to {LARGEST_LIMIT} is expected", param="limit")
        return _json({"entries": await self._desk.current().audit(int(limit))})

    def _office(self, inbound: web.BaseRequest) -> KeyOffice:
        admit(inbound, self._desk)
        return self._desk.current().keys

    def _tell(self, inbound: web.BaseRequest, action: str, key: Mapping[str, Any]) -> None:
        self._desk.tell(Administered(action, f"{key['name']}-{key['id']}", inbound[RECORD].remote))


def routes(desk: Desk) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler."""
    keys = KeysEndpoint(desk)
    yield "POST", KEYS, keys.make
    yield "GET", KEYS, keys.every
    yield "GET", f"{KEYS}/*", keys.get
    yield "PATCH", f"{KEYS}/*", keys.change
    yield "DELETE", f"{KEYS}/*", keys.revoke
    yield "GET", AUDIT, keys.audit


def _id(inbound: web.BaseRequest) -> str:
    return inbound.path.rstrip("/").partition(f"{KEYS}/")[2]


def _json(told: Mapping[str, Any], status: int = 200) -> web.Response:
    headers = {"cache-control": "no-store"}  # a secret, or what is current
    return web.Response(body=orjson.dumps(told), status=status, headers=headers, content_type="application/json")
