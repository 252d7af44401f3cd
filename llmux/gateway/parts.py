"""What answers are made with: the rooms that the gateway and the embedder share, and the owner's numbers."""

from collections.abc import Callable, Mapping

import msgspec

from llmux.clock import Clock
from llmux.gateway.attempt import Route
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.gateway.media import Fetch
from llmux.gateway.outbound import Recipient, recipient
from llmux.gateway.planner import Planner
from llmux.gateway.proofs import RefusedProofs
from llmux.ir.capability import Profile
from llmux.ir.price import Price
from llmux.ir.value import Value
from llmux.routing.catalog import Backend, backend_model
from llmux.telemetry import Listener


class Settings(Value):
    """The owner's numbers. Times are in seconds."""

    max_retries: int = 2
    deadline: float = 600.0


class Parts(Value):
    """What a gateway is made of. `chance` gives a number in [0, 1); `profiles` knows a backend's model by its name."""

    planner: Planner
    routes: Mapping[str, Route]  # by provider
    profiles: Callable[[Backend, str], Profile]
    ledger: Ledger
    limits: Keeper
    clock: Clock
    tell: Listener
    chance: Callable[[], float]
    fetch: Fetch  # what a client's link leads to, for backends that follow none
    refused: RefusedProofs = msgspec.field(default_factory=RefusedProofs)
    price_of: Callable[[Backend, str], Price | None] = lambda _backend, _model: None  # by the backend's name of a model

    def recipient(self, backend: Backend, model: str, without: tuple[str, ...]) -> Recipient:
        """`backend` as a request for `model` is prepared for it; `without` are fields that it has just refused."""
        route = self.routes[backend.provider]
        left_out = self.ledger.left_out(backend)
        return recipient(
            backend,
            route.dialect,
            self.profiles(backend, backend_model(backend, model)),
            route.maker,
            left_out.union(without) if without else left_out,
        )
