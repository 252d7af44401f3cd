"""The responder at the centre: choose, try, relay events, settle up.

It decides nothing itself: the planner chooses, `Tries` fails over, the ledger keeps the accounts.
"""

import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from msgspec.structs import replace

from llmux.gateway.attempt import Attempt, attempt
from llmux.gateway.bill import USUAL_OUTPUT, Bill
from llmux.gateway.exchange import Try
from llmux.gateway.hedge import Hedge
from llmux.gateway.media import carry
from llmux.gateway.meter import BYTES_PER_TOKEN, Meter
from llmux.gateway.outbound import is_verbatim
from llmux.gateway.parallel import Parallel
from llmux.gateway.parts import Parts, Settings
from llmux.gateway.planner import Plan
from llmux.gateway.proofs import without_proofs
from llmux.gateway.tries import Ask, Tries, Won
from llmux.ir.events import Batch, Event, MessageEnd, MessageStart, Opened, StreamError, Verbatim
from llmux.ir.request import Request
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.responder import Context
from llmux.routing.catalog import Backend, backend_model
from llmux.routing.selector import allows_cost
from llmux.telemetry import AnswerRepaired

# The answer to a request that asks for none. Clients of Ollama say so to have a model loaded, or unloaded; another
# backend has nothing to load, and is not troubled with it.
IDLE: Batch = (MessageStart("", ""), MessageEnd(FinishReason.END, Usage()))


class Gateway:
    """Answers a request from the first backend that can."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._tries = Tries(parts, settings)
        self._together: Mapping[str, Callable[[Request, Context, Plan], AsyncGenerator[Batch, None]]] = {
            "hedge": Hedge(self.respond, parts, settings).respond,
            "parallel": Parallel(self.respond, parts, settings).respond,
        }

    async def respond(
        self, request: Request, context: Context, plan: Plan | None = None
    ) -> AsyncGenerator[Batch, None]:
        """See `responder.Responder`. A `plan` that is given has been announced; its backends are asked one by one."""
        together = None
        if plan is None:
            plan = await self._parts.planner.plan(request, context.client, spend=allows_cost(context.headers))
            self._tries.announce(request.model, context, plan)
            together = self._together.get(plan.way.execution)
        if not (request.messages or plan.pool[plan.choice.plan[0]].dialect == request.dialect):
            yield (Opened("llmux", request.model, 0), *IDLE)
            return
        if together is not None:
            async with aclosing(together(request, context, plan)) as answer:
                async for told in answer:
                    yield told
            return
        bill, meter = self._bill(request, context, plan), Meter()
        won = await self._tries.win(request.model, context, plan, self._asking(request, context), bill)
        if plan.conversation:
            self._parts.ledger.affinity.answered(plan.conversation, won.backend.name)
        heard = won.answer.answer
        batch: Batch = (self._opened(request, plan, won), *self._held(request, plan, won))
        try:
            self._hear(batch, meter, won)
            yield batch
            async for batch in heard.batches():
                self._hear(batch, meter, won)
                yield batch
            self._settle(request, context, won, batch[-1])
            self._report(request, plan, won, batch[-1])
        finally:
            self._parts.limits.leave(won.backend)
            usage = meter.usage(bill.prompt(won.backend))
            bill.settle(won.backend, won.hold, usage, complete=meter.complete, began=won.began)
            await heard.close()
            if repairs := won.answer.repairs:  # of a stream the client has got the head before they were known
                self._parts.tell(AnswerRepaired(context.request_id, won.backend.name, repairs))

    @staticmethod
    def _hear(batch: Batch, meter: Meter, won: Won[Attempt]) -> None:
        meter.hear(batch)
        if meter.complete:  # whose client may come back before it has let us go on, through another process
            won.hold.leave()

    def _bill(self, request: Request, context: Context, plan: Plan) -> Bill:
        most = (request.max_output_tokens or USUAL_OUTPUT) * request.choices
        return Bill(self._parts, context, request.model, lambda backend: self._estimate(request, plan, backend), most)

    def _asking(self, request: Request, context: Context) -> Ask[Attempt]:
        async def ask(backend: Backend, step: Try) -> Attempt:
            parts, to = self._parts, self._parts.recipient(backend, request.model, step.without)
            fit = without_proofs(request) if step.unproven else parts.refused.fit(backend.name, request)
            if not is_verbatim(fit, to):
                fit = await carry(fit, to.profile, parts.fetch)
            began = parts.clock.monotonic()
            tried = await attempt(fit, context, to, parts.routes[backend.provider], parts.clock)
            if (track := parts.ledger.track).is_timed:
                track.began(backend.name, parts.clock.monotonic() - began, stream=request.stream)
            if step.unproven:
                parts.refused.learn(backend.name, request)
            return tried

        return ask

    def _opened(self, request: Request, plan: Plan, won: Won[Attempt]) -> Opened:
        return Opened(
            won.backend.name,
            backend_model(won.backend, request.model),
            won.attempts,
            (*plan.choice.warnings, *won.answer.outgoing.warnings, *won.answer.repairs),
            won.answer.headers,
            won.answer.outgoing.replays,
        )

    def _held(self, request: Request, plan: Plan, won: Won[Attempt]) -> Batch:
        """What was held back. Where the backend tells the size of the prompt only at the end, an estimate begins it."""
        held = won.answer.held
        first = held[0]
        if not request.stream or not isinstance(first, MessageStart) or first.usage is not None:
            return held
        return (replace(first, usage=Usage(self._estimate(request, plan, won.backend), estimated=True)), *held[1:])

    def _estimate(self, request: Request, plan: Plan, backend: Backend) -> int:
        """About how many tokens the prompt is, by what is known already."""
        if backend.name in plan.tokens:
            return plan.tokens[backend.name]
        ratio = self._parts.ledger.ratios.of(backend.name, backend_model(backend, request.model))
        return math.ceil(plan.needs.bytes / BYTES_PER_TOKEN * ratio)

    def _report(self, request: Request, plan: Plan, won: Won[Attempt], last: Event) -> None:
        """Learn from what the backend says of the prompt, now that the answer is complete."""
        usage = last.usage if isinstance(last, MessageEnd | Verbatim) else None
        if usage is not None:
            model = backend_model(won.backend, request.model)
            self._parts.ledger.ratios.report(won.backend.name, model, request, usage, plan.needs.bytes)

    def _settle(self, request: Request, context: Context, won: Won[Attempt], last: Event) -> None:
        if isinstance(last, StreamError):
            self._tries.failed(request.model, context, won.backend, last.error, won.began)
        else:
            self._parts.ledger.succeeded(won.backend, request.model)
