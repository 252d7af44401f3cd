"""Who may administer the gateway: whoever knows the admin key. Without one configured, there is nothing to see."""

import hmac

from aiohttp import web

from llmux.errors import NotFound, Unauthenticated, WrongKey
from llmux.server.attempts import too_many
from llmux.server.auth import digest
from llmux.server.endpoint import RECORD
from llmux.server.services import Desk

HEADER = "x-admin-key"
ADMIN = "admin"  # the client that is noted of a request of the administrator's


def admit(inbound: web.BaseRequest, desk: Desk, otherwise: str = "") -> None:
    """Let the administrator in. `otherwise`: the key of a request that has none in its header.

    Raises:
        NotFound: no admin key is configured; these paths then do not exist.
        Unauthenticated: the key is missing; WrongKey: it is wrong.
        TooManyAttempts: too many wrong keys have come from this address, and no administrator before.
    """
    services, record, now = desk.current(), inbound[RECORD], desk.clock.monotonic()
    if not services.admin_key:
        raise NotFound(f"llmux: there is nothing at {inbound.path}.")
    brought = inbound.headers.get(HEADER, otherwise)
    if not brought:
        raise Unauthenticated("llmux: the admin key is needed: send it as X-Admin-Key.")
    wait, guess = desk.attempts.wait(record.remote, services.login_attempts, now), digest(brought)
    if not hmac.compare_digest(guess, services.admin_key):
        desk.attempts.failed(record.remote, guess, now)
        raise too_many(wait) if wait else WrongKey("llmux: this is not the admin key.")
    desk.attempts.let_in(record.remote, ADMIN, wait)
    record.client = ADMIN
