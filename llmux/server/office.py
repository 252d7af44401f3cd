"""Who may administer the gateway: whoever knows the admin key. Without one configured, there is nothing to see."""

import hmac

from aiohttp import web

from llmux.errors import NotFound, Unauthenticated
from llmux.server.auth import digest
from llmux.server.endpoint import RECORD
from llmux.server.services import Desk

HEADER = "x-admin-key"
ADMIN = "admin"  # the client that is noted of a request of the administrator's


def admit(inbound: web.BaseRequest, desk: Desk, otherwise: str = "") -> None:
    """Let the administrator in. `otherwise`: the key of a request that has none in its header.

    Raises:
        NotFound: no admin key is configured; these paths then do not exist.
        Unauthenticated: the key is missing or wrong.
    """
    expected = desk.current().admin_key
    if not expected:
        raise NotFound(f"llmux: there is nothing at {inbound.path}.")
    if not hmac.compare_digest(digest(inbound.headers.get(HEADER, otherwise)), expected):
        raise Unauthenticated("llmux: the admin key is needed: send it as X-Admin-Key.")
    inbound[RECORD].client = ADMIN
