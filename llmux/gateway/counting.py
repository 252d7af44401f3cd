"""How many tokens a request has: asked of the backend where its dialect can say, else counted or estimated here.

An auxiliary call: it is tried once, counts in no window, and a failure rests nobody.
"""

from collections.abc import Callable, Mapping

import msgspec

from llmux.clock import Clock
from llmux.dialects.base import backend_path
from llmux.errors import GatewayError
from llmux.gateway.answer import read_all
from llmux.gateway.attempt import ERROR_LIMIT, Route
from llmux.gateway.planner import Planner
from llmux.ir.capability import Profile, Target
from llmux.ir.request import Request
from llmux.ir.value import Value
from llmux.responder import Context
from llmux.routing.catalog import Backend, backend_model
from llmux.transports.base import Call

PATIENCE_S = 5.0  # a client waits for the number before it asks anything


class Counter(Value):
    """Counts the tokens of requests."""

    planner: Planner
    routes: Mapping[str, Route]
    profiles: Callable[[Backend, str], Profile]
    clock: Clock

    async def __call__(self, request: Request, context: Context) -> tuple[int, bool]:
        """The number, and whether it is an estimate."""
        plan = await self.planner.plan(request, context.client, asks=False)
        backend = plan.pool[plan.choice.plan[0]] if plan.choice.plan else None
        counted = await self._asked(request, context, backend) if backend else None
        return (await self.planner.count(request, backend), True) if counted is None else (counted, False)

    async def _asked(self, request: Request, context: Context, backend: Backend) -> int | None:
        """What the backend says; None where it cannot."""
        try:
            return await self._ask(request, context, backend)
        except GatewayError:
            return None

    async def _ask(self, request: Request, context: Context, backend: Backend) -> int | None:
        route = self.routes[backend.provider]
        counting = route.dialect.counting
        if counting is None:
            return None
        model = backend_model(backend, request.model)
        target = Target(model, self.profiles(backend, model), route.maker)
        outbound = counting.encode_request(request, target)
        headers = {
            "content-type": "application/json", **route.dialect.headers, **outbound.headers, **route.sign(context)
        }  # fmt: skip
        call = Call(backend_path(counting, model), headers, msgspec.json.encode(outbound.body))
        reply = await route.transport.open(call, PATIENCE_S)
        body = await read_all(reply, self.clock, self.clock.monotonic() + PATIENCE_S, ERROR_LIMIT)
        if reply.status != 200:  # noqa: PLR2004
            raise route.dialect.decode_error(reply.status, reply.headers, body)
        return counting.decode_response(body)
