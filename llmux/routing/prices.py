"""What models cost at the backends: the owner's word of a backend, then of a model, then the built-in table's. Pure."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from llmux.config.schema import Price as Written
from llmux.config.schema import Tariff
from llmux.ir.price import FREE, Price
from llmux.routing.catalog import Backend, matches

UNPAID = frozenset({"free", "subscription"})  # where a request costs nothing, whatever its model's price is
KEPT_PRICES = 1_024  # clients may ask for any name: only so many are remembered


class Prices:
    """Prices, remembered by name."""

    def __init__(
        self,
        of_backends: Mapping[str, Tariff],
        of_models: list[Written],
        listed: Callable[[str, str], Price | None],
    ) -> None:
        """`of_backends` by their names, and the list of the owner; `listed`: the table's, by provider and model."""
        self._of_backends = {name: _price(cost) for name, cost in of_backends.items()}
        self._of_models = [(each.model, _price(each)) for each in reversed(of_models)]
        self._listed = listed
        self._found = lru_cache(KEPT_PRICES)(self._find)

    def of(self, backend: Backend, model: str) -> Price | None:
        """What `model`, a name as the backend's provider knows it, costs at `backend`; None where nobody knows."""
        if backend.cost in UNPAID:
            return FREE
        return self._of_backends.get(backend.name) or self._found(backend.provider, model)

    def _find(self, provider: str, model: str) -> Price | None:
        own = next((price for glob, price in self._of_models if matches((glob,), model)), None)
        return own or self._listed(provider, model)


def _price(cost: Tariff) -> Price:
    return Price(cost.input, cost.output, cost.cache_read, cost.cache_write, cost.cache_write_1h)
