"""What a dialect is: pure functions for bodies, machines for streams, forms for errors. No I/O, no clock, no log.

Every dialect is one `Dialect` value. The gateway and the server know nothing else of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from llmux.errors import GatewayError
from llmux.ir.capability import Target
from llmux.ir.events import Event, Verbatim
from llmux.ir.request import Request
from llmux.ir.response import Response
from llmux.ir.value import Value

Names = Mapping[str, str]  # a tool's name on the wire -> the name its client knows
SAME: Names = {}


class Outbound(Value):
    """A request in a backend's wire, before transforms, signing and sending.

    `body` is the JSON object to send. `names` undoes the renaming of tools in the answer. `warnings` say what the
    translation left out or bent: `dropped=top_k`, `approx=reasoning`.
    """

    body: dict[str, Any]
    headers: Mapping[str, str] = {}
    names: Names = SAME
    warnings: tuple[str, ...] = ()


class AnswerForm(Value):
    """What the encoders need to know of the request they answer.

    `id` is the gateway's own id of the exchange, `model` the name the client asked for, `created` Unix seconds.
    """

    id: str
    model: str
    created: int
    include_usage: bool = True
    legacy_functions: bool = False
    input_tokens: int = 0  # an estimate, for dialects that tell it before the backend does


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
        """Bytes that only say that we are alive, legal at this moment of the stream."""


class Counting(Value):
    """How the dialect asks for the number of tokens of a request."""

    path: str  # of the backend
    encode_request: Callable[[Request, Target], Outbound]
    decode_response: Callable[[bytes], int]
    encode_response: Callable[[int], bytes]


class Dialect(Value, kw_only=True):
    """All that llmux knows of one wire."""

    name: str
    path: str  # where a backend of this dialect is asked, below its base URL
    models_path: str  # where it lists its models
    inbound: tuple[str, ...]  # where our clients of this dialect knock
    content_type: str  # of a stream
    headers: Mapping[str, str] = {}  # sent with every request to a backend
    forwarded: tuple[str, ...] = ()  # the client's headers that a backend of the same dialect gets
    session_headers: tuple[str, ...] = ()  # the client's headers that name its conversation
    decode_request: Callable[[bytes], Request]
    encode_request: Callable[[Request, Target], Outbound]
    repair: Callable[[Mapping[str, Any]], dict[str, Any]]  # a client's own document without what backends refuse
    decode_response: Callable[[bytes, Names], Response]
    encode_response: Callable[[Response, AnswerForm], bytes]
    decoder: Callable[[Names], Decoder]
    encoder: Callable[[AnswerForm], Encoder]
    verbatim: Callable[[], Decoder]
    verbatim_response: Callable[[bytes], Verbatim]
    decode_error: Callable[[int, Mapping[str, str], bytes], GatewayError]
    encode_error: Callable[[GatewayError, str], ErrorForm]
    counting: Counting | None = None
    losses: Mapping[str, str]  # what a request or an answer cannot say in this wire -> what becomes of it
