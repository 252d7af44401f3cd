"""Asks the backends of a plan, one after the other, until one answers: within its limits, with the accounts kept.

What is asked, and what an answer is, the caller knows. The exchange decides what is next; this is the shell around it.
"""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from llmux.errors import BackendUnreachable, GatewayError, MediaNotFetched, OurLimit, Retry, Unsupported
from llmux.gateway.bill import Bill
from llmux.gateway.exchange import Exchange, Try
from llmux.gateway.parts import Parts, Settings
from llmux.gateway.payer import Hold
from llmux.gateway.planner import Plan
from llmux.gateway.reservation import NOTHING
from llmux.ir.value import Value
from llmux.responder import Context
from llmux.routing import selector
from llmux.routing.catalog import Backend, backend_model
from llmux.telemetry import AttemptFailed, Planned

Answer = TypeVar("Answer")
# Ask a backend, as the exchange says. Raises GatewayError: it did not answer.
Ask = Callable[[Backend, Try], Awaitable[Answer]]


class Won(Value, Generic[Answer]):
    """Who answers. Who is told of it lets the backend go, with `Keeper.leave`, and settles `hold`.

    `began` is monotonic seconds.
    """

    backend: Backend
    answer: Answer
    attempts: int
    began: float
    hold: Hold


class Tries:
    """The tries of every exchange."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings

    def announce(self, model: str, context: Context, plan: Plan) -> None:
        """Tell who will be asked.

        Raises:
            GatewayError: nobody can be; this is what the client is to hear.
        """
        refused = {name: refusal.reason for name, refusal in plan.choice.refused.items()}
        choice = plan.choice
        self._parts.tell(Planned(context.request_id, model, choice.plan, refused, choice.policy, choice.why))
        if not plan.choice.plan:
            raise selector.refuse(plan.choice, plan.needs, self._parts.clock.now())

    async def win(self, model: str, context: Context, plan: Plan, ask: Ask[Answer], bill: Bill) -> Won[Answer]:
        """Try until somebody answers. The plan has been announced.

        Raises:
            GatewayError: nobody does; this is what the client is to hear.
        """
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
                answer, hold = await self._try(backend, step, ask, bill)
                return Won(backend, answer, attempts, began, hold)
            except GatewayError as error:
                error.backend = backend.name
                self.failed(model, context, backend, error, began)
                step = self._next(exchange, error, attempts, plan)
            if step.after:
                await clock.sleep(step.after)
            attempts += 1

    def failed(self, model: str, context: Context, backend: Backend, error: GatewayError, began: float) -> None:
        """A try failed, before or after it had won: write it down, and tell."""
        if isinstance(error, OurLimit | MediaNotFetched):
            return  # the backend was not even asked
        rest = self._parts.ledger.failed(backend, model, error)
        after = self._parts.clock.monotonic() - began
        self._parts.tell(
            AttemptFailed(
                context.request_id,
                backend.name,
                type(error).__name__,
                error.message,
                after,
                rest,
                backend.provider,
                backend_model(backend, model),
            )
        )

    def _next(self, exchange: Exchange, error: GatewayError, attempts: int, plan: Plan) -> Try:
        try:
            return exchange.failed(error, self._parts.clock.monotonic(), self._parts.chance())
        except GatewayError as told:  # the most telling one, which may be an earlier one
            told.attempts = attempts
            if told.retry is not Retry.NEVER and (otherwise := selector.paid(plan.choice)):
                told.message = told.message.removesuffix(".") + otherwise
            raise

    async def _try(self, backend: Backend, step: Try, ask: Ask[Answer], bill: Bill) -> tuple[Answer, Hold]:
        parts, began = self._parts, self._parts.clock.monotonic()
        await parts.limits.enter(backend, backend.request_timeout)
        try:
            hold = await parts.ledger.reserve(backend, bill.payer, lambda: bill.expected(backend))
            try:
                answer = await ask(backend, step)
            except (BackendUnreachable, Unsupported) as error:
                if error.upstream_status is None:
                    hold.unseen()
                hold.settle(NOTHING)
                raise
            except GatewayError:
                hold.settle(NOTHING)
                raise
            except BaseException:
                bill.abandon(
                    backend, hold, began=began
                )  # whoever was asked has read the prompt, and will want its price
                raise
        except BaseException:
            parts.limits.leave(backend)
            raise
        for field in step.without:
            parts.ledger.learn(backend, field)
        return answer, hold
