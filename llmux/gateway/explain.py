"""What would become of a request: the plan, every refusal, the body that would be sent. It asks nobody."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from llmux.clock import Clock
from llmux.errors import GatewayError
from llmux.gateway.attempt import Route
from llmux.gateway.ledger import Ledger
from llmux.gateway.outbound import prepare, recipient
from llmux.gateway.planner import Planner
from llmux.ir.capability import Profile
from llmux.ir.request import Request
from llmux.ir.value import Value
from llmux.responder import Context
from llmux.routing import selector
from llmux.routing.catalog import Backend, backend_model


class Explainer(Value):
    """Explains requests against one catalog."""

    planner: Planner
    routes: Mapping[str, Route]
    profiles: Callable[[Backend, str], Profile]
    ledger: Ledger
    clock: Clock

    async def __call__(self, request: Request, context: Context) -> Mapping[str, Any]:
        """What llmux would do with `request` now, as a JSON object."""
        spend = selector.allows_cost(context.headers)
        plan = await self.planner.plan(request, context.client, spend=spend, asks=False)
        first = plan.pool[plan.choice.plan[0]] if plan.choice.plan else None
        told: dict[str, Any] = {
            "model": request.model,
            "dialect": request.dialect,
            "needs": {
                "capabilities": sorted(capability.value for capability in plan.needs.capabilities),
                "tokens": await self.planner.count(request, first),
                "tokens_at_most": plan.needs.bytes,
                "output_tokens": plan.needs.output_tokens,
            },
            "plan": list(plan.choice.plan),
            "order": {"execution": plan.way.execution, "policy": plan.choice.policy, "why": plan.choice.why},
            "kept_with_conversation": plan.choice.plan[0] if plan.choice.kept else None,
            "refused": {
                name: {"why": refusal.why, "reason": refusal.reason} for name, refusal in plan.choice.refused.items()
            },
            "warnings": list(plan.choice.warnings),
        }
        if first is None:
            error = selector.refuse(plan.choice, plan.needs, self.clock.now())
            return told | {"error": {"status": error.status, "message": error.message}}
        return told | {"upstream": self._upstream(request, context, first)}

    def _upstream(self, request: Request, context: Context, backend: Backend) -> Mapping[str, Any]:
        route = self.routes[backend.provider]
        model = backend_model(backend, request.model)
        without = self.ledger.left_out(backend)
        told = {"backend": backend.name, "model": model, "dialect": route.dialect.name}
        try:
            outgoing = prepare(
                request, context, recipient(backend, route.dialect, self.profiles(backend, model), route.maker, without)
            )
        except GatewayError as error:
            return told | {"error": {"status": error.status, "message": error.message}}
        return told | {
            "lane": "verbatim" if outgoing.verbatim else "translated",
            "path": outgoing.path,
            "headers": dict(outgoing.headers),
            "body": orjson.loads(outgoing.body),
            "warnings": list(outgoing.warnings),
        }
