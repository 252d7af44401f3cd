"""How the backends are: what the ledger knows and, when asked to look deep, whether each provider answers at all.

A look costs no tokens: it asks for the list of models. It never changes a cooldown.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from llmux.clock import Clock
from llmux.errors import GatewayError
from llmux.gateway.attempt import Route
from llmux.gateway.ledger import Ledger
from llmux.ir.value import Value
from llmux.responder import Context
from llmux.routing.catalog import Catalog
from llmux.transports.base import Call

PATIENCE_S = 3.0
State = Literal["up", "key refused", "failing", "unreachable"]
KEY_REFUSED = frozenset({401, 403})
SERVER_FAULT = 500


class Health(Value):
    """Tells the health of one generation of the house."""

    catalog: Catalog
    routes: Mapping[str, Route]
    ledger: Ledger
    clock: Clock
    version: str
    started: float  # Unix seconds

    async def __call__(self, deep: bool) -> Mapping[str, Any]:
        """The state as a JSON object; `status` is "ok" or "down"."""
        told: dict[str, Any] = {
            "status": "ok",
            "version": self.version,
            "uptime_s": round(self.clock.now() - self.started, 1),
            "backends": len(self.catalog.backends),
        }
        if not deep:
            return told
        asked = [name for name in self.routes if any(b.provider == name and b.enabled for b in self.catalog.backends)]
        looks = dict(zip(asked, await asyncio.gather(*map(self.look, asked)), strict=True))
        told["providers"] = {name: {"state": state, "detail": detail} for name, (state, detail) in looks.items()}
        told["backends"] = msgspec.to_builtins(self.ledger.snapshot(self.catalog.backends))
        if not any(state == "up" for state, _ in looks.values()):
            told["status"] = "down"
        return told

    async def look(self, provider: str) -> tuple[State, str]:
        """Does `provider` answer? Its state, and a sentence where it is not up."""
        route = self.routes[provider]
        headers = {**route.dialect.headers, **route.sign(Context("health"))}
        try:
            reply = await route.transport.open(Call(route.dialect.models_path, headers, method="GET"), PATIENCE_S)
        except GatewayError as error:
            return "unreachable", error.message
        reply.close()
        if reply.status in KEY_REFUSED:
            return "key refused", f"The provider answers {reply.status}: look at its api_key."
        if reply.status >= SERVER_FAULT:
            return "failing", f"The provider answers {reply.status}."
        return "up", ""
