"""Texts -> vectors, from the first backend that embeds them: chosen, tried and accounted for as answers are."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from llmux.dialects.base import Outbound, backend_path
from llmux.errors import BackendGarbled, Unsupported
from llmux.gateway.answer import read_all
from llmux.gateway.attempt import ANSWER_LIMIT, ERROR_LIMIT
from llmux.gateway.bill import Bill
from llmux.gateway.exchange import Try
from llmux.gateway.outbound import changed
from llmux.gateway.parts import Parts, Settings
from llmux.gateway.tries import Tries
from llmux.ir.capability import Target
from llmux.ir.embedding import EmbeddingRequest, Embeddings, Input
from llmux.ir.events import Opened
from llmux.ir.usage import Usage
from llmux.ir.value import Value
from llmux.responder import Context
from llmux.routing.catalog import Backend, backend_model
from llmux.routing.selector import allows_cost
from llmux.routing.tokens import estimate
from llmux.transports.base import Call


class _Embedded(Value):
    vectors: Embeddings
    outbound: Outbound


class Embedder:
    """Embeds texts."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._tries = Tries(parts, settings)

    async def __call__(self, request: EmbeddingRequest, context: Context) -> tuple[Opened, Embeddings, Usage]:
        """Who embeds, the vectors, and what they cost.

        Raises:
            GatewayError: nobody can.
        """
        spend = allows_cost(context.headers)
        plan = await self._parts.planner.plan_embeddings(request, context.client, spend=spend)
        self._tries.announce(request.model, context, plan)

        async def ask(backend: Backend, step: Try) -> _Embedded:
            return await self._ask(request, context, backend, step)

        bill = Bill(self._parts, context, request.model, lambda _: _count(request.inputs), output=0)
        won = await self._tries.win(request.model, context, plan, ask, bill)
        self._parts.limits.leave(won.backend)
        self._parts.ledger.succeeded(won.backend, request.model)
        model = backend_model(won.backend, request.model)
        opened = Opened(won.backend.name, model, won.attempts, won.answer.outbound.warnings)
        told = won.answer.vectors.input_tokens
        usage = Usage(told or _count(request.inputs), estimated=not told)
        bill.settle(won.backend, won.hold, usage, complete=True, began=won.began)
        return opened, replace(won.answer.vectors, input_tokens=usage.input_tokens), usage

    async def _ask(self, request: EmbeddingRequest, context: Context, backend: Backend, step: Try) -> _Embedded:
        route, clock = self._parts.routes[backend.provider], self._parts.clock
        embedding = route.dialect.embedding
        if embedding is None:
            raise Unsupported(f"llmux: {backend.name} is asked in a dialect that knows no embeddings.")
        to = self._parts.recipient(backend, request.model, step.without)
        model = backend_model(backend, request.model)
        outbound = embedding.encode_request(request, Target(model, to.profile, to.maker))
        headers = {
            "content-type": "application/json", **route.dialect.headers, **outbound.headers, **route.sign(context)
        }  # fmt: skip
        call = Call(backend_path(embedding, model), headers, msgspec.json.encode(changed(outbound.body, to)))
        deadline = clock.monotonic() + backend.request_timeout
        reply = await route.transport.open(call, backend.request_timeout)
        route.hear(backend.name, reply.status, reply.headers)
        limit = ANSWER_LIMIT if reply.status == 200 else ERROR_LIMIT  # noqa: PLR2004
        body = await read_all(reply, clock, deadline, limit)
        if reply.status != 200:  # noqa: PLR2004
            raise route.dialect.decode_error(reply.status, reply.headers, body)
        embeddings = embedding.decode_response(body)
        if len(embeddings.vectors) != len(request.inputs):
            raise BackendGarbled(
                f"The backend gave {len(embeddings.vectors)} embeddings for {len(request.inputs)} inputs."
            )
        return _Embedded(embeddings, outbound)


def _count(inputs: Iterable[Input]) -> int:
    """About how many tokens all inputs are."""
    return sum(estimate(one.encode(errors="replace")) if isinstance(one, str) else len(one) for one in inputs)
