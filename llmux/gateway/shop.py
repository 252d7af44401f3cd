"""The models that a client may ask for, each with what is left of its budget and whether it rests. It asks nobody."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec.structs import replace

from llmux.gateway.budget import SPANS
from llmux.gateway.ledger import Ledger, Standing
from llmux.ir.card import ModelCard
from llmux.responder import Client
from llmux.routing.catalog import matches
from llmux.routing.offers import Offer


class Shop:
    """Shows the offers of one catalog.

    They are made when somebody first asks for them: that takes some 0.1 ms a model, and a gateway is furnished anew
    whenever a provider lists something else.
    """

    def __init__(self, offers: Callable[[], Sequence[Offer]], ledger: Ledger) -> None:
        self._make = offers
        self._ledger = ledger

    @cached_property
    def _offers(self) -> Sequence[Offer]:
        return self._make()

    def cards(self, client: Client) -> Sequence[ModelCard]:
        """What `client` may ask for."""
        mine = [offer for offer in self._offers if _permitted(offer, client)]
        backends = {backend.name: backend for offer in mine for backend in offer.backends}
        standings = {standing.backend: standing for standing in self._ledger.snapshot(backends.values())}
        return [self._card(offer, standings) for offer in mine]

    def _card(self, offer: Offer, standings: Mapping[str, Standing]) -> ModelCard:
        told = [_told(standings[backend.name]) for backend in offer.backends]
        return replace(offer.card, notes={"backends": told})


def _permitted(offer: Offer, client: Client) -> bool:
    return not client.models or any(matches(client.models, name) for name in offer.names)


def _told(standing: Standing) -> dict[str, Any]:
    told: dict[str, Any] = {"backend": standing.backend, "state": standing.state}
    if standing.rests_for:
        told["rests_for_s"] = round(standing.rests_for, 1)
    windows = list(_windows(standing))
    return {**told, "windows": windows} if windows else told


def _windows(standing: Standing) -> Iterable[dict[str, Any]]:
    for use in standing.windows:
        left = max(use.limit - (use.used if use.unit == "usd" else round(use.used)), 0)
        told = {"per": SPANS[use.seconds], "unit": use.unit, "limit": use.limit, "left": left}
        yield {**told, "opens_in_s": None if math.isinf(use.opens_in) else round(use.opens_in, 1)}
