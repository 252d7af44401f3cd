"""What a dialect is: pure functions for bodies, machines for streams, forms for errors. No I/O, no clock, no log.

Every dialect is one `Dialect` value. The gateway and the server know nothing else of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode

from llmux.dialects.keeping import Keeping
from llmux.dialects.listing import Listing
from llmux.errors import BadRequest, GatewayError
from llmux.ir.capability import Target
from llmux.ir.embedding import EmbeddingRequest, Embeddings
from llmux.ir.events import Event, Verbatim
from llmux.ir.request import Request
from llmux.ir.response import Response
from llmux.ir.value import Value

Names = Mapping[str, str]  # a tool's name on the wire -> the name its client knows
SAME: Names = {}


class Outbound(Value):
    """A request in a backend's wire, before transforms, signing and sending.

    `body` is the JSON object to send. `names` undoes the renaming of tools in the answer. `warnings` say what the
    translation left out or bent: `dropped=top_k`, `approx=reasoning`. `unstopped` are the stop sequences that the
    backend is not told of.
    """

    body: dict[str, Any]
    headers: Mapping[str, str] = {}
    names: Names = SAME
    warnings: tuple[str, ...] = ()
    unstopped: tuple[str, ...] = ()


class Address(Value):
    """Where a client knocked, for dialects that say something there: a model, how a stream is wanted."""

    path: str = ""  # percent-decoded
    query: Mapping[str, str] = {}


NOWHERE = Address()


class AnswerForm(Value):
    """What the encoders need to know of the request they answer.

    `id` is the gateway's own id of the exchange, `model` the name the client asked for, `created` Unix seconds.
    `asked` is the client's own document, for dialects whose answers repeat what was asked. `elapsed` gives the
    nanoseconds since the request came, for dialects whose answers tell them.
    """

    id: str
    model: str
    created: int
    include_usage: bool = True
    legacy_functions: bool = False
    input_tokens: int = 0  # an estimate, for dialects that tell it before the backend does
    asked: Mapping[str, Any] = {}
    elapsed: Callable[[], int] = lambda: 0


class ErrorForm(Value):
    """An error as a client hears it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class Decoder(Protocol):
    """A backend's stream -> events. Sync, deterministic, and it never raises.

    The events of one stream obey `ir/grammar.py`: they end in exactly one MessageEnd or StreamError, after which
    nothing more is given. In the verbatim lane the events are Verbatim ones, the last with `done`, or a StreamError.
    """

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""

    def close(self) -> list[Event]:
        """The backend has ended its stream: the events that follow from that. A cut stream ends in StreamError."""


class Encoder(Protocol):
    """Events -> a client's stream. Takes translated and verbatim events alike."""

    def feed(self, events: Sequence[Event]) -> bytes:
        """The bytes that tell `events`, in whole frames. A StreamError becomes the dialect's error event."""

    def keepalive(self) -> bytes:
        """Bytes that only say that we are alive, legal at this moment of the stream; b"" where the wire has none."""


class DecodeRequest(Protocol):
    """What a client sent -> the request that it is. Raises BadRequest, with the path of what is at fault in `param`."""

    def __call__(self, body: bytes, at: Address = NOWHERE) -> Request:
        """`at` matters to dialects that have the model's name in the path."""


class Metering(Value):
    """How a stream in the verbatim lane is made to tell its usage where its client did not ask for that.

    `ask` are keys of the request, each over what its client said there; `decoder` keeps to itself what it gets by it.
    """

    ask: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    decoder: Callable[[], Decoder]


class Form(Value, kw_only=True):
    """One way of asking in a dialect, and of being answered: chat and generate are two forms of Ollama.

    A path of `inbound` may hold one `*`, which stands for a model's name. A path of a backend, below its base URL, may
    hold `{model}`; streams are asked for at `stream_path` where that differs.
    """

    inbound: tuple[str, ...]  # where our clients knock
    path: str
    stream_path: str = ""
    model_in_body: bool = True  # else it stands in the path only
    content_type: str  # of a stream
    decode_request: DecodeRequest
    encode_response: Callable[[Response, AnswerForm], bytes]
    encoder: Callable[[AnswerForm], Encoder]
    verbatim: Callable[[], Decoder]
    verbatim_response: Callable[[bytes], Verbatim]
    metering: Metering | None = None  # None: its streams tell their usage unasked


class Counting(Value):
    """How the dialect asks for the number of tokens of a request. Paths are as in `Form`."""

    inbound: tuple[str, ...]
    path: str
    decode_request: DecodeRequest
    encode_request: Callable[[Request, Target], Outbound]
    decode_response: Callable[[bytes], int]
    encode_response: Callable[[int], bytes]


class DecodeEmbedding(Protocol):
    """What a client sent -> what it wants embedded. Raises BadRequest, with the path of what is at fault in `param`."""

    def __call__(self, body: bytes, at: Address = NOWHERE) -> EmbeddingRequest:
        """`at` matters to dialects that have the model's name in the path."""


class Embedding(Value, kw_only=True):
    """How the dialect asks for embeddings. Paths are as in `Form`. `decode_response` raises BackendGarbled."""

    inbound: tuple[str, ...]
    path: str
    decode_request: DecodeEmbedding
    encode_request: Callable[[EmbeddingRequest, Target], Outbound]
    decode_response: Callable[[bytes], Embeddings]
    encode_response: Callable[[Embeddings, EmbeddingRequest, AnswerForm], bytes]


class Dialect(Form, kw_only=True):
    """All that llmux knows of one wire. It is its own main form: backends are asked in it, whatever their client spoke.

    `forms` are the others, by the name that `Request.form` gives them.
    """

    name: str
    forms: Mapping[str, Form] = {}
    models_path: str  # where a backend lists its models
    headers: Mapping[str, str] = {}  # sent with every request to a backend
    forwarded: tuple[str, ...] = ()  # the client's headers that a backend of the same dialect gets
    session_headers: tuple[str, ...] = ()  # the client's headers that name its conversation
    caches_marked: bool = False  # a prompt is cached up to the marks in it, and not at all without any
    encode_request: Callable[[Request, Target], Outbound]
    repair: Callable[[Mapping[str, Any]], dict[str, Any]]  # a client's own document without what backends refuse
    decode_response: Callable[[bytes, Names], Response]
    decoder: Callable[[Names], Decoder]
    decode_error: Callable[[int, Mapping[str, str], bytes], GatewayError]
    encode_error: Callable[[GatewayError, str], ErrorForm]
    counting: Counting | None = None
    embedding: Embedding | None = None
    forgetful: bool = False  # its clients bring no reasoning back, or lose the proofs of it: it is kept for them
    call_ids: bool = True  # its clients tell tool calls apart by id
    keeping: Keeping | None = None  # its API knows answers that were kept
    listing: Listing | None = None
    # A field that a backend may refuse -> how its profile is changed by that, so that the same is said in another way.
    otherwise: Mapping[str, Mapping[str, Any]] = {}
    losses: Mapping[str, str]  # what a request or an answer cannot say in this wire -> what becomes of it

    def form(self, name: str) -> Form:
        """The form that a request has: the dialect itself for ""."""
        return self.forms[name] if name else self

    def every_form(self) -> tuple[Form, ...]:
        """All of them, the main one first."""
        return (self, *self.forms.values())


MODELS = "models/"
# A name that begins with one of these says itself below what it stands: tuned models, and those of a project on Vertex.
COLLECTIONS = ("tunedModels/", "projects/", "publishers/")
# Steps of a path that servers and proxies take for themselves, however they are escaped.
OUTSIDE = frozenset({".", ".."})


def untold(stop: Sequence[str], told: Sequence[str] = ()) -> tuple[str, ...]:
    """Those of the stop sequences `stop` that a backend is not `told` of, each once. An empty one ends nothing."""
    left = dict.fromkeys(stop)
    for word in ("", *told):
        left.pop(word, None)
    return tuple(left)


def backend_path(form: "Form | Counting | Embedding", model: str, *, stream: bool = False, query: str = "") -> str:
    """Where a backend is asked for `model`. The client's `query`, encoded, follows what the path itself asks for.

    Raises:
        BadRequest: the name would lead out of the place where models are, and the path holds it.
    """
    path = form.path
    if stream and isinstance(form, Form) and form.stream_path:
        path = form.stream_path
    if "{" in path:
        if not OUTSIDE.isdisjoint(model.split("/")):
            raise BadRequest(f"There is no model {model!r}: '.' and '..' are no names.", param="model")
        below = "{model}" if not model.startswith(COLLECTIONS) else f"{MODELS}{{model}}"
        path = path.replace(below, quote(model.removeprefix(MODELS), safe="/@"))
    if not query:
        return path
    path, _, ours = path.partition("?")
    names = {name for name, _ in parse_qsl(ours, keep_blank_values=True)}
    if not names:
        return f"{path}?{query}"
    theirs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in names]
    return f"{path}?{ours}&{urlencode(theirs)}" if theirs else f"{path}?{ours}"
