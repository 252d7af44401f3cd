"""Asks the running gateway what only its administrator may, with the configuration's own admin key. Blocking."""

import http.client
import json
from typing import Any
from urllib.parse import urlencode

from llmux.cli.address import address_of, connection
from llmux.cli.terminal import Misconfigured
from llmux.config.schema import Config
from llmux.server.office import HEADER

PATIENCE_S = 10.0  # it may have to ask its store for much
OK, WRONG = 200, frozenset({400, 404})


def ask(config: Config, path: str, query: dict[str, str] | None = None, body: object = None) -> Any:
    """What the gateway of this configuration answers: to a GET, or to a POST where there is a body.

    None when none runs there, or it is not this configuration's: another admin key, another version.

    Raises:
        Misconfigured: it says that it is asked for something wrong.
    """
    if not config.admin_key.reveal():
        return None
    headers = {HEADER: config.admin_key.reveal(), "content-type": "application/json"}
    target = f"{path}?{urlencode(query)}" if query else path
    try:
        asked = connection(address_of(config), PATIENCE_S)
        asked.request("GET" if body is None else "POST", target, None if body is None else json.dumps(body), headers)
        reply = asked.getresponse()
        told = json.loads(reply.read())
        asked.close()
    except (OSError, ValueError, http.client.HTTPException):
        return None
    if reply.status in WRONG and isinstance(told, dict) and "there is nothing at" not in str(told.get("error")):
        raise Misconfigured(str(told.get("error")).removeprefix("llmux: "))
    return told if reply.status == OK else None
