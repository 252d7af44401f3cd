"""The responder at the centre: choose, try, relay events, settle up.

It decides nothing itself: the planner chooses, `Tries` fails over, the ledger keeps the accounts.
"""

from collections.abc import AsyncGenerator

from msgspec.structs import replace

from llmux.gateway.attempt import Attempt, attempt
from llmux.gateway.media import carry
from llmux.gateway.outbound import is_verbatim
from llmux.gateway.parts import Parts, Settings
from llmux.gateway.planner import Plan
from llmux.gateway.tries import Ask, Tries, Won
from llmux.ir.events import Batch, Event, MessageEnd, MessageStart, Opened, StreamError, Verbatim
from llmux.ir.request import Request
from llmux.ir.usage import Usage
from llmux.responder import Context
from llmux.routing.catalog import Backend, backend_model

# Of a request's JSON: a rule of thumb, where nothing was counted.
BYTES_PER_TOKEN = 4


class Gateway:
    """Answers a request from the first backend that can."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._tries = Tries(parts, settings)

    async def respond(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        """See `responder.Responder`."""
        await self._parts.ledger.reserve_client(context.client)
        plan = await self._parts.planner.plan(request, context.client)
        won = await self._tries.win(request.model, context, plan, self._asking(request, context))
        if plan.conversation:
            self._parts.ledger.affinity.answered(plan.conversation, won.backend.name)
        answer = won.answer.answer
        batch: Batch = (self._opened(request, plan, won), *self._held(request, plan, won))
        try:
            yield batch
            async for batch in answer.batches():
                yield batch
            self._settle(request, context, won, batch[-1])
            self._report(request, plan, won, batch[-1])
        finally:
            self._parts.limits.leave(won.backend)
            await answer.close()

    def _asking(self, request: Request, context: Context) -> Ask[Attempt]:
        async def ask(backend: Backend, without: tuple[str, ...]) -> Attempt:
            parts, to = self._parts, self._parts.recipient(backend, request.model, without)
            asked = request if is_verbatim(request, to) else await carry(request, to.profile, parts.fetch)
            return await attempt(asked, context, to, parts.routes[backend.provider], parts.clock)

        return ask

    def _opened(self, request: Request, plan: Plan, won: Won[Attempt]) -> Opened:
        return Opened(
            won.backend.name,
            backend_model(won.backend, request.model),
            won.attempts,
            (*plan.choice.warnings, *won.answer.outgoing.warnings),
            won.answer.headers,
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
        return round(plan.needs.bytes / BYTES_PER_TOKEN * ratio)

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
