"""One try at one backend: prepare, sign, open, decode, hold back until it says something. It retries nothing."""

from collections.abc import Callable, Mapping

from llmux.clock import Clock
from llmux.dialects.base import Decoder, Dialect, Form
from llmux.errors import BackendGarbled, GatewayError
from llmux.gateway.answer import Answer, WholeAnswer, read_all
from llmux.gateway.outbound import Outgoing, Recipient, prepare
from llmux.ir.events import Batch, StreamError
from llmux.ir.fold import explode
from llmux.ir.request import Request
from llmux.ir.value import Value
from llmux.normalise.normaliser import Normaliser, normaliser
from llmux.normalise.stopping import StopStage
from llmux.responder import Context
from llmux.transports.base import Call, Reply, Transport

DOCUMENT = "application/json"
ERROR_LIMIT = 1024 * 1024  # bytes of an error body; nobody has more to say
ANSWER_LIMIT = 256 * 1024 * 1024
# The backend's headers that a client of the same dialect may see. Theirs is the limit of one key, as ours is not.
SEEN = (
    *("x-ratelimit-", "anthropic-ratelimit-", "openai-", "anthropic-fast-", "retry-after"),
    *("x-codex-turn-state", "x-reasoning-included", "x-models-etag"),  # Codex gives the first back in its next request
)
UNSEEN = ("anthropic-ratelimit-unified-", "openai-organization", "openai-project")


class Route(Value):
    """A way to a provider: who it is, how it is reached, and why it lets us in. `sign` gives the headers that do so.

    `hear` is told the head of every answer: whose it is, the backend's name, its status and its headers.
    """

    dialect: Dialect
    transport: Transport
    sign: Callable[[Context], Mapping[str, str]]
    maker: str = ""
    hear: Callable[[str, int, Mapping[str, str]], None] = lambda _backend, _status, _headers: None


class Attempt(Value):
    """A try that succeeded as far as it can be known: the backend has said something."""

    held: Batch
    answer: Answer | WholeAnswer
    outgoing: Outgoing
    headers: tuple[tuple[str, str], ...] = ()
    normaliser: Normaliser | None = None

    @property
    def repairs(self) -> tuple[str, ...]:
        """What has been put right in the answer so far, as warnings."""
        return self.normaliser.repairs.told if self.normaliser else ()


class _Asked(Value):
    """What was asked for, and what its answer goes through, if anything."""

    request: Request
    outgoing: Outgoing
    dialect: Dialect
    normaliser: Normaliser | None


async def attempt(request: Request, context: Context, to: Recipient, route: Route, clock: Clock) -> Attempt:
    """Ask, and wait for the first content.

    Raises:
        GatewayError: the backend failed, or refused, before it had said anything.
    """
    outgoing = prepare(request, context, to)
    patience = to.backend.request_timeout
    deadline = clock.monotonic() + patience
    headers = {"content-type": "application/json", **outgoing.headers, **route.sign(context)}
    reply = await route.transport.open(Call(outgoing.path, headers, outgoing.body), patience)
    route.hear(to.backend.name, reply.status, reply.headers)
    meant = None if outgoing.verbatim else _normaliser(request, to, outgoing.unstopped)
    try:
        answer = await _begin(reply, _Asked(request, outgoing, route.dialect, meant), clock, deadline)
    except BaseException:
        reply.close()
        raise
    try:
        held = await answer.hold(to.backend.idle_timeout)
        if not request.stream and isinstance(answer, Answer):
            held = await _all(held, answer)
    except BaseException:
        await answer.close()
        raise
    return Attempt(held, answer, outgoing, _seen(reply.headers) if outgoing.verbatim else (), meant)


def _normaliser(request: Request, to: Recipient, unstopped: tuple[str, ...]) -> Normaliser | None:
    forbidden = request.tool_choice is not None and request.tool_choice.mode == "none"
    return normaliser(
        () if forbidden else request.tools,
        repair=to.backend.tool_repair != "never",
        printed=to.backend.tool_text,
        tags=to.profile.think_tags,
        turn=len(request.messages),
        stop=StopStage(unstopped, request.choices) if unstopped else None,
    )


async def _all(held: Batch, answer: Answer) -> Batch:
    """An answer that its client gets whole, though it came as a stream: nobody has seen any of it until it is complete.

    Raises:
        GatewayError: it broke off, and may still be asked for elsewhere.
    """
    events = [*held, *[event async for batch in answer.batches() for event in batch]]
    last = events[-1]
    if isinstance(last, StreamError):
        raise last.error
    return events


async def _begin(reply: Reply, asked: _Asked, clock: Clock, deadline: float) -> Answer | WholeAnswer:
    request, outgoing, dialect = asked.request, asked.outgoing, asked.dialect
    if reply.status != 200:  # noqa: PLR2004
        body = await read_all(reply, clock, deadline, ERROR_LIMIT)
        raise _refusal(dialect, reply, body)
    form = dialect.form(request.form if outgoing.verbatim else "")
    if _streams(request, reply.headers.get("content-type", ""), form):
        verbatim = outgoing.verbatim and request.stream
        decoder = _verbatim(form, outgoing) if verbatim else dialect.decoder(outgoing.names)
        return Answer(reply, decoder, clock, deadline, asked.normaliser)
    body = await read_all(reply, clock, deadline, ANSWER_LIMIT)
    if outgoing.verbatim and not request.stream:
        return WholeAnswer((form.verbatim_response(body),))
    events = tuple(explode(dialect.decode_response(body, outgoing.names)))
    return WholeAnswer(asked.normaliser.feed(events) if asked.normaliser else events)


def _verbatim(form: Form, outgoing: Outgoing) -> Decoder:
    return form.verbatim() if outgoing.metering is None else outgoing.metering.decoder()


def _streams(request: Request, content_type: str, form: Form) -> bool:
    """Some servers stream unasked, some label a stream wrongly, some answer a wish for a stream with one document."""
    kind, ours = content_type.partition(";")[0].strip(), form.content_type.partition(";")[0]
    if ours == DOCUMENT:  # a stream that is one document: only who asked can tell
        return request.stream
    return kind == ours or (request.stream and kind != DOCUMENT)


def _refusal(dialect: Dialect, reply: Reply, body: bytes) -> GatewayError:
    if reply.status < 300:  # noqa: PLR2004
        return BackendGarbled(f"The backend answered with status {reply.status}.", upstream_status=reply.status)
    return dialect.decode_error(reply.status, reply.headers, body)


def _seen(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value)
        for name, value in headers.items()
        if (lower := name.lower()).startswith(SEEN) and not lower.startswith(UNSEEN)
    )
