"""Answers that were kept, asked for by their id; and conversations made shorter. For dialects whose API has that.

What is kept, and for how long, is decided elsewhere; what is said of it is the dialect's.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping

from aiohttp import web

from llmux.dialects.base import AnswerForm, Dialect
from llmux.dialects.keeping import Keeping
from llmux.errors import BadRequest
from llmux.ir.fold import fold
from llmux.responder import Client
from llmux.server.endpoint import RECORD, answer_headers, collect, context_of, enter, read_body
from llmux.server.services import Desk, Library

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
TRUE = frozenset({"true", "1"})


class KeptEndpoint:
    """The handlers of one dialect."""

    def __init__(self, dialect: Dialect, keeping: Keeping, desk: Desk) -> None:
        self._dialect, self._keeping, self._desk = dialect, keeping, desk

    def rows(self) -> Iterator[tuple[str, str, Handler]]:
        """Method, path and handler; an exact path stands before one with a star."""
        for path in self._keeping.compacting.inbound:
            yield "POST", path, self.compact
        for path in self._keeping.inbound:
            yield "GET", f"{path}/*/input_items", self.items
            yield "GET", f"{path}/*", self.get
            yield "DELETE", f"{path}/*", self.delete
            yield "POST", f"{path}/*/cancel", self.cancel

    async def get(self, inbound: web.BaseRequest) -> web.Response:
        """An answer, as its client heard it."""
        if inbound.query.get("stream", "").lower() in TRUE:
            raise BadRequest("llmux: an answer that is kept is not streamed again.", param="stream")
        kept = await self._library.find(await self._admit(inbound), self._dialect.name, self._id(inbound))
        return _json(kept.document, inbound)

    async def items(self, inbound: web.BaseRequest) -> web.Response:
        """A page of what the model was told for an answer."""
        answer_id = self._id(inbound)
        kept = await self._library.find(await self._admit(inbound), self._dialect.name, answer_id)
        return _json(self._keeping.items(answer_id, kept, inbound.query), inbound)

    async def delete(self, inbound: web.BaseRequest) -> web.Response:
        """Forget an answer."""
        answer_id = self._id(inbound)
        await self._library.forget(await self._admit(inbound), self._dialect.name, answer_id)
        return _json(self._keeping.deleted(answer_id), inbound)

    async def cancel(self, inbound: web.BaseRequest) -> web.Response:
        """Nothing runs in the background here: an answer that is kept is complete."""
        await self._library.find(await self._admit(inbound), self._dialect.name, self._id(inbound))
        raise BadRequest("Only responses that run in the background can be cancelled; llmux runs none.")

    async def compact(self, inbound: web.BaseRequest) -> web.Response:
        """A conversation, made shorter by its model."""
        services, record = self._desk.current(), inbound[RECORD]
        client, compacting = await self._admit(inbound), self._keeping.compacting
        request = self._dialect.decode_request(compacting.decode(await read_body(inbound)))
        record.model = request.model
        document = request.original.document if request.original else {}
        told = [*self._keeping.told(document)]
        if request.previous is not None:
            told[:0] = await services.library.earlier(client, self._dialect.name, request.previous)
        context = context_of(inbound, services, self._dialect, client, int(self._desk.clock.now()))
        opened, events = await collect(services.respond(request, context), record, self._desk.clock)
        form = AnswerForm(context.request_id, request.model, context.created, asked=document)
        answer = self._dialect.encode_response(fold(events), form)
        return _json(compacting.encode(told, answer), inbound, answer_headers(opened, record.request_id))

    @property
    def _library(self) -> Library:
        return self._desk.current().library

    async def _admit(self, inbound: web.BaseRequest) -> Client:
        inbound[RECORD].dialect = self._dialect.name
        return await enter(inbound, self._desk)

    def _id(self, inbound: web.BaseRequest) -> str:
        """The id in the path, below which there may be more."""
        parted = (inbound.path.partition(f"{path}/") for path in self._keeping.inbound)
        return next(rest for _, found, rest in parted if found).partition("/")[0]


def routes(dialects: Mapping[str, Dialect], desk: Desk) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler, for every dialect whose API knows kept answers."""
    for dialect in dialects.values():
        if dialect.keeping is not None:
            yield from KeptEndpoint(dialect, dialect.keeping, desk).rows()


def _json(body: bytes, inbound: web.BaseRequest, headers: Mapping[str, str] | None = None) -> web.Response:
    told = headers or answer_headers(None, inbound[RECORD].request_id)
    return web.Response(body=body, headers=told, content_type="application/json")
