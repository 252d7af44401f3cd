"""One call for embeddings: authenticate, decode, embed, answer. The same code for every dialect."""

from aiohttp import web

from llmux.dialects.base import AnswerForm, Dialect, Embedding
from llmux.server.endpoint import NANOSECONDS, RECORD, address, answer_headers, context_of, enter, read_body
from llmux.server.services import Desk


class EmbeddingEndpoint:
    """Answers what comes in at the paths of a dialect's embeddings."""

    def __init__(self, dialect: Dialect, embedding: Embedding, desk: Desk) -> None:
        self._dialect = dialect
        self._embedding = embedding
        self._desk = desk

    async def handle(self, inbound: web.BaseRequest) -> web.Response:
        """Answer one call."""
        services, record, clock = self._desk.current(), inbound[RECORD], self._desk.clock
        began = clock.monotonic()
        record.dialect = self._dialect.name
        client = await enter(inbound, self._desk)
        request = self._embedding.decode_request(await read_body(inbound), address(inbound))
        record.model = request.model
        context = context_of(inbound, services, self._dialect, client, int(clock.now()))
        opened, embeddings, usage = await services.embed(request, context)
        record.opened(opened, clock.monotonic())
        record.usage = usage
        form = AnswerForm(
            context.request_id,
            request.model,
            context.created,
            elapsed=lambda: int((clock.monotonic() - began) * NANOSECONDS),
        )
        told = answer_headers(opened, record.request_id) | ({"x-llmux-usage": "estimated"} if usage.estimated else {})
        body = self._embedding.encode_response(embeddings, request, form)
        return web.Response(body=body, headers=told | {"content-type": "application/json"})
