"""The responder at the centre: choose, try, fail over, relay events, settle up.

It decides nothing itself: the planner chooses, the exchange says what is next, the ledger keeps the accounts.
"""

from collections.abc import AsyncGenerator, Callable, Mapping

import msgspec

from llmux.clock import Clock
from llmux.errors import BackendUnreachable, GatewayError, MediaNotFetched, OurLimit, Unsupported
from llmux.gateway.attempt import Attempt, Route, attempt
from llmux.gateway.exchange import Exchange, Try
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.gateway.media import Fetch, carry
from llmux.gateway.outbound import Recipient, is_verbatim, recipient
from llmux.gateway.planner import Plan, Planner
from llmux.gateway.proofs import RefusedProofs, without_proofs
from llmux.ir.capability import Profile
from llmux.ir.events import Batch, Event, MessageEnd, MessageStart, Opened, StreamError
from llmux.ir.request import Request
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.ir.value import Value
from llmux.responder import Context
from llmux.routing import selector
from llmux.routing.catalog import Backend, backend_model
from llmux.telemetry import AnswerRepaired, AttemptFailed, Listener, Planned

# The answer to a request that asks for none. Clients of Ollama say so to have a model loaded, or unloaded; another
# backend has nothing to load, and is not troubled with it.
IDLE: Batch = (MessageStart("", ""), MessageEnd(FinishReason.END, Usage()))


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


class _Won(Value):
    """The attempt that will answer."""

    backend: Backend
    attempt: Attempt
    attempts: int
    began: float  # monotonic seconds


class Gateway:
    """Answers a request from the first backend that can."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings

    async def respond(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        """See `responder.Responder`."""
        await self._parts.ledger.reserve_client(context.client)
        plan = await self._parts.planner.plan(request, context.client)
        refused = {name: refusal.reason for name, refusal in plan.choice.refused.items()}
        self._parts.tell(Planned(context.request_id, request.model, plan.choice.plan, refused))
        if not plan.choice.plan:
            raise selector.refuse(plan.choice, plan.needs, self._parts.clock.now())
        if not (request.messages or plan.pool[plan.choice.plan[0]].dialect == request.dialect):
            yield (Opened("llmux", request.model, 0), *IDLE)
            return
        won = await self._win(request, context, plan)
        answer = won.attempt.answer
        batch: Batch = (self._opened(request, plan, won), *won.attempt.held)
        try:
            yield batch
            async for batch in answer.batches():
                yield batch
            self._settle(request, context, won, batch[-1])
        finally:
            self._parts.limits.leave(won.backend)
            await answer.close()
            if repairs := won.attempt.repairs:  # of a stream the client has got the head before they were known
                self._parts.tell(AnswerRepaired(context.request_id, won.backend.name, repairs))

    async def _win(self, request: Request, context: Context, plan: Plan) -> _Won:
        """Try until somebody answers. Raises what the client should hear when nobody does."""
        clock = self._parts.clock
        exchange = Exchange(
            plan.choice.plan,
            max_retries=self._settings.max_retries,
            contexts={name: backend.profile.context for name, backend in plan.pool.items()},
            deadline=clock.monotonic() + self._settings.deadline,
        )
        step, attempts = exchange.start(), 1
        while True:
            backend, began = plan.pool[step.backend], clock.monotonic()
            try:
                return _Won(backend, await self._try(request, context, backend, step), attempts, began)
            except GatewayError as error:
                error.backend = backend.name
                self._failed(request, context, backend, error, began)
                step = self._next(exchange, error, attempts)
            if step.after:
                await clock.sleep(step.after)
            attempts += 1

    def _next(self, exchange: Exchange, error: GatewayError, attempts: int) -> Try:
        try:
            return exchange.failed(error, self._parts.clock.monotonic(), self._parts.chance())
        except GatewayError as told:  # the most telling one, which may be an earlier one
            told.attempts = attempts
            raise

    async def _try(self, request: Request, context: Context, backend: Backend, step: Try) -> Attempt:
        parts = self._parts
        fit = without_proofs(request) if step.unproven else parts.refused.fit(backend.name, request)
        await parts.limits.enter(backend, backend.request_timeout)
        try:
            reservation = await parts.ledger.reserve(backend)
            try:
                to = self._recipient(request, backend, step)
                if not is_verbatim(fit, to):
                    fit = await carry(fit, to.profile, parts.fetch)
                tried = await attempt(fit, context, to, parts.routes[backend.provider], parts.clock)
            except (BackendUnreachable, Unsupported) as error:
                if error.upstream_status is None:
                    reservation.give_back()  # it cannot have seen the request
                raise
        except BaseException:
            parts.limits.leave(backend)
            raise
        for field in step.without:
            parts.ledger.learn(backend, field)
        if step.unproven:
            parts.refused.learn(backend.name, request)
        return tried

    def _recipient(self, request: Request, backend: Backend, step: Try) -> Recipient:
        route = self._parts.routes[backend.provider]
        without = self._parts.ledger.left_out(backend)
        return recipient(
            backend,
            route.dialect,
            self._parts.profiles(backend, backend_model(backend, request.model)),
            route.maker,
            without.union(step.without) if step.without else without,
        )

    def _opened(self, request: Request, plan: Plan, won: _Won) -> Opened:
        return Opened(
            won.backend.name,
            backend_model(won.backend, request.model),
            won.attempts,
            (*plan.choice.warnings, *won.attempt.outgoing.warnings, *won.attempt.repairs),
            won.attempt.headers,
            won.attempt.outgoing.replays,
        )

    def _settle(self, request: Request, context: Context, won: _Won, last: Event) -> None:
        if isinstance(last, StreamError):
            self._failed(request, context, won.backend, last.error, won.began)
        else:
            self._parts.ledger.succeeded(won.backend, request.model)

    def _failed(self, request: Request, context: Context, backend: Backend, error: GatewayError, began: float) -> None:
        if isinstance(error, OurLimit | MediaNotFetched):
            return  # the backend was not even asked
        rest = self._parts.ledger.failed(backend, request.model, error)
        after = self._parts.clock.monotonic() - began
        self._parts.tell(
            AttemptFailed(context.request_id, backend.name, type(error).__name__, error.message, after, rest)
        )
