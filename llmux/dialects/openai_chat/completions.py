"""The older form of this dialect: /v1/completions, a prompt and the text that goes on from it.

Its own backends get it as it came; no other client's request is ever told in it. A plain prompt can be answered by any
model, as a user's message. What only this API understands (a prompt in tokens, several at once, a suffix, an echo,
probabilities) binds the request to a backend that speaks it.

Reference: https://platform.openai.com/docs/api-reference/completions
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import orjson

from llmux.dialects.base import NOWHERE, Address, AnswerForm, Form
from llmux.dialects.document import line, read
from llmux.dialects.openai_chat.answer import encode_tier
from llmux.dialects.openai_chat.content import SEPARATOR, beyond
from llmux.dialects.openai_chat.controls import SAMPLING
from llmux.dialects.openai_chat.encoder import DONE
from llmux.dialects.openai_chat.response import verbatim_response
from llmux.dialects.openai_chat.schema import NAME, REFUSED, WORDS
from llmux.dialects.openai_chat.verbatim import METERING, VerbatimDecoder
from llmux.dialects.openai_errors import error_document
from llmux.dialects.shape import Fields, refuse
from llmux.ir.content import Opaque, Part, Refusal, Text
from llmux.ir.events import Event, MessageEnd, OtherChoice, PartDelta, PartStart, StreamError, Verbatim
from llmux.ir.request import Message, Original, Request, Role, Sampling
from llmux.ir.response import Choice, FinishReason, Response
from llmux.ir.usage import Usage

Wire = dict[str, Any]

COMPLETIONS = "completions"  # the name of this form
DEFAULT_OUTPUT = 16  # tokens, when the client names no limit
DRAWN = tuple(name for name in SAMPLING if name not in {"logprobs", "top_logprobs"})
KNOWN = frozenset({
    *DRAWN, "model", "prompt", "suffix", "echo", "best_of", "logprobs", "max_tokens", "stop", "n", "stream",
    "stream_options", "user",
})  # fmt: skip
# In this form an answer ends for fewer reasons.
FINISHES: Mapping[FinishReason, str] = {**WORDS, FinishReason.TOOL_CALL: "stop"}
SPOKEN = (Text, Refusal, Opaque)  # what of an answer is text; reasoning and calls have no place here


# --- requests --------------------------------------------------------------------------------------------------------


def decode_request(body: bytes, at: Address = NOWHERE) -> Request:  # noqa: ARG001 - all is in the body
    """The request that a client sent.

    Raises:
        BadRequest: it is not JSON, or something in it has another shape than this API says; `param` tells where.
    """
    document, cleaned = read(body)
    fields = Fields(document)
    texts = _decode_prompt(fields)
    limit = fields.integer("max_tokens")
    options = fields.object("stream_options")
    return Request(
        dialect=NAME,
        form=COMPLETIONS,
        model=fields.need_text("model") or refuse("model", "the name of a model"),
        messages=(Message(Role.USER, tuple(Text(text=text) for text in texts)),),
        stream=fields.flag("stream") or False,
        include_usage=bool(options and options.flag("include_usage")),
        sampling=Sampling(**{name: SAMPLING[name](fields, name) for name in DRAWN if name in document}),
        max_output_tokens=DEFAULT_OUTPUT if limit is None else limit if limit > 0 else None,
        stop=fields.texts("stop"),
        choices=_decode_choices(fields),
        user_id=fields.text("user"),
        bound=_bound(fields, texts),
        extra=beyond(fields, KNOWN),
        original=Original(body, document, repaired=cleaned),
    )


def _decode_prompt(fields: Fields) -> tuple[str, ...]:
    """The texts of the prompt: one, several, or none where it is told in tokens."""
    prompt = fields.document.get("prompt")
    if isinstance(prompt, list) and not all(isinstance(piece, str) for piece in prompt):
        if not all(_is_tokens(piece) for piece in prompt):
            refuse(fields.at("prompt"), "a string, strings, or tokens")
        return ()
    return fields.texts("prompt")


def _is_tokens(piece: Any) -> bool:
    """A token, or an array of some."""
    return isinstance(piece, int) or (isinstance(piece, list) and all(isinstance(token, int) for token in piece))


def _decode_choices(fields: Fields) -> int:
    choices = fields.integer("n")
    return 1 if choices is None else choices if choices > 0 else refuse("n", "at least 1")


def _bound(fields: Fields, texts: tuple[str, ...]) -> str:
    """The first field that only a backend of this API understands. Nothing at all is a prompt to it, too."""
    asked = {
        "prompt": len(texts) != 1 or not texts[0],
        "suffix": fields.text("suffix"),
        "echo": fields.flag("echo"),
        "best_of": (fields.integer("best_of") or 1) > 1,
        "logprobs": fields.integer("logprobs") is not None,
        "max_tokens": fields.integer("max_tokens") == 0,
    }
    return next((name for name, is_asked in asked.items() if is_asked), "")


# --- answers ---------------------------------------------------------------------------------------------------------


def encode_response(response: Response, form: AnswerForm) -> bytes:
    """The body that a client of this form gets: the text of each answer."""
    answers: tuple[Response | Choice, ...] = (response, *response.others)
    choices = [_choice(index, answer) for index, answer in enumerate(answers)]
    body = {**_about(form), "choices": choices, "usage": _usage(response.usage), **encode_tier(response.usage)}
    return orjson.dumps(body)


def _choice(index: int, answer: Response | Choice) -> Wire:
    pieces: list[str] = []
    apart = False
    for part in answer.parts:
        text = part.text if isinstance(part, SPOKEN) else ""
        if text:
            pieces += (SEPARATOR, text) if pieces and apart else (text,)
        apart = not isinstance(part, Text)
    text = "".join(pieces) or (REFUSED if answer.finish_reason is FinishReason.REFUSAL else "")
    return {"text": text, "index": index, "logprobs": None, "finish_reason": FINISHES[answer.finish_reason]}


def _about(form: AnswerForm) -> Wire:
    return {"id": f"cmpl-{form.id}", "object": "text_completion", "created": form.created, "model": form.model}


def _usage(usage: Usage) -> Wire:
    prompt, output = usage.total_input_tokens, usage.output_tokens
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}


class Encoder:
    """Events -> a client's stream. See dialects.base.Encoder."""

    __slots__ = ("_apart", "_form", "_head", "_index", "_opening", "_others", "_part", "_pending", "_tail", "_told")

    def __init__(self, form: AnswerForm, index: int = 0) -> None:
        """`index`: which of several choices it tells. The first one leads the others, which have one each."""
        self._form = form
        self._index = index
        self._others: dict[int, Encoder] = {}
        self._opening = b"data: " + line(_about(form))[:-1] + b',"choices":['
        self._head = self._opening + b'{"text":'
        usage = b',"usage":null' if form.include_usage else b""
        self._tail = b',"index":%d,"logprobs":null,"finish_reason":null}]' % index + usage + b"}\n\n"
        self._part: Part = Text()
        self._pending = False  # a separator stands before the next delta
        self._apart = self._told = False

    def feed(self, events: Sequence[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            write = self._WRITERS.get(type(event))
            if write is not None:
                write(self, event, out)
        return b"".join(out)

    def keepalive(self) -> bytes:
        return b": keepalive\n\n"

    def _start(self, event: Any, out: list[bytes]) -> None:
        self._part = event.part
        self._pending = self._told and self._apart
        self._apart = not isinstance(self._part, Text)
        if isinstance(self._part, Opaque):
            self._say(self._part.text, out)

    def _delta(self, event: Any, out: list[bytes]) -> None:
        if isinstance(self._part, SPOKEN):
            self._say(event.delta, out)

    def _say(self, text: str, out: list[bytes]) -> None:
        if not text:
            return
        if self._pending:
            self._pending = False
            out += (self._head, line(SEPARATOR), self._tail)
        self._told = True
        out += (self._head, orjson.dumps(text) if text.isascii() else line(text), self._tail)

    def _other(self, event: Any, out: list[bytes]) -> None:
        other = self._others.get(event.choice)
        if other is None:
            other = self._others[event.choice] = Encoder(self._form, event.choice)
        out.append(other.feed(event.events))

    def _end(self, event: Any, out: list[bytes]) -> None:
        if event.finish_reason is FinishReason.REFUSAL and not self._told:  # the finish reason alone does not say so
            self._say(REFUSED, out)
        word = line(FINISHES[event.finish_reason])
        out += (self._head, b'""', self._tail.replace(b'"finish_reason":null', b'"finish_reason":' + word))
        if self._index:
            return
        if self._form.include_usage:
            last = {"usage": _usage(event.usage), **encode_tier(event.usage)}
            out += (self._opening, b"],", line(last)[1:], b"\n\n")
        out.append(DONE)

    def _fail(self, event: Any, out: list[bytes]) -> None:
        out += (b"data: ", line({"error": error_document(event.error)}), b"\n\n", DONE)

    _WRITERS: ClassVar[Mapping[type[Event], Callable[["Encoder", Any, list[bytes]], None]]] = {
        Verbatim: lambda _, event, out: out.append(event.data),
        PartStart: _start,
        PartDelta: _delta,
        OtherChoice: _other,
        MessageEnd: _end,
        StreamError: _fail,
    }


FORM = Form(
    path="/completions",
    inbound=("/v1/completions", "/completions"),
    content_type="text/event-stream; charset=utf-8",
    decode_request=decode_request,
    encode_response=encode_response,
    encoder=Encoder,
    verbatim=VerbatimDecoder,
    verbatim_response=verbatim_response,
    metering=METERING,
)
