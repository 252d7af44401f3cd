"""Which backends could answer a request, in which order, and why not the others. It asks nobody.

The gateway follows its plan; `llmux explain` prints it.
"""

import math
from collections.abc import Mapping
from typing import Literal

from msgspec.structs import replace

from llmux.clock import Clock
from llmux.gateway.gauge import Gauge
from llmux.gateway.ledger import Ledger
from llmux.gateway.tokenizer import Tokenizer
from llmux.ir.capability import Capability
from llmux.ir.embedding import EmbeddingRequest
from llmux.ir.naming import ALIAS, unaliased
from llmux.ir.request import Request
from llmux.ir.value import Value
from llmux.responder import Client
from llmux.routing import requirements, selector
from llmux.routing.affinity import conversation, stay
from llmux.routing.catalog import Backend, Catalog, candidates
from llmux.routing.requirements import Needs
from llmux.routing.selector import Choice, Policy

# Plans that are remembered: a client asks for the same few models, but it may ask for any name.
MOST_KEPT = 256

NOT_COUNTED: Mapping[str, int] = {}


class Plan(Value):
    """What was decided, on which grounds. `tokens`, by the backend's name, were counted only where they decide.

    A request that is no longer than `room`, prompt and answer, fits into every backend of the pool. `conversation`
    names what the request belongs to, where it matters who answers it: b"" elsewhere.
    """

    needs: Needs
    pool: Mapping[str, Backend]
    choice: Choice
    tokens: Mapping[str, int] = NOT_COUNTED
    room: float = math.inf
    conversation: bytes = b""


class Planner:
    """Chooses among the backends of one catalog."""

    def __init__(
        self,
        catalog: Catalog,
        ledger: Ledger,
        clock: Clock,
        thinking: Literal["prefer", "require"],
        tokenizer: Tokenizer,
    ) -> None:
        self._catalog = catalog
        self._kept: dict[tuple[str, frozenset[Capability], str, bool, tuple[str, ...]], Plan] = {}
        self._gauge = Gauge(ledger.ratios, clock, tokenizer)
        self._ledger = ledger
        self._clock = clock
        self._thinking: Literal["prefer", "require"] = thinking

    async def plan(self, request: Request, client: Client) -> Plan:
        """Decide. A plan may be empty: its choice then says why."""
        plan = await self._plan(request, requirements.read(request), client)
        affinity = self._ledger.affinity
        if not affinity.is_on or len(plan.pool) < 2:  # noqa: PLR2004 - of one there is no first
            return plan
        named = conversation(request, client)
        last = affinity.last(named)
        conditions = self._ledger.conditions(list(plan.pool.values()), request.model) if last else {}
        return replace(plan, conversation=named, choice=stay(plan.choice, last, conditions))

    async def plan_embeddings(self, request: EmbeddingRequest, client: Client) -> Plan:
        """The same for texts to embed. Each is read for itself: the longest must fit."""
        prompt = requirements.longest(request)
        return await self._plan(prompt, replace(requirements.read(prompt), embeddings=True), client)

    async def _plan(self, request: Request, needs: Needs, client: Client) -> Plan:
        key = (request.model, needs.capabilities, needs.dialect, needs.embeddings, client.models)
        kept = self._kept.get(key)
        if kept is not None and self._ledger.nobody_rests and needs.bytes + needs.output_tokens <= kept.room:
            return Plan(needs, kept.pool, kept.choice, room=kept.room)
        if request.model.startswith(ALIAS):
            needs = replace(needs, model=unaliased(request.model))
        plan = await self._decide(request, needs, client)
        if plan.choice.plan and self._ledger.nobody_rests and self._is_steady(plan):
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = plan
        return plan

    def _is_steady(self, plan: Plan) -> bool:
        """Would the next request like this one get the same plan, as long as nobody rests?"""
        fits = plan.needs.bytes + plan.needs.output_tokens <= plan.room
        return fits and all(map(self._ledger.is_unlimited, plan.pool.values()))

    async def _decide(self, request: Request, needs: Needs, client: Client) -> Plan:
        pool = candidates(self._catalog, needs.model)
        counted = await self._gauge.measure(request, pool) if selector.needs_count(needs, pool) else NOT_COUNTED
        choice = selector.choose(
            needs,
            pool,
            client.models,
            self._ledger.conditions(pool, request.model),
            Policy(self._clock.now(), self._thinking, counted),
        )
        if needs.model in self._catalog.single:
            choice = replace(choice, plan=choice.plan[:1])
        room = min((backend.profile.context or math.inf for backend in pool), default=math.inf)
        return Plan(needs, {backend.name: backend for backend in pool}, choice, counted, room)

    async def count(self, request: Request, backend: Backend | None = None) -> int:
        """The tokens of `request`, for `backend` if one is given. See `Gauge`."""
        if backend is None:
            return await self._gauge.estimate(request)
        return (await self._gauge.measure(request, [backend]))[backend.name]
