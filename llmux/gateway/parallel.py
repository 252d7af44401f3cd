"""Asks all backends of a role at once. The first answer is given, or all of them, or what another model makes of them.

Every backend is asked by itself, without failover to the others, who are asked too. How answers become one is
`joining`'s business.
"""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from msgspec.structs import replace

from llmux.dialects.base import SAME
from llmux.errors import GatewayError
from llmux.gateway import joining
from llmux.gateway.exchange import most_telling
from llmux.gateway.hedge import Follow, only
from llmux.gateway.joining import Said
from llmux.gateway.parts import Parts, Settings
from llmux.gateway.planner import Plan
from llmux.gateway.together import Batches, Contest, Heard, hear_all
from llmux.ir.events import Batch, Opened
from llmux.ir.request import Request
from llmux.responder import Context

# A stream is on its way before the others have answered: their answers have no place in it.
NOT_TOLD = "dropped=llmux.answers"
NOT_MERGED = "dropped=join"


class Parallel:
    """Answers for the roles with execution = "parallel". `follow` answers by a plan as it stands, or makes its own."""

    def __init__(self, follow: Follow, parts: Parts, settings: Settings) -> None:
        self._follow, self._parts, self._settings = follow, parts, settings

    async def respond(self, request: Request, context: Context, plan: Plan) -> Batches:
        """See `responder.Responder`. The plan has been announced."""
        if not context.counted:
            await self._parts.ledger.count(context.client)
            context = replace(context, counted=True)
        answer = self._first_to_speak if request.stream and plan.way.join == "first" else self._joined
        async with aclosing(answer(request, context, plan)) as batches:
            async for batch in batches:
                yield batch

    async def _first_to_speak(self, request: Request, context: Context, plan: Plan) -> Batches:
        """The stream that begins first. The others are let go: nobody would hear them."""
        async with Contest(self._parts.clock) as contest:
            for name in plan.choice.plan:
                contest.enter(self._follow(request, context, only(plan, name)))
            batches, batch = await contest.won()
        async with aclosing(batches):
            yield _noted(batch, NOT_TOLD)
            async for batch in batches:
                yield batch

    async def _joined(self, request: Request, context: Context, plan: Plan) -> Batches:
        """All of them are heard to their end before the client is told anything."""
        asked = _without_a_stream(request)
        answers = {name: self._follow(asked, context, only(plan, name)) for name in plan.choice.plan}
        heard = await hear_all(answers, self._parts.clock, self._settings.deadline)
        said = [self._said(one, plan) for one in heard]
        errors = [one.error for one in said if one.error]
        if len(errors) == len(said):
            raise most_telling(errors)
        told = [*said, *joining.not_asked({name: no.reason for name, no in plan.choice.refused.items()})]
        extension = {} if request.stream else {"answers": [one.told for one in told]}
        dropped = (NOT_TOLD,) if request.stream else ()
        first: Batch = next(one.events for one, its in zip(heard, said, strict=True) if its.error is None)
        if plan.way.join == "first":
            yield _noted(first, *dropped, extension=extension)
        elif plan.way.join == "all":
            name, attempts = plan.way.name, sum(one.attempts for one in said)
            yield (Opened(name, name, attempts, dropped, extension=extension), *joining.all_of(said, name))
        else:
            merging = joining.merging(request, plan.way.join, said)
            async with aclosing(self._merged(merging, context, first)) as batches:
                async for batch in batches:
                    yield _noted(batch, *dropped, extension=extension)

    async def _merged(self, merging: Request, context: Context, first: Batch) -> Batches:
        """What a model makes of them; where it cannot, the `first` of them."""
        client = replace(context.client, models=())  # the owner has chosen the model, not the client
        batches = self._follow(merging, replace(context, client=client), None)
        try:
            batch = await anext(batches)
        except GatewayError:
            yield _noted(first, NOT_MERGED)
            return
        async with aclosing(batches):
            yield batch
            async for batch in batches:
                yield batch

    def _said(self, heard: Heard, plan: Plan) -> Said:
        dialect = self._parts.routes[plan.pool[heard.name].provider].dialect
        return joining.read(heard.name, heard.events, heard.error, lambda body: dialect.decode_response(body, SAME))


def _without_a_stream(request: Request) -> Request:
    """`request`, to be answered whole, and in a form that can be read here: one that only passes on says nothing."""
    if request.stream:
        return replace(request, stream=False, original=None)
    return replace(request, original=None) if request.form and not request.bound else request


def _noted(batch: Batch, *warnings: str, extension: Mapping[str, Any] = {}) -> Batch:
    """`batch` with what is to be told beside the answer, if it is the first."""
    opened, *events = batch
    if not isinstance(opened, Opened):
        return batch
    noted = replace(opened, warnings=(*opened.warnings, *warnings), extension={**opened.extension, **extension})
    return (noted, *events)
