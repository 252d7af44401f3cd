"""What the server is handed: the verb, the few snapshots that its pages show, and how clients are treated.

A reload hands it another; a request keeps the one it began with.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from llmux.clock import Clock
from llmux.config.schema import Cors
from llmux.dialects.base import Dialect
from llmux.dialects.keeping import Kept
from llmux.ir.card import ModelCard
from llmux.ir.embedding import EmbeddingRequest, Embeddings
from llmux.ir.events import Opened
from llmux.ir.request import Request
from llmux.ir.usage import Usage
from llmux.ir.value import Value
from llmux.responder import Client, Context, Responder
from llmux.server.auth import Door
from llmux.telemetry import Listener


class Library(Value):
    """Answers that were kept, by client, dialect and id. All raise GatewayError: there is none, or nobody can say.

    `earlier` gives the items of the conversation until then, for a request that goes on from it.
    """

    find: Callable[[Client, str, str], Awaitable[Kept]]
    earlier: Callable[[Client, str, str], Awaitable[Sequence[Any]]]
    forget: Callable[[Client, str, str], Awaitable[None]]


class Services(Value, kw_only=True):
    """One generation of the house, as the server sees it."""

    dialects: Mapping[str, Dialect]
    respond: Responder
    embed: Callable[[EmbeddingRequest, Context], Awaitable[tuple[Opened, Embeddings, Usage]]]
    count: Callable[[Request, Context], Awaitable[tuple[int, bool]]]  # tokens, and whether they are an estimate
    explain: Callable[[Request, Context], Awaitable[Mapping[str, Any]]]
    health: Callable[[bool], Awaitable[Mapping[str, Any]]]  # deep or not
    cards: Callable[[Client], Sequence[ModelCard]]  # the models that this client may ask for
    door: Door
    library: Library
    cors: Cors = Cors()
    keepalive: float = 10.0  # s
    noticed: tuple[str, ...] = ()  # the client's headers that some backend reads, whatever its dialect
    log_bodies: bool = False  # tell what clients say and hear
    admin_key: bytes = b""  # the digest of the key of who runs the gateway; b"": nobody administers it over HTTP


def never() -> bool:
    """A house that does not stop."""
    return False


class Desk(Value):
    """What outlives a reload: the current services, time, where facts go, and whether the house is about to stop."""

    current: Callable[[], Services]
    clock: Clock
    tell: Listener
    next_id: Callable[[], str]
    draining: Callable[[], bool] = never
