"""Asks the running gateway what only its administrator may, with the admin key. Blocking."""

import http.client
import json
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from llmux.cli.address import Address, address_of, connection
from llmux.cli.terminal import Misconfigured
from llmux.config.schema import Config
from llmux.server.office import HEADER

PATIENCE_S = 10.0  # it may have to ask its store for much
OK, WRONG = 200, frozenset({400, 404})
NO_ANSWER = (OSError, ValueError, http.client.HTTPException)  # it is gone, or it is none of ours


def send(address: Address, key: str, method: str, target: str, body: object = None) -> tuple[int, Any]:
    """The status and the document that the gateway at `address` answers. Raises NO_ANSWER."""
    with closing(connection(address, PATIENCE_S)) as asked:
        said = None if body is None else json.dumps(body)
        asked.request(method, target, said, {HEADER: key, "content-type": "application/json"})
        reply = asked.getresponse()
        return reply.status, json.loads(reply.read())


def complaint(told: object) -> str:
    """What an answer says that is an error."""
    return str(told.get("error", told) if isinstance(told, dict) else told).removeprefix("llmux: ")


def ask(config: Config, path: str, query: dict[str, str] | None = None, body: object = None) -> Any:
    """What the gateway of this configuration answers: to a GET, or to a POST where there is a body.

    None when none runs there, or it is not this configuration's: another admin key, another version.

    Raises:
        Misconfigured: it says that it is asked for something wrong.
    """
    if not config.admin_key.reveal():
        return None
    target = f"{path}?{urlencode(query)}" if query else path
    try:
        method = "GET" if body is None else "POST"
        status, told = send(address_of(config), config.admin_key.reveal(), method, target, body)
    except NO_ANSWER:
        return None
    if status in WRONG and isinstance(told, dict) and "there is nothing at" not in str(told.get("error")):
        raise Misconfigured(complaint(told))
    return told if status == OK else None
