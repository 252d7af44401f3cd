"""Where the gateway of a configuration is reached from this machine, and whether one answers there. Blocking."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmux.config.schema import Config
from llmux.ir.value import Value

# A gateway that listens everywhere is reached through loopback.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - recognised, not bound
PATIENCE_S = 1.0  # to see whether a gateway on this machine runs


class Address(Value):
    """A gateway: its URL, what lets a client in ("": nothing is needed), and its own certificate's file ("": none)."""

    url: str
    token: str = ""
    certificate: str = ""


def address_of(config: Config) -> Address:
    """Where the gateway that `config` describes is, when it runs."""
    host = EVERYWHERE.get(config.host, config.host)
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if config.https_enabled else "http"
    token = next(iter(config.tokens.values())).key.reveal() if config.tokens else ""
    certificate = str(Path(config.ssl_cert_file).absolute()) if config.https_enabled else ""
    return Address(f"{scheme}://{host}:{config.port}", token, certificate)


def health(address: Address, *, deep: bool = False, patience: float = PATIENCE_S) -> dict[str, Any] | None:
    """What the gateway says of its health, or None when no llmux answers within `patience` seconds."""
    headers = {"authorization": f"Bearer {address.token}"} if address.token else {}
    try:
        asked = connection(address, patience)
        asked.request("GET", "/health?deep=true" if deep else "/health", headers=headers)
        told = json.loads(asked.getresponse().read())
        asked.close()
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return told if isinstance(told, dict) and "status" in told else None


def connection(address: Address, patience: float) -> http.client.HTTPConnection:
    """A way to the gateway: nothing is sent yet. Raises OSError: its own certificate cannot be read."""
    parts = urlsplit(address.url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=patience)
    # The certificate in the configuration is the one that must answer, under whatever name it was made for.
    trust = ssl.create_default_context(cafile=address.certificate)
    trust.check_hostname = False
    return http.client.HTTPSConnection(host, parts.port, timeout=patience, context=trust)
