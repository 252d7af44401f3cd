"""Around every request: its id, the fact that it happened, and errors answered in the caller's own dialect."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from llmux.dialects.base import Dialect, ErrorForm
from llmux.dialects.paths import Paths
from llmux.errors import (
    BadRequest,
    ClientGone,
    GatewayError,
    InternalError,
    MethodNotAllowed,
    RequestSlow,
    TooLarge,
    UpgradeRefused,
)
from llmux.server.cors import allow_origin, preflight
from llmux.server.endpoint import RECORD, header_safe
from llmux.server.peer import Network, client_address
from llmux.server.record import Record
from llmux.server.services import Desk
from llmux.telemetry import Notice, RequestFinished, RequestStarted

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Find = Callable[[str, str], Handler]  # method and path -> who answers; raises GatewayError when nobody does


class Middleware:
    """Stands around every handler."""

    def __init__(self, desk: Desk, find: Find, spoken: Paths[Dialect], trusted: tuple[Network, ...]) -> None:
        self._desk = desk
        self._find = find
        self._spoken = spoken
        self._trusted = trusted

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer, whatever happens, and tell that it did."""
        return await self._tell_of(request, self._route)

    async def refuse(self, error: GatewayError, request: web.BaseRequest) -> web.StreamResponse:
        """Answer with `error`, whatever is asked, tell that it happened, and hang up."""

        async def fail(request: web.BaseRequest) -> web.StreamResponse:
            del request
            raise error

        response = await self._tell_of(request, fail)
        response.force_close()
        return response

    async def _tell_of(self, request: web.BaseRequest, answer: Handler) -> web.StreamResponse:
        record = request[RECORD] = Record(self._desk.next_id(), self._remote(request))
        began = self._desk.clock.monotonic()
        self._desk.tell(RequestStarted(record.request_id, request.path, request.headers.get("traceparent", "")))
        try:
            response = await self._answer(request, record, answer)
        except (asyncio.CancelledError, ConnectionError):
            record.status, record.error = ClientGone.status, ClientGone.__name__
            raise
        else:
            record.status = response.status
            return response
        finally:
            self._tell(request, record, began)

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return preflight(request, self._desk.current().cors)
        return await self._find_for(request)(request)

    async def _answer(self, request: web.BaseRequest, record: Record, answer: Handler) -> web.StreamResponse:
        cors = self._desk.current().cors
        try:
            response = await answer(request)
        except GatewayError as error:
            response = self._fail(request, error, record)
        except web.HTTPException as error:
            response = self._fail(request, _ours(error), record)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001  # the last resort: a bug of ours must not show a client its insides
            self._desk.tell(Notice("error", "".join(traceback.format_exception(error))))
            response = self._fail(request, InternalError("llmux: an internal error; its log says more."), record)
        if cors.origins and not response.prepared:
            allow_origin(request, response, cors)
        return response

    def _find_for(self, request: web.BaseRequest) -> Handler:
        """Who answers. A client that would rather have a WebSocket goes on at once when it hears 426 (Codex)."""
        try:
            return self._find(request.method, request.path)
        except MethodNotAllowed:
            if request.headers.get("upgrade", "").lower() == "websocket":
                raise UpgradeRefused("llmux: no WebSocket here; the same is answered over HTTP.") from None
            raise

    def _fail(self, request: web.BaseRequest, error: GatewayError, record: Record) -> web.Response:
        record.error = type(error).__name__
        record.backend = record.backend or error.backend
        record.attempts = record.attempts or error.attempts
        form = self._encode(request.path, error, record)
        headers = {"content-type": "application/json", "x-request-id": record.request_id, **form.headers}
        if error.backend:
            headers |= {"x-llmux-backend": header_safe(error.backend), "x-llmux-attempts": str(error.attempts)}
        response = web.Response(status=form.status, body=form.body, headers=headers)
        if isinstance(error, RequestSlow):  # the rest of the body is not waited for
            response.force_close()
        return response

    def _encode(self, path: str, error: GatewayError, record: Record) -> ErrorForm:
        """In the dialect that somebody found the client to speak, else in that of the path."""
        request_id = record.request_id
        dialect = self._desk.current().dialects.get(record.dialect)
        dialect = dialect or self._spoken.find(path) or self._spoken.near(path)
        if dialect is not None:
            return dialect.encode_error(error, request_id)
        retry = {} if error.retry_after is None else {"retry-after": str(max(1, round(error.retry_after)))}
        return ErrorForm(error.status, orjson.dumps({"error": error.message, "request_id": request_id}), retry)

    def _tell(self, request: web.BaseRequest, record: Record, began: float) -> None:
        self._desk.tell(
            RequestFinished(
                request_id=record.request_id,
                client=record.client,
                dialect=record.dialect,
                path=request.path,
                model=record.model,
                backend=record.backend,
                served=record.served,
                attempts=record.attempts,
                status=record.status,
                stream=record.stream,
                usage=record.usage,
                first_event_s=None if record.first_event is None else record.first_event - began,
                duration_s=self._desk.clock.monotonic() - began,
                error=record.error,
                remote=record.remote,
                finish_reason=record.finish_reason,
            )
        )

    def _remote(self, request: web.BaseRequest) -> str:
        peer = request.remote or ""
        if not self._trusted:
            return peer
        return client_address(peer, request.headers.get("x-forwarded-for", "").split(","), self._trusted)


def _ours(error: web.HTTPException) -> GatewayError:
    """What aiohttp raises while it reads a body, in our words."""
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TooLarge("llmux: the body is larger than max_body_mb.")
    return BadRequest(f"llmux: {error.reason}.")
