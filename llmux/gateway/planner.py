"""Which backends could answer a request, in which order, and why not the others. It asks nobody.

The gateway follows its plan; `llmux explain` prints it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

from msgspec.structs import replace

from llmux.clock import Clock
from llmux.config.schema import Spend
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
from llmux.routing.balance import View, arrange
from llmux.routing.catalog import AS_CONFIGURED, Backend, Catalog, Way, candidates, way_of
from llmux.routing.requirements import Needs
from llmux.routing.selector import Choice, Policy

# Plans that are remembered: a client asks for the same few models, but it may ask for any name.
MOST_KEPT = 256

NOT_COUNTED: Mapping[str, int] = {}


class Plan(Value):
    """What was decided, on which grounds. `tokens`, by the backend's name, were counted only where they decide.

    A request that is no longer than `room`, prompt and answer, fits into every backend of the pool. `conversation`
    names what the request belongs to, where it matters who answers it: b"" elsewhere. `way` is how they answer
    together.
    """

    needs: Needs
    pool: Mapping[str, Backend]
    choice: Choice
    tokens: Mapping[str, int] = NOT_COUNTED
    room: float = math.inf
    conversation: bytes = b""
    way: Way = AS_CONFIGURED


class Planner:
    """Chooses among the backends of one catalog."""

    def __init__(
        self,
        catalog: Catalog,
        ledger: Ledger,
        clock: Clock,
        thinking: Literal["prefer", "require"],
        tokenizer: Tokenizer,
        chance: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`chance` gives numbers in [0, 1), for the policies that draw lots."""
        self._catalog = catalog
        self._asks_before = catalog.asks_before_it_costs
        self._chance = chance
        self._kept: dict[tuple[str, frozenset[Capability], str, bool, tuple[str, ...], Spend], Plan] = {}
        self._gauge = Gauge(ledger.ratios, clock, tokenizer)
        self._ledger = ledger
        self._clock = clock
        self._thinking: Literal["prefer", "require"] = thinking

    async def plan(self, request: Request, client: Client, *, spend: bool = False, asks: bool = True) -> Plan:
        """Decide. A plan may be empty: its choice then says why.

        `spend`: the client allows that it costs money. `asks` is false where nobody will be asked: then it is no turn.
        """
        plan = await self._plan(request, requirements.read(request), client, spend=spend)
        if plan.way is not AS_CONFIGURED:
            plan = self._arranged(plan, request, client, asks=asks)
        affinity = self._ledger.affinity
        if not affinity.is_on or len(plan.pool) < 2:  # noqa: PLR2004 - of one there is no first
            return plan
        named = conversation(request, client)
        last = affinity.last(named)
        conditions = self._ledger.conditions(list(plan.pool.values()), request.model) if last else {}
        return replace(plan, conversation=named, choice=stay(plan.choice, last, conditions))

    async def plan_embeddings(self, request: EmbeddingRequest, client: Client, *, spend: bool = False) -> Plan:
        """The same for texts to embed. Each is read for itself: the longest must fit."""
        prompt = requirements.longest(request)
        plan = await self._plan(prompt, replace(requirements.read(prompt), embeddings=True), client, spend=spend)
        return plan if plan.way is AS_CONFIGURED else self._arranged(plan, prompt, client, asks=True)

    def _arranged(self, plan: Plan, request: Request, client: Client, *, asks: bool) -> Plan:
        """`plan` in the order of its policy."""
        way, names, track = plan.way, plan.choice.plan, self._ledger.track
        fit = [plan.pool[name] for name in names]
        loads = track.loads(fit, stream=request.stream)
        of = (way.name, tuple(name for name in names if not loads[name].paced))
        view = View(
            weights={one.name: way.weights.get(one.name, one.weight) for one in fit},
            loads=loads,
            turns=track.turns(of),
            chance=self._chance,
            key=conversation(request, client) if way.policy == "sticky" else b"",
        )
        order = arrange(way.policy, names, view)
        if asks and order.turns is not None:
            track.took(of, order.turns)
        asked = order.names[:1] if way.execution == "first" else order.names
        return replace(plan, choice=replace(plan.choice, plan=asked, policy=way.policy, why=order.why))

    async def _plan(self, request: Request, needs: Needs, client: Client, *, spend: bool) -> Plan:
        allowed: Spend = "allow" if spend and self._asks_before else self._catalog.spend
        key = (request.model, needs.capabilities, needs.dialect, needs.embeddings, client.models, allowed)
        kept = self._kept.get(key)
        if kept is not None and needs.bytes + needs.output_tokens <= kept.room and self._ledger.all_open(kept.pool):
            return Plan(needs, kept.pool, kept.choice, room=kept.room, way=kept.way)
        if request.model.startswith(ALIAS):
            needs = replace(needs, model=unaliased(request.model))
        plan = await self._decide(request, needs, client, allowed)
        if plan.choice.plan and needs.bytes + needs.output_tokens <= plan.room and self._ledger.all_open(plan.pool):
            # The next request like this one gets the same plan, as long as all are open.
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = plan
        return plan

    async def _decide(self, request: Request, needs: Needs, client: Client, spend: Spend) -> Plan:
        pool = candidates(self._catalog, needs.model)
        way = way_of(self._catalog, needs.model)
        counted = await self._gauge.measure(request, pool) if selector.needs_count(needs, pool) else NOT_COUNTED
        choice = selector.choose(
            needs,
            pool,
            client.models,
            self._ledger.conditions(pool, request.model),
            # A role that asks all of its backends does not go from one to another: its owner wants all of them.
            Policy(self._clock.now(), self._thinking, counted, "allow" if way.execution == "parallel" else spend),
        )
        room = min((backend.profile.context or math.inf for backend in pool), default=math.inf)
        return Plan(needs, {backend.name: backend for backend in pool}, choice, counted, room, way=way)

    async def count(self, request: Request, backend: Backend | None = None) -> int:
        """The tokens of `request`, for `backend` if one is given. See `Gauge`."""
        if backend is None:
            return await self._gauge.estimate(request)
        return (await self._gauge.measure(request, [backend]))[backend.name]
