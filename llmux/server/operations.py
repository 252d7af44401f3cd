"""llmux's own small pages: is it up, and what would become of a request."""

from collections.abc import Mapping

import orjson
from aiohttp import web

from llmux.dialects.base import Address, Counting, Dialect
from llmux.errors import BadRequest
from llmux.responder import Client, Context
from llmux.server.endpoint import RECORD, address, context_of, enter, in_session, read_body, safe_query
from llmux.server.services import Desk
from llmux.server.wishes import take_wishes

TRUE = frozenset({"1", "true", "yes"})


class Operations:
    """The handlers of the pages that are no dialect's answers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def root(self, request: web.BaseRequest) -> web.Response:
        """A line for a person, and 200 for a client that knocks first."""
        del request
        return web.Response(text="llmux is running. Clients: /v1/messages, /v1/chat/completions. State: /health\n")

    async def health(self, request: web.BaseRequest) -> web.Response:
        """200 while the process can serve; `?deep=true` asks every backend, and is 503 when none can answer."""
        deep = request.query.get("deep", "").lower() in TRUE
        if deep:
            await enter(request, self._desk)
        told = await self._desk.current().health(deep)
        return _json(told, 200 if told["status"] == "ok" else 503)

    async def live(self, request: web.BaseRequest) -> web.Response:
        """200: the process is alive. Nothing else is looked at: who restarts it for less loses its open answers."""
        del request
        return _json({"status": "alive"})

    async def ready(self, request: web.BaseRequest) -> web.Response:
        """200 while new requests are welcome, 503 once the process is about to stop: for load balancers.

        A store that is away, or a backend that is down, is no reason: another instance would fare no better.
        """
        del request
        if self._desk.draining():
            return _json({"status": "draining"}, 503)
        return _json({"status": "ready"})

    async def explain(self, request: web.BaseRequest) -> web.Response:
        """What would become of the request in the body. Nobody is asked."""
        return await self.explained(request, await enter(request, self._desk))

    async def explained(self, request: web.BaseRequest, client: Client) -> web.Response:
        """The same for a client that has been let in."""
        services = self._desk.current()
        body, _ = take_wishes(await read_body(request))
        dialect = _dialect(request, services.dialects)
        at = Address(request.query.get("path", ""), request.query)
        asked = in_session(dialect.decode_request(body, at), dialect, request)
        return _json(await services.explain(asked, context_of(request, services, dialect, client, 0)))


class CountEndpoint:
    """How many tokens a request has, in the dialect that asks."""

    def __init__(self, dialect: Dialect, counting: Counting, desk: Desk) -> None:
        self._dialect = dialect
        self._counting = counting
        self._desk = desk

    async def handle(self, inbound: web.BaseRequest) -> web.Response:
        """Answer one call."""
        services, record = self._desk.current(), inbound[RECORD]
        record.dialect = self._dialect.name
        client = await enter(inbound, self._desk)
        request = self._counting.decode_request(await read_body(inbound), address(inbound))
        request = in_session(request, self._dialect, inbound)
        record.model = request.model
        headers = {name: inbound.headers[name] for name in self._dialect.forwarded if name in inbound.headers}
        context = Context(record.request_id, client, headers, safe_query(inbound.rel_url.raw_query_string))
        tokens, estimated = await services.count(request, context)
        told = {"request-id": record.request_id} | ({"x-llmux-usage": "estimated"} if estimated else {})
        return web.Response(body=self._counting.encode_response(tokens), headers=told, content_type="application/json")


def _dialect(request: web.BaseRequest, dialects: Mapping[str, Dialect]) -> Dialect:
    """The one that `?dialect=` names; else Claude's for a client that sends its version header; else OpenAI's."""
    name = request.query.get("dialect") or ("claude" if "anthropic-version" in request.headers else "openai_chat")
    if name not in dialects:
        raise BadRequest(f"dialect: one of {', '.join(sorted(dialects))} is expected, not {name!r}.", param="dialect")
    return dialects[name]


def _json(told: Mapping[str, object], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(told), status=status, content_type="application/json")
