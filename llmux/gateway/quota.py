"""What is left: every backend's windows, rests and provider's own limits, clients' windows; told and reset on request.

For people. The ledger knows and does it all; here it is put in words.
"""

import math
from datetime import UTC, datetime
from typing import Any

import msgspec

from llmux.clock import Clock
from llmux.errors import BadRequest, NotFound, StoreAway
from llmux.gateway.budget import WindowUse, said
from llmux.gateway.hearsay import Heard
from llmux.gateway.ledger import Ledger, Standing
from llmux.ir.value import Value
from llmux.responder import Client
from llmux.routing.catalog import Backend, Catalog
from llmux.store.base import StoreError

SCOPES = ("backend", "client")  # what a reset may name
DIGITS = 6  # of what is told of amounts and seconds: floats have noise beyond


class Quota(Value):
    """Of one generation of the house. `clients` are those that the configuration names."""

    catalog: Catalog
    ledger: Ledger
    clock: Clock
    clients: tuple[Client, ...] = ()

    async def tell(self) -> dict[str, Any]:
        """Everything, as a JSON object, as the store has it now."""
        limited = [client for client in self.clients if client.windows]
        for client in limited:
            self.ledger.use_of(client)  # which has the next refresh look at it
        await self.ledger.refresh(self.catalog.backends)
        now, standings = self.clock.now(), self.ledger.snapshot(self.catalog.backends)
        return {
            "now": _date(now),
            "backends": [
                self._backend(backend, standing, now)
                for backend, standing in zip(self.catalog.backends, standings, strict=True)
            ],
            "clients": [{"client": client.name, "windows": windows(self.ledger.use_of(client))} for client in limited],
        }

    async def of(self, client: Client) -> list[dict[str, Any]]:
        """A client's own windows, as the store has them now."""
        return windows(await self.ledger.look_at(client))

    async def reset(self, body: bytes) -> dict[str, Any]:
        """Empty windows and end rests, as `body` names: {} every backend, {"backend": name} one, {"client": name} the
        windows of one client. What has been reset, as a JSON object.

        Raises:
            BadRequest: the body cannot be understood.
            NotFound: there is no such backend.
            StoreAway: nothing has been reset.
        """
        named = _scope(body)
        try:
            if "client" in named:
                await self.ledger.reset_client(named["client"])
                return {"clients": [named["client"]]}
            known = [backend.name for backend in self.catalog.backends]
            if "backend" in named and named["backend"] not in known:
                raise NotFound(f"llmux: there is no backend {named['backend']!r}; known: {', '.join(known)}.")
            names = [named["backend"]] if "backend" in named else known
            await self.ledger.reset_backends(names)
        except StoreError:
            raise StoreAway("llmux: the store, which keeps the windows, does not answer; nothing was reset.") from None
        return {"backends": names}

    def _backend(self, backend: Backend, standing: Standing, now: float) -> dict[str, Any]:
        return {
            "backend": backend.name,
            "provider": backend.provider,
            "enabled": backend.enabled,
            "state": standing.state,
            "cooldown": _cooldown(standing, now),
            "in_flight": standing.in_flight,
            "windows": windows(standing.windows),
            "models_resting": list(standing.models),
            "left_out": list(standing.left_out),
            "provider_says": _heard(self.ledger.hearsay.of(backend.name), now),
        }


def windows(uses: tuple[WindowUse, ...]) -> list[dict[str, Any]]:
    """Windows as JSON. `opens_in` is null where one never opens again."""
    return [
        {
            "window": said(use),
            "unit": use.unit,
            "seconds": use.seconds,
            "kind": use.kind,
            "limit": use.limit,
            "used": _figure(max(use.used, 0.0)),
            "remaining": _figure(max(use.limit - use.used, 0.0)),
            "opens_in": _figure(use.opens_in),
        }
        for use in uses
    ]


def _cooldown(standing: Standing, now: float) -> dict[str, Any] | None:
    if not standing.rests_for:
        return None
    return {
        "cause": standing.cause,
        "failures": standing.failures,
        "ends_in": _figure(standing.rests_for),
        "ends_at": _date(now + standing.rests_for),
    }


def _heard(heard: Heard | None, now: float) -> dict[str, Any] | None:
    if heard is None:
        return None
    return {
        "heard_at": _date(heard.at),
        "retry_in": _figure(heard.retry_at - now) if heard.retry_at and heard.retry_at > now else None,
        "limits": [
            {
                "what": limit.what,
                "limit": limit.limit,
                "remaining": limit.remaining,
                "used": limit.used,
                "resets_in": None if limit.resets_at is None else _figure(max(limit.resets_at - now, 0.0)),
            }
            for limit in heard.limits
        ],
    }


def _scope(body: bytes) -> dict[str, str]:
    """The one thing that is to be reset, or everything."""
    try:
        named = msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise BadRequest(f"llmux: the body is no JSON object: {error}.") from None
    for name, value in named.items():
        if name not in SCOPES:
            raise BadRequest(f"llmux: {name} is unknown here; expected {' or '.join(SCOPES)}, or neither.", param=name)
        if not isinstance(value, str) or not value:
            raise BadRequest(f"llmux: {name}: expected a name.", param=name)
    if len(named) > 1:
        raise BadRequest("llmux: client: expected either a backend or a client, not both.", param="client")
    return named


def _figure(number: float) -> float | None:
    return round(number, DIGITS) if math.isfinite(number) else None


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
