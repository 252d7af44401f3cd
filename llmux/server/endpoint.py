"""One inbound call: authenticate, decode, respond, relay. The same code for every dialect."""

import zlib
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from contextlib import aclosing
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from msgspec.structs import replace

from llmux.clock import Clock
from llmux.dialects.base import Address, AnswerForm, Dialect, Encoder, Form
from llmux.errors import BadRequest, InternalError, WrongKey
from llmux.ir.events import Batch, Event, Opened, StreamError, Verbatim
from llmux.ir.fold import fold
from llmux.ir.request import Request
from llmux.ir.value import Value
from llmux.responder import ANYONE, Client, Context
from llmux.server.attempts import too_many
from llmux.server.auth import QUERY_KEY, credentials, digest
from llmux.server.cors import allow_origin
from llmux.server.extension import extended
from llmux.server.record import Record
from llmux.server.relay import ClientStream, relay, split
from llmux.server.services import Desk, Services
from llmux.server.wishes import take_wishes
from llmux.telemetry import BodySeen

RECORD = web.RequestKey("record", Record)
# Clients give up on a line of a head that is longer than 8 KB; every character may become ten.
LONGEST_HEADER = 700
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NANOSECONDS = 1_000_000_000  # in a second
UNCACHED = {"cache-control": "no-store"}  # how a client may say it, too
# A stream must reach the client as it comes: nginx buffers unless told not to.
STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class Endpoint:
    """Answers what comes in at the paths of one form of a dialect."""

    def __init__(self, dialect: Dialect, form: Form, desk: Desk) -> None:
        self._dialect = dialect
        self._decode = form.decode_request
        self._desk = desk
        self._heard = (*dialect.forwarded, *dialect.session_headers)

    async def handle(self, inbound: web.BaseRequest) -> web.StreamResponse:
        """Answer one call."""
        inbound[RECORD].dialect = self._dialect.name
        return await self.answer(inbound, await enter(inbound, self._desk))

    async def answer(self, inbound: web.BaseRequest, client: Client) -> web.StreamResponse:
        """Answer one call of a client that has been let in."""
        services, record, began = self._desk.current(), inbound[RECORD], self._desk.clock.monotonic()
        record.dialect, record.client = self._dialect.name, client.name
        body, echoes = await read_body(inbound), services.echoes
        if echoes is None:
            return await self._anew(inbound, client, body, began)
        key = self._key(inbound, services, client, body)
        echo = echoes.find(key, record)
        if echo is not None:
            return echo
        epoch = echoes.epoch()
        response = await self._anew(inbound, client, body, began)
        echoes.keep(key, len(body), record, response.headers, epoch)
        return response

    def _key(self, inbound: web.BaseRequest, services: Services, client: Client, body: bytes) -> Hashable:
        """All that an answer depends on, as it came."""
        headers = inbound.headers
        told = tuple([headers.get(name) for name in (*self._heard, *services.noticed)])
        own = services.door.passes_on(headers, inbound.query)
        return (inbound.raw_path, client.name, client.models, own, told, body)

    async def _anew(self, inbound: web.BaseRequest, client: Client, body: bytes, began: float) -> web.StreamResponse:
        """Answer what `body` asks. The call came at `began`, monotonic seconds."""
        services, record = self._desk.current(), inbound[RECORD]
        body, cached = take_wishes(body)
        if services.log_bodies:
            self._see(record, "client", body)
        request = in_session(self._decode(body, address(inbound)), self._dialect, inbound)
        record.model, record.stream = request.model, request.stream
        context = context_of(inbound, services, self._dialect, client, int(self._desk.clock.now()))
        if not cached:
            context = replace(context, headers={**context.headers, **UNCACHED})
        batches = services.respond(request, context)
        told = _Told(self._dialect.form(request.form), self._answer_form(request, context, began))
        if request.stream:
            return await self._stream(inbound, batches, told, services)
        response = await self._whole(batches, told, record)
        if services.log_bodies and isinstance(response.body, bytes):
            self._see(record, "answer", response.body)
        return response

    def _see(self, record: Record, whose: str, body: bytes) -> None:
        self._desk.tell(BodySeen(record.request_id, whose, body.decode(errors="replace")))

    async def _stream(
        self, inbound: web.BaseRequest, batches: AsyncGenerator[Batch, None], told: "_Told", services: Services
    ) -> web.StreamResponse:
        record = inbound[RECORD]

        def open_response(opened: Opened | None) -> web.StreamResponse:
            headers = answer_headers(opened, record.request_id) | STREAM_HEADERS
            response = web.StreamResponse(headers=headers | {"content-type": told.form.content_type})
            if services.cors.origins:  # the middleware comes too late: a stream's head has gone by then
                allow_origin(inbound, response, services.cors)
            return response

        encoder = told.form.encoder(told.answer)
        if services.echoes is not None:
            encoder = SeenEncoder(encoder, record.hear)
        if services.log_bodies:
            encoder = SeenEncoder(encoder, lambda data: self._see(record, "answer", data))
        client = ClientStream(inbound, open_response, encoder, self._desk.clock, services.keepalive)
        await relay(batches, client, record, self._desk.clock)
        if client.response is None:
            raise InternalError("llmux: the answer was empty.")
        return client.response

    async def _whole(self, batches: AsyncGenerator[Batch, None], told: "_Told", record: Record) -> web.Response:
        opened, events = await collect(batches, record, self._desk.clock)
        headers = answer_headers(opened, record.request_id)
        if isinstance(events[0], Verbatim):
            body = b"".join(event.data for event in events if isinstance(event, Verbatim))
        else:
            body = told.form.encode_response(fold(events), told.answer)
        if opened is not None and opened.extension:
            body = extended(body, opened.extension)
        record.hear(body)
        return web.Response(body=body, headers=headers | {"content-type": "application/json"})

    def _answer_form(self, request: Request, context: Context, began: float) -> AnswerForm:
        clock = self._desk.clock
        return AnswerForm(
            context.request_id,
            request.model,
            context.created,
            request.include_usage,
            request.legacy_functions,
            asked=request.original.document if request.original else {},
            elapsed=lambda: int((clock.monotonic() - began) * NANOSECONDS),
        )


class _Told(Value):
    """How the answer is told: in which form of the dialect, and what it must know of the request."""

    form: Form
    answer: AnswerForm


class SeenEncoder:
    """An encoder whose every word is also told to somebody else."""

    def __init__(self, encoder: Encoder, see: Callable[[bytes], None]) -> None:
        self._encoder = encoder
        self._see = see
        self.keepalive = encoder.keepalive

    def feed(self, events: Sequence[Event]) -> bytes:
        """See `Encoder.feed`."""
        data = self._encoder.feed(events)
        if data:
            self._see(data)
        return data


async def enter(inbound: web.BaseRequest, desk: Desk) -> Client:
    """Let the client in, unless too many wrong keys have come from its address.

    Raises:
        GatewayError: it may not; see `Door.admit`.
    """
    services, record, now = desk.current(), inbound[RECORD], desk.clock.monotonic()
    wait = desk.attempts.wait(record.remote, services.login_attempts, now)
    try:
        client = await services.door.admit(inbound.headers, inbound.query, wait)
    except WrongKey:
        guess = digest("\n".join(credentials(inbound.headers, inbound.query)))
        desk.attempts.failed(record.remote, guess, now)
        if wait:
            raise too_many(wait) from None
        raise
    if client is not ANYONE:
        desk.attempts.let_in(record.remote, client.name, wait)
    record.client = client.name
    return client


def context_of(inbound: web.BaseRequest, services: Services, dialect: Dialect, client: Client, created: int) -> Context:
    """What travels with the request. `created` is now, in Unix seconds."""
    noticed = (*dialect.forwarded, *services.noticed)
    return Context(
        inbound[RECORD].request_id,
        client,
        {name: inbound.headers[name] for name in noticed if name in inbound.headers},
        safe_query(inbound.rel_url.raw_query_string),
        services.door.passes_on(inbound.headers, inbound.query),
        created,
    )


def address(inbound: web.BaseRequest) -> Address:
    """Where the client knocked."""
    return Address(inbound.path, inbound.query)


def in_session(request: Request, dialect: Dialect, inbound: web.BaseRequest) -> Request:
    """`request` with the name of its conversation: the body's, else the one in the client's headers."""
    if request.session is None:
        for name in dialect.session_headers:
            if session := inbound.headers.get(name):
                return replace(request, session=session)
    return request


async def read_body(inbound: web.BaseRequest) -> bytes:
    """The body, decompressed, within the server's limit.

    Raises:
        BadRequest: it cannot be decompressed, or the client stopped in the middle, or sends too slowly.
    """
    if inbound.headers.get("expect", "").lower() == "100-continue":  # curl waits a second for this
        await inbound.writer.write(CONTINUE)
        inbound.writer.output_size = 0  # the answer has not begun
    try:
        return await inbound.read()
    except (zlib.error, web.RequestPayloadError, ValueError) as error:
        raise BadRequest(f"The body cannot be read: {error}.") from error


async def collect(
    batches: AsyncGenerator[Batch, None], record: Record, clock: Clock
) -> tuple[Opened | None, Sequence[Event]]:
    """Every event of an answer that is sent whole.

    Raises:
        GatewayError: also when the answer failed in its middle: the client has seen nothing of it.
    """
    opened: Opened | None = None
    events: list[Event] = []
    async with aclosing(batches):
        async for batch in batches:
            first, told = split(batch)
            if first is not None:
                opened = first
                record.opened(first, clock.monotonic())
            record.note(told)
            events += told
    if not events:
        raise InternalError("llmux: the answer was empty.")
    last = events[-1]
    if isinstance(last, StreamError):
        raise last.error
    return opened, events


def answer_headers(opened: Opened | None, request_id: str) -> dict[str, str]:
    """What every answer carries. Before anybody has answered, only its id is known."""
    headers = {"x-request-id": request_id, "request-id": request_id}
    if opened is not None:
        headers |= {
            "x-llmux-backend": header_safe(opened.backend),
            "x-llmux-model": header_safe(opened.model),
            "x-llmux-attempts": str(opened.attempts),
        }
        headers |= opened.headers
        if opened.warnings:
            headers["x-llmux-warnings"] = header_safe(";".join(opened.warnings))
    return headers


def header_safe(text: str) -> str:
    """`text` as a header can hold it, and as clients take it: a model's name may be anything, and of any length."""
    if len(text) > LONGEST_HEADER:
        text = text[:LONGEST_HEADER] + "..."
    return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]


def safe_query(query: str) -> str:
    """The client's query, encoded as it came, without its key however that is spelled."""
    if not query:
        return query
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name != QUERY_KEY]
    return query if len(kept) == len(pairs) else urlencode(kept)
