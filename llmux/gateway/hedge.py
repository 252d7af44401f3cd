"""Asks a second backend when the first one says nothing for longer than it usually does, and listens to one of them.

Who says something first is heard, the other one is let go at once: its request stays counted, since it was sent, but
that is no failure of it. A request is asked twice at the most, and only a share of them is.
"""

from collections.abc import Callable, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from llmux.errors import GatewayError, Retry
from llmux.gateway.exchange import is_larger
from llmux.gateway.parts import Parts, Settings
from llmux.gateway.planner import Plan
from llmux.gateway.together import Batches, Contest
from llmux.ir.events import Batch, Opened
from llmux.ir.request import Request
from llmux.responder import Context
from llmux.telemetry import Hedged

# Nobody is asked twice within this time, in seconds: what a backend next door takes is no silence yet.
FLOOR = 0.05

Follow = Callable[[Request, Context, Plan | None], Batches]


class Hedge:
    """Answers for the roles with execution = "hedge". `follow` answers by a plan as it stands."""

    def __init__(self, follow: Follow, parts: Parts, settings: Settings) -> None:
        self._follow, self._parts, self._settings = follow, parts, settings

    async def respond(self, request: Request, context: Context, plan: Plan) -> Batches:
        """See `responder.Responder`. The plan has been announced."""
        self._parts.ledger.track.save(plan.way.name, plan.way.hedge_share)
        batches, batch = await self._race(request, context, plan)
        async with aclosing(batches):
            yield batch
            async for batch in batches:
                yield batch

    async def _race(self, request: Request, context: Context, plan: Plan) -> tuple[Batches, Batch]:
        """Who is heard, and the first batch. Raises GatewayError: nobody answers."""
        clock, began = self._parts.clock, self._parts.clock.monotonic()
        leader, *others = plan.choice.plan
        async with Contest(clock) as contest:
            contest.enter(self._follow(request, context, only(plan, leader)))
            decided = await contest.is_decided_within(self.patience(plan, leader, stream=request.stream))
            hedges = not decided and bool(others) and self._parts.ledger.track.spend(plan.way.name)
            if not hedges:
                try:
                    return await contest.won()
                except GatewayError as error:
                    others = self._left(error, plan, began)
            contest.enter(self._follow(request, replace(context, counted=True), only(plan, *others)))
            batches, batch = await contest.won()
            if hedges:
                self._note(request, context, (leader, others[0], _backend(batch)), began)
            return batches, batch

    def patience(self, plan: Plan, leader: str, *, stream: bool) -> float:
        """Seconds of silence after which another one is asked too."""
        usual = self._parts.ledger.track.usual(leader, stream=stream)
        return max(plan.way.hedge_after if usual is None else usual, FLOOR)

    def _left(self, error: GatewayError, plan: Plan, began: float) -> list[str]:
        """Who may be asked after the first one has failed, as an exchange would go on. Raises `error`: nobody."""
        leader, *others = plan.choice.plan
        if error.retry is Retry.LARGER:
            holds = {name: plan.pool[name].profile.context for name in plan.choice.plan}
            others = [name for name in others if is_larger(holds[name], holds[leader])]
        late = self._parts.clock.monotonic() - began >= self._settings.deadline
        if error.retry is Retry.NEVER or late or not others:
            raise error
        return others

    def _note(self, request: Request, context: Context, names: tuple[str, str, str], began: float) -> None:
        leader, second, won = names
        after = self._parts.clock.monotonic() - began
        if won != leader:  # it would have begun later than that
            self._parts.ledger.track.began(leader, after, stream=request.stream)
        self._parts.tell(Hedged(context.request_id, leader, second, won, after))


def only(plan: Plan, *names: str) -> Plan:
    """`plan`, to be followed by asking no others than `names`."""
    return replace(plan, choice=replace(plan.choice, plan=tuple(names)))


def _backend(batch: Sequence[object]) -> str:
    first = batch[0]
    return first.backend if isinstance(first, Opened) else ""
