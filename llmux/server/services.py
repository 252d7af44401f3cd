"""What the server is handed: the verb, the few snapshots that its pages show, and how clients are treated.

A reload hands it another; a request keeps the one it began with.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

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
from llmux.server.attempts import Attempts
from llmux.server.auth import Door
from llmux.server.echoes import Echoes
from llmux.telemetry import Listener


class Library(Value):
    """Answers that were kept, by client, dialect and id. All raise GatewayError: there is none, or nobody can say.

    `earlier` gives the items of the conversation until then, for a request that goes on from it.
    """

    find: Callable[[Client, str, str], Awaitable[Kept]]
    earlier: Callable[[Client, str, str], Awaitable[Sequence[Any]]]
    forget: Callable[[Client, str, str], Awaitable[None]]


class Accounts(Value):
    """What was used, and what is left. All raise GatewayError.

    `usage` takes the words of a query, and is of one client only where one is given. `quota` is of all backends, `left`
    of one client's windows; `reset` takes the body of a request that says which.
    """

    usage: Callable[[Mapping[str, str], Client | None], Awaitable[Mapping[str, Any]]]
    quota: Callable[[], Awaitable[Mapping[str, Any]]]
    left: Callable[[Client], Awaitable[Sequence[Mapping[str, Any]]]]
    reset: Callable[[bytes], Awaitable[Mapping[str, Any]]]


class KeyOffice(Protocol):
    """API keys, for who administers them: bodies of requests in, JSON objects out. All raise GatewayError."""

    async def make(self, body: bytes) -> Mapping[str, Any]:
        """A new one, with its secret, which is told this once."""

    async def every(self) -> Sequence[Mapping[str, Any]]:
        """All of them."""

    async def find(self, key_id: str) -> Mapping[str, Any]:
        """One of them."""

    async def change(self, key_id: str, body: bytes) -> Mapping[str, Any]:
        """It, as it is from now on."""

    async def revoke(self, key_id: str) -> Mapping[str, Any]:
        """What has been revoked."""


class CacheDesk(Value):
    """The cache, as its administrator sees it. `clear` takes a glob of models, and says how many answers it forgot."""

    stats: Callable[[], Mapping[str, Any]]
    clear: Callable[[str], Awaitable[int]]


class Services(Value, kw_only=True):
    """One generation of the house, as the server sees it."""

    dialects: Mapping[str, Dialect]
    respond: Responder
    embed: Callable[[EmbeddingRequest, Context], Awaitable[tuple[Opened, Embeddings, Usage]]]
    count: Callable[[Request, Context], Awaitable[tuple[int, bool]]]  # tokens, and whether they are an estimate
    explain: Callable[[Request, Context], Awaitable[Mapping[str, Any]]]
    health: Callable[[bool], Awaitable[Mapping[str, Any]]]  # deep or not
    cards: Callable[[Client], Sequence[ModelCard]]  # the models that this client may ask for
    # How each backend stands: `backend`, `state`, `in_flight` and what else there is to know of it.
    standings: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    door: Door
    library: Library
    accounts: Accounts
    keys: KeyOffice
    audit: Callable[[int], Awaitable[Sequence[Mapping[str, Any]]]]  # so many of the last changes, the newest first
    cache: CacheDesk | None = None
    echoes: Echoes | None = None  # answers that may be told again before their question is read
    cors: Cors = Cors()
    keepalive: float = 10.0  # s
    noticed: tuple[str, ...] = ()  # the client's headers that some backend reads, whatever its dialect
    log_bodies: bool = False  # tell what clients say and hear
    metrics: Callable[[str], Awaitable[tuple[str, bytes]]] | None = None  # what a scraper accepts -> type and text
    metrics_auth: Literal["none", "token", "admin"] = "token"  # who may scrape
    admin_key: bytes = b""  # the digest of the key of who runs the gateway; b"": nobody administers it over HTTP
    login_attempts: int = 20  # wrong keys of one address in a minute, after which it waits; 0: any number


def never() -> bool:
    """A house that does not stop."""
    return False


class Desk(Value):
    """What outlives a reload: the current services, time, where facts go, who has brought wrong keys, and whether the
    house is about to stop.
    """

    current: Callable[[], Services]
    clock: Clock
    tell: Listener
    next_id: Callable[[], str]
    attempts: Attempts = msgspec.field(default_factory=Attempts)
    draining: Callable[[], bool] = never
