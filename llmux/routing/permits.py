"""Whether a client may have what a backend has said for a model's name: as if it were asked now. Pure.

What was answered before may have come from a backend that is gone, is switched off, or was never this client's to use.
"""

from llmux.ir.naming import unaliased
from llmux.responder import Client
from llmux.routing.catalog import Catalog, candidates
from llmux.routing.requirements import Needs
from llmux.routing.rules import Case, Rule, disabled, judge, not_permitted, other_name

RULES: tuple[Rule, ...] = (disabled, other_name, not_permitted)
# Verdicts that are remembered: they are few, but a client may ask for any name.
MOST_KEPT = 1024


class Permits:
    """Judges by one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: dict[tuple[tuple[str, ...], str, str], bool] = {}

    def __call__(self, client: Client, model: str, backend: str) -> bool:
        """Whether `client` may have what `backend` says when it asks for `model`."""
        key = (client.models, model, backend)
        verdict = self._kept.get(key)
        if verdict is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            verdict = self._kept[key] = self._judge(*key)
        return verdict

    def _judge(self, allowed: tuple[str, ...], model: str, backend: str) -> bool:
        model = unaliased(model)
        case = Case(Needs(model), allowed=allowed)
        verdicts = {each.name: judge(RULES, each, case) for each in candidates(self._catalog, model)}
        if backend == model and backend in self._catalog.roles:  # all of its backends have answered together
            said = verdicts.values()
            return None in said and not any(verdict and verdict.why == "forbidden" for verdict in said)
        return backend in verdicts and verdicts[backend] is None
