"""A script -> acts: what is sent, when, and where it stops. Pure: who plays the acts brings the time and the socket.

The words are the dialects' own: answers, streams and errors are encoded by the codecs that serve the gateway's clients.
"""

from collections.abc import Iterator, Mapping, Sequence

from llmux.demo.script import Fail, Halt, Pause, Raw, Script, Tell
from llmux.dialects.base import AnswerForm, Dialect, Form
from llmux.ir.events import StreamError
from llmux.ir.value import Value

DOCUMENT = "application/json"


class Head(Value):
    """The answer's status and headers. Names are in lower case."""

    status: int
    headers: Mapping[str, str]


Act = Head | bytes | Pause | Halt
Acts = Sequence[Act]


class Voice(Value):
    """In which form of which dialect an answer is told, and what must be known of its request."""

    dialect: Dialect
    form: Form
    answer: AnswerForm


def stream(script: Script, voice: Voice) -> Iterator[Act]:
    """The acts of an answer that is streamed."""
    encoder, headed = voice.form.encoder(voice.answer), False
    for step in script:
        match step:
            case Tell(events=events):
                if not headed:
                    yield Head(200, {"content-type": voice.form.content_type, "cache-control": "no-cache"})
                    headed = True
                yield from (data for data in (encoder.feed(events),) if data)
            case Raw() | Fail():
                yield from _instead(step, voice)
            case Pause() | Halt():
                yield step


def whole(script: Script, body: bytes, voice: Voice) -> Iterator[Act]:
    """The acts of an answer that comes as one document. Where a stream would stop in the middle, so does this."""
    said = 0
    for step in script:
        match step:
            case Tell(events=(StreamError(error=error),)):
                yield from _instead(Fail(error.status, error), voice)
                return
            case Tell(events=events):
                said += len(events)
            case Raw() | Fail():
                yield from _instead(step, voice)
                return
            case Pause():
                yield step
            case Halt():
                yield from _half(body[: len(body) // 2 if said else 0], step, len(body))
                return
    yield from document(body)


def document(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Iterator[Act]:
    """A body that comes at once."""
    yield Head(status, {"content-type": DOCUMENT, **(headers or {}), "content-length": str(len(body))})
    yield body


def _half(body: bytes, halt: Halt, promised: int) -> Iterator[Act]:
    if halt is not Halt.REFUSE:
        length = {} if halt is Halt.END else {"content-length": str(promised)}
        yield Head(200, {"content-type": DOCUMENT, **length})
        yield from (data for data in (body,) if data)
    yield halt


def _instead(step: Raw | Fail, voice: Voice) -> Iterator[Act]:
    match step:
        case Raw(data=data, content_type=content_type):
            yield from document(data, headers={"content-type": content_type})
        case Fail(status=status, error=error):
            told = voice.dialect.encode_error(error, voice.answer.id)
            yield from document(told.body, status, told.headers)
