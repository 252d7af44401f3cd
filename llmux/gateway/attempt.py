"""One try at one backend: prepare, sign, open, decode, hold back until it says something. It retries nothing."""

from collections.abc import Callable, Mapping

from llmux.clock import Clock
from llmux.dialects.base import Dialect, Form
from llmux.errors import BackendGarbled, GatewayError
from llmux.gateway.answer import Answer, WholeAnswer, read_all
from llmux.gateway.outbound import Outgoing, Recipient, prepare
from llmux.ir.events import Batch, MessageEnd, MessageStart
from llmux.ir.fold import explode
from llmux.ir.request import Request
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.ir.value import Value
from llmux.responder import Context
from llmux.transports.base import Call, Reply, Transport

DOCUMENT = "application/json"
ERROR_LIMIT = 1024 * 1024  # bytes of an error body; nobody has more to say
ANSWER_LIMIT = 256 * 1024 * 1024
# The backend's headers that a client of the same dialect may see. Theirs is the limit of one key, as ours is not.
SEEN = ("x-ratelimit-", "anthropic-ratelimit-", "openai-", "anthropic-fast-", "retry-after")
UNSEEN = ("anthropic-ratelimit-unified-", "openai-organization", "openai-project")


# The answer to a request that asks for none: Ollama's clients say so to load a model, which only an Ollama can do.
IDLE: Batch = (MessageStart("", ""), MessageEnd(FinishReason.END, Usage()))


class Route(Value):
    """A way to a provider: who it is, how it is reached, and why it lets us in. `sign` gives the headers that do so."""

    dialect: Dialect
    transport: Transport
    sign: Callable[[Context], Mapping[str, str]]
    maker: str = ""


class Attempt(Value):
    """A try that succeeded as far as it can be known: the backend has said something."""

    held: Batch
    answer: Answer | WholeAnswer
    outgoing: Outgoing
    headers: tuple[tuple[str, str], ...] = ()


async def attempt(request: Request, context: Context, to: Recipient, route: Route, clock: Clock) -> Attempt:
    """Ask, and wait for the first content.

    Raises:
        GatewayError: the backend failed, or refused, before it had said anything.
    """
    outgoing = prepare(request, context, to)
    if not (request.messages or outgoing.verbatim):
        return Attempt(IDLE, WholeAnswer(IDLE), outgoing)
    patience = to.backend.request_timeout
    deadline = clock.monotonic() + patience
    headers = {"content-type": "application/json", **outgoing.headers, **route.sign(context)}
    reply = await route.transport.open(Call(outgoing.path, headers, outgoing.body), patience)
    try:
        answer = await _begin(request, reply, outgoing, route.dialect, clock, deadline)
    except BaseException:
        reply.close()
        raise
    try:
        held = await answer.hold(to.backend.idle_timeout)
    except BaseException:
        await answer.close()
        raise
    return Attempt(held, answer, outgoing, _seen(reply.headers) if outgoing.verbatim else ())


async def _begin(
    request: Request, reply: Reply, outgoing: Outgoing, dialect: Dialect, clock: Clock, deadline: float
) -> Answer | WholeAnswer:
    if reply.status != 200:  # noqa: PLR2004
        body = await read_all(reply, clock, deadline, ERROR_LIMIT)
        raise _refusal(dialect, reply, body)
    form = dialect.form(request.form if outgoing.verbatim else "")
    if _streams(request, reply.headers.get("content-type", ""), form):
        verbatim = outgoing.verbatim and request.stream
        decoder = form.verbatim() if verbatim else dialect.decoder(outgoing.names)
        return Answer(reply, decoder, clock, deadline)
    body = await read_all(reply, clock, deadline, ANSWER_LIMIT)
    if outgoing.verbatim and not request.stream:
        return WholeAnswer((form.verbatim_response(body),))
    return WholeAnswer(tuple(explode(dialect.decode_response(body, outgoing.names))))


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
